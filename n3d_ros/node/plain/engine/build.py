"""`n3d build` as a process of its own, followed and stopped.

In: its arguments. Out: `BuildReport`s as its builder tells them and one `BuildEnd`, both in a thread of this
file. Nothing is made up: where the builder tells nothing, progress stands still. It knows no ROS and no
TensorRT, and no build outlives the reader of its lines.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from n3d_ros.child_process import package_environment
from n3d_ros.errors import ResultCode

# A builder is told to end between two of its steps, and what it had begun is removed.
END_S = 10.0
# Of an engine, before which a guess of the time that is left is worse than none.
MIN_SHARE_FOR_ETA = 0.05
KEPT_LINES = 5
COMMAND = (sys.executable, "-m", "n3d_ros.cli", "build", "--lines", "--build-only")
# How the command line begins a reason for people, and the exit codes that go with one.
REASON, REFUSALS = "n3d build: ", (1, 2)


@dataclass(frozen=True)
class BuildReport:
    """engine: file that is being built. num_built: engines that are done. phase: the builder's word, empty
    while it tells none. progress: 0..1 of this engine. elapsed_s: since it was begun.
    """

    engine: str
    num_built: int
    phase: str
    progress: float
    elapsed_s: float

    @property
    def eta_s(self) -> float:
        """Until this engine is done if it goes on as until now; -1 where that cannot be said yet."""
        if self.progress < MIN_SHARE_FOR_ETA:
            return -1.0
        return self.elapsed_s * (1 - self.progress) / self.progress


@dataclass(frozen=True)
class BuildEnd:
    """code: OK with the engine's folder, else why not, with `message`. is_new: it was built now."""

    code: ResultCode
    message: str = ""
    path: str = ""
    is_new: bool = False


class EngineBuild:
    """Begins at once. on_report and on_end are called in another thread; on_end once, last. OSError,
    ValueError where no process can be started with such arguments.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        on_report: Callable[[BuildReport], None],
        on_end: Callable[[BuildEnd], None],
    ) -> None:
        self._on_report, self._on_end = on_report, on_end
        self._is_canceled = False
        self._has_begun, self._num_built = False, 0
        # What it printed that is no report: the reason, where it ends without one.
        self._words: deque[str] = deque(maxlen=KEPT_LINES)
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # As at launch: nothing is fetched from a network.
            env={**package_environment(), "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
            # A terminal's Ctrl-C is the node's affair, which then cancels.
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._follow, name="engine_build", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop it soon; on_end tells when it has ended. Twice does no harm."""
        self._is_canceled = True
        if self._process.poll() is None:
            self._process.terminate()

    def wait(self, timeout_s: float = END_S) -> None:
        """Until it has ended; killed where it does not in time."""
        self._thread.join(timeout_s)
        if self._process.poll() is None:
            self._process.kill()
            self._thread.join(timeout_s)

    def _follow(self) -> None:
        told: dict[str, Any] = {}
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = _object(line)
            self._has_begun |= said is not None and "engine" in said
            if said is None:
                self._words.append(line.strip())
            elif "engine" not in said:
                told = said
            elif said.get("is_done"):
                self._num_built += 1
            else:
                self._on_report(
                    BuildReport(
                        said["engine"], self._num_built, said["phase"], said["progress"], said["elapsed_s"]
                    )
                )
        self._process.stdout.close()
        self._on_end(self._end(told, self._process.wait()))

    def _end(self, told: dict[str, Any], exit_code: int) -> BuildEnd:
        if "path" in told:
            return BuildEnd(ResultCode.OK, path=told["path"], is_new=told["is_new"])
        if self._is_canceled:
            return BuildEnd(ResultCode.CANCELED, "the build was canceled")
        if "failed" in told:
            return BuildEnd(self._code(ResultCode(told["failed"])), told["message"])
        if exit_code == -signal.SIGKILL:
            message = "the build was killed (SIGKILL), which Linux does when memory is full"
            return BuildEnd(ResultCode.OOM, message)
        reasons = [line.removeprefix(REASON) for line in self._words if line.startswith(REASON)]
        if reasons and exit_code in REFUSALS:
            return BuildEnd(ResultCode.BAD_INPUT, reasons[-1])
        words = " | ".join(filter(None, self._words)) or "it said nothing"
        return BuildEnd(ResultCode.INTERNAL, f"n3d build ended with {_how(exit_code)}: {words}")

    def _code(self, code: ResultCode) -> ResultCode:
        """Where nothing was begun INTERNAL is about what was asked for: no GPU, a stale engine."""
        return ResultCode.BAD_INPUT if code == ResultCode.INTERNAL and not self._has_begun else code


def _how(exit_code: int) -> str:
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def _object(line: str) -> dict[str, Any] | None:
    """A report; None for what else a process prints."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
