"""What comes back from the worker -> messages with the image's stamp and frame, published where they belong.

In: a finished job with its query and frame. Out: an `Outcome`: always typed, also when the job failed. Runs
in the executor's thread.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Header

from n3d_ros.boxes import Box3D
from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.msg import Box3DArray, SpatialAnswer, Timing
from n3d_ros.node import messages
from n3d_ros.node.messages import Ages
from n3d_ros.node.parameters import Parameters
from n3d_ros.node.plain.ids import StableIds
from n3d_ros.node.plain.worker import Job
from n3d_ros.node.publishing import Publishers
from n3d_ros.node.queries import AskQuery, CameraFrame, GroundQuery, Query, failure, stopped
from n3d_ros.node.transforms import Transforms, transform_object


@dataclass
class Outcome:
    """The end of one request. boxes: found, or the answer's evidence; found: in the optical frame."""

    code: ResultCode
    message: str
    boxes: Box3DArray
    answer: SpatialAnswer
    timing: Timing
    raw_text: str = ""
    found: tuple[Box3D, ...] = ()


class Results:
    """Makes outcomes, keeps ids stable, publishes."""

    def __init__(self, node: Node, publishers: Publishers, transforms: Transforms) -> None:
        self._node = node
        self._publishers = publishers
        self._transforms = transforms
        self._ids = StableIds()
        self._end_to_end_ms: deque[float] = deque(maxlen=200)

    def outcome(
        self,
        query: Query,
        frame: CameraFrame,
        job: Job,
        *,
        queue_age_ms: float,
        output_frame: str,
        remember: bool = True,
    ) -> Outcome:
        """Of a job that has ended. remember: the frame is the camera's, so ids go on from the last one."""
        about = frame.frame.rgb.header
        error = job.future.exception()
        if error is not None:
            code, message = failure(error)
            return failed(query, stopped(code, job), message, about)
        now_ns = self._node.get_clock().now().nanoseconds
        ages = Ages(abs(frame.frame.skew_ns) / 1e6, queue_age_ms, (now_ns - frame.frame.stamp_ns) / 1e6)
        ids = (self._ids if remember else StableIds()).assign(
            [found.box for found in job.future.result().objects]
        )
        return self._in_frame(_successful(query, job, about, ids, ages), output_frame)

    def publish(self, made: Outcome, frame: CameraFrame, slot: str, parameters: Parameters) -> None:
        """On every topic that the outcome concerns."""
        if made.answer.question:
            self._publishers.answer(made.answer)
        else:
            self._publishers.boxes(made.boxes)
        if made.code != ResultCode.OK:
            return
        self._end_to_end_ms.append(made.timing.end_to_end_ms)
        self._publishers.timing(made.timing)
        self._publishers.markers(slot, made.boxes, parameters)
        if frame.observation is not None:
            self._publishers.debug_image(frame.frame.rgb.header, frame.observation, made.found, parameters)

    def forget(self) -> None:
        """Delete all markers; ids begin anew."""
        self._publishers.clear_markers()
        self._ids.forget()

    def latency(self) -> dict[str, float]:
        """Image stamp to published result, milliseconds."""
        if not self._end_to_end_ms:
            return {}
        p50, p99 = np.percentile(np.asarray(self._end_to_end_ms), [50, 99]).tolist()
        return {"end_to_end_p50_ms": p50, "end_to_end_p99_ms": p99}

    def _in_frame(self, made: Outcome, output_frame: str) -> Outcome:
        """Expressed in output_frame at the image's stamp; with code TF and as they are when that fails."""
        source = made.boxes.header.frame_id
        if not output_frame or output_frame == source:
            return made
        stamp = made.boxes.header.stamp
        try:
            rotation, translation = self._transforms.lookup(
                output_frame, source, stamp.sec * 10**9 + stamp.nanosec
            )
        except N3DError as error:
            return _with_code(made, error.code, error.message)
        about = Header(stamp=stamp, frame_id=output_frame)
        for box in made.boxes.boxes:
            transform_object(box, rotation, translation)
        made.boxes.header = made.answer.header = about
        made.answer.evidence = made.boxes.boxes if made.answer.question else []
        return made


def failed(query: Query, code: ResultCode, message: str, about: Header | None = None) -> Outcome:
    """An outcome without a result: typed, empty, with the reason."""
    about = about or Header()
    boxes = Box3DArray(header=about, words=", ".join(query.words) if isinstance(query, GroundQuery) else "")
    answer = SpatialAnswer(
        header=about,
        question=query.question if isinstance(query, AskQuery) else "",
        consistent=SpatialAnswer.CONSISTENT_UNKNOWN,
    )
    return _with_code(Outcome(code, message, boxes, answer, Timing(header=about)), code, message)


def _successful(query: Query, job: Job, about: Header, ids: list[str], ages: Ages) -> Outcome:
    result: Any = job.future.result()
    result = replace(result, code=stopped(result.code, job))
    answer = SpatialAnswer()
    ground = result
    if isinstance(query, AskQuery):
        answer = messages.spatial_answer(query.question, result, about, ids, ages)
        ground = replace(result.ground, objects=result.objects, code=result.code, message=result.message)
    return Outcome(
        result.code,
        result.message,
        messages.box_array(ground, about, ids),
        answer,
        messages.timing(result.timing, about, ages),
        raw_text=result.raw_text,
        found=tuple(found.box for found in result.objects),
    )


def _with_code(made: Outcome, code: ResultCode, message: str) -> Outcome:
    made.code, made.message = code, message
    for part in (made.boxes, made.answer):
        part.code, part.message = int(code), message
    return made
