"""Which found box belongs to which true one, and what share of both found a partner.

In: (N, M) closeness of N found to M true boxes, the larger the closer. Out: pairs; precision, recall, F1. It
does not know what closeness measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Array

Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Scores:
    """None where it is 0 of 0: precision where nothing was found, recall where nothing was there."""

    precision: float | None
    recall: float | None
    f1: float | None


def closest_pairs(closeness: Array, least: float) -> Pairs:
    """One partner each: the closest pair first, then the closest of what is left, down to `least`.

    Scores play no part, unlike in average precision. Pairs are (found, true), in the order made.
    """
    left = np.array(closeness, dtype=np.float64)
    pairs: Pairs = []
    while left.size and left.max() >= least:
        found, true = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((found, true))
        left[found, :] = left[:, true] = -np.inf
    return pairs


def scores_of(num_pairs: int, num_found: int, num_true: int) -> Scores:
    """Of all pictures together, or of one."""
    precision = num_pairs / num_found if num_found else None
    recall = num_pairs / num_true if num_true else None
    f1 = 2 * num_pairs / (num_found + num_true) if num_found + num_true else None
    return Scores(precision, recall, f1)


def mean_scores(pictures: Sequence[tuple[int, int, int]]) -> Scores:
    """Mean over pictures of (num_pairs, num_found, num_true), each picture weighing the same.

    The paper does not say how it averages; its F1 lies below the harmonic mean of its precision and recall
    (Table 5), which means over pictures explain and one sum does not. Where nothing was found precision is 0.
    """
    per_picture = [
        (
            pairs / found if found else float(true == 0),
            pairs / true if true else float(found == 0),
            2 * pairs / (found + true) if found + true else 1.0,
        )
        for pairs, found, true in pictures
    ]
    if not per_picture:
        return Scores(None, None, None)
    return Scores(*(float(value) for value in np.mean(per_picture, axis=0)))
