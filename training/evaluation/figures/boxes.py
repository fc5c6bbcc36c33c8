"""How well boxes were found: overlap, distance, and where the errors lie.

In: `Marked` answers whose boxes are known. Out: figures, as JSON, each with its interval; questions about one
picture are drawn together. Where nothing was found the overlap is 0 and the distance has no bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from n3d_ros.boxes import iou_3d
from n3d_ros.geometry import Array
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.pairing import TrueBox, true_boxes
from n3d_ros.training.evaluation.figures.projected import projected_figures
from n3d_ros.training.evaluation.figures.ranking import ranking_figures
from n3d_ros.training.evaluation.metrics import overlap
from n3d_ros.training.evaluation.metrics.intervals import estimate, share
from n3d_ros.training.qa.records import DETECT, GROUND

# Upper ends, metres: of the distance from the camera, and of the longest side.
DISTANCES_M = (1.0, 2.0, 4.0, 8.0, math.inf)
SIZES_M = (0.1, 0.3, 1.0, 3.0, math.inf)


def box_figures(marked: Sequence[Marked]) -> dict[str, Any]:
    """By what was asked: `ground`, `detect`, and `evidence` of questions about space. Empty ones are left
    out.
    """
    groups = {
        "ground": [one for one in marked if one.question.kind == GROUND],
        "detect": [one for one in marked if one.question.kind == DETECT],
        "evidence": [one for one in marked if one.judgement is not None and one.question.boxes],
    }
    return {name: _figures(group) for name, group in groups.items() if group}


def _figures(group: Sequence[Marked]) -> dict[str, Any]:
    """known: whose truth is boxes, or that nothing is there; the others' truth is rectangles."""
    known = [one for one in group if not one.question.true_px]
    present = [one for one in known if one.question.boxes]
    absent = [one for one in known if not one.question.boxes]
    boxes = [box for one in present for box in true_boxes(one)]
    figures: dict[str, Any] = {
        "num_questions": len(group),
        "num_boxes": len(boxes),
        "malformed": sum(one.reply.num_malformed for one in group),
        "answered": share([bool(one.reply.boxes) for one in group if one not in absent]).to_dict(),
        "absent_refused": share([not one.reply.boxes for one in absent]).to_dict(),
        "projected": projected_figures(group),
    }
    if not boxes:
        return figures
    return figures | _box_figures(boxes) | ranking_figures(known)


def _box_figures(boxes: Sequence[TrueBox]) -> dict[str, Any]:
    groups = [box.picture for box in boxes]
    aligned = [_aligned(box) for box in boxes]
    offsets = [
        (offset, box.picture) for (_, offset), box in zip(aligned, boxes, strict=True) if offset is not None
    ]
    return {
        "iou": estimate([box.iou for box in boxes], np.mean, groups).to_dict(),
        "share_iou_25": share([box.iou >= 0.25 for box in boxes]).to_dict(),
        "share_iou_50": share([box.iou >= 0.50 for box in boxes]).to_dict(),
        "center_error_m": bounded(estimate([box.error_m for box in boxes], lower_median, groups).to_dict()),
        "missing": sum(box.found is None for box in boxes),
        "aligned_iou": estimate([iou for iou, _ in aligned], np.mean, groups).to_dict(),
        "aligned_offset_m": estimate(
            [offset for offset, _ in offsets], np.mean, [picture for _, picture in offsets]
        ).to_dict(),
        "by_distance": _bins(boxes, [math.dist(box.true.center, (0, 0, 0)) for box in boxes], DISTANCES_M),
        "by_size": _bins(boxes, [max(box.true.size) for box in boxes], SIZES_M),
    }


def _aligned(box: TrueBox) -> tuple[float, float | None]:
    """IoU and distance once the depth is right; 0 and None where nothing was found."""
    if box.found is None or box.found.center[2] <= 0 or box.true.center[2] <= 0:
        return 0.0, None
    moved = overlap.aligned_to_depth(box.found, box.true.center[2])
    return iou_3d(moved, box.true), math.dist(moved.center, box.true.center)


def _bins(boxes: Sequence[TrueBox], values: Sequence[float], ends: Sequence[float]) -> list[dict[str, Any]]:
    """Figures of the boxes in each bin (start, end]."""
    place = np.searchsorted(np.asarray(ends), np.asarray(values))
    return [
        {"from_m": ends[i - 1] if i else 0.0, "to_m": None if math.isinf(end) else end}
        | _bin([box for box, where in zip(boxes, place, strict=True) if where == i])
        for i, end in enumerate(ends)
    ]


def _bin(boxes: Sequence[TrueBox]) -> dict[str, Any]:
    errors = estimate([box.error_m for box in boxes], lower_median, [box.picture for box in boxes])
    return {
        "num": len(boxes),
        "share_iou_25": share([box.iou >= 0.25 for box in boxes]).to_dict(),
        "center_error_m": bounded(errors.to_dict()),
    }


def lower_median(values: Array) -> float:
    """The lower middle one where there are two: a mean with infinity would be no error anybody made."""
    return float(np.quantile(values, 0.5, method="lower"))


def bounded(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity: None stands for an error that has no bound, as where most were not found."""
    return {
        name: None if isinstance(value, float) and math.isinf(value) else value
        for name, value in values.items()
    }
