"""A short queue of jobs before an engine, which others may share (`engine_thread.py`).

In: jobs, functions of the loaded engine. Out: `concurrent.futures.Future`s, completed in the engine's thread.
It knows no ROS and no model: the engine is whatever was loaded.

Requests run in the order they came, urgent ones first; when too many wait, the one that waited longest of the
least urgent is superseded. A continuous job waits in a slot of its own: a newer one takes its place, and it
runs when no request waits.
Who asks gets an answer in time, also where the engine does not stop: `expire` ends such a job without it.
Early work prepares a job that is still to come: it runs only where nothing waits, and costs no job its turn.
Who shares the engine has a queue of its own, and nothing that happens to one queue ends a job of another.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.engine.thread import EngineThread, Member, Turn
from n3d_ros.node.plain.failure import failure, forget_locals

# An engine that was told to stop ends at its next token or stage, with what it has found. After this it is
# not waited for any more.
STOP_GRACE_S = 1.0
# The same for who cancels: a robot that says stop is answered within a tenth of a second, the way included.
CANCEL_GRACE_S = 0.05

Engine = TypeVar("Engine")


class Worker(Generic[Engine]):
    """Runs jobs one at a time. join: gives the engine's thread. own: what this queue's jobs get of the loaded
    engine, made in its thread. name: whose queue it is, to those who share the engine. load_timeout_s: how
    long it may load; one that takes longer is not shared by who joins.
    """

    def __init__(
        self,
        join: Callable[[Member], EngineThread[Engine]],
        own: Callable[[Engine], Engine],
        max_queued: int = 4,
        name: str = "",
        load_timeout_s: float = math.inf,
    ) -> None:
        if max_queued < 1:
            raise ValueError(f"max_queued: expected at least 1, got {max_queued}")
        self.max_queued, self.name, self.load_timeout_s = max_queued, name, load_timeout_s
        self.num_superseded = 0
        self._requests: deque[Job] = deque()
        self._continuous: Job | None = None
        # The job that would run now if early work did not.
        self._next: Job | None = None
        self._stopped = False
        self._running: Job | None = None
        # Done with the engine; they are completed in the order in which they were.
        self._unsettled: deque[Job] = deque()
        self._settling = ThreadPoolExecutor(max_workers=1, thread_name_prefix="n3d-settling")
        self._own = own
        self._engine: Engine | None = None
        # Done when the engine is loaded, with its exception when it could not be.
        self.loaded: Future[None] = Future()
        self._thread = join(self)
        self._lock = self._thread.lock
        self._thread.loaded.add_done_callback(self._on_loaded)

    @property
    def state(self) -> str:
        """'loading', 'ready' or 'failed: <why>'."""
        return self._thread.state

    @property
    def engine(self) -> Engine | None:
        """The engine once it is loaded, as all who share it know it."""
        return self._thread.engine

    @property
    def shared_with(self) -> list[str]:
        """The names of the others who use the same engine."""
        return sorted(one.name for one in self._thread.members if one is not self)

    @property
    def loaded_anew_by(self) -> list[str]:
        """The names of those who gave this engine up and use another one like it, which is loaded."""
        successor = self._thread.successor
        if successor is None or successor.state != "ready":
            return []
        return sorted(one.name for one in successor.members)

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
        self._thread.start_next()
        return job

    def offer(self, run: Callable[[Engine, Job], Any], timeout_s: float | None = None) -> Job:
        """Queue continuous work: it replaces continuous work that has not begun."""
        job, dropped = Job(run, timeout_s, is_continuous=True), None
        with self._lock:
            if not self._takes_turn(job):
                dropped, self._continuous = self._continuous, job
        self._supersede(dropped)
        self._thread.start_next()
        return job

    def try_early(self, run: Callable[[Engine, Job], Any], timeout_s: float | None = None) -> Job | None:
        """Run it now where the engine is ready and idle, else never: None. timeout_s: after it the engine
        hangs, as with any job.
        """
        job = Job(run, timeout_s)
        with self._lock:
            if self._stopped or not self._thread.is_idle():
                return None
            self._running = job
            done = self._thread.begin(self, partial(self._execute, job), is_early=True)
        done.add_done_callback(partial(self._finish, job))
        return job

    def forget_continuous(self) -> None:
        """Continuous work is not wanted any more; what has begun of it stops. Requests go on."""
        with self._lock:
            waiting = [job for job in self._waiting() if job.is_continuous]
            self._forget(waiting)
            begun = [job for job in (self._running, *self._unsettled) if job and job.is_continuous]
        for job in waiting:
            job.fail(ResultCode.SUPERSEDED, "it is not wanted any more")
        for job in begun:
            self.cancel(job)

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
            timer = threading.Timer(CANCEL_GRACE_S, self._end_canceled, (job,))
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
            job.fail(ResultCode.TIMEOUT, f"its time was up while it waited for the engine{self._why(now_s)}")
        if running is not None and running.overdue_s(now_s) > STOP_GRACE_S:
            running.fail(running.stop_code_at(now_s), f"the engine did not stop within {STOP_GRACE_S:g} s")

    def hangs_s(self, now_s: float) -> float:
        """How long the engine has gone on with anybody's job that was ended without it; 0: it does not."""
        overdue_s = self._thread.hangs_s(now_s)
        return overdue_s if overdue_s > STOP_GRACE_S else 0.0

    def loads_late(self, now_s: float) -> str:
        """That the engine has been loading for longer than it may; empty: it has not."""
        loads_s = self._thread.loads_s(now_s)
        if loads_s <= self.load_timeout_s:
            return ""
        return f"loading for {loads_s:.0f} s, expected at most {self.load_timeout_s:g} s"

    def held_up_by(self) -> str:
        """The name of another one whose job the engine runs; empty: none."""
        served = self._thread.serves
        return "" if served is None or served is self else served.name

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
        for job in tuple(self._unsettled):
            job.cancel()

    def stop(self, timeout_s: float | None = None) -> None:
        """Cancel everything and wait for what runs of it, at most timeout_s. Who shares the engine goes on
        with it; the last one ends its thread: `is_running` if it goes on.
        """
        self.begin_stop()
        self.loaded.cancel()
        if self._thread.leave(self):
            self._thread.end(timeout_s)
        else:
            self._thread.wait_for(self, timeout_s)
        if (running := self._running) is not None:
            running.fail(ResultCode.CANCELED, "the node shuts down")
        self._settling.shutdown(wait=not self.is_running)

    @property
    def is_running(self) -> bool:
        """Whether the engine's thread is at work with nobody left who uses it."""
        return not self._thread.members and self._thread.is_running

    def urgency(self) -> float | None:
        """See `Member`: continuous work is less urgent than any request."""
        if self._stopped:
            return None
        if self._next is not None:
            return math.inf
        if self._requests:
            return max(job.priority for job in self._requests)
        return None if self._continuous is None else -math.inf

    def begin(self) -> Turn:
        """See `Member`."""
        self._running = job = self._pop()
        return Turn(partial(self._execute, job), partial(self._finish, job))

    def overdue_s(self, now_s: float) -> float:
        """See `Member`."""
        running = self._running
        return 0.0 if running is None else running.overdue_s(now_s)

    def forget(self) -> None:
        """See `Member`."""
        self._engine = None

    def _waiting(self) -> list[Job]:
        return [*self._requests, *(job for job in (self._next, self._continuous) if job)]

    def _forget(self, jobs: Sequence[Job]) -> None:
        self._requests = deque(job for job in self._requests if job not in jobs)
        self._next = None if self._next in jobs else self._next
        self._continuous = None if self._continuous in jobs else self._continuous

    def _takes_turn(self, job: Job) -> bool:
        """Whether the job comes during early work and would run now without it; then it is the next."""
        if not self._thread.is_early or self._thread.is_anybody_waiting():
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

    def _pop(self) -> Job:
        """The most urgent of what waits."""
        if self._next is not None:
            job, self._next = self._next, None
        elif self._requests:
            # of equals max gives the first
            job = max(self._requests, key=lambda one: one.priority)
            self._requests.remove(job)
        else:
            assert self._continuous is not None
            job, self._continuous = self._continuous, None
        return job

    def _execute(self, job: Job) -> Any:
        error = self._thread.loaded.exception()
        if error is not None:
            code, message = failure(error)
            raise N3DError(code, f"the model did not load: {message}")
        if self._engine is None:
            assert self._thread.engine is not None
            self._engine = self._own(self._thread.engine)
        return job.execute(self._engine)

    def _finish(self, job: Job, done: Future[Any]) -> None:
        forget_locals(done.exception())
        with self._lock:
            self._running = None
            self._thread.finished()
            settling = self._begin_to_settle(job)
        if settling is None:
            job.settle = None
            _complete(job, done)
        else:
            settling.add_done_callback(partial(self._settled, job, done))
        self._thread.start_next()

    def _begin_to_settle(self, job: Job) -> Future[Any] | None:
        """In a thread of this queue's own: the engine goes on meanwhile. None where there is no need."""
        if self._stopped or (job.settle is None and not self._unsettled):
            return None
        self._unsettled.append(job)
        return self._settling.submit(job.settle or _nothing)

    def _end_canceled(self, job: Job) -> None:
        """It was canceled CANCEL_GRACE_S ago."""
        with self._lock:
            is_unsettled = job in self._unsettled
        why = f"the engine did not stop within {CANCEL_GRACE_S:g} s"
        job.fail(
            ResultCode.CANCELED, "canceled while its result waited for earlier ones" if is_unsettled else why
        )

    def _settled(self, job: Job, done: Future[Any], settling: Future[Any]) -> None:
        """An error of what was waited for is the job's."""
        job.settle = None
        with self._lock:
            self._unsettled.remove(job)
        error = settling.exception()
        forget_locals(error)
        _complete(job, done if error is None else settling)

    def _on_loaded(self, loaded: Future[None]) -> None:
        error = loaded.exception()
        with contextlib.suppress(InvalidStateError):
            if error is None:
                self.loaded.set_result(None)
            else:
                self.loaded.set_exception(error)

    def _why(self, now_s: float) -> str:
        """That it still loads, or who holds it up, where it hangs with the job of another one."""
        if loads_s := self._thread.loads_s(now_s):
            return f", which has been loading for {loads_s:.0f} s"
        name = self.held_up_by() if self.hangs_s(now_s) else ""
        return f", which hangs with a request to {name}" if name else ""


def _nothing() -> None:
    """There is nothing to wait for but those before it."""


def _complete(job: Job, done: Future[Any]) -> None:
    """As its work ended."""
    error = done.exception()
    with contextlib.suppress(InvalidStateError):
        if error is None:
            job.future.set_result(done.result())
        else:
            job.future.set_exception(error)
