"""What the demo shows: answers beside the simulator's truth as table, JSON and picture.

In: answers and truth of the same stamps, optical frame, metres. Out: text, a dictionary, an RGB picture. No
ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.geometry import Intrinsics
from n3d_ros.overlay import add_caption, draw_boxes, tile
from n3d_ros.text_table import text_table

HEADER = ["asked for", "", "centre x y z (m)", "size (m)", "error", "IoU"]


@dataclass(frozen=True)
class Answer:
    """One answered request. `truth`: exact boxes of what was asked for, at the same stamp.

    `message`: why there is nothing, or whose words the answer is. `seconds`: from goal to result. Questions
    only:
    `text`, `reasoning`, `value` (computed by the node) and `true_value` (from the simulator's boxes), both in
    `unit`; `true_text`, the sentence that follows from the simulator's boxes.
    """

    asked: str
    stamp_ns: int
    frame_id: str
    boxes: list[Box3D]
    truth: list[Box3D]
    seconds: float
    is_question: bool = False
    text: str = ""
    reasoning: str = ""
    value: float | None = None
    true_value: float | None = None
    unit: str = ""
    true_text: str = ""
    message: str = ""
    raw_text: str = ""
    partial_boxes: int = 0
    camera: Intrinsics | None = None
    rgb: npt.NDArray[np.uint8] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BoxPair:
    """One found box (None: nothing found) with the true box it is compared with (None: there is none)."""

    asked: str
    box: Box3D | None
    truth: Box3D | None

    @property
    def error_m(self) -> float | None:
        """Distance of the centres."""
        return (
            None if self.box is None or self.truth is None else math.dist(self.box.center, self.truth.center)
        )

    @property
    def iou(self) -> float | None:
        """3D intersection over union, 0..1."""
        return None if self.box is None or self.truth is None else iou_3d(self.box, self.truth)


def pair_boxes(answer: Answer) -> list[BoxPair]:
    """Each found box with the nearest true box of its label, or of all; a truth nothing was found for stands
    alone.
    """
    rows = [BoxPair(answer.asked, box, _nearest(box, answer.truth)) for box in answer.boxes]
    missed = [box for box in answer.truth if box not in [row.truth for row in rows]]
    return rows + [BoxPair(answer.asked, None, box) for box in missed]


def answers_text(answers: list[Answer]) -> str:
    """Two lines per box: what was found and the truth."""
    rows = [row for answer in answers for compared in pair_boxes(answer) for row in _rows(compared)]
    return text_table([HEADER, *rows], "<<>")


def question_text(answer: Answer) -> str:
    """Question, reasoning, answer, what there is to say about it, and the truth beside it."""
    text = answer.text or f"none ({answer.message})"
    lines = [f"question:  {answer.asked}", f"reasoning: {answer.reasoning}", f"answer:    {text}"]
    if answer.text and answer.message:
        lines.append(f"           ({answer.message})")
    if answer.value is None and answer.true_value is None:
        return "\n".join([*lines, f"truth:     {answer.true_text or 'none'}"])
    computed = "none" if answer.value is None else f"{answer.value:.3f} {answer.unit}"
    truth = "none" if answer.true_value is None else f"{answer.true_value:.3f} {answer.unit or 'm'}"
    return "\n".join([*lines, f"computed from the found boxes: {computed}; truth: {truth}"])


def report_json(answers: list[Answer]) -> list[dict[str, Any]]:
    """Everything that was printed, for machines."""
    return [_answer_json(answer) for answer in answers]


def picture(answers: list[Answer]) -> npt.NDArray[np.uint8]:
    """One panel per answer, each in the picture it was given for: found boxes in colour, truth thin and
    white.

    Answers whose picture got lost have none; ValueError when all got lost.
    """
    panels = []
    for answer in answers:
        if answer.rgb is not None and answer.camera is not None:
            drawn = draw_boxes(answer.rgb, answer.boxes, answer.camera, truth=answer.truth)
            panels.append(add_caption(drawn, _caption(answer)))
    if not panels:
        raise ValueError(f"expected a picture for one of {len(answers)} answers at least, got none")
    return tile(panels)


def _caption(answer: Answer) -> list[str]:
    if answer.is_question:
        said = answer.text or "no answer"
        if answer.true_value is not None:
            return [answer.asked, f"{said} (truth: {answer.true_value:.2f} {answer.unit or 'm'})"]
        return [answer.asked, said]
    rows = [row for row in pair_boxes(answer) if row.error_m is not None]
    found = [f"centre off by {100 * (row.error_m or 0.0):.1f} cm, IoU {row.iou or 0.0:.2f}" for row in rows]
    return [f'find "{answer.asked}"', "; ".join(found) or "nothing found"]


def _nearest(box: Box3D, truth: list[Box3D]) -> Box3D | None:
    candidates = [other for other in truth if other.label == box.label] or truth
    return min(candidates, key=lambda other: math.dist(box.center, other.center), default=None)


def _rows(row: BoxPair) -> list[list[str]]:
    """The found box above the true one."""
    error = "" if row.error_m is None else f"{100 * row.error_m:.1f} cm"
    iou = "" if row.iou is None else f"{row.iou:.2f}"
    return [
        [row.asked, "found", *_columns(row.box), error, iou],
        ["", "truth", *_columns(row.truth)],
    ]


def _columns(box: Box3D | None) -> list[str]:
    if box is None:
        return ["nothing", ""]
    return [" ".join(f"{x:6.3f}" for x in box.center), " ".join(f"{x:5.3f}" for x in box.size)]


def _answer_json(answer: Answer) -> dict[str, Any]:
    common = {
        "asked": answer.asked,
        "stamp_ns": answer.stamp_ns,
        "frame_id": answer.frame_id,
        "seconds": round(answer.seconds, 3),
        "streamed_boxes": answer.partial_boxes,
        "raw_text": answer.raw_text,
        "message": answer.message,
        "boxes": [
            {
                "found": _box_json(row.box),
                "truth": _box_json(row.truth),
                "center_error_m": row.error_m,
                "iou_3d": row.iou,
            }
            for row in pair_boxes(answer)
        ],
    }
    if answer.is_question:
        common |= {
            "answer": answer.text,
            "reasoning": answer.reasoning,
            "value": answer.value,
            "unit": answer.unit,
            "true_value": answer.true_value,
            "true_answer": answer.true_text,
        }
    return common


def _box_json(box: Box3D | None) -> dict[str, Any] | None:
    if box is None:
        return None
    return {
        "label": box.label,
        "center_m": box.center,
        "size_m": box.size,
        "yaw_rad": box.yaw,
        "score": box.score,
    }
