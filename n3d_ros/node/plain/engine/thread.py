"""One loaded engine and the one thread in which it is used, for as many queues as share it.

In: how to load it, and members that each keep a queue. Out: their work, run one piece at a time, in turns
(`turns.py`). The engine is freed when the last member has left. It knows no ROS, no model and no job: a
member hands out what to run.

Nothing ends a thread that does not come back from its engine. Who joins meanwhile gets an engine of its own,
loaded anew, which all who join later share; those who stay are told by whom, and may come after. Members
never change their thread: what runs late on the old engine is about the old member's frames and goes nowhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from n3d_ros.node.plain.engine.turns import Turns

# How long after it should have stopped an engine is given up by who joins. A large model on a small machine
# may take seconds for the one step that it cannot leave, and a second engine takes as much memory again.
GIVEN_UP_S = 10.0

Engine = TypeVar("Engine")
Wanted = TypeVar("Wanted")


class Turn(NamedTuple):
    """work: for the engine's thread. end: called with its future, without the lock."""

    work: Callable[[], Any]
    end: Callable[[Future[Any]], None]


class Member(Protocol):
    """A queue before the thread."""

    name: str
    load_timeout_s: float
    """An engine that loads for longer is not waited for: who joins gets one loaded anew."""

    def urgency(self) -> float | None:
        """Of the most urgent of what waits; None: nothing does. Called with the thread's lock held."""

    def begin(self) -> Turn:
        """Take the most urgent out of the queue. Called with the thread's lock held."""

    def overdue_s(self, now_s: float) -> float:
        """How long ago what runs should have stopped; below zero or 0: it need not."""

    def forget(self) -> None:
        """Let go what it made of the engine; called in the thread, where that was made, once it has left."""


class EngineThread(Generic[Engine]):
    """first: its first member. lock: of this and of every member's queue. serves: whose work runs. is_early:
    it prepares work that is still to come. loaded: done when the engine is there, with its exception when it
    could not be loaded. successor: what others load in its place, once they gave it up.
    """

    def __init__(self, load: Callable[[], Engine], first: Member) -> None:
        self.lock = threading.Lock()
        self.engine: Engine | None = None
        self.serves: Member | None = None
        self.successor: EngineThread[Engine] | None = None
        self.is_early = self._is_closed = False
        self._turns: Turns[Member] = Turns(lambda member: member.urgency())
        self._turns.join(first)
        self._begun: list[Future[Any]] = []
        self._load_began_s = time.monotonic()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="n3d-worker")
        self.loaded: Future[None] = self._thread.submit(self._load, load)
        self.loaded.add_done_callback(lambda _: self.start_next())

    @property
    def state(self) -> str:
        """'loading', 'ready' or 'failed: <why>'."""
        if not self.loaded.done():
            return "loading"
        error = self.loaded.exception()
        return "ready" if error is None else f"failed: {error}"

    @property
    def members(self) -> list[Member]:
        """Who shares it."""
        return list(self._turns.members)

    @property
    def is_running(self) -> bool:
        """Whether the thread is at work."""
        return not all(future.done() for future in (self.loaded, *self._begun))

    def hangs_s(self, now_s: float) -> float:
        """How long ago what runs should have stopped; below zero or 0: it need not."""
        served = self.serves
        return 0.0 if served is None else served.overdue_s(now_s)

    def loads_s(self, now_s: float) -> float:
        """How long it has been loading; 0: it has ended."""
        return 0.0 if self.loaded.done() else now_s - self._load_began_s

    def join(self, member: Member) -> bool:
        """Take part; False where the last member has left, or the engine did not load, loads for too long or
        hangs: there is nothing to share.
        """
        now_s = time.monotonic()
        with self.lock:
            if self._is_closed or self.state.startswith("failed"):
                return False
            if self.hangs_s(now_s) > GIVEN_UP_S or self.loads_s(now_s) > member.load_timeout_s:
                return False
            self._turns.join(member)
        return True

    def leave(self, member: Member) -> bool:
        """Take part no longer. Whether nobody does any more: then nobody can, and the engine is freed."""
        with self.lock:
            if member in self._turns.members:
                self._turns.leave(member)
                self._thread.submit(member.forget)
            if not self._turns.members and not self._is_closed:
                self._is_closed = True
                self._thread.submit(self._forget)
        return self._is_closed

    def is_idle(self) -> bool:
        """Whether it could begin something now and nobody waits. With the lock held."""
        return self.state == "ready" and self.serves is None and not self.is_anybody_waiting()

    def is_anybody_waiting(self) -> bool:
        """With the lock held."""
        return self._turns.is_anybody_waiting()

    def start_next(self) -> None:
        """Begin with the next piece of work, where there is one and nothing runs."""
        with self.lock:
            if self.serves is not None or not self.loaded.done():
                return
            member = self._turns.next()
            if member is None:
                return
            turn = member.begin()
            done = self.begin(member, turn.work)
        done.add_done_callback(turn.end)

    def begin(self, member: Member, work: Callable[[], Any], *, is_early: bool = False) -> Future[Any]:
        """Begin with a member's work. With the lock held, while nothing runs."""
        self.serves, self.is_early = member, is_early
        self._begun = [self._thread.submit(work)]
        return self._begun[0]

    def finished(self) -> None:
        """What was begun has ended. With the lock held."""
        self.serves, self.is_early, self._begun = None, False, []

    def wait_for(self, member: Member, timeout_s: float | None = None) -> None:
        """Until nothing of a member runs, at most timeout_s."""
        with self.lock:
            begun = self._begun if self.serves is member else []
        wait(begun, timeout_s)

    def end(self, timeout_s: float | None = None) -> None:
        """Nothing is begun any more. Wait for what runs, at most timeout_s: `is_running` if it goes on."""
        wait([self.loaded, *self._begun], timeout_s)
        self._thread.shutdown(wait=not self.is_running)

    def _load(self, load: Callable[[], Engine]) -> None:
        self.engine = load()

    def _forget(self) -> None:
        self.engine = None


class Engines(Generic[Wanted, Engine]):
    """The engines of a process: one for all who want the same. load: of what is wanted, in the engine's
    thread. key_of: what of it makes another engine.
    """

    def __init__(self, load: Callable[[Wanted], Engine], key_of: Callable[[Wanted], Hashable]) -> None:
        self._load, self._key_of = load, key_of
        self._lock = threading.Lock()
        self._threads: list[tuple[Hashable, EngineThread[Engine]]] = []

    def join(self, wanted: Wanted, member: Member) -> EngineThread[Engine]:
        """The thread of the engine that is wanted, which is loaded now where there is none to share."""
        key = self._key_of(wanted)
        with self._lock:
            self._threads = [(one, thread) for one, thread in self._threads if thread.members]
            alike = [thread for one, thread in self._threads if one == key]
            for thread in reversed(alike):  # the newest, so that one that was given up loses its members
                if thread.join(member):
                    return thread
            made = EngineThread(lambda: self._load(wanted), member)
            self._threads.append((key, made))
            for thread in alike:
                thread.successor = made
            return made

    def others(self, wanted: Wanted) -> list[str]:
        """The names of those in this process who want another engine."""
        key = self._key_of(wanted)
        with self._lock:
            unlike = [thread for one, thread in self._threads if one != key]
        return sorted(one.name for thread in unlike for one in thread.members)

    def given_up(self, wanted: Wanted, member: Member) -> list[str]:
        """The names of those who stay with an engine alike that this member found hanging, loading for too
        long, or not loaded.
        """
        key = self._key_of(wanted)
        with self._lock:
            alike = [thread.members for one, thread in self._threads if one == key]
        return sorted(one.name for members in alike if member not in members for one in members)
