"""Is a depth picture really depth, or its inverse (disparity, inverse depth, a z-buffer)?

In: (H, W) depth, NaN = none, in any unit. Out: yes or no; no wherever that cannot be seen. Along a row or a
column of a plane the inverse of depth changes in equal steps and depth does not, so that the flat parts of a
scene tell which of the two a picture holds. It knows no cameras.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Parts of a picture that is thinned to about this long side, of so many pixels a side.
LONG_SIDE, PART = 160, 16
# Farthest to nearest of a part: of less the two can hardly be told apart.
MIN_RANGE = 1.15
# Of a part's mean that its pixels are off the better one, and how many times worse the other one must be.
MAX_OFF, MIN_TIMES = 0.02, 1.5
MIN_PARTS = 3
# Of the steepest part's slope that another one's must differ. What rises evenly all over was drawn by hand,
# as was what rises along rows or columns alone, or in the order of memory.
MIN_OTHER_SLOPE, MIN_ACROSS = 0.2, 0.05


def is_inverse(depth: npt.NDArray[np.float32]) -> bool:
    """Whether several flat parts say so and none says otherwise. No for what was drawn by hand."""
    measured = _parts(depth)
    parts = measured[measured.max(axis=1) > MIN_RANGE * measured.min(axis=1)]
    if len(parts) < MIN_PARTS:
        return False
    off, off_inverse = _off_plane(parts), _off_plane(1 / parts)
    is_flat = np.minimum(off, off_inverse) < MAX_OFF
    if (is_flat & (MIN_TIMES * off_inverse < off)).any():
        return False
    says_inverse = is_flat & (MIN_TIMES * off < off_inverse)
    return int(says_inverse.sum()) >= MIN_PARTS and not _is_drawn(measured, parts[says_inverse])


def _parts(depth: npt.NDArray[np.float32]) -> Floats:
    """(n, PART * PART) of those squares that are measured all over."""
    step = max(1, max(depth.shape) // LONG_SIDE)
    thinned = depth[::step, ::step]
    down, across = thinned.shape[0] // PART, thinned.shape[1] // PART
    squares = thinned[: down * PART, : across * PART].reshape(down, PART, across, PART).swapaxes(1, 2)
    parts = squares.reshape(-1, PART * PART)
    return parts[np.isfinite(parts).all(axis=1)].astype(np.float64)


def _off_plane(parts: Floats) -> Floats:
    """(n,) root mean square off the best even slope, in shares of the mean."""
    slopes = _slopes()
    off = parts - (parts @ slopes) @ slopes.T
    return np.asarray(np.sqrt(np.mean(off * off, axis=1)) / parts.mean(axis=1))


def _is_drawn(measured: Floats, rising: Floats) -> bool:
    """Whether all parts, or those that rise and do so along rows or columns alone, have one slope."""
    slopes = (rising @ _slopes())[:, 1:]
    across, along = np.sort(np.abs(slopes).max(axis=0))
    return _have_one_slope(measured) or (across < MIN_ACROSS * along and _have_one_slope(rising))


def _have_one_slope(parts: Floats) -> bool:
    slopes = (parts @ _slopes())[:, 1:]
    steepest = slopes[np.argmax(np.hypot(*slopes.T))]
    differences = np.hypot(*(slopes - steepest).T)
    return bool(differences.max() <= MIN_OTHER_SLOPE * np.hypot(*steepest))


@lru_cache(maxsize=1)
def _slopes() -> Floats:
    """(PART * PART, 3) of length 1 and at right angles: even, rising to the right, rising downwards."""
    rising = np.arange(PART) - (PART - 1) / 2
    columns = np.ones((PART, PART)), np.tile(rising, (PART, 1)), np.tile(rising[:, None], (1, PART))
    flat = np.stack([column.ravel() for column in columns], axis=1)
    return np.asarray(flat / np.linalg.norm(flat, axis=0))
