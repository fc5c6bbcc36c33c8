"""A wait set that is made once and waited on many times, for as long as only messages and timers come.

In: ROS nodes. Out: the subscriptions that have a message, and the timers that are due. rclpy makes a wait set
for each look, which for a node that hears a camera costs as much as taking the pictures
(docs/reliability.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from rclpy.waitable import NumberOfEntities

InvalidHandle = rclpy_implementation.InvalidHandle

GUARDS, PLAIN = "guards", ("subscriptions", "timers")
# What a node calls what is waited for, and what a wait set calls it; in the order of the set's sizes.
KINDS = {
    "subscriptions": "subscription",
    GUARDS: "guard_condition",
    "timers": "timer",
    "clients": "client",
    "services": "service",
}


class KeptWait:
    """Nothing that is waited for is destroyed before `end`. What is made or destroyed meanwhile is not seen.

    guards: to wait for besides the nodes' own. is_wanted: of each entity, whether it is waited for; no events
    may be. rclpy's InvalidHandle where one was destroyed meanwhile.
    """

    def __init__(
        self,
        context: Context,
        nodes: Iterable[Node],
        guards: Iterable[GuardCondition],
        is_wanted: Callable[[Any], bool],
    ) -> None:
        self._held = ExitStack()
        wanted: dict[str, list[Any]] = {kind: [] for kind in KINDS}
        waitables: list[Any] = []
        for node in nodes:
            _trigger_again(node.guards)
            for kind in KINDS:
                wanted[kind] += filter(is_wanted, getattr(node, kind))
            waitables += filter(is_wanted, node.waitables)
        num_of_nodes = len(wanted[GUARDS])
        wanted[GUARDS] += guards
        self._hold([context.handle, *(one.handle for ones in wanted.values() for one in ones), *waitables])
        self._plain = _by_pointer(one for kind in PLAIN for one in wanted[kind] if _is_plain(one))
        self._guards = _by_pointer(wanted[GUARDS][:num_of_nodes])
        self._wait_set = _wait_set(context, wanted, waitables)
        # What puts each into the set: a wait takes out what is not ready.
        self._adds = [
            partial(getattr(self._wait_set, f"add_{name}"), one.handle)
            for kind, name in KINDS.items()
            for one in wanted[kind]
        ]
        self._adds += [partial(one.add_to_wait_set, self._wait_set) for one in waitables]

    def wait(self, limit_s: float) -> list[Subscription | Timer] | None:
        """What came: nothing where the time is over. None where it was something else as well, which the
        next wait finds.
        """
        self._wait_set.clear_entities()
        for add in self._adds:
            add()
        self._wait_set.wait(int(limit_s * 1e9))
        ready = {kind: self._wait_set.get_ready_entities(name) for kind, name in KINDS.items()}
        # A wait takes a guard condition's trigger.
        for pointer in ready[GUARDS]:
            if pointer in self._guards:
                _trigger(self._guards[pointer])
        pointers = [pointer for kind in PLAIN for pointer in ready.pop(kind)]
        plain = [self._plain[pointer] for pointer in pointers if pointer in self._plain]
        return None if any(ready.values()) or len(plain) < len(pointers) else plain

    def end(self) -> None:
        """Hold nothing any more."""
        self._held.close()

    def _hold(self, handles: list[Any]) -> None:
        """All, or none."""
        with ExitStack() as holding:
            for one in handles:
                holding.enter_context(one)
            self._held = holding.pop_all()


def _wait_set(context: Context, wanted: dict[str, list[Any]], waitables: list[Any]) -> Any:
    """Large enough for all."""
    numbers = NumberOfEntities(*(len(wanted[kind]) for kind in KINDS))
    for one in waitables:
        numbers += one.get_num_entities()
    sizes = [getattr(numbers, name) for name in NumberOfEntities.__slots__]
    return rclpy_implementation.WaitSet(*sizes, context.handle)


def _by_pointer(entities: Iterable[Any]) -> dict[int, Any]:
    """As a wait set names what is ready."""
    return {one.handle.pointer: one for one in entities}


def _is_plain(entity: Subscription | Timer) -> bool:
    """Whether its callback ends before it returns."""
    return not iscoroutinefunction(entity.callback)


def _trigger(guard: Any) -> None:
    """Nothing where it was destroyed meanwhile."""
    with suppress(InvalidHandle):
        guard.trigger()


def _trigger_again(guards: Iterable[Any]) -> None:
    """Those that rclpy has seen and not served yet: its next look must find them."""
    for guard in guards:
        if guard._executor_triggered:
            guard.trigger()
