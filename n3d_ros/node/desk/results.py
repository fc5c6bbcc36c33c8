"""What comes back from the worker -> outcomes with the image's stamp and frame, published where they belong.

In: an errand with its ended job. Out: an `Outcome`, and what the topics show of it. Runs in the executor's
thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from std_msgs.msg import Header

from n3d_ros.boxes import Box3D
from n3d_ros.cameras.used_camera import fill_used_camera
from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.geometry import transform_points
from n3d_ros.msg import Intrinsics
from n3d_ros.node.desk.errand import Errand, code_of
from n3d_ros.node.desk.names import STOPPED
from n3d_ros.node.desk.outcome import Outcome, failed, successful, unfinished
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.outputs.messages import Ages
from n3d_ros.node.outputs.publishers import Publishers
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.job import Job
from n3d_ros.node.plain.failure import failure
from n3d_ros.node.plain.ids import StableIds
from n3d_ros.node.transforms import Transforms, bare, matrix, transform_object
from n3d_ros.runtime.types import GroundedObject


class Results:
    """Makes outcomes, keeps ids stable, publishes. now_ns: the node's ROS clock."""

    def __init__(self, publishers: Publishers, transforms: Transforms, now_ns: Callable[[], int]) -> None:
        self._publishers = publishers
        self.transforms = transforms
        self._now_ns = now_ns
        self._ids = StableIds()
        self._end_to_end_ms: deque[float] = deque(maxlen=200)
        # Of the newest result about a frame of the camera itself.
        self.camera: Intrinsics | None = None

    def outcome(self, errand: Errand, job: Job) -> Outcome:
        """Of a job that has ended. Only frames of the camera itself, those with a slot, carry ids on."""
        made = self._made(errand, job)
        if errand.seen is None:
            return made
        camera = fill_used_camera(Intrinsics(), errand.seen.intrinsics, is_overridden=errand.is_overridden)
        if errand.slot:
            self.camera = camera
        return made.with_camera(camera)

    def _made(self, errand: Errand, job: Job) -> Outcome:
        frame, about = errand.frame, errand.frame.header
        error = job.future.exception()
        if error is not None:
            code, message = failure(error)
            return self._unfinished(errand, job, code_of(code, job), message)
        result = job.future.result()
        result = replace(result, code=code_of(result.code, job))
        age_ms = frame.age_s(self._now_ns()) * 1e3
        ages = Ages(abs(frame.messages.skew_ns) / 1e6, errand.queue_age_ms, age_ms)
        ids = self._ids_of(errand, result.objects)
        made = successful(errand.query, result, about, ids, ages)
        return self._in_frame(made, errand, job)

    def _unfinished(self, errand: Errand, job: Job, code: ResultCode, message: str) -> Outcome:
        """What was found until then, where the engine did not stop."""
        found = tuple(errand.found)[: getattr(errand.query, "max_boxes", 0) or None]
        if not found:
            return failed(errand.query, code, message, errand.frame.header)
        made = unfinished(
            errand.query,
            code,
            message,
            errand.frame.header,
            found,
            ids=self._ids_of(errand, found),
        )
        return self._in_frame(made, errand, job)

    def _ids_of(self, errand: Errand, found: Sequence[GroundedObject]) -> list[str]:
        boxes = [one.box for one in found]
        if not errand.slot or errand.is_outlived:
            return StableIds().assign(boxes)
        target = errand.settings.tracking_frame
        still = self._centres(boxes, errand.frame, target)
        return self._ids.assign(boxes, still, errand.frame.stamp_ns, target)

    def _centres(
        self, boxes: Sequence[Box3D], frame: CameraFrame, target: str
    ) -> list[tuple[float, float, float]] | None:
        """In `target`; None where tf does not know it, or nobody asked."""
        if not (target and boxes):
            return None
        try:
            T_target_camera = matrix(*frame.place(target, self.transforms))
        except N3DError:
            return None
        centres = transform_points(T_target_camera, [box.center for box in boxes])
        return [(x, y, z) for x, y, z in centres.tolist()]

    def publish(self, made: Outcome, errand: Errand, parameters: Parameters) -> None:
        """On every topic that the outcome concerns. parameters: what viewers want to see now."""
        if made.answer.question:
            self._publishers.answer(made.answer)
        else:
            self._publishers.boxes(made.boxes)
        if not made.is_shown or errand.is_outlived:
            return
        if not made.answer.question:
            self._publishers.detections(made.boxes)
        self._end_to_end_ms.append(made.timing.end_to_end_ms)
        self._publishers.timing(made.timing)
        self._publishers.markers(errand.slot, made.boxes, parameters)
        if errand.wish.publish_tf:
            self._publishers.tf(made.boxes)
        if errand.seen is not None:
            self._publishers.debug_image(errand.frame.header, errand.seen, made.found, parameters)
            about = made.boxes.header
            self._publishers.object_cloud(about, errand.seen, made.found, self._place(errand.frame, about))

    def _place(self, frame: CameraFrame, about: Header) -> npt.NDArray[np.float64] | None:
        """From the camera's frame to that of a result about it, known by then; None: they are one."""
        if about.frame_id == frame.header.frame_id:
            return None
        return matrix(*frame.place(about.frame_id, self.transforms))

    def publish_absence(self, made: Outcome, slot: str) -> None:
        """Why there is nothing to see any more; what the slot showed is deleted."""
        self._publishers.boxes(made.boxes)
        self.hide(slot)

    def hide(self, slot: str) -> None:
        """Delete the markers that the slot showed: where its things are now is not known."""
        self._publishers.clear_markers(slot)

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

    def _in_frame(self, made: Outcome, errand: Errand, job: Job) -> Outcome:
        """Expressed in the errand's frame at the image's stamp. As they are when that fails, with the reason
        and code TF, but for who was stopped, or found nothing for another reason: the code says so.
        """
        output_frame = errand.output_frame
        source, stamp = made.boxes.header.frame_id, made.boxes.header.stamp
        if not output_frame or output_frame == bare(source):
            return made
        try:
            rotation, translation = errand.frame.place(output_frame, self.transforms)
        except N3DError as error:
            return self._unplaced(made, job, error)
        about = Header(stamp=stamp, frame_id=output_frame)
        for box in made.boxes.boxes:
            transform_object(box, rotation, translation)
        made.boxes.header = made.answer.header = about
        made.answer.evidence = made.boxes.boxes if made.answer.question else []
        return made

    def _unplaced(self, made: Outcome, job: Job, error: N3DError) -> Outcome:
        """error: why tf has no place. Who cancels while tf is waited for is told both."""
        code, why = failure(error)
        said = "; ".join(filter(None, (made.message, why)))
        is_failed = made.code != ResultCode.OK and not made.boxes.boxes
        if made.code in STOPPED or is_failed:
            return made.with_code(made.code, said)
        if job.stop_code == ResultCode.CANCELED:
            return made.with_code(job.stop_code, f"canceled while it waited for tf; {why}")
        return made.with_code(code, said)
