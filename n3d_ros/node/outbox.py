"""From the worker's thread into the executor's: functions run there, in order.

Everything that touches ROS runs in one thread, so no callback needs a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from rclpy.node import Node


class Outbox:
    """`post` from any thread; the function runs in the executor's thread."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._waiting: deque[Callable[[], None]] = deque()
        self._bell = node.create_guard_condition(self._deliver)

    def post(self, function: Callable[[], None]) -> None:
        """Run `function` soon."""
        self._waiting.append(function)
        self._bell.trigger()

    def _deliver(self) -> None:
        while self._waiting:
            self._waiting.popleft()()
        # Coroutines that awaited something completed above run in the executor's next round: now.
        executor = self._node.executor
        if executor is not None:
            executor.wake()
