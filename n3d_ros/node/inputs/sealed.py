"""A picture's message as it came: its header is read at once, the rest once somebody uses it.

In: CDR bytes and the message type. Out: header and encoding, and the message itself, whose pixels stay where
they are. Most pictures of an idle node are never used, and of those that are a copy costs more than the rest.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from n3d_ros.node.conversions.compressed_depth import HEADER
from n3d_ros.node.conversions.images import encoded_px

RMWError = rclpy_implementation.RMWError

# The encapsulation: representation (the lowest bit of its second byte: little-endian) and options. Alignment
# counts from its end. OMG DDS-RTPS 10.2.1.
START = 4
SIZE_OF_STAMP = 8
# Of a message's fields between its header and the string that names its encoding: Image has height and width.
BYTES_BEFORE_ENCODING = {"Image": 8, "CompressedImage": 0}


@dataclass(frozen=True)
class RawPicture:
    """The fields of sensor_msgs/Image; data: read-only bytes of the message that came."""

    header: Header
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


class Sealed:
    """header, encoding: as of the message. ValueError where the bytes are no such message."""

    def __init__(self, data: bytes | memoryview, message_type: type) -> None:
        self._data, self._message_type = data, message_type
        try:
            self.header, end = header_of(data)
            self._after_header = _aligned(end)
            start = self._after_header + BYTES_BEFORE_ENCODING[message_type.__name__]
            self.encoding, self._after_encoding = _string(data, start)
        except struct.error as error:
            raise ValueError(f"expected a {message_type.__name__}, got {len(data)} bytes: {error}") from error

    def __eq__(self, other: object) -> bool:
        """Whether it is the same message. Between its fields stands whatever was in the sender's memory."""
        if not isinstance(other, Sealed) or self._message_type is not other._message_type:
            return False
        if self._data == other._data:
            return True
        try:
            return bool(self.open() == other.open())
        except ValueError:
            return False

    __hash__ = None  # type: ignore[assignment]

    def size_px(self) -> tuple[int, int] | None:
        """Width and height; None of a compressed picture whose data does not begin with them."""
        if self._message_type is not Image:
            return self._encoded_px()
        height, width = _numbers(self._data, "II", self._after_header)
        return width, height

    def open(self) -> Any:
        """The message, or what has its fields. ValueError where it ends before its pixels begin."""
        if self._message_type is not Image:
            return deserialised(self._data, self._message_type)
        try:
            height, width = _numbers(self._data, "II", self._after_header)
            (is_bigendian,) = _numbers(self._data, "B", self._after_encoding)
            start = _aligned(self._after_encoding + 1)
            step, size = _numbers(self._data, "II", start)
        except struct.error as error:
            raise ValueError(f"expected an Image, got {len(self._data)} bytes: {error}") from error
        data = memoryview(self._data)[start + 8 : start + 8 + size]
        return RawPicture(
            self.header, height, width, self.encoding, is_bigendian=is_bigendian, step=step, data=data
        )

    def _encoded_px(self) -> tuple[int, int] | None:
        start = _aligned(self._after_encoding) + 4 + ("compressedDepth" in self.encoding) * HEADER.size
        return encoded_px(bytes(self._data[start:]))


def deserialised(data: bytes | memoryview, message_type: type) -> Any:
    """The message. ValueError where the bytes are none."""
    if len(data) < START:
        # CycloneDDS reads on behind them, and ends the process.
        raise ValueError(f"expected a {message_type.__name__}, got {len(data)} bytes")
    try:
        return deserialize_message(bytes(data), message_type)
    except RMWError as error:
        raise ValueError(f"expected a {message_type.__name__}, got {len(data)} bytes: {error}") from error


def header_of(data: bytes | memoryview) -> tuple[Header, int]:
    """The header that a message begins with, and where it ends. struct.error where the bytes have none."""
    sec, nanosec = _numbers(data, "iI", START)
    frame_id, end = _string(data, START + SIZE_OF_STAMP)
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame_id), end


def _numbers(data: bytes | memoryview, fields: str, start: int) -> tuple[Any, ...]:
    order = "<" if data[1:2] and data[1] & 1 else ">"
    return struct.unpack_from(f"{order}{fields}", data, start)


def _string(data: bytes | memoryview, start: int) -> tuple[str, int]:
    """The string there, and where it ends. What is no UTF-8 is replaced, as rclpy does."""
    (size,) = _numbers(data, "I", start)
    (raw,) = struct.unpack_from(f"{size}s", data, start + 4)
    return raw.rstrip(b"\0").decode(errors="replace"), start + 4 + size


def _aligned(start: int) -> int:
    """Where the next four-byte field begins."""
    return (start + 3) // 4 * 4


def size_px(message: Any) -> tuple[int, int] | None:
    """Width and height of a picture's message, sealed or not; None where it does not say them."""
    if isinstance(message, Sealed):
        return message.size_px()
    return (message.width, message.height) if hasattr(message, "width") else None


def opened(message: Any) -> Any:
    """The message, sealed or not."""
    return message.open() if isinstance(message, Sealed) else message
