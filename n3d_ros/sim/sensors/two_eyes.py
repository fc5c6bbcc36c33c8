"""What one of two eyes does not see: shared by sensors that measure with a baseline.

In: depth as the first eye sees it. Out: which of it is hidden from the second eye, a camera or a projector to
the right of the first. Exact, without noise.
"""

from __future__ import annotations

import numpy as np

from n3d_ros.geometry import Array, Intrinsics


def disparity_px(depth: Array, intrinsics: Intrinsics, baseline_m: float) -> Array:
    """(H, W) float64: how much further left the second eye sees each point; 0 where there is no depth."""
    return np.nan_to_num(intrinsics.fx * baseline_m / depth.astype(np.float64), nan=0.0)


def half_occluded(disparity: Array) -> Array:
    """(H, W) bool: seen by the first eye alone, because something nearer stands before it for the second.

    Such a strip lies left of what is near, as wide as the disparities differ. In a row, a point is hidden
    when one to its right appears as far left as it does, or further.
    """
    column = np.arange(disparity.shape[1]) - disparity
    # smallest column, in the second eye, of everything to the right of each pixel
    least = np.minimum.accumulate(column[:, ::-1], axis=1)[:, ::-1]
    hidden = np.zeros(disparity.shape, bool)
    hidden[:, :-1] = least[:, 1:] <= column[:, :-1]
    return hidden
