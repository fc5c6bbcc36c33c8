"""Results of the pipeline -> this package's messages (and vision_msgs' when it imports).

In: `GroundResult`, `AskResult` of n3d_ros.runtime.types with the stamp and frame they belong to. Out:
messages. Nothing is computed here that a caller of the library would not have too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import Pose, TransformStamped, Vector3
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from n3d_ros.boxes import Box3D
from n3d_ros.msg import Box3DArray, GroundedObject, NameOutcome, SpatialAnswer, Timing
from n3d_ros.node.conversions import NANOSECONDS
from n3d_ros.node.plain.ids import frame_name
from n3d_ros.plain_text import MAX_LINE_CHARS, cut
from n3d_ros.runtime.types import AskResult, GroundResult
from n3d_ros.runtime.types import Timing as PipelineTiming

STAGES = ("preprocess", "vision", "prefill", "decode", "post", "total")


@dataclass(frozen=True)
class Ages:
    """What the pipeline cannot know about a frame, milliseconds."""

    sync_skew_ms: float = 0.0
    queue_age_ms: float = 0.0
    end_to_end_ms: float = 0.0


def header(stamp_ns: int, frame_id: str) -> Header:
    """std_msgs/Header."""
    message = Header(frame_id=frame_id)
    message.stamp.sec, message.stamp.nanosec = divmod(stamp_ns, NANOSECONDS)
    return message


def pose(box: Box3D) -> Pose:
    """Centre in metres; the quaternion turns by box.yaw about +y, the axis of `Box3D`'s yaw."""
    message = Pose()
    message.position.x, message.position.y, message.position.z = box.center
    message.orientation.y = math.sin(box.yaw / 2)
    message.orientation.w = math.cos(box.yaw / 2)
    return message


def region(rectangle: tuple[float, float, float, float] | None) -> RegionOfInterest:
    """(x_min, y_min, x_max, y_max) px -> whole pixels that cover it; 0x0 for None."""
    message = RegionOfInterest()
    if rectangle is not None:
        x_min, y_min, x_max, y_max = rectangle
        message.x_offset, message.y_offset = max(0, math.floor(x_min)), max(0, math.floor(y_min))
        message.width = max(0, math.ceil(x_max) - message.x_offset)
        message.height = max(0, math.ceil(y_max) - message.y_offset)
    return message


def grounded_object(found: Any, identity: str | None = None) -> GroundedObject:
    """`GroundedObject` of the runtime -> message; identity replaces its id."""
    message = GroundedObject(
        id=found.id if identity is None else identity,
        label=found.box.label,
        words=found.words,
        score=float(found.box.score),
        pose=pose(found.box),
        region=region(found.box_2d_px),
    )
    message.size.x, message.size.y, message.size.z = found.box.size
    return message


def timing(measured: PipelineTiming, about: Header, ages: Ages) -> Timing:
    """Stage times in milliseconds."""
    message = Timing(
        header=about,
        sync_skew_ms=ages.sync_skew_ms,
        queue_age_ms=ages.queue_age_ms,
        end_to_end_ms=ages.end_to_end_ms,
        num_tokens=measured.num_tokens,
        num_forward_passes=measured.num_forward_passes,
    )
    for stage in STAGES:
        setattr(message, f"{stage}_ms", float(getattr(measured, f"{stage}_ms")))
    return message


def box_array(result: GroundResult, about: Header, ids: Sequence[str], timing: Timing) -> Box3DArray:
    """All boxes of one result."""
    return Box3DArray(
        header=about,
        words=result.words,
        code=int(result.code),
        message=result.message,
        valid_ratio=float(result.valid_ratio),
        depth_is_estimated=result.depth_is_estimated,
        boxes=[grounded_object(found, identity) for found, identity in zip(result.objects, ids, strict=True)],
        timing=timing,
    )


def name_outcomes(each: Iterable[Any]) -> list[NameOutcome]:
    """What became of each name: anything with words, code and message."""
    return [
        NameOutcome(words=cut(one.words, MAX_LINE_CHARS), code=int(one.code), message=one.message)
        for one in each
    ]


def spatial_answer(
    question: str, result: AskResult, about: Header, ids: Sequence[str], ages: Ages
) -> SpatialAnswer:
    """The answer with its evidence."""
    consistent = {
        None: SpatialAnswer.CONSISTENT_UNKNOWN,
        False: SpatialAnswer.CONSISTENT_NO,
        True: SpatialAnswer.CONSISTENT_YES,
    }[result.consistent]
    return SpatialAnswer(
        header=about,
        question=question,
        answer=result.answer,
        reasoning=result.reasoning,
        relation=result.relation or "",
        has_value=result.value is not None,
        value=float(result.value or 0.0),
        unit=result.unit or "",
        consistent=consistent,
        code=int(result.code),
        message=result.message,
        valid_ratio=float(result.ground.valid_ratio),
        depth_is_estimated=result.depth_is_estimated,
        evidence=[
            grounded_object(found, identity) for found, identity in zip(result.objects, ids, strict=True)
        ],
        timing=timing(result.timing, about, ages),
    )


def detections(boxes: Box3DArray) -> Any:
    """vision_msgs/Detection3DArray with the same header; needs vision_msgs (a ROS distribution has it)."""
    from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose

    array = Detection3DArray(header=boxes.header)
    for box in boxes.boxes:
        detection = Detection3D(header=boxes.header, id=box.id)
        detection.bbox.center, detection.bbox.size = box.pose, box.size
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = box.label, float(box.score)
        hypothesis.pose.pose = box.pose
        detection.results = [hypothesis]
        array.detections.append(detection)
    return array


def transforms(boxes: Box3DArray, prefix: str) -> Any:
    """tf2_msgs/TFMessage: where each box is in the frame of the result, at its stamp; needs tf2_msgs."""
    from tf2_msgs.msg import TFMessage

    message = TFMessage()
    for box in boxes.boxes:
        one = TransformStamped(header=boxes.header, child_frame_id=f"{prefix}/{frame_name(box.id)}")
        position = box.pose.position
        one.transform.translation = Vector3(x=position.x, y=position.y, z=position.z)
        one.transform.rotation = box.pose.orientation
        message.transforms.append(one)
    return message
