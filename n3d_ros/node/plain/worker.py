"""One thread for the model, a short queue before it.

In: jobs, functions of the loaded engine. Out: `concurrent.futures.Future`s, completed in the worker's thread.
It knows no ROS and no model: the engine is whatever `load` returns.

Requests run in the order they came, urgent ones first; when too many wait, the one that waited longest of the
least urgent is superseded. A
continuous job waits in a slot of its own: a newer one takes its place, and it runs when no request waits.
Who asks gets an answer in time, also where the engine does not stop: `expire` ends such a job without it.
Early work prepares a job that is still to come: it runs only where nothing waits, and costs no job its turn.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.plain.failure import failure, forget_locals

# An engine that was told to stop ends at its next token or stage, with what it has found. After this it is
# not waited for any more.
STOP_GRACE_S = 1.0
# The same for who cancels: a robot that says stop is answered within a tenth of a second, the way included.
CANCEL_GRACE_S = 0.05

Engine = TypeVar("Engine")


class Job:
    """One piece of work. `future` is completed exactly once: with run's result, its exception or an
    `N3DError`. priority: higher is more urgent.
    """

    def __init__(
        self, run: Callable[[Any, Job], Any], timeout_s: float | None = None, priority: int = 0
    ) -> None:
        self.future: Future[Any] = Future()
        self.priority = priority
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


class Worker(Generic[Engine]):
    """Loads the engine in its thread and runs jobs there, one at a time."""

    def __init__(self, load: Callable[[], Engine], max_queued: int = 4) -> None:
        if max_queued < 1:
            raise ValueError(f"max_queued: expected at least 1, got {max_queued}")
        self.max_queued = max_queued
        self.num_superseded = 0
        self._lock = threading.Lock()
        self._requests: deque[Job] = deque()
        self._continuous: Job | None = None
        # The job that would run now if early work did not.
        self._next: Job | None = None
        self._is_early = False
        self._busy = False
        self._stopped = False
        self._running: Job | None = None
        self._begun: list[Future[Any]] = []
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="n3d-worker")
        # Done when the engine is loaded, with its exception when it could not be.
        self.loaded: Future[Engine] = self._threads.submit(load)
        self.loaded.add_done_callback(lambda _: self._start_next())

    @property
    def state(self) -> str:
        """'loading', 'ready' or 'failed: <why>'."""
        if not self.loaded.done():
            return "loading"
        error = None if self.loaded.cancelled() else self.loaded.exception()
        return "ready" if error is None else f"failed: {error}"

    @property
    def engine(self) -> Engine | None:
        """The engine once it is loaded."""
        return self.loaded.result() if self.state == "ready" and not self.loaded.cancelled() else None

    def submit(
        self, run: Callable[[Engine, Job], Any], timeout_s: float | None = None, priority: int = 0
    ) -> Job:
        """Queue a request. The queue never grows beyond `max_queued`: the oldest of the least urgent waiting
        requests, which may be this one, is SUPERSEDED.
        """
        job, dropped = Job(run, timeout_s, priority), None
        with self._lock:
            if not self._takes_turn(job):
                self._requests.append(job)
                if len(self._requests) > self.max_queued:
                    dropped = min(self._requests, key=lambda one: one.priority)
                    self._requests.remove(dropped)
        self._supersede(dropped)
        self._start_next()
        return job

    def offer(self, run: Callable[[Engine, Job], Any], timeout_s: float | None = None) -> Job:
        """Queue continuous work: it replaces continuous work that has not begun."""
        job, dropped = Job(run, timeout_s), None
        with self._lock:
            if not self._takes_turn(job):
                dropped, self._continuous = self._continuous, job
        self._supersede(dropped)
        self._start_next()
        return job

    def try_early(self, run: Callable[[Engine, Job], Any]) -> Job | None:
        """Run it now where the engine is ready and idle, else never: None."""
        job = Job(run)
        with self._lock:
            if self.state != "ready" or self._busy or self._stopped or self._is_waited_for():
                return None
            self._is_early = True
            done = self._begin(job)
        done.add_done_callback(lambda future: self._finish(job, future))
        return job

    def forget_continuous(self) -> None:
        """Continuous work is not wanted any more; what runs of it stops."""
        with self._lock:
            waiting, self._continuous = self._continuous, None
            running = self._running
        if waiting is not None:
            waiting.fail(ResultCode.SUPERSEDED, "it is not wanted any more")
        if running is not None:
            running.cancel()

    def cancel(self, job: Job) -> None:
        """CANCELED at once while the job waits; a running job stops at its next token, and is not waited for
        any longer than CANCEL_GRACE_S.
        """
        job.cancel()
        with self._lock:
            waiting = job in self._waiting()
            self._forget([job])
        if waiting:
            job.fail(ResultCode.CANCELED, "canceled before it began")
        elif not job.future.done():
            why = f"the engine did not stop within {CANCEL_GRACE_S:g} s"
            timer = threading.Timer(CANCEL_GRACE_S, job.fail, (ResultCode.CANCELED, why))
            timer.daemon = True
            timer.start()

    def expire(self, now_s: float) -> None:
        """End what waits beyond its deadline, and what the engine runs on although it should have stopped.

        now_s: time.monotonic().
        """
        with self._lock:
            late = [job for job in self._waiting() if job.overdue_s(now_s) >= 0]
            self._forget(late)
            running = self._running
        for job in late:
            job.fail(ResultCode.TIMEOUT, "its time was up while it waited for the engine")
        if running is not None and running.overdue_s(now_s) > STOP_GRACE_S:
            running.fail(running.stop_code_at(now_s), f"the engine did not stop within {STOP_GRACE_S:g} s")

    def hangs_s(self, now_s: float) -> float:
        """How long the engine has gone on with a job that was ended without it; 0: it does not."""
        running = self._running
        overdue_s = 0.0 if running is None else running.overdue_s(now_s)
        return overdue_s if overdue_s > STOP_GRACE_S else 0.0

    def begin_stop(self) -> None:
        """Take no more work, cancel everything."""
        with self._lock:
            self._stopped = True
            waiting, running = self._waiting(), self._running
            self._forget(waiting)
        for job in waiting:
            job.fail(ResultCode.CANCELED, "the node shuts down")
        if running is not None:
            running.cancel()

    def stop(self, timeout_s: float | None = None) -> None:
        """Cancel everything and wait for the thread, at most timeout_s: `is_running` if it goes on."""
        self.begin_stop()
        wait([self.loaded, *self._begun], timeout_s)
        self._threads.shutdown(wait=not self.is_running)

    @property
    def is_running(self) -> bool:
        """Whether the engine's thread is at work."""
        return not all(future.done() for future in (self.loaded, *self._begun))

    def _waiting(self) -> list[Job]:
        return [*self._requests, *(job for job in (self._next, self._continuous) if job)]

    def _forget(self, jobs: Sequence[Job]) -> None:
        self._requests = deque(job for job in self._requests if job not in jobs)
        self._next = None if self._next in jobs else self._next
        self._continuous = None if self._continuous in jobs else self._continuous

    def _is_waited_for(self) -> bool:
        return bool(self._requests or self._next or self._continuous)

    def _takes_turn(self, job: Job) -> bool:
        """Whether the job comes during early work and would run now without it; then it is the next."""
        if not self._is_early or self._is_waited_for():
            return False
        self._next = job
        return True

    def _supersede(self, job: Job | None) -> None:
        if job is not None:
            self.num_superseded += 1
            job.fail(
                ResultCode.SUPERSEDED,
                f"a newer or more urgent request came while {self.max_queued} were waiting",
            )

    def _start_next(self) -> None:
        with self._lock:
            if self._busy or self._stopped or not self.loaded.done():
                return
            job = self._pop()
            if job is None:
                return
            done = self._begin(job)
        done.add_done_callback(lambda future: self._finish(job, future))

    def _pop(self) -> Job | None:
        job, self._next = self._next, None
        if job is None and self._requests:
            # of equals max gives the first
            job = max(self._requests, key=lambda one: one.priority)
            self._requests.remove(job)
        elif job is None:
            job, self._continuous = self._continuous, None
        return job

    def _begin(self, job: Job) -> Future[Any]:
        self._busy, self._running = True, job
        self._begun = [self._threads.submit(self._execute, job)]
        return self._begun[0]

    def _execute(self, job: Job) -> Any:
        error = self.loaded.exception()
        if error is not None:
            code, message = failure(error)
            raise N3DError(code, f"the model did not load: {message}")
        return job.execute(self.loaded.result())

    def _finish(self, job: Job, done: Future[Any]) -> None:
        with self._lock:
            self._busy = self._is_early = False
            self._running, self._begun = None, []
        error = done.exception()
        forget_locals(error)
        with contextlib.suppress(InvalidStateError):
            if error is None:
                job.future.set_result(done.result())
            else:
                job.future.set_exception(error)
        self._start_next()
