"""One query about one frame, from the queue to its end.

In: what is asked, about which frame, and where the result goes. Out: the job's work, run in the worker's
thread. What becomes of the result is the desk's affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.node import optional_packages
from n3d_ros.node.desk.queries import Query
from n3d_ros.node.engine import Engine
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.transforms import Transforms, bare
from n3d_ros.plain_text import one_line, shown
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import AskResult, GroundedObject, GroundResult

# As the actions name them.
LATEST, NEXT = 0, 1
FRAME_POLICIES, PRIORITIES = (LATEST, NEXT), (-1, 0, 1)
# It is repeated in messages.
MAX_FRAME_CHARS = 200


@dataclass(frozen=True)
class Wish:
    """How a request wants to be served. output_frame: tf frame of the result; empty: the node's. priority:
    higher is more urgent. publish_tf: send the boxes' poses to tf. stamp_ns: about the first frame at or
    after it; 0: by frame_policy.
    """

    output_frame: str = ""
    priority: int = 0
    publish_tf: bool = False
    stamp_ns: int = 0
    frame_policy: int = LATEST

    def check(self) -> None:
        """BAD_INPUT for what cannot be wished for."""
        if self.priority not in PRIORITIES:
            raise BadInputError(f"priority: expected one of {PRIORITIES}, got {self.priority}")
        if self.frame_policy not in FRAME_POLICIES:
            raise BadInputError(f"frame_policy: expected one of {FRAME_POLICIES}, got {self.frame_policy}")
        if self.stamp_ns < 0:
            raise BadInputError(f"stamp: expected 0 or a stamp, got {self.stamp_ns} ns")
        if self.output_frame != one_line(self.output_frame, MAX_FRAME_CHARS):
            raise BadInputError(f"frame: expected the name of a tf frame, got {shown(self.output_frame)}")
        optional_packages.refuse_tf_without_messages("publish_tf", self.publish_tf)


PLAIN = Wish()


class Errand:
    """settings: the parameters as they were when it was made, and as they are for it to its end. slot: of the
    markers; empty: the frame is not this camera's and nothing is published. found: so far, in the worker's
    thread. renew: gives the frame that it is about when it begins, None: it stays with the one that it has.
    is_outlived: the clock went back, or the node was deactivated, before it ended: its caller alone hears of
    what it found. seen: what the engine got, None until then; is_overridden: whether its K is not the
    camera info's. A later change of parameters makes another one of the frame, and this one stays.
    """

    def __init__(
        self, query: Query, frame: CameraFrame, settings: Parameters, slot: str = "", wish: Wish = PLAIN
    ) -> None:
        self.query, self.frame, self.settings = query, frame, settings
        self.slot, self.wish = slot, wish
        self.renew: Callable[[CameraFrame], CameraFrame] | None = None
        self.is_outlived = False
        self.found: list[GroundedObject] = []
        self.seen: Observation | None = None
        self.is_overridden = False
        self.queue_age_ms = 0.0
        """Age of the colour image when the work began; 0 when it never did."""

    @property
    def output_frame(self) -> str:
        """tf frame of its result; empty: the camera's."""
        return bare(self.wish.output_frame or self.settings.output_frame)

    def run(
        self, engine: Engine, job: Job, now_ns: Callable[[], int], transforms: Transforms
    ) -> GroundResult | AskResult:
        """In the engine's thread. What tf knows of the image's instant is kept with the frame: it may come a
        little later than the image, and be forgotten before a slow engine ends. What it does not know by then
        is waited for without the engine.
        """
        settings = self.settings
        if self.renew is not None:
            self.frame = self.renew(self.frame)
        self.queue_age_ms = self.frame.age_s(now_ns()) * 1e3
        self.frame.await_alignment(settings, time.monotonic() + settings.tf_timeout_s, job.should_stop)
        job.check()
        seen = self.seen = self.frame.observe(settings)
        self.is_overridden = self.frame.override(settings) is not None
        job.check()
        targets = {self.output_frame, settings.tracking_frame} - {""}
        self.frame.locate(targets | remembered_in(settings), transforms)
        result = self._heard().run(engine, seen, settings, job)
        if not self.frame.locate(targets, transforms):
            # From now on, and not from when those before it have waited: a tf that stays away would let them
            # become more and more.
            end_s = time.monotonic() + settings.tf_timeout_s
            job.settle = partial(self.frame.await_location, targets, transforms, end_s, job.should_stop)
        return result

    def _heard(self) -> Query:
        """The query with this errand as a listener. Made for the run alone: an errand that kept it would hold
        itself, and its images, until Python's collector comes.
        """
        return replace(self.query, listener=replace(self.query.listener, on_box=self._on_box))

    def _on_box(self, found: GroundedObject) -> None:
        self.found.append(found)
        if self.query.listener.on_box is not None:
            self.query.listener.on_box(found)


def remembered_in(settings: Parameters) -> set[str]:
    """The frame in which places are remembered, if any: no result waits for it."""
    return {settings.memory_frame} - {""} if settings.memory_enabled else set()


def code_of(code: ResultCode, job: Job) -> ResultCode:
    """The engine says CANCELED for every stop; the job knows whether time was up."""
    return job.stop_code if code == ResultCode.CANCELED and job.stop_code != ResultCode.OK else code
