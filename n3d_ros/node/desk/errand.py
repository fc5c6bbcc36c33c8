"""One query about one frame, from the queue to its end.

In: what is asked, about which frame, and where the result goes. Out: the job's work, run in the worker's
thread. What becomes of the result is the desk's affair.
"""

from __future__ import annotations

from collections.abc import Callable

from n3d_ros.errors import ResultCode
from n3d_ros.node.desk.queries import Query
from n3d_ros.node.engine import Engine
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.worker import Job
from n3d_ros.runtime.types import AskResult, GroundResult


class Errand:
    """slot: of the markers; empty: the frame is not this camera's and nothing is published. output_frame: tf
    frame of the result; empty: the node's.
    """

    def __init__(self, query: Query, frame: CameraFrame, slot: str = "", output_frame: str = "") -> None:
        self.query, self.frame = query, frame
        self.slot, self.output_frame = slot, output_frame
        self.queue_age_ms = 0.0
        """Age of the colour image when the work began; 0 when it never did."""

    def run(
        self, engine: Engine, job: Job, settings: Parameters, now_ns: Callable[[], int]
    ) -> GroundResult | AskResult:
        """In the worker's thread."""
        self.queue_age_ms = self.frame.age_s(now_ns()) * 1e3
        seen = self.frame.observe(settings)
        job.check()
        return self.query.run(engine, seen, settings, job)


def code_of(code: ResultCode, job: Job) -> ResultCode:
    """The engine says CANCELED for every stop; the job knows whether time was up."""
    return job.stop_code if code == ResultCode.CANCELED and job.stop_code != ResultCode.OK else code
