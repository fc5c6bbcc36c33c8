"""One piece of work for the engine: until when it may run, and how it ended.

In: a function of the engine. Out: a future that is completed once, with its result or with an `N3DError` that
says why it has none. It knows no queue and no thread.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

from n3d_ros.errors import N3DError, ResultCode


class Job:
    """One piece of work. `future` is completed exactly once: with run's result, its exception or an
    `N3DError`. priority: higher is more urgent. is_continuous: nobody waits for it. settle: set by the work
    where something is still to be waited for that needs no engine: called after it, before the future is
    completed.
    """

    def __init__(
        self,
        run: Callable[[Any, Job], Any],
        timeout_s: float | None = None,
        priority: int = 0,
        *,
        is_continuous: bool = False,
    ) -> None:
        self.future: Future[Any] = Future()
        self.priority, self.is_continuous = priority, is_continuous
        self.settle: Callable[[], None] | None = None
        self._run = run
        self.deadline_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        self._canceled_s = math.inf

    def cancel(self) -> None:
        """Stop at the next token."""
        self._canceled_s = min(self._canceled_s, time.monotonic())

    def overdue_s(self, now_s: float) -> float:
        """How long ago it should have stopped; below zero: it need not."""
        return now_s - min(self.deadline_s, self._canceled_s)

    def should_stop(self) -> bool:
        """What a running job asks between tokens."""
        return self.overdue_s(time.monotonic()) >= 0

    @property
    def stop_code(self) -> ResultCode:
        """Why the job should stop: CANCELED or TIMEOUT; OK when it should not."""
        return self.stop_code_at(time.monotonic())

    def stop_code_at(self, now_s: float) -> ResultCode:
        """The same at another moment of time.monotonic()."""
        if self._canceled_s < math.inf:
            return ResultCode.CANCELED
        return ResultCode.TIMEOUT if now_s >= self.deadline_s else ResultCode.OK

    def check(self) -> None:
        """What a running job calls between its stages; N3DError with the stop code when it should end."""
        if self.should_stop():
            raise N3DError(self.stop_code, "stopped between two stages")

    def fail(self, code: ResultCode, message: str) -> None:
        """Complete with a typed error, unless the job is complete."""
        with contextlib.suppress(InvalidStateError):
            self.future.set_exception(N3DError(code, message))

    def execute(self, engine: Any) -> Any:
        """Run in the worker's thread; raises instead when the job was stopped while it waited."""
        if self.should_stop():
            raise N3DError(self.stop_code, "stopped before it began")
        return self._run(engine, self)
