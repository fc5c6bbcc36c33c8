"""Child processes that never outlive their parent.

In: command lines. Out: running processes, each in a group of its own with a log file. Leaving the context
stops them all: SIGINT, then SIGKILL; when the parent itself is killed, Linux ends them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path
from types import TracebackType

from n3d_ros.errors import CommandFailed

STOP_S = 5.0
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Children:
    """A context manager. `environment` is that of every child; logs go to `log_folder`/<name>.log."""

    def __init__(self, environment: dict[str, str], log_folder: Path) -> None:
        self._environment, self._log_folder = environment, log_folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Children:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every group: an interrupt, so that nodes shut down, then a kill for what is left."""
        for sent in (signal.SIGINT, signal.SIGKILL):
            for child in self.running.values():
                _signal_group(child, sent)
            for child in self.running.values():
                _wait(child)

    def start(self, name: str, command: list[str]) -> None:
        """Start one child."""
        with self._log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def check(self) -> None:
        """CommandFailed with the end of its log when a child has ended."""
        for name, child in self.running.items():
            if child.poll() is not None:
                raise CommandFailed(
                    f"the {name} ended with code {child.returncode}; end of its log:\n{self.tail(name)}"
                )

    def tail(self, name: str) -> str:
        """The last lines that a child wrote."""
        return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def _log(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"


def _die_with_parent() -> None:
    """Linux only, harmless elsewhere: SIGTERM when the parent ends, however it ends."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal_group(child: subprocess.Popen[bytes], sent: signal.Signals) -> None:
    """The whole group, so that a child's own children go too; nothing when all of it has ended."""
    try:
        os.killpg(child.pid, sent)
    except ProcessLookupError:
        return


def _wait(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        return
