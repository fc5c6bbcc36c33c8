"""How found boxes lie in the picture: the paper's measures for benchmarks that know rectangles alone.

In: `Marked` answers. Out: figures, as JSON. Where true boxes are known, their own rectangles are the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D, Rectangle, box_2d_px
from n3d_ros.geometry import Intrinsics
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.pairing import true_boxes
from n3d_ros.training.evaluation.metrics import overlap
from n3d_ros.training.evaluation.metrics.intervals import estimate
from n3d_ros.training.evaluation.metrics.matching import closest_pairs


def projected_figures(group: Sequence[Marked]) -> dict[str, Any]:
    """In the picture: IoU of rectangles over all that is there, distance of their middles over what was
    found.
    """
    pairs = [pair for one in group if one.reply.camera is not None for pair in _projected(one)]
    ious = [(iou, key) for iou, _, key in pairs]
    offsets = [(offset, key) for _, offset, key in pairs if offset is not None]
    return {
        "iou": estimate([iou for iou, _ in ious], np.mean, [key for _, key in ious]).to_dict(),
        "offset": estimate([offset for offset, _ in offsets], np.mean, [key for _, key in offsets]).to_dict(),
        "num_without_offset": len(ious) - len(offsets),
    }


def _projected(one: Marked) -> list[tuple[float, float | None, str]]:
    """(IoU, offset, picture) for each true rectangle."""
    camera, key = one.reply.camera, one.question.picture.key
    assert camera is not None
    return [
        (0.0, None, key)
        if found is None
        else (overlap.projected_iou(found, true, camera), overlap.projected_offset(found, true, camera), key)
        for found, true in _rectangles(one, camera)
    ]


def _rectangles(one: Marked, camera: Intrinsics) -> list[tuple[Box3D | None, Rectangle]]:
    """True rectangles beside the box found for each: by overlap in the picture where that is all that is
    known, else as `true_boxes` says.
    """
    if not one.question.true_px:
        both = [(box.found, box_2d_px(box.true, camera)) for box in true_boxes(one)]
        return [(found, true) for found, true in both if true is not None]
    closeness = np.array(
        [
            [overlap.projected_iou(box, true, camera) for true in one.question.true_px]
            for box in one.reply.boxes
        ]
    ).reshape(len(one.reply.boxes), len(one.question.true_px))
    partner = {j: one.reply.boxes[i] for i, j in closest_pairs(closeness, 0.0)}
    return [(partner.get(j), true) for j, true in enumerate(one.question.true_px)]
