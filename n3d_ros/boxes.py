"""Boxes in metres and how two of them overlap.

In: `Box3D` in the ROS optical frame (x right, y down, z forward). Out: corners, intersection over union,
picture rectangles. Deliberately ignorant of text, bins and the checkpoint's own frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import BOX_EDGES, Array, Intrinsics, Vector3, box_corners, project

NEAR_PLANE_M = 1e-3
# Straight pieces that stand for an edge which a lens bends.
EDGE_PIECES = 32
Rectangle = tuple[float, float, float, float]
Point2 = tuple[float, float]
Polygon = list[Point2]


@dataclass(frozen=True)
class Box3D:
    """A labelled box. Optical frame, metres.

    `size` holds full extents along the box's own x, y, z; `yaw` turns it about the optical +y axis, which
    points down, in radians. ValueError, naming field and value, when a number is not finite or a size is
    negative.
    """

    label: str
    center: Vector3
    size: Vector3
    yaw: float = 0.0
    score: float = 1.0

    def __post_init__(self) -> None:
        for name in ("center", "size"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != 3 or not all(math.isfinite(value) for value in values):
                raise ValueError(f"box '{self.label}': {name} must be three finite numbers, got {values}")
            object.__setattr__(self, name, values)
        if min(self.size) < 0:
            raise ValueError(f"box '{self.label}': size must not be negative, got {self.size}")
        if not math.isfinite(self.yaw):
            raise ValueError(f"box '{self.label}': yaw must be finite, got {self.yaw}")

    @property
    def volume(self) -> float:
        """Cubic metres."""
        return self.size[0] * self.size[1] * self.size[2]

    def corners(self) -> Array:
        """(8, 3) float64, metres, optical frame; order in `geometry`'s drawing."""
        return box_corners(self.center, self.size, self.yaw)


def iou_3d(a: Box3D, b: Box3D) -> float:
    """Exact intersection over union, 0..1.

    Boxes turn about y only, so it is overlap in y times overlap of two rectangles.
    """
    top = max(a.center[1] - a.size[1] / 2, b.center[1] - b.size[1] / 2)
    bottom = min(a.center[1] + a.size[1] / 2, b.center[1] + b.size[1] / 2)
    if bottom <= top:
        return 0.0
    intersection = (bottom - top) * _polygon_area(_clip_convex(_footprint(a), _footprint(b)))
    union = a.volume + b.volume - intersection
    return intersection / union if union > 0 else 0.0


def box_2d_px(box: Box3D, intrinsics: Intrinsics) -> Rectangle | None:
    """(x_min, y_min, x_max, y_max) in pixels around the visible part of the box, clipped to the picture.

    The part behind the camera is cut off, not mirrored. None when nothing of the box lies in the picture.
    """
    corners = box.corners()
    points = _points_in_front(corners)
    if intrinsics.distortion is not None:  # its straight edges are curves in the picture
        along = np.concatenate([edge_points(corners, i, j) for i, j in BOX_EDGES])
        points = np.concatenate([points, along[along[:, 2] >= NEAR_PLANE_M]])
    if len(points) == 0:
        return None
    pixels = project(points, intrinsics)
    low = np.maximum(pixels.min(axis=0), -0.5)
    high = np.minimum(pixels.max(axis=0), [intrinsics.width - 0.5, intrinsics.height - 0.5])
    if not bool((low < high).all()):
        return None
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def edge_points(corners: Array, i: int, j: int) -> Array:
    """(EDGE_PIECES + 1, 3) points along the edge from corner i to corner j."""
    shares = np.linspace(0.0, 1.0, EDGE_PIECES + 1)[:, None]
    points: Array = corners[i] + (corners[j] - corners[i]) * shares
    return points


def _points_in_front(corners: Array) -> Array:
    """(N, 3) corners in front of the near plane and the points where edges cross that plane."""
    points = [corner for corner in corners if corner[2] >= NEAR_PLANE_M]
    for i, j in BOX_EDGES:
        near, far = sorted((corners[i], corners[j]), key=lambda corner: float(corner[2]))
        if near[2] < NEAR_PLANE_M <= far[2]:
            points.append(near + (far - near) * (NEAR_PLANE_M - near[2]) / (far[2] - near[2]))
    return np.array(points).reshape(-1, 3)


def _footprint(box: Box3D) -> Polygon:
    """The rectangle (x, z) of a box, four corners in one turning direction."""
    corners = box.corners()
    return [(float(corners[i, 0]), float(corners[i, 2])) for i in (0, 1, 5, 4)]


def _clip_convex(subject: Polygon, clip: Polygon) -> Polygon:
    """Sutherland-Hodgman: the part of `subject` inside the counter-clockwise convex polygon `clip`."""
    for start, end in zip(clip, clip[1:] + clip[:1], strict=True):
        sides = [_side(start, end, point) for point in subject]
        kept: Polygon = []
        for k, point in enumerate(subject):
            before, side_before = subject[k - 1], sides[k - 1]
            if (sides[k] > 0 > side_before) or (sides[k] < 0 < side_before):
                share = side_before / (side_before - sides[k])
                step = (point[0] - before[0], point[1] - before[1])
                kept.append((before[0] + share * step[0], before[1] + share * step[1]))
            if sides[k] >= 0:
                kept.append(point)
        subject = kept
    return subject


def _side(start: Point2, end: Point2, point: Point2) -> float:
    """Positive when `point` lies left of the line from `start` to `end`."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _polygon_area(polygon: Polygon) -> float:
    """Shoelace formula; 0 for fewer than three points."""
    following = polygon[1:] + polygon[:1]
    return abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(polygon, following, strict=True))) / 2.0
