"""How many pixels an object would cover if nothing stood before it, without rendering it.

In: an object's convex pieces as points in the camera's optical frame. Out: pixels, also those beyond the
picture's edge, so that an object cut off by the edge counts as partly hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from n3d_ros.geometry import Array, Intrinsics, project

_FRACTION_BITS = 4
_MAX_SIDE_PX = 4096
_NEAR_M = 0.02


def silhouette_px(points: Array, pieces: Sequence[Array], intrinsics: Intrinsics) -> float:
    """Pixels inside the union of the pieces' projected convex hulls; 0 when a point lies behind the camera.

    points: (V, 3) metres, optical frame. OpenCV paints a polygon's outline too, half a pixel too much all
    around, so half of the outline's pixels are taken off again. Off by a few per cent for objects of 20 px.
    """
    if len(points) == 0 or points[:, 2].min() < _NEAR_M:
        return 0.0
    pixels = project(points, intrinsics)
    origin = np.floor(pixels.min(axis=0)) - 2
    width, height = (np.ceil(pixels.max(axis=0)) - origin + 3).astype(int)
    if max(width, height) > _MAX_SIDE_PX:
        return 0.0
    canvas = np.zeros((height, width), np.uint8)
    fixed = np.rint((pixels - origin) * (1 << _FRACTION_BITS)).astype(np.int32)
    for piece in pieces:
        cv2.fillConvexPoly(canvas, cv2.convexHull(fixed[piece]), 1, cv2.LINE_8, _FRACTION_BITS)
    inner = cv2.erode(canvas, np.ones((3, 3), np.uint8))
    return float(canvas.sum() + inner.sum()) / 2
