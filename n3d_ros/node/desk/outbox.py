"""From the worker's thread into the executor's: functions run there, in order.

Everything that touches ROS runs in one thread, so no callback needs a lock. The guard condition's callback is
what makes the executor look again at the coroutines that await something completed here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rclpy.node import Node


class Outbox:
    """`post` from any thread; the function runs in the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._condition = node.create_guard_condition(self._deliver)

    def post(self, function: Callable[[], None]) -> None:
        """Run `function` soon."""
        self._waiting.append(function)
        self._condition.trigger()

    def _deliver(self) -> None:
        while self._waiting:
            self._waiting.popleft()()
