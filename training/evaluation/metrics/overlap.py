"""How a found box lies to the true one: in space, in the picture, and with the error of its depth taken out.

In: boxes (optical frame, metres), rectangles (left, top, right, bottom; pixels), the camera. Out: overlaps,
0..1, and distances. It does not know which box belongs to which.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from n3d_ros.boxes import Box3D, Rectangle, box_2d_px, iou_3d
from n3d_ros.geometry import Array, Intrinsics


def rectangle_iou(a: Rectangle, b: Rectangle) -> float:
    """Intersection over union of two rectangles; 0 where both are empty."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = _area(a) + _area(b) - common
    return common / union if union > 0 else 0.0


def _area(r: Rectangle) -> float:
    return max(r[2] - r[0], 0.0) * max(r[3] - r[1], 0.0)


def projected_iou(found: Box3D, true: Rectangle, camera: Intrinsics) -> float:
    """IoU of the picture rectangle around the found box with the true one; 0 where it is not in the picture.

    As in the paper (arXiv 2512.16561, Table 3). The rectangle is clipped to the picture, as annotations are.
    """
    rectangle = box_2d_px(found, camera)
    return 0.0 if rectangle is None else rectangle_iou(rectangle, true)


def projected_offset(found: Box3D, true: Rectangle, camera: Intrinsics) -> float | None:
    """Distance between the middles of both rectangles, None where the found box is not in the picture.

    Normalised: horizontal part by the picture's width, vertical part by its height, so 0..sqrt(2). The paper
    does not say how it normalises; its values of 0.05 to 0.26 fit this.
    """
    rectangle = box_2d_px(found, camera)
    if rectangle is None:
        return None
    dx = ((rectangle[0] + rectangle[2]) - (true[0] + true[2])) / 2 / camera.width
    dy = ((rectangle[1] + rectangle[3]) - (true[1] + true[3])) / 2 / camera.height
    return math.hypot(dx, dy)


def aligned_to_depth(found: Box3D, z_m: float) -> Box3D:
    """The found box moved along its own rays until its centre is at depth z_m: centre and size times
    z_m / z.

    Its picture stays the same, so what is left of the error is not the depth model's. The paper aligns to
    the true depth too (Table 4) and gives no formula: this one is ours. ValueError for a box behind the
    camera.
    """
    if found.center[2] <= 0 or z_m <= 0:
        raise ValueError(
            f"box '{found.label}': expected both depths above 0, got {found.center[2]} and {z_m}"
        )
    scale = z_m / found.center[2]
    x, y, z = found.center
    width, height, length = found.size
    return replace(
        found,
        center=(x * scale, y * scale, z * scale),
        size=(width * scale, height * scale, length * scale),
    )


def iou_matrix(found: Sequence[Box3D], true: Sequence[Box3D]) -> Array:
    """(N, M) float64, 0..1: 3D IoU of every found box with every true one."""
    return np.array([[iou_3d(f, t) for t in true] for f in found], dtype=np.float64).reshape(
        len(found), len(true)
    )


def distance_matrix(found: Sequence[Box3D], true: Sequence[Box3D]) -> Array:
    """(N, M) float64, metres between centres."""
    return np.array([[math.dist(f.center, t.center) for t in true] for f in found], dtype=np.float64).reshape(
        len(found), len(true)
    )


def same_label(found: Sequence[Box3D], true: Sequence[Box3D]) -> Array:
    """(N, M) bool: labels have a name in common, whatever its case; "cabinet/shelf" has two."""
    return np.array(
        [[bool(_names(f.label) & _names(t.label)) for t in true] for f in found], dtype=bool
    ).reshape(len(found), len(true))


def _names(label: str) -> set[str]:
    whole = " ".join(label.casefold().split())
    return {whole, *(part.strip() for part in whole.split("/") if part.strip())}
