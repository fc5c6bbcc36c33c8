"""What the tasks' YAML names: a row of a set of questions as a document of lmms-eval.

In: rows of `training.qa.records.SCHEMA`, and what a model said. Out: prompt, picture, marks. The marks are
those of `n3d eval` with the rules as judge. Boxes are asked for, and read, as JSON in metres, which any model
can write. Relative names of pictures start at the folder that N3D_PICTURES names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.files.picture_file import read_picture
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.figures.boxes import box_figures
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.judging.judgement import UNPARSED
from n3d_ros.training.evaluation.judging.rules import RuleJudge
from n3d_ros.training.qa.records import GROUND, NUMERICAL, OPEN, SPATIAL, Question
from n3d_ros.training.qa.sets import with_rectangles

PICTURES_VARIABLE = "N3D_PICTURES"
BOXES_AS_JSON = (
    ' Answer with a JSON list alone, one object a box: {"label": text, "center_m": [x, y, z], "size_m": '
    '[width, height, length], "score": 0 to 1}; meters, x right, y down, z forward from the camera; [] if it '
    "is not there."
)


def spatial_docs(docs: Any) -> Any:
    """Those whose answer is a sentence."""
    return docs.filter(lambda row: row["kind"] == SPATIAL)


def box_docs(docs: Any) -> Any:
    """Those whose answer is boxes, where the true ones are known."""
    return docs.filter(lambda row: row["kind"] != SPATIAL and not row["true_px"])


def to_visual(doc: dict[str, Any]) -> list[Any]:
    """The picture, with a question's rectangles drawn, as PIL has it."""
    from PIL import Image

    question = Question.from_row(doc)
    rgb = read_picture(Path(os.environ.get(PICTURES_VARIABLE, "")) / question.picture.file)
    return [Image.fromarray(with_rectangles(rgb, question.drawn_px))]


def to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, Any] | None = None) -> str:
    """The question; for boxes with the form of the answer. Words that name something become a sentence."""
    kwargs = lmms_eval_specific_kwargs or {}
    text = f"Find in the picture: {doc['text']}." if doc["kind"] == GROUND else doc["text"]
    form = "" if doc["kind"] == SPATIAL else BOXES_AS_JSON
    return f"{kwargs.get('pre_prompt', '')}{text}{form}{kwargs.get('post_prompt', '')}"


def mark_sentence(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """One entry for every metric of the task `n3d_spatial`."""
    question = Question.from_row(doc)
    found = RuleJudge().judge(question, results[0])
    is_near = found.is_right if found.is_near is None else found.is_near
    marks = {"category": question.category, "right": found.is_right, "near": is_near}
    marks["unparsed"] = found.outcome == UNPARSED
    return dict.fromkeys(("n3d_right", "n3d_near", "n3d_open", "n3d_numerical", "n3d_unparsed"), marks)


def right(marks: Sequence[dict[str, Any]]) -> float:
    """Share of right answers; clock directions by the exact hour."""
    return _share([mark["right"] for mark in marks])


def near(marks: Sequence[dict[str, Any]]) -> float:
    """The same with clock directions within one hour."""
    return _share([mark["near"] for mark in marks])


def right_open(marks: Sequence[dict[str, Any]]) -> float:
    """Of N3D-Bench's open categories."""
    return _share([mark["right"] for mark in marks if mark["category"] in OPEN])


def right_numerical(marks: Sequence[dict[str, Any]]) -> float:
    """Of N3D-Bench's numerical categories."""
    return _share([mark["right"] for mark in marks if mark["category"] in NUMERICAL])


def unparsed(marks: Sequence[dict[str, Any]]) -> float:
    """Share of answers that were not understood, and so not right."""
    return _share([mark["unparsed"] for mark in marks])


def _share(flags: Sequence[bool]) -> float:
    """NaN, which the harness shows as such, where there is nothing."""
    return sum(flags) / len(flags) if flags else float("nan")


def mark_boxes(doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """One entry for every metric of the task `n3d_boxes`."""
    marks = {"doc": doc, "boxes": read_boxes(results[0])}
    return dict.fromkeys(("n3d_f1_25", "n3d_ap3d", "n3d_mean_iou", "n3d_boxes_unparsed"), marks)


def read_boxes(text: str) -> tuple[Box3D, ...] | None:
    """The boxes in an answer, in one code fence or none; None for any other form."""
    lines = text.strip().splitlines()
    if len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```":
        text = "\n".join(lines[1:-1])
    try:
        entries = parse_json(text.encode("utf-8", "replace"))
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            return None
        return tuple(map(_box, entries))
    except (JsonError, KeyError, TypeError, ValueError):  # no JSON, a name missing, no finite numbers
        return None


def _box(entry: dict[str, Any]) -> Box3D:
    score = float(entry.get("score", 1.0))
    if not 0 <= score <= 1:
        raise ValueError(f"score: expected 0 to 1, got {score}")
    return Box3D(str(entry["label"]), tuple(entry["center_m"]), tuple(entry["size_m"]), score=score)


def f1_25(marks: Sequence[dict[str, Any]]) -> float:
    """F1 at 3D IoU 0.25 over all boxes."""
    return float(_figures(marks)["at_iou_25"]["f1"])


def ap3d(marks: Sequence[dict[str, Any]]) -> float:
    """AP3D over IoU 0.05 to 0.50."""
    return float(_figures(marks)["ap3d"])


def mean_iou(marks: Sequence[dict[str, Any]]) -> float:
    """Mean 3D IoU of the true boxes with the nearest found ones."""
    return float(_figures(marks)["iou"]["value"])


def boxes_unparsed(marks: Sequence[dict[str, Any]]) -> float:
    """Share of answers that hold no boxes in the form asked for, and so found none."""
    return _share([mark["boxes"] is None for mark in marks])


def _figures(marks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all questions as one kind: a task has either."""
    marked = [Marked(Question.from_row(mark["doc"]), Reply(boxes=mark["boxes"] or ())) for mark in marks]
    groups = box_figures(marked)
    if len(groups) != 1 or "iou" not in next(iter(groups.values())):
        raise ValueError(f"expected questions of one kind with true boxes, got {sorted(groups)}")
    found: dict[str, Any] = next(iter(groups.values()))
    return found
