"""What runs the node's callbacks: rclpy's executor of one thread, which looks at less, and no oftener than
there is something.

In: a ROS context. Out: an executor; callbacks run in the thread that spins it. rclpy makes its wait set anew
for each look, of everything that the node has. Of a node that only hears a camera this is half of the cost,
and less of it is enough:

- While nothing but messages and timers comes, one wait set is kept, and callbacks are called without a task
  for each. Whatever else is ready, rclpy's own look serves.
- The events of publishers and subscriptions, two of each, are warnings about their partners. They can wait.
- rclpy wakes itself before and after each callback, so that its other threads look again. Here are none.
- A picture, which is asked for as it comes, is taken without rclpy's copies (`serialised.py`).

And it ends in order: rclpy's own `shutdown` does not wait for another thread that spins, and destroys what
that one is about to wait for ("'NoneType' object has no attribute 'handle'", rclpy 7.1).

rclpy's executor of events needs no wait set, but in rclpy 7.1 it does not await services that are coroutines
and takes no guard conditions (docs/reliability.md).
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import Any

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.logging import get_logger
from rclpy.subscription import Subscription
from rclpy.task import Task
from rclpy.timer import Timer

from n3d_ros.node.executor.kept_wait import KeptWait
from n3d_ros.node.executor.serialised import Serialised

InvalidHandle = rclpy_implementation.InvalidHandle

EVENTS_S = 0.5
LOG_PERIOD_S = 5.0
# What each is called in Humble, and since.
EVENT_HANDLERS = ("QoSEventHandler", "EventHandler")


class OneThreadExecutor(SingleThreadedExecutor):
    """To be spun by one thread, with something that ends each wait, such as a timer."""

    _guard: Any

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        # Where rclpy keeps it under another name, its own goes on as ever.
        self._guard.destroy()
        self._others = _OthersGuard(callback=None, callback_group=None, context=self._context)
        self._guard = self._others
        self._spinning = threading.RLock()
        self._serialised = _serialised()
        self._kept: KeptWait | None = None
        # When events are next looked at, whether they are now, and whether they were.
        self._events_s, self._sees_events, self._saw_events = 0.0, True, False

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Serve the messages and timers that are there, or one other callback."""
        now_s = time.monotonic()
        if self._saw_events:
            self._events_s, self._saw_events = now_s + EVENTS_S, False
        self._sees_events = now_s >= self._events_s
        self._others.spins_in = threading.get_ident()
        with self._spinning:
            if self._sees_events or self._is_shutdown or any(not task.done() for task, *_ in self._tasks):
                self._look(timeout_sec)
            else:
                self._serve_what_is_plain(timeout_sec)

    def _serve_what_is_plain(self, timeout_sec: float | None) -> None:
        """Messages and timers; where something else is there, or events are due, one look of rclpy's."""
        end_s = math.inf if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        ready = self._wait_for_what_is_plain(min(end_s, self._events_s))
        if not (self._context.ok() or self._is_shutdown):
            raise ExternalShutdownException
        if ready:
            self._serve_all(ready)
            return
        now_s = time.monotonic()
        # An event ends each wait until it is taken: Fast DDS does not tell it from a message.
        is_early = ready is not None and now_s < end_s
        self._sees_events = now_s >= self._events_s or is_early
        if end_s == math.inf:
            self._look(None)
        elif ready is None:
            # It is there. rclpy serves all kinds in turn only where each look has the same limit.
            self._look(0.0)
        elif self._sees_events:
            self._look(max(end_s - now_s, 0.0))

    def _serve_all(self, ready: list[Subscription | Timer]) -> None:
        for entity in ready:
            if not self._is_shutdown:
                self._serve(entity)

    def _wait_for_what_is_plain(self, end_s: float) -> list[Subscription | Timer] | None:
        """None where something else is to be seen to."""
        if self._others.was_triggered:
            self._drop_kept()
        if self._kept is None:
            guards = [self._guard, self._sigint_gc]
            try:
                self._kept = KeptWait(self._context, self.get_nodes(), guards, self.can_execute)
            except InvalidHandle:
                # Another thread destroys something.
                return None
            self._others.was_triggered = False
        return self._kept.wait(max(end_s - time.monotonic(), 0.0))

    def _serve(self, entity: Subscription | Timer) -> None:
        """Its callback is no coroutine, and ends in one step."""
        if isinstance(entity, Timer) and not _is_due(entity):
            return
        kind = "timer" if isinstance(entity, Timer) else "subscription"
        taken = getattr(self, f"_take_{kind}")(entity)
        # Humble takes the message and has a method for what follows; later ones take what is to be called.
        if execute := getattr(self, f"_execute_{kind}", None):
            called = execute(entity, taken)
        elif taken is not None:
            called = taken()
        else:
            return
        with suppress(StopIteration):
            called.send(None)

    def _look(self, timeout_sec: float | None) -> None:
        """rclpy's, at everything, with a wait set of its own."""
        self._drop_kept()
        super().spin_once(timeout_sec)

    def _drop_kept(self) -> None:
        if self._kept is not None:
            self._kept.end()
            self._kept = None

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Serve nothing more. From another thread, once the callback that is served has ended; False where
        that took longer than timeout_sec (None: whatever it takes).
        """
        self._is_shutdown = True
        self.wake()
        if not self._spinning.acquire(timeout=-1 if timeout_sec is None or timeout_sec < 0 else timeout_sec):
            return False
        try:
            self._drop_kept()
            return bool(super().shutdown(timeout_sec))
        finally:
            self._spinning.release()

    def can_execute(self, entity: Any) -> bool:
        """Events once in a while, everything else always; asked of each for each wait set."""
        if type(entity).__name__ in EVENT_HANDLERS:
            self._saw_events |= self._sees_events
            return self._sees_events and bool(super().can_execute(entity))
        return bool(super().can_execute(entity))

    def create_task(self, *args: Any, **kwargs: Any) -> Task:
        """As rclpy's. What a task of this thread makes is seen in the next look."""
        task = super().create_task(*args, **kwargs)
        self.wake()
        return task

    def wake(self) -> None:
        """Look again, whoever says so."""
        if self._guard is not None:
            self._others.trigger_for_all()

    def _take_subscription(self, sub: Any) -> Any:
        """As rclpy's, which asks the subscription's handle."""
        if sub.raw and self._serialised is not None:
            sub = _InPlace(sub, self._serialised)
        return super()._take_subscription(sub)


def _is_due(timer: Timer) -> bool:
    """False where a callback that was served before it has canceled, reset or destroyed it: rcl refuses to
    call a canceled one.
    """
    try:
        return bool(timer.is_ready())
    except InvalidHandle:
        return False


def _serialised() -> Serialised | None:
    """None where rcl is not a library of its own: rclpy's copies do as well."""
    try:
        return Serialised()
    except OSError:
        return None


class _InPlace:
    """A subscription to serialised messages, and its handle, which takes them in place."""

    def __init__(self, subscription: Any, serialised: Serialised) -> None:
        self._subscription, self._serialised = subscription, serialised

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subscription, name)

    @property
    def handle(self) -> _InPlace:
        return self

    def __enter__(self) -> _InPlace:
        """It is not destroyed meanwhile."""
        self._subscription.handle.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._subscription.handle.__exit__(*raised)

    def take_message(self, message_type: type, raw: bool) -> tuple[memoryview, None] | None:
        """The message and no information about it, or None: pybind's name and arguments. What the middleware
        cannot hand over is said and dropped, such as a message of no bytes by CycloneDDS: who sends it must
        not end the node.
        """
        try:
            taken = self._serialised.take(self._subscription.handle)
        except RuntimeError as error:
            topic = self._subscription.topic_name
            get_logger("n3d").error(f"{topic}: {error}", throttle_duration_sec=LOG_PERIOD_S)
            return None
        return None if taken is None else (taken, None)


class _OthersGuard(GuardCondition):
    """Triggered by other threads than the one that spins."""

    spins_in = 0
    was_triggered = False

    def trigger(self) -> None:
        if threading.get_ident() != self.spins_in:
            super().trigger()
        else:
            self.was_triggered = True

    def trigger_for_all(self) -> None:
        super().trigger()
