"""What runs the node's callbacks: rclpy's executor of one thread, which looks at less, and no oftener than
there is something.

In: a ROS context. Out: an executor; callbacks run in the thread that spins it. rclpy makes its wait set anew
for each look, of everything that the node has. A node that only hears a camera can do with less
(docs/reliability.md):

- While nothing comes but messages, timers and guard conditions, one wait set is kept, and their callbacks are
  called without a task for each. Whatever else is ready, rclpy's own look serves.
- The events of publishers and subscriptions, two of each, are warnings about their partners. They can wait.
- rclpy wakes itself before and after each callback, so that its other threads look again. Here are none.
- A picture, which is asked for as it comes, is taken without rclpy's copies (`serialised.py`).

And it ends in order: rclpy's own `shutdown` does not wait for another thread that spins, and destroys what
that one is about to wait for ("'NoneType' object has no attribute 'handle'", rclpy 7.1).

rclpy's executor of events needs no wait set, but in rclpy 7.1 it does not await services that are coroutines
and takes no guard conditions (docs/reliability.md).
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from rclpy.context import Context
from rclpy.executors import (
    ExternalShutdownException,
    ShutdownException,
    SingleThreadedExecutor,
    TimeoutException,
)
from rclpy.guard_condition import GuardCondition
from rclpy.logging import get_logger
from rclpy.subscription import Subscription
from rclpy.task import Task
from rclpy.timer import Timer

from n3d_ros.node.executor.kept_wait import InvalidHandle, KeptWait
from n3d_ros.node.executor.serialised import Serialised

EVENTS_S = 0.5
LOG_PERIOD_S = 5.0
# What of rclpy's executor this one uses, from Humble on. An rclpy that names it otherwise goes its own way.
OF_RCLPY = ("_guard", "_sigint_gc", "_tasks", "_tasks_lock", "_wait_for_ready_callbacks")
# What each is called in Humble, and since.
EVENT_HANDLERS = ("QoSEventHandler", "EventHandler")


class OneThreadExecutor(SingleThreadedExecutor):
    """To be spun by one thread, with something that ends each wait, such as a timer."""

    _guard: Any

    def __init__(self, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        self._is_known = all(hasattr(self, name) for name in OF_RCLPY)
        if self._is_known:
            self._guard.destroy()
            self._guard = _OthersGuard(callback=None, callback_group=None, context=self._context)
        self._spinning = threading.RLock()
        self._serialised = _serialised()
        self._kept: KeptWait | None = None
        # When events are next looked at, and whether they are now.
        self._events_s, self._sees_events = 0.0, True

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Serve what is ready; where nothing is, wait for it. It returns sooner than timeout_sec says each
        time that events are due.
        """
        with self._spinning:
            if self._is_shutdown or not self._is_known:
                super().spin_once(timeout_sec)
                return
            now_s = time.monotonic()
            self._guard.spins_in = threading.get_ident()
            self._sees_events = now_s >= self._events_s
            if self._sees_events:
                self._events_s = now_s + EVENTS_S
            if self._has_tasks():
                self._look(timeout_sec)
            elif self._sees_events:
                self._look(0.0)
            else:
                self._wait_and_serve(timeout_sec)

    def _has_tasks(self) -> bool:
        """Whether any go on; some only in rclpy's looks."""
        with self._tasks_lock:
            return any(not task.done() for task, *_ in self._tasks)

    def _wait_and_serve(self, timeout_sec: float | None) -> None:
        """What is plain; whatever is ready where anything else is."""
        now_s = time.monotonic()
        end_s = self._events_s
        if timeout_sec is not None and timeout_sec >= 0:
            end_s = min(end_s, now_s + timeout_sec)
        ready = self._plain_ready(max(end_s - now_s, 0.0))
        if ready is None or not self._context.ok():
            self._look(0.0)
            return
        if not ready and time.monotonic() < end_s:
            # An event ends each wait until it is taken, also where it is not waited for.
            self._events_s = 0.0
        for kind, entity in ready:
            # The one before may have ended all.
            if not self._is_shutdown:
                self._serve(kind, entity)

    def _plain_ready(self, limit_s: float) -> list[tuple[str, Any]] | None:
        """What came that is plain, with its kind: nothing where the time is over. None where something else
        did.
        """
        if self._guard.was_triggered:
            self._drop_kept()
        if self._kept is None:
            guards = [self._guard, self._sigint_gc]
            try:
                self._kept = KeptWait(self._context, self.get_nodes(), guards, self.can_execute)
            except InvalidHandle:
                # Another thread destroys something.
                return None
            self._guard.was_triggered = False
        return self._kept.wait(limit_s)

    def _serve(self, kind: str, entity: Any) -> None:
        """Its callback is no coroutine, and ends in one step."""
        if kind == "timer" and not _is_due(entity):
            return
        if kind == "subscription" and self._serialised is not None and _is_in_place(entity):
            self._hand_over(entity, self._serialised)
            return
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

    def _hand_over(self, sub: Any, serialised: Serialised) -> None:
        """As rclpy does, without its coroutine for each message."""
        taken = None
        with suppress(InvalidHandle), sub.handle:
            taken = _taken(sub, serialised)
        if taken is not None:
            sub.callback(taken)

    def _look(self, timeout_sec: float | None) -> None:
        """rclpy's look at everything, with a wait set of its own. All that it finds is served: the next one
        would begin with the messages again, and newer rclpy forgets tasks that it has found.
        """
        self._drop_kept()
        if not self._context.ok():
            raise ExternalShutdownException
        with suppress(TimeoutException, ShutdownException):
            for handler, *_ in self._wait_for_ready_callbacks(timeout_sec):
                handler()
                handler.result()
                if self._is_shutdown:
                    return

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
            return self._sees_events and bool(super().can_execute(entity))
        return bool(super().can_execute(entity))

    def create_task(self, *args: Any, **kwargs: Any) -> Task:
        """As rclpy's. What a task of this thread makes is seen in the next look."""
        task = super().create_task(*args, **kwargs)
        self.wake()
        return task

    def wake(self) -> None:
        """Look again, whoever says so."""
        if isinstance(self._guard, _OthersGuard):
            self._guard.trigger_for_all()
        else:
            super().wake()

    def _take_subscription(self, sub: Any) -> Any:
        """As rclpy's, which asks the subscription's handle."""
        if self._serialised is not None and _is_in_place(sub):
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


def _is_in_place(sub: Any) -> bool:
    """Whether its callback takes a message's bytes, and nothing about the message."""
    kinds = getattr(Subscription, "CallbackType", None)
    return sub.raw and (kinds is None or sub._callback_type is kinds.MessageOnly)


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
        """The message and no information about it, or None: pybind's name and arguments."""
        taken = _taken(self._subscription, self._serialised)
        return None if taken is None else (taken, None)


def _taken(subscription: Any, serialised: Serialised) -> memoryview | None:
    """The next message, or None. What the middleware cannot hand over is said and dropped, such as a message
    of no bytes by CycloneDDS: who sends it must not end the node.
    """
    try:
        return serialised.take(subscription.handle)
    except RuntimeError as error:
        topic = subscription.topic_name
        get_logger("n3d").error(f"{topic}: {error}", throttle_duration_sec=LOG_PERIOD_S)
        return None


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
