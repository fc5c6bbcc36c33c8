"""Frame changes, rotations, box corners, and the scale of a scene.

In: numbers and arrays. Out: numbers and arrays. It does not know cameras.

Corner order of a box, seen by the camera that looks along +z (yaw 0, optical frame):

        4 -------- 5        far face   (z + depth/2)
       /|         /|
      0 -------- 1 |        near face  (z - depth/2)
      | |        | |             y
      | 7 -------|-6             |  down
      |/         |/              v
      3 -------- 2          x ---> right
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Vector3 = tuple[float, float, float]

# Order of the eight corners in units of half sizes; see the drawing above.
CORNER_SIGNS = np.array(
    [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]],
    dtype=np.float64,
)

# Corner index pairs of the twelve edges.
BOX_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))


@dataclass(frozen=True)
class SceneScale:
    """What the point-map normalisation took away, needed to come back to metres
    (docs/specification/inputs.md 4).

    normalised = (metric - shift) * scale, in the checkpoint frame. `scale` is s in 1/m, `shift` is shift0 in
    metres.
    """

    scale: float
    shift: Vector3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"scene scale: scale must be finite and positive, got {self.scale}")
        if len(self.shift) != 3 or not all(math.isfinite(value) for value in self.shift):
            raise ValueError(f"scene scale: shift must be three finite numbers, got {self.shift}")


def optical_to_checkpoint(points: ArrayLike) -> Array:
    """Points (..., 3): optical frame to checkpoint frame (x and y negated). A copy of the same dtype."""
    turned = np.array(points)
    turned[..., :2] *= -1
    return turned


def checkpoint_to_optical(points: ArrayLike) -> Array:
    """Points (..., 3): checkpoint frame to optical frame. The change is its own inverse."""
    return optical_to_checkpoint(points)


def rotation_about_y(yaw: float) -> Array:
    """(3, 3) float64 right-handed rotation by `yaw` radians about +y: takes +z towards +x."""
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def box_corners(center: ArrayLike, size: ArrayLike, yaw: float = 0.0) -> Array:
    """(8, 3) float64 corners in the frame of `center`; `size` full extents, `yaw` about that frame's +y.

    Order: drawing above.
    """
    offsets: Array = CORNER_SIGNS * (np.asarray(size, dtype=np.float64) / 2.0)
    corners: Array = offsets @ rotation_about_y(yaw).T + np.asarray(center, dtype=np.float64)
    return corners


def transform_points(T_a_b: ArrayLike, points_b: ArrayLike) -> Array:
    """Points (..., 3) in frame a of points in frame b; `T_a_b` is the (4, 4) matrix that maps b to a."""
    T = np.asarray(T_a_b, dtype=np.float64)
    if T.shape != (4, 4):
        raise ValueError(f"transform_points: expected a (4, 4) matrix, got {T.shape}")
    points_a: Array = np.asarray(points_b, dtype=np.float64) @ T[:3, :3].T + T[:3, 3]
    return points_a
