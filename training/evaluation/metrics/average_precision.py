"""Average precision: does a model that is surer find better?

In: scores of found boxes and, picture by picture, their closeness to the true ones. Out: AP, 0..1. The way of
COCO (github.com/cocodataset/cocoapi, cocoeval.py), which Omni3D uses with 3D IoU
(github.com/facebookresearch/omni3d, omni3d_evaluation.py): in the order of scores each found box takes the
closest true one that is free; precision is made falling and read at 101 values of recall. nuScenes matches by
the distance of centres instead (arXiv 1903.11027); the thresholds for rooms are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import Array

Flags = npt.NDArray[np.bool_]
# Of 3D IoU, as Omni3D has them.
IOU_LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 11))
# Metres between centres.
CENTRE_LEVELS_M = (0.05, 0.1, 0.2, 0.5)
RECALLS = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class Picture:
    """scores: (N,) of the found boxes. closeness: (N, M) to the true boxes, -inf where they cannot belong."""

    scores: Array
    closeness: Array

    def __post_init__(self) -> None:
        if self.closeness.ndim != 2 or len(self.scores) != len(self.closeness):
            raise ValueError(
                f"picture: expected closeness (N, M) of {len(self.scores)} found boxes, "
                f"got {self.closeness.shape}"
            )


def hits(picture: Picture, least: float) -> Flags:
    """(N,) bool: which found boxes get a true one at `least` close, in the order given."""
    taken = np.zeros(picture.closeness.shape[1], dtype=bool)
    found = np.zeros(len(picture.scores), dtype=bool)
    for index in np.argsort(-picture.scores, kind="stable"):
        row = np.where(taken, -np.inf, picture.closeness[index])
        if row.size and row.max() >= least:
            taken[int(row.argmax())] = found[index] = True
    return found


def average_precision(pictures: Sequence[Picture], least: float) -> float | None:
    """AP over all pictures at one threshold; None where there is nothing to find."""
    num_true = sum(picture.closeness.shape[1] for picture in pictures)
    if not num_true:
        return None
    scores = np.concatenate([picture.scores for picture in pictures])
    right = np.concatenate([hits(picture, least) for picture in pictures])
    return area(right[np.argsort(-scores, kind="stable")], num_true)


def area(right: Flags, num_true: int) -> float:
    """Area under precision over recall. right: (N,) bool in the order of falling scores."""
    num_right = np.cumsum(right)
    recall = num_right / num_true
    precision = num_right / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(recall, RECALLS, side="left")  # behind the last: recall never gets there
    padded = np.append(falling, 0.0)
    return float(padded[np.minimum(first, len(falling))].mean())


def mean_over_levels(pictures: Sequence[Picture], levels: Sequence[float]) -> float | None:
    """Mean AP over thresholds of closeness."""
    found = [average_precision(pictures, level) for level in levels]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None
