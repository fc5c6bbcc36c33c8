"""Does a score of 0.8 mean right in eight of ten cases?

In: scores, 0..1, and whether each found box was right. Out: bins for a reliability plot, and the expected
calibration error (M. P. Naeini and others 2015, doi.org/10.1609/aaai.v29i1.9602): the mean gap of the bins,
weighed by how many lie in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.training.evaluation.metrics.intervals import Share, share

NUM_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Boxes with scores in [low, high), the last one with its end. mean_score: None where it is empty."""

    low: float
    high: float
    mean_score: float | None
    right: Share


def reliability(scores: Sequence[float], right: Sequence[bool], num_bins: int = NUM_BINS) -> list[Bin]:
    """Bins of equal width. ValueError for scores outside 0..1 or other numbers of both."""
    values, flags = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    if values.shape != flags.shape or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"reliability: expected a score of 0..1 for each of {flags.size}, got {values}")
    place = np.minimum((values * num_bins).astype(int), num_bins - 1)
    return [_bin(i, num_bins, values[place == i], flags[place == i]) for i in range(num_bins)]


def _bin(index: int, num_bins: int, scores: np.ndarray, right: np.ndarray) -> Bin:
    mean = float(scores.mean()) if scores.size else None
    return Bin(index / num_bins, (index + 1) / num_bins, mean, share(right))


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """0 where every bin's share of right boxes is its mean score; None without boxes."""
    filled = [(one.right.of, one.right.value, one.mean_score) for one in bins if one.right.of]
    if not filled:
        return None
    gaps = [of * abs(value - score) for of, value, score in filled if value is not None and score is not None]
    return sum(gaps) / sum(of for of, _, _ in filled)
