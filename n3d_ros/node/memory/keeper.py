"""The one thread in which a memory is changed, asked and stored.

In: looks to be made, words, the time. Out: futures, completed in this thread, and a `State` that is replaced
as a whole. It knows no ROS: who makes a look may ask tf, in this thread, so that no result waits for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.memory import Look, MemoryConfig, ObjectMemory, Remembered
from n3d_ros.memory.memory_file import MemoryFileError, load, save
from n3d_ros.memory.sentences import told
from n3d_ros.node.plain.failure import failure
from n3d_ros.plain_text import shown

SAVE_PERIOD_S = 5.0
# Looks that wait, each with its depth; where they come faster than they are taken in some are left out.
MAX_WAITING = 4
LEFT_OUT = f"{ResultCode.SUPERSEDED.name}: looks come faster than they are taken in"


@dataclass(frozen=True)
class State:
    """frame: of the places; empty while nothing was seen. stamp_ns: of the newest look. problem: why the
    newest look was not taken in. num_looks: taken in. file_problem: why the file is not written.
    """

    frame: str
    things: tuple[Remembered, ...] = ()
    stamp_ns: int = 0
    num_looks: int = 0
    problem: str = ""
    file_problem: str = ""


@dataclass(frozen=True)
class Reply:
    """things: seen last first. sentence: about them. note: what may have been missed."""

    frame: str
    things: tuple[Remembered, ...]
    sentence: str
    note: str


class Keeper:
    """frame: of the places; empty: that of the first look. file: read now, None for no file. MemoryFileError,
    OSError. num_left_out: looks that came too fast. num_outdated: things of the file that are too old, or too
    many.
    """

    def __init__(self, config: MemoryConfig, frame: str, file: Path | None, now_ns: int) -> None:
        self._memory, self._frame, self._file = ObjectMemory(config), frame, file
        self.num_outdated = 0
        # As this node knows the file: of two that write one, each would lose what the other knows.
        self._version = None if file is None else _version(file)
        if file is not None and file.exists():
            stored = load(file, frame)
            self._memory = ObjectMemory(config, stored.things, stored.next_id)
            self._frame = stored.frame
            self.num_outdated = self._memory.forget(now_ns)
        self._fixed_frame = frame
        self.state = State(self._frame, self._memory.things)
        self._is_unsaved, self._saved_s = False, float("-inf")
        self.num_left_out = 0
        self._is_newest_left_out = False
        self._room = threading.Semaphore(MAX_WAITING)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="n3d-memory")

    def look(self, make: Callable[[], tuple[str, Sequence[Look]]]) -> Future[None] | None:
        """Take in what `make` gives of one picture, in this thread; None where too many looks wait."""
        self._is_newest_left_out = not self._room.acquire(blocking=False)
        if self._is_newest_left_out:
            self.num_left_out += 1
            return None
        return self._thread.submit(self._look, make)

    def recall(self, words: str, now_ns: int) -> Future[Reply]:
        """What the words name, after every look that was handed in before. N3DError where nothing is known
        and the newest look could not be placed, with code TF, or was left out.
        """
        return self._thread.submit(self._recall, words, now_ns, self._is_newest_left_out)

    def clear(self) -> Future[int]:
        """Forget everything; how much that was. N3DError with code INTERNAL where the file still holds it."""
        self._is_newest_left_out = False
        return self._thread.submit(self._clear)

    def begin_anew(self) -> Future[None]:
        """The clock was set back, or is another one."""
        return self._thread.submit(self._begin_anew)

    def tend(self, now_ns: int) -> Future[None]:
        """Forget by age, and save what has changed if the last time is long enough ago."""
        return self._thread.submit(self._tend, now_ns)

    def close(self) -> None:
        """Save, end."""
        self._thread.submit(self._save)
        self._thread.shutdown()

    def _look(self, make: Callable[[], tuple[str, Sequence[Look]]]) -> None:
        self._room.release()
        try:
            frame, looks = make()
            self._require_frame(frame)
            for look in looks:
                self._memory.look(look)
        except (N3DError, ValueError) as error:
            code, why = failure(error)
            self.state = replace(self.state, problem=f"{code.name}: {why}")
            return
        self._frame = frame
        stamp_ns = max([self.state.stamp_ns, *(look.stamp_ns for look in looks)])
        state = replace(self.state, frame=frame, stamp_ns=stamp_ns, problem="")
        self.state = replace(state, num_looks=state.num_looks + len(looks))
        self._changed()

    def _require_frame(self, frame: str) -> None:
        if self._frame and frame != self._frame:
            raise BadInputError(
                f"memory: expected a look in frame '{self._frame}', got one in '{frame}'; "
                "~/clear_memory begins anew"
            )

    def _recall(self, words: str, now_ns: int, is_left_out: bool) -> Reply:
        self._forget(now_ns)
        recalled = self._memory.recall(words)
        things = recalled.things
        problem = LEFT_OUT if is_left_out else self.state.problem
        if problem and not things:
            code, _, message = problem.partition(": ")
            raise N3DError(ResultCode[code], f"the newest look was not remembered: {message}")
        note = f"the newest look was not remembered: {problem}" if problem else ""
        sentence = told(recalled, words, self._frame, now_ns, self._memory.things)
        return Reply(self._frame, things, sentence, note)

    def _begin_anew(self) -> None:
        self._memory.begin_anew()
        self.state = replace(self.state, stamp_ns=0)

    def _clear(self) -> int:
        num = len(self._memory.things)
        self._memory.clear()
        self._frame = self._fixed_frame
        self.state = replace(self.state, frame=self._frame, problem="")
        self._changed()
        self._save()
        if problem := self.state.file_problem:
            raise N3DError(
                ResultCode.INTERNAL,
                f"{num} things forgotten, but memory.file is not written, and may bring them back: {problem}",
            )
        return num

    def _tend(self, now_ns: int) -> None:
        self._forget(now_ns)
        if time.monotonic() - self._saved_s >= SAVE_PERIOD_S:
            self._save()

    def _forget(self, now_ns: int) -> None:
        if self._memory.forget(now_ns):
            self._changed()

    def _changed(self) -> None:
        self._is_unsaved = True
        self.state = replace(self.state, things=self._memory.things)

    def _save(self) -> None:
        """A full disk ends no memory: it is said, and tried again."""
        if self._file is None or not self._is_unsaved:
            return
        self._saved_s = time.monotonic()
        try:
            _require_own(self._file, self._version)
            save(self._file, self._frame, self._memory.things, self._memory.next_id)
            self._version = _version(self._file)
        except OSError as error:
            self.state = replace(self.state, file_problem=str(error))
            return
        self._is_unsaved = False
        self.state = replace(self.state, file_problem="")


def _version(file: Path) -> tuple[int, int] | None:
    """Another one each time that it is written; None: it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _require_own(file: Path, version: tuple[int, int] | None) -> None:
    """OSError where the file is there and is not of that version."""
    if _version(file) not in (None, version):
        raise OSError(
            f"'{file}': expected it as this node read or wrote it, got what another program has written "
            "since: give each node a memory.file of its own"
        )


def path_of(file: str) -> Path:
    """Of memory.file; MemoryFileError for the home of somebody who is not known."""
    try:
        return Path(file).expanduser()
    except RuntimeError as error:
        raise MemoryFileError(f"expected a path, got {shown(file)}: {error}") from error


def open_keeper(config: MemoryConfig, frame: str, file: str, now_ns: int) -> tuple[Keeper | None, str]:
    """A keeper; or None and why its file cannot be read, which is then left as it is."""
    try:
        return Keeper(config, frame, path_of(file) if file else None, now_ns), ""
    except (MemoryFileError, OSError) as error:
        return None, f"memory.file: {error}"
