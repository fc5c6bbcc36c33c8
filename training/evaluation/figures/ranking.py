"""What needs all found boxes at once: precision and recall, average precision, calibration of the score.

In: `Marked` answers whose true boxes are known, those where nothing is there among them. Out: figures, as
JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.pairing import allowed
from n3d_ros.training.evaluation.metrics import overlap
from n3d_ros.training.evaluation.metrics.average_precision import (
    CENTRE_LEVELS_M,
    IOU_LEVELS,
    Picture,
    average_precision,
    hits,
    mean_over_levels,
)
from n3d_ros.training.evaluation.metrics.calibration import calibration_error, reliability
from n3d_ros.training.evaluation.metrics.matching import Scores, closest_pairs, mean_scores, scores_of
from n3d_ros.training.qa.records import GROUND

IOU = 0.25
AP_LEVELS = (0.15, 0.25, 0.5)
Closeness = Callable[[Sequence[Box3D], Sequence[Box3D]], Array]


def ranking_figures(known: Sequence[Marked]) -> dict[str, Any]:
    """See the file's head."""
    overlaps = [_picture(one, overlap.iou_matrix) for one in known]
    centres = [_picture(one, _nearness) for one in known]
    counts = [(len(closest_pairs(picture.closeness, IOU)), *picture.closeness.shape) for picture in overlaps]
    right = np.concatenate([hits(picture, IOU) for picture in overlaps])
    # Means of probabilities; rounding may leave them a bit above 1.
    scores = np.clip(np.concatenate([picture.scores for picture in overlaps]), 0.0, 1.0)
    bins = reliability(scores.tolist(), right.tolist())
    return {
        "at_iou_25": _scores(scores_of(*(int(sum(column)) for column in zip(*counts, strict=True)))),
        "at_iou_25_mean_of_pictures": _scores(mean_scores(counts)),
        "ap3d": mean_over_levels(overlaps, IOU_LEVELS),
        **{f"ap3d_{round(100 * level)}": average_precision(overlaps, level) for level in AP_LEVELS},
        "ap3d_mean_of_classes": _mean_of_classes(known),
        "ap_centre": mean_over_levels(centres, [-level for level in CENTRE_LEVELS_M]),
        "ap_centre_by_m": {f"{level:g}": average_precision(centres, -level) for level in CENTRE_LEVELS_M},
        "calibration_error": calibration_error(bins),
        "reliability": [
            {"low": one.low, "high": one.high, "score": one.mean_score, "right": one.right.to_dict()}
            for one in bins
        ],
    }


def _picture(one: Marked, closeness: Closeness) -> Picture:
    true = [known.box for known in one.question.boxes]
    scores = np.array([box.score for box in one.reply.boxes], dtype=np.float64)
    return Picture(scores, np.where(allowed(one), closeness(one.reply.boxes, true), -np.inf))


def _mean_of_classes(known: Sequence[Marked]) -> float | None:
    """AP of each class of true boxes by itself, then their mean, as Omni3D has it."""
    classes = sorted({box.label.casefold() for one in known for box in one.question.boxes})
    found = [mean_over_levels([_of_class(one, name) for one in known], IOU_LEVELS) for name in classes]
    values = [value for value in found if value is not None]
    return float(np.mean(values)) if values else None


def _of_class(one: Marked, name: str) -> Picture:
    """What a question says about one class: of a question for boxes all that was found, where it asks for
    that class; else what bears its name.
    """
    whole = _picture(one, overlap.iou_matrix)
    columns = [j for j, box in enumerate(one.question.boxes) if box.label.casefold() == name]
    if one.question.kind == GROUND:
        rows = list(range(len(one.reply.boxes))) if columns else []
    else:
        rows = [i for i, box in enumerate(one.reply.boxes) if box.label.casefold() == name]
    return Picture(whole.scores[rows], whole.closeness[np.ix_(rows, columns)])


def _scores(scores: Scores) -> dict[str, float | None]:
    return {"precision": scores.precision, "recall": scores.recall, "f1": scores.f1}


def _nearness(found: Sequence[Box3D], true: Sequence[Box3D]) -> Array:
    return -overlap.distance_matrix(found, true)
