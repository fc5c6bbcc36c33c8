"""A wait set that is made once and waited on many times, for as long as only plain things come.

In: ROS nodes. Out: the subscriptions that have a message, the timers that are due and the guard conditions
that were triggered, if their callbacks are no coroutines. rclpy makes a wait set for each look
(docs/reliability.md has what that costs).
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

GUARDS, PLAIN = "guards", ("subscriptions", "guards", "timers")
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
            for kind in KINDS:
                wanted[kind] += filter(is_wanted, getattr(node, kind))
            waitables += filter(is_wanted, node.waitables)
        plain = [(KINDS[kind], one) for kind in PLAIN for one in wanted[kind] if _is_plain(one)]
        guards_of_nodes = [*wanted[GUARDS]]
        wanted[GUARDS] += guards
        self._hold([context.handle, *(one.handle for ones in wanted.values() for one in ones), *waitables])
        self._guards = {guard.handle.pointer: guard for guard in guards_of_nodes}
        self._plain = {entity.handle.pointer: (name, entity) for name, entity in plain}
        self._wait_set = _wait_set(context, wanted, waitables)
        # What puts each into the set: a wait takes out what is not ready.
        self._adds = [
            partial(getattr(self._wait_set, f"add_{name}"), one.handle)
            for kind, name in KINDS.items()
            for one in wanted[kind]
        ]
        self._adds += [partial(one.add_to_wait_set, self._wait_set) for one in waitables]

    def wait(self, limit_s: float) -> list[tuple[str, Any]] | None:
        """What came, with its kind: nothing where the time is over. None where it was something else as well;
        then the next wait finds all of it.
        """
        self._wait_set.clear_entities()
        for add in self._adds:
            add()
        self._wait_set.wait(int(limit_s * 1e9))
        ready = [pointer for name in KINDS.values() for pointer in self._wait_set.get_ready_entities(name)]
        plain = [self._plain[pointer] for pointer in ready if pointer in self._plain]
        if len(plain) == len(ready):
            return plain
        # A wait takes a guard condition's trigger.
        for pointer in ready:
            # One that was destroyed meanwhile is of no use to anybody.
            with suppress(InvalidHandle):
                if pointer in self._guards:
                    self._guards[pointer].trigger()
        return None

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


def _is_plain(entity: Subscription | Timer | GuardCondition) -> bool:
    """Whether its callback ends before it returns."""
    return not iscoroutinefunction(entity.callback)
