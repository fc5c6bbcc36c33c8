"""A recording written part by part: each a folder of rosbag2 that is whole once the next begins.

In: serialised messages in any order of topics, and where what belongs together ends. Out: `part_000`,
`part_001`, ... A kill costs the part that was being written; it lies under a hidden name until it is whole.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from n3d_ros.recording.types import message_store

_log = logging.getLogger(__name__)

# Of the recorder that writes to the folder; it stays there, empty.
LOCK = ".recorder"


class Parts:
    """Writes to a folder that may hold parts already. part_bytes: how long a part is before it may end.
    OSError where nothing can be written there, or another recorder writes.
    """

    def __init__(self, folder: Path, part_bytes: int = 256 << 20) -> None:
        if part_bytes < 1:
            raise ValueError(f"part_bytes: expected at least 1, got {part_bytes}")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(folder / LOCK)
        self._folder, self._part_bytes = folder, part_bytes
        self._store = message_store()
        self._number = 1 + max((number_of(one) for one in parts_of(folder)), default=-1)
        self._writer: Any = None
        self._connections: dict[str, Any] = {}
        self._num_bytes = 0

    def write(self, topic: str, type_name: str, received_ns: int, data: bytes) -> None:
        """Add one message. OSError where the disk is full: the parts before stay whole."""
        with self._named():
            if self._writer is None:
                self._begin()
            if topic not in self._connections:
                known = self._writer.add_connection(topic, type_name, typestore=self._store)
                self._connections[topic] = known
            self._writer.write(self._connections[topic], received_ns, data)
        self._num_bytes += len(data)

    def may_end(self) -> None:
        """What comes next does not belong to what was written: a part that is long enough ends here."""
        if self._num_bytes >= self._part_bytes:
            self.end_part()

    def close(self) -> None:
        """Finish the part and leave the folder to other recorders."""
        try:
            self.end_part()
        finally:
            self._lock.close()

    def end_part(self) -> None:
        """Finish the part; the next message begins another."""
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        with self._named():
            writer.close()
            self._unfinished.rename(self._folder / self._unfinished.name)
            self._hidden.rmdir()
        self._number, self._num_bytes = self._number + 1, 0

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What the system says of a file that is open names none."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._folder)) from error

    @property
    def _hidden(self) -> Path:
        return self._folder / f".part_{self._number:03d}"

    @property
    def _unfinished(self) -> Path:
        """Under the name that it will have: rosbags names its file so, and copies leave hidden files out."""
        return self._hidden / f"part_{self._number:03d}"

    def _begin(self) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer

        self._remove_left_behind()
        self._hidden.mkdir()
        writer = Writer(self._unfinished, version=9, storage_plugin=StoragePlugin.MCAP)
        writer.open()
        self._writer, self._connections, self._num_bytes = writer, {}, 0

    def _remove_left_behind(self) -> None:
        """What a recorder that was killed left under this name."""
        if self._hidden.is_dir():
            _log.warning("removes '%s' of a recorder that was killed: what it held is lost", self._hidden)
            shutil.rmtree(self._hidden)


def _locked(path: Path) -> IO[bytes]:
    """The file, open and this recorder's alone until it is closed, however the process ends (flock(2))."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):  # a file system without locks, such as some NFS
            _log.warning("'%s': %s: see that no other recorder writes to it", path.parent, error.strerror)
            return file
        file.close()
        expected = "expected a folder that no other recorder writes to"
        raise OSError(f"{expected}, got '{path.parent}': end that one, or give another folder") from error
    return file


def parts_of(folder: Path) -> list[Path]:
    """The whole parts of a recording, in order."""
    whole = (one for one in folder.glob("part_*") if (one / "metadata.yaml").is_file())
    return sorted(whole, key=lambda one: (number_of(one), one.name))  # part_1000 comes after part_999


def losses(folder: Path) -> list[str]:
    """What of a recording cannot be read, each as a sentence: parts that are missing or not whole."""
    numbers = sorted({-1, *map(number_of, parts_of(folder))})
    gaps = [(before + 1, after - 1) for before, after in pairwise(numbers) if after - before > 1]
    names = [f"part_{a:03d}" if a == b else f"part_{a:03d} to part_{b:03d}" for a, b in gaps]
    lost = "missing, with the frames, results and corrections in it"
    unfinished = "not whole and not read: it is being written, or its recorder was killed"
    hidden = sorted(one.name for one in folder.glob(".part_*"))
    return [f"{one}: {lost}" for one in names] + [f"{one}: {unfinished}" for one in hidden]


def number_of(part: Path) -> int:
    """3 of part_003; -1 of a folder that somebody named otherwise."""
    digits = part.name.removeprefix("part_")
    return int(digits) if digits.isdigit() else -1
