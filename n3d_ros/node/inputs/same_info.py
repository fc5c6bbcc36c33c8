"""Camera info that comes with each picture and says the same each time: deserialised once, then copied.

In: CDR bytes of sensor_msgs/CameraInfo. Out: the message. An idle node has little else to do
(docs/reliability.md).
"""

from __future__ import annotations

import copy

from sensor_msgs.msg import CameraInfo

from n3d_ros.node.inputs.sealed import SIZE_OF_STAMP, START, deserialised, header_of


class SameInfo:
    """Remembers the bytes of the last message. What it returns shares arrays with it: to be read."""

    def __init__(self) -> None:
        self._rest: bytes | None = None
        self._last = CameraInfo()

    def read(self, data: bytes | memoryview) -> CameraInfo:
        """ValueError where the bytes are no such message."""
        rest = bytes(data[:START]) + bytes(data[START + SIZE_OF_STAMP :])
        if rest != self._rest:
            self._last = deserialised(data, CameraInfo)
            self._rest = rest
            return self._last
        message = copy.copy(self._last)
        message.header = header_of(data)[0]
        return message
