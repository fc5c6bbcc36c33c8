"""Which found box stands for which true one.

In: a `Marked` answer whose boxes are known. Out: each true box with the nearest found one of its name, one
each, however far it is. A question for boxes names its things, so whatever is found answers it and labels
play no part; for "detect everything" and the evidence of other questions labels must have a name in common.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.geometry import Array, Intrinsics
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.metrics import overlap
from n3d_ros.training.evaluation.metrics.matching import closest_pairs
from n3d_ros.training.qa.records import GROUND

# Closer than any pair that may not be.
ANY = -np.finfo(np.float64).max


@dataclass(frozen=True)
class TrueBox:
    """One true box beside the nearest found one of its name; `found` None where there is none left for it."""

    picture: str
    true: Box3D
    found: Box3D | None
    camera: Intrinsics | None

    @property
    def iou(self) -> float:
        return 0.0 if self.found is None else iou_3d(self.found, self.true)

    @property
    def error_m(self) -> float:
        """Between centres, infinite where nothing was found."""
        return math.inf if self.found is None else math.dist(self.found.center, self.true.center)


def true_boxes(one: Marked) -> list[TrueBox]:
    """Each true box of a question with its partner."""
    true, found = [known.box for known in one.question.boxes], one.reply.boxes
    closeness = np.where(allowed(one), -overlap.distance_matrix(found, true), -np.inf)
    partner = {j: found[i] for i, j in closest_pairs(closeness, ANY)}
    key = one.question.picture.key
    return [TrueBox(key, box, partner.get(j), one.reply.camera) for j, box in enumerate(true)]


def allowed(one: Marked) -> Array:
    """(N, M) bool: which found box may answer for which true one."""
    true = [known.box for known in one.question.boxes]
    if one.question.kind == GROUND:
        return np.ones((len(one.reply.boxes), len(true)), dtype=bool)
    return overlap.same_label(one.reply.boxes, true)
