"""Pinhole projection, frame changes and box corners.

In: numbers and arrays. Out: numbers and arrays. Knows nothing of labels, text, files or ROS.

Frames: *optical* is REP 103 (x right, y down, z forward). *Checkpoint* is the frame N3D-VLM was trained in (x
left, y up, z forward): optical turned by 180 degrees about z. Pixel centres are at integer coordinates, so a
picture of width W spans -0.5 .. W-0.5.

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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
class Intrinsics:
    """Pinhole camera of the picture actually fed. fx, fy, cx, cy in pixels; width, height in pixels.

    ValueError, naming field and value, when a number is not finite or fx, fy, width or height is not
    positive.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("fx", "fy", "cx", "cy", "width", "height"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"intrinsics: {name} must be finite, got {value}")
            if name not in ("cx", "cy") and value <= 0:
                raise ValueError(f"intrinsics: {name} must be positive, got {value}")

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, width: int, height: int) -> Intrinsics:
        """From a (3, 3) camera matrix, or its nine numbers row by row as in sensor_msgs/CameraInfo.k.

        Skew must be 0.
        """
        k = np.asarray(matrix, dtype=np.float64)
        if k.size != 9:
            raise ValueError(f"intrinsics: expected a 3x3 matrix, got shape {k.shape}")
        k = k.reshape(3, 3)
        if k[0, 1] != 0.0:
            raise ValueError(f"intrinsics: expected zero skew, got {k[0, 1]}")
        return cls(float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), int(width), int(height))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Intrinsics:
        """From a mapping with the keys fx, fy, cx, cy, width, height. Further keys are ignored."""
        names = ("fx", "fy", "cx", "cy", "width", "height")
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(f"intrinsics: expected the keys {list(names)}, missing {missing}")
        fx, fy, cx, cy = (float(values[name]) for name in names[:4])
        return cls(fx, fy, cx, cy, int(values["width"]), int(values["height"]))

    def to_dict(self) -> dict[str, float]:
        """The six fields by name; `from_dict` reads them back."""
        return asdict(self)

    def matrix(self) -> Array:
        """(3, 3) float64 camera matrix in pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def normalised(self) -> Array:
        """(3, 3) float32 matrix in picture widths and heights; the same at every resolution
        (docs/specification/README.md 2).
        """
        return np.array(
            [
                [self.fx / self.width, 0.0, (self.cx + 0.5) / self.width],
                [0.0, self.fy / self.height, (self.cy + 0.5) / self.height],
                [0.0, 0.0, 1.0],
            ],
            dtype=np.float32,
        )

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """The same camera for the picture resized to width x height (same field of view)."""
        if (width, height) == (self.width, self.height):
            return self
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return Intrinsics(self.fx * sx, self.fy * sy, cx, cy, width, height)


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


def project(points: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Pixels (..., 2) of optical-frame points (..., 3) in metres.

    z must not be 0; points behind mirror, so drop them first.
    """
    p = np.asarray(points, dtype=np.float64)
    u = intrinsics.fx * p[..., 0] / p[..., 2] + intrinsics.cx
    v = intrinsics.fy * p[..., 1] / p[..., 2] + intrinsics.cy
    return np.stack([u, v], axis=-1)


def backproject(u: ArrayLike, v: ArrayLike, z: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Optical-frame points (..., 3) in metres of pixels u, v at depth z (metres, along the optical axis)."""
    depth = np.asarray(z, dtype=np.float64)
    x = (np.asarray(u, dtype=np.float64) - intrinsics.cx) / intrinsics.fx * depth
    y = (np.asarray(v, dtype=np.float64) - intrinsics.cy) / intrinsics.fy * depth
    return np.stack(np.broadcast_arrays(x, y, depth), axis=-1)


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
