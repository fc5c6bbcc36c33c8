"""A picture's message as it came: its header is read at once, the rest once somebody uses it.

In: CDR bytes and the message type. Out: header and encoding, and the message itself. Most pictures of an idle
node are never used, and making Python arrays of them costs more than receiving them.
"""

from __future__ import annotations

import struct
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header

# The encapsulation: representation (the lowest bit of its second byte: little-endian) and options. Alignment
# counts from its end. OMG DDS-RTPS 10.2.1.
_START = 4
# Of a message's fields between its header and the string that names its encoding: Image has height and width.
BYTES_BEFORE_ENCODING = {"Image": 8, "CompressedImage": 0}


class Sealed:
    """header, encoding: as of the message. ValueError where the bytes are no such message."""

    def __init__(self, data: bytes, message_type: type) -> None:
        self._data, self._message_type = data, message_type
        self._order = "<" if data[1:2] and data[1] & 1 else ">"
        try:
            sec, nanosec = struct.unpack_from(f"{self._order}iI", data, _START)
            frame_id, end = self._string(_START + 8)
            self.encoding, _ = self._string(end + BYTES_BEFORE_ENCODING[message_type.__name__])
        except (struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"expected a {message_type.__name__}, got {len(data)} bytes: {error}") from error
        self.header = Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id)

    def open(self) -> Any:
        """The message."""
        return deserialize_message(self._data, self._message_type)

    def _string(self, start: int) -> tuple[str, int]:
        """The string there, and where the next four-byte field begins."""
        (size,) = struct.unpack_from(f"{self._order}I", self._data, start)
        (raw,) = struct.unpack_from(f"{size}s", self._data, start + 4)
        return raw.rstrip(b"\0").decode(), (start + 4 + size + 3) // 4 * 4


def opened(message: Any) -> Any:
    """The message, sealed or not."""
    return message.open() if isinstance(message, Sealed) else message
