"""The picture that the release gives its depth model: long side 640, OpenCV's bilinear filter.

In: an RGB picture. Out: the resized picture, whose size is also that of the release's point map. The short
side is rounded here and truncated for the language model (rule R4), so the two may differ by one pixel; the
pooling bins do not mind. Source: spec n3d_vlm.md section 2.2.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

LONG_SIDE_PX = 640


def point_map_size(width: int, height: int, long_side_px: int = LONG_SIDE_PX) -> tuple[int, int]:
    """(width, height) with the long side at long_side_px and the other rounded, half to even."""
    scale = long_side_px / max(width, height)
    return round(width * scale), round(height * scale)


def depth_picture(rgb: npt.NDArray[np.uint8], long_side_px: int = LONG_SIDE_PX) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 -> (h, w, 3) uint8 of `point_map_size`; unchanged where it has that size already."""
    height, width = rgb.shape[:2]
    size = point_map_size(width, height, long_side_px)
    if size == (width, height):
        return rgb
    return cv2.resize(rgb, size).astype(np.uint8, copy=False)
