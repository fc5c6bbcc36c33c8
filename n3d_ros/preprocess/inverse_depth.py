"""Is a depth picture really depth, or its inverse (disparity, inverse depth, a z-buffer)?

In: (H, W) depth, NaN = none, in any unit. Out: yes or no; no wherever that cannot be seen. Along a row or a
column of a plane the inverse of depth changes in equal steps and depth does not, so that the flat parts of a
scene tell which of the two a picture holds. It knows no cameras.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Floats = npt.NDArray[np.float64]

# Parts of a picture that is thinned to about this long side, of so many pixels a side, and so far apart.
LONG_SIDE, PART, APART = 160, 24, 12
# Farthest to nearest of a part: of less the two can hardly be told apart.
MIN_RANGE = 1.15
# Of a part's mean that its pixels are off the better one.
MAX_OFF = 0.02
# How many times worse the other one must be. Seen from above the depth of a bowl rises more evenly than its
# inverse, too, by 2.4 times at most.
MIN_TIMES_OF_DEPTH, MIN_TIMES_OF_INVERSE = 1.5, 4.0
MIN_PARTS = 3
# Share of their slopes that is across the main one. What rises one way alone may be a ditch or a pipe, or was
# drawn by hand.
MIN_ACROSS = 0.05


def is_inverse(depth: npt.NDArray[np.float32]) -> bool:
    """Whether several flat parts that rise in different directions say so, and none says otherwise."""
    measured = _parts(depth)
    parts = measured[measured.max(axis=1) > MIN_RANGE * measured.min(axis=1)]
    if len(parts) < MIN_PARTS:
        return False
    off, off_inverse = _off_plane(parts), _off_plane(1 / parts)
    is_flat = np.minimum(off, off_inverse) < MAX_OFF
    if (is_flat & (MIN_TIMES_OF_DEPTH * off_inverse < off)).any():
        return False
    says_inverse = is_flat & (MIN_TIMES_OF_INVERSE * off < off_inverse)
    return int(says_inverse.sum()) >= MIN_PARTS and _across(parts[says_inverse]) > MIN_ACROSS


def _parts(depth: npt.NDArray[np.float32]) -> Floats:
    """(n, PART * PART) of those squares that are measured all over."""
    step = max(1, max(depth.shape) // LONG_SIDE)
    thinned = depth[::step, ::step]
    if min(thinned.shape) < PART:
        return np.empty((0, PART * PART))
    squares = sliding_window_view(thinned, (PART, PART))[::APART, ::APART]
    parts = squares.reshape(-1, PART * PART)
    return parts[np.isfinite(parts).all(axis=1)].astype(np.float64)


def _off_plane(parts: Floats) -> Floats:
    """(n,) root mean square off the best even slope, in shares of the mean."""
    slopes = _slopes()
    off = parts - (parts @ slopes) @ slopes.T
    return np.asarray(np.sqrt(np.mean(off * off, axis=1)) / parts.mean(axis=1))


def _across(parts: Floats) -> float:
    """0 where all rise one way or the opposite one, 0.5 where they do so all ways alike."""
    slopes = (parts @ _slopes())[:, 1:]
    ways = slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
    return float(np.linalg.eigvalsh(ways.T @ ways / len(ways))[0])


@lru_cache(maxsize=1)
def _slopes() -> Floats:
    """(PART * PART, 3) of length 1 and at right angles: even, rising to the right, rising downwards."""
    rising = np.arange(PART) - (PART - 1) / 2
    columns = np.ones((PART, PART)), np.tile(rising, (PART, 1)), np.tile(rising[:, None], (1, PART))
    flat = np.stack([column.ravel() for column in columns], axis=1)
    return np.asarray(flat / np.linalg.norm(flat, axis=0))
