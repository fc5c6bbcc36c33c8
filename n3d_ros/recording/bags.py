"""A bag opened by rosbags, and its messages, with one error for all that a damaged file can do.

In: a path. Out: messages as bytes, each with its topic and number, and a ValueError that names them. It does
not know what is in them.
"""

from __future__ import annotations

import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The storages and compressions below rosbags, which lets their errors through; loaded where they are used.
_BELOW = {"apsw": "Error", "sqlite3": "Error", "zstandard": "ZstdError", "backports.zstd": "ZstdError"}

_MENDING = {".mcap": "`mcap recover FILE`", ".bag": "`rosbag reindex FILE`"}


@dataclass(frozen=True)
class Message:
    """One message, serialised. number: 1 is the first of its topic. received_ns: when it was recorded."""

    path: Path
    connection: Any
    number: int
    received_ns: int
    data: bytes

    def decoded(self, decode: Callable[[bytes], Any]) -> Any:
        """What `decode` makes of it. ValueError where it is cut or damaged."""
        topic, kind = self.connection.topic, self.connection.msgtype
        try:
            return decode(self.data)
        except damages() as error:
            if isinstance(error.__cause__, KeyboardInterrupt):  # rclpy makes a TypeError of it
                raise KeyboardInterrupt from error
            raise ValueError(
                f"'{self.path}': message {self.number} of {topic}: expected a whole {kind}, "
                f"got {len(self.data)} bytes that cannot be read: {error}"
            ) from error


def open_bag(path: Path, store: Any, expected: str) -> Any:
    """An open reader of rosbags. ValueError where it is none; `expected` says what it should be."""
    from rosbags.highlevel import AnyReader

    try:
        reader = AnyReader([path], default_typestore=store)
        reader.open()
    except damages() as error:
        raise ValueError(f"'{path}': expected {expected}, got: {error}{_mending(path)}") from error
    return reader


def _mending(path: Path) -> str:
    """What makes a recording whole that its recorder did not finish."""
    how = "`ros2 bag reindex FOLDER`" if path.is_dir() else _MENDING.get(path.suffix)
    return f" (if its recorder was killed: {how})" if how else ""


def each_message(path: Path, reader: Any, connections: Sequence[Any]) -> Iterator[Message]:
    """Those of the connections, in the order of their reception. ValueError where the file is damaged."""
    if not connections:  # which would mean all to rosbags
        return
    numbers: Counter[str] = Counter()
    try:
        for connection, received_ns, data in reader.messages(connections):
            numbers[connection.topic] += 1
            yield Message(path, connection, numbers[connection.topic], received_ns, data)
    except damages() as error:
        where = f"after {sum(numbers.values())} messages"
        raise ValueError(
            f"'{path}': expected a whole recording, got a damaged one {where}: {error}"
        ) from error


def damages() -> tuple[type[Exception], ...]:
    """What rosbags, rclpy and the libraries below them raise at files that are damaged."""
    from rosbags.highlevel import AnyReaderError
    from rosbags.rosbag1 import ReaderError as ReaderError1
    from rosbags.rosbag2 import ReaderError as ReaderError2
    from rosbags.serde import SerdeError

    own = (AnyReaderError, ReaderError1, ReaderError2, SerdeError)
    below = (getattr(sys.modules.get(name), error, None) for name, error in _BELOW.items())
    # RuntimeError: rclpy's RMWError and lz4's. TypeError: of a byte that is not there any more.
    plain = (ArithmeticError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError)
    return (*own, *plain, struct.error, *(one for one in below if one is not None))
