"""Free places for objects on the supports, before physics settles them.

In: outlines of objects and support areas. Out: positions and turns that do not overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.layouts import Area

GAP_M = 0.012
ATTEMPTS = 60


@dataclass(frozen=True)
class Place:
    """Where an object starts: area index, x and y in the world, turn about z, and outline there (K, 2)."""

    area: int
    x: float
    y: float
    turn_rad: float
    outline: Array


def free_place(
    rng: np.random.Generator, footprint: Array, areas: Sequence[Area], taken: Sequence[Place]
) -> Place | None:
    """A random place for the convex `footprint` (K, 2), GAP_M from all others; None after ATTEMPTS tries."""
    grown = footprint * (1 + GAP_M / np.abs(footprint).max())
    for _ in range(ATTEMPTS):
        area = int(rng.integers(len(areas)))
        turn = rng.uniform(-np.pi, np.pi)
        c, s = np.cos(turn), np.sin(turn)
        outline = grown @ np.array([[c, s], [-s, c]])
        low, high = (
            np.array(areas[area].low) - outline.min(axis=0),
            np.array(areas[area].high) - outline.max(axis=0),
        )
        if (low > high).any():
            continue
        x, y = rng.uniform(low, high)
        outline = (outline + (x, y)).astype(np.float32)
        if not any(other.area == area and overlap(outline, other.outline) for other in taken):
            return Place(area, float(x), float(y), float(turn), outline)
    return None


def overlap(a: Array, b: Array) -> bool:
    """Whether two convex outlines (K, 2) float32 share any area."""
    if (a.max(axis=0) < b.min(axis=0)).any() or (b.max(axis=0) < a.min(axis=0)).any():
        return False
    return cv2.intersectConvexConvex(a, b)[0] > 1e-8


def footprint_of(points: Array) -> Array:
    """(K, 2) float32 convex hull of the points' x and y."""
    return np.asarray(cv2.convexHull(points[:, :2].astype(np.float32)))[:, 0]
