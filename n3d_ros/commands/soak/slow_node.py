"""The node on a slower machine: `python -m n3d_ros.commands.soak.slow_node MS --ros-args ...`.

In: milliseconds that a request takes at least, and the node's own arguments. Out: the node's exit code. Its
engine is the real one and waits until the time is over, so that ten times too many frames can come without a
second busy core. It must not be imported: rclpy takes the process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from n3d_ros.node import n3d_node
from n3d_ros.node.engine import Backend, Engine, load_pipeline
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.runtime.limits import Limits
from n3d_ros.runtime.types import AskResult, GroundResult, Listener

Result = TypeVar("Result", GroundResult, AskResult)
# Between looks at whether the request was cancelled.
LOOK_S = 0.02


class SlowEngine:
    """An engine whose every request takes `least_ms`, also in what it says of its time."""

    def __init__(self, inner: Engine, least_ms: float) -> None:
        self._inner, self._least_ms = inner, least_ms

    @property
    def backend(self) -> Backend:
        """The inner one's."""
        return self._inner.backend

    def beside(self, limits: Limits) -> SlowEngine:
        """As slow, for one camera more."""
        return SlowEngine(self._inner.beside(limits), self._least_ms)

    def start(self, rgb: Any) -> bool:
        """As fast as ever."""
        return self._inner.start(rgb)

    def ground(self, *given: Any, listener: Listener, **options: Any) -> GroundResult:
        """The inner one's result, later."""
        return self._late(lambda: self._inner.ground(*given, listener=listener, **options), listener)

    def ask(self, *given: Any, listener: Listener, **options: Any) -> AskResult:
        """The inner one's result, later."""
        return self._late(lambda: self._inner.ask(*given, listener=listener, **options), listener)

    def _late(self, work: Callable[[], Result], listener: Listener) -> Result:
        began = time.perf_counter()
        result = work()
        while (spent_ms := (time.perf_counter() - began) * 1e3) < self._least_ms:
            if listener.should_cancel is not None and listener.should_cancel():
                break
            time.sleep(min(LOOK_S, (self._least_ms - spent_ms) / 1e3))
        total_ms = (time.perf_counter() - began) * 1e3
        return replace(result, timing=replace(result.timing, total_ms=total_ms))


def main(arguments: list[str]) -> int:
    """Run the node; arguments: the milliseconds, then the node's."""
    least_ms = float(arguments[0])

    def load(wanted: Parameters) -> Engine:
        return SlowEngine(load_pipeline(wanted), least_ms)

    return n3d_node.main([sys.argv[0], *arguments[1:]], load)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
