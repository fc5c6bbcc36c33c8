"""The end of one request as messages: always typed, also when the job failed.

In: an errand's query and frame, and what its job gave. Out: an `Outcome` in the camera's optical frame. It
publishes nothing and knows no other frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from std_msgs.msg import Header

from n3d_ros.boxes import Box3D
from n3d_ros.errors import ResultCode
from n3d_ros.msg import Box3DArray, Intrinsics, SpatialAnswer, Timing
from n3d_ros.node.desk.names import NameOutcome, answered, outcomes
from n3d_ros.node.desk.queries import AskQuery, GroundQuery, Query
from n3d_ros.node.outputs import messages
from n3d_ros.node.outputs.messages import Ages
from n3d_ros.plain_text import MAX_LINE_CHARS, cut
from n3d_ros.runtime.types import GroundedObject


@dataclass
class Outcome:
    """boxes: found, or the answer's evidence; found: the same as the library gave them. is_shown: whether
    viewers see it: what was asked for was answered, or some of its names were.
    """

    code: ResultCode
    message: str
    boxes: Box3DArray
    answer: SpatialAnswer
    timing: Timing
    raw_text: str = ""
    found: tuple[Box3D, ...] = ()
    is_shown: bool = False

    def with_camera(self, camera: Intrinsics) -> Outcome:
        """This one, with the camera that it rests on in every part of it."""
        self.boxes.intrinsics = self.answer.intrinsics = camera
        return self

    def with_code(self, code: ResultCode, message: str) -> Outcome:
        """This one, with code and reason in every part of it."""
        self.code, self.message, self.is_shown = code, message, code == ResultCode.OK
        for part in (self.boxes, self.answer):
            part.code, part.message = int(code), message
        return self


def unfinished(
    query: Query,
    code: ResultCode,
    message: str,
    about: Header,
    found: Sequence[GroundedObject],
    ids: list[str],
) -> Outcome:
    """Of an engine that was not waited for: typed, with what it had told of until then."""
    made = failed(query, code, message, about)
    boxes = [messages.grounded_object(one, identity) for one, identity in zip(found, ids, strict=True)]
    made.boxes.boxes = boxes
    made.answer.evidence = boxes if made.answer.question else []
    made.found = tuple(one.box for one in found)
    return made


def failed(query: Query, code: ResultCode, message: str, about: Header | None = None) -> Outcome:
    """An outcome without a result: typed, empty, with the reason."""
    about = about or Header()
    asked = cut(query.question if isinstance(query, AskQuery) else ", ".join(query.words), MAX_LINE_CHARS)
    boxes = Box3DArray(header=about)
    if isinstance(query, GroundQuery):
        boxes.words = asked
        # A request beyond the limits is not repeated name by name.
        names = query.words if asked == ", ".join(query.words) else ()
        boxes.outcomes = messages.name_outcomes(NameOutcome(name, code, message) for name in names)
    answer = SpatialAnswer(
        header=about,
        question=asked if isinstance(query, AskQuery) else "",
        consistent=SpatialAnswer.CONSISTENT_UNKNOWN,
    )
    return Outcome(code, message, boxes, answer, Timing(header=about)).with_code(code, message)


def successful(query: Query, result: Any, about: Header, ids: list[str], ages: Ages) -> Outcome:
    """Of a `GroundResult` or `AskResult`, whatever its code."""
    answer = SpatialAnswer()
    ground = result
    if isinstance(query, AskQuery):
        answer = messages.spatial_answer(query.question, result, about, ids, ages)
        ground = replace(result.ground, objects=result.objects, code=result.code, message=result.message)
    timing = messages.timing(result.timing, about, ages)
    boxes = messages.box_array(ground, about, ids, timing)
    boxes.outcomes = messages.name_outcomes(outcomes(ground))
    return Outcome(
        result.code,
        result.message,
        boxes,
        answer,
        timing,
        raw_text=result.raw_text,
        found=tuple(found.box for found in result.objects),
        is_shown=result.code == ResultCode.OK or bool(answered(ground)),
    )
