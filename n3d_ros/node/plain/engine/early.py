"""The vision blocks begin while a colour image's depth is still on its way: it enters the model after them.

In: the stamps of colour images that wait for their depth, how to get each one's pixels, and the stamps of
complete frames. Out: at most one job for an idle worker, in whose thread the picture is converted and
started. It only warms the engine: a query runs on its complete frame as ever, and the engine itself compares
the pixels. It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.engine.worker import Worker

# Complete frames without an early picture after one that was not of the next complete frame: with depth at
# half the rate of colour every second picture would be in vain.
PAUSE_FRAMES = 10


class EarlyStart:
    """One picture at a time: the next one begins after a frame became complete, so a camera whose depth stays
    away costs one picture.
    """

    def __init__(self, worker: Worker[Any]) -> None:
        self._worker = worker
        self._begun_ns: int | None = None
        self._num_paused = 0
        self._is_served = True

    def try_start(
        self, stamp_ns: int, picture: Callable[[], npt.NDArray[np.uint8]], timeout_s: float | None = None
    ) -> Job | None:
        """Begin with the picture of this stamp, (H, W, 3) RGB, made in the worker's thread; None where it is
        not the time. The job's error is the query's as well: nobody has to handle it. timeout_s: an engine
        that takes longer hangs.
        """
        if not self._is_served or self._num_paused or self._begun_ns is not None:
            return None

        def work(engine: Any, job: Job) -> None:
            self._is_served = engine.start(picture())

        job = self._worker.try_early(work, timeout_s)
        if job is not None:
            self._begun_ns = stamp_ns
        return job

    def frame_complete(self, frame_ns: int) -> None:
        """The colour image of this stamp has its depth."""
        if self._begun_ns is None:
            self._num_paused = max(self._num_paused - 1, 0)
        elif self._begun_ns != frame_ns:
            self._num_paused = PAUSE_FRAMES
        self._begun_ns = None
