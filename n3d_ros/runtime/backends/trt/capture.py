"""Decode passes recorded as CUDA graphs and played again.

In: what a pass binds, as a key, and how it is bound and put on the stream. Out: the pass is on the stream. It
knows neither engines nor caches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from n3d_ros.errors import EngineError
from n3d_ros.runtime.backends.trt.cuda import Cuda

logger = logging.getLogger(__name__)

MAX_GRAPHS = 32


class CapturedPasses:
    """Graphs by key. The first pass of a kind runs as it is, the second is captured, later ones are played.

    `on`: false after a capture that failed; passes then need no fixed addresses any more.
    """

    def __init__(self, cuda: Cuda, on: bool) -> None:
        self._cuda, self.on = cuda, on
        self._graphs: dict[tuple[object, ...], Any] = {}

    def run(
        self,
        key: tuple[object, ...],
        bind: Callable[[], None],
        enqueue: Callable[[], None],
        capturable: Callable[[], bool],
    ) -> None:
        """Play the graph of `key`, or bind and enqueue."""
        if self._graphs.get(key) is None:
            bind()
            if key not in self._graphs or not capturable():
                self._graphs.setdefault(key, None)
                enqueue()
                return
            self._make_room()
            try:
                self._graphs[key] = self._cuda.capture(enqueue)
            except EngineError as error:
                logger.warning("CUDA graphs are off: %s", error)
                self.on = False
                enqueue()
                return
        self._cuda.launch(self._graphs[key])

    def _make_room(self) -> None:
        """Drop all graphs when there are many: caches of earlier pictures leave theirs behind."""
        captured = [graph for graph in self._graphs.values() if graph is not None]
        if len(captured) >= MAX_GRAPHS:
            self._cuda.synchronize()
            for graph in captured:
                self._cuda.release(graph)
            self._graphs.clear()
