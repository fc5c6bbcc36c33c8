"""A box as it stands in a fixed frame, and what is remembered of one thing. Data and rigid motions only.

Fixed frame: any that does not move, `map` or `odom`; the names of matrices say fixed. Metres; stamps in
nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Vector3, box_corners, rotation_about_y, transform_points

# How far the product of a rotation with its transpose may be off the identity: single precision, some steps.
_RIGID = 1e-4
# Things may touch, and boxes err: two share room that are nearer than this share of it along each axis.
_MAX_TOUCHING = 0.7


@dataclass(frozen=True)
class Place:
    """center: metres, fixed frame. size: full extents along the box's own axes, metres. R_fixed_box: the
    box's axes in the fixed frame, row by row.
    """

    center: Vector3
    size: Vector3
    R_fixed_box: tuple[float, ...]

    def __post_init__(self) -> None:
        check_rotation(self.rotation)

    @classmethod
    def of_box(cls, box: Box3D, T_fixed_optical: Array) -> Place:
        """Where a box of the optical frame stands, with the camera at that pose, (4, 4)."""
        center = transform_points(T_fixed_optical, np.array([box.center]))[0]
        rotation = T_fixed_optical[:3, :3] @ rotation_about_y(box.yaw)
        x, y, z = (float(one) for one in center)
        return cls((x, y, z), box.size, tuple(float(one) for one in rotation.ravel()))

    @property
    def rotation(self) -> Array:
        """(3, 3)."""
        return np.array(self.R_fixed_box, dtype=float).reshape(3, 3)

    @property
    def pose(self) -> Array:
        """(4, 4) T_fixed_box."""
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = self.rotation, self.center
        return T

    def corners(self) -> Array:
        """(8, 3), fixed frame, order of `geometry`."""
        return transform_points(self.pose, box_corners((0.0, 0.0, 0.0), self.size))

    def is_filled_by(self, other: Place) -> bool:
        """Does another thing stand so far in this place that not both can be there?"""
        shift = self.rotation.T @ (np.array(other.center) - self.center)
        extents = np.ptp(other.corners() @ self.rotation, axis=0)
        return bool((np.abs(shift) <= _MAX_TOUCHING * (extents + self.size) / 2).all())


@dataclass(frozen=True)
class Remembered:
    """One thing. id: never given twice. label: as the model called it. words: those that found it, newest
    last.

    place: where it was last seen, its centre the mean over the looks at it there. spread_m: standard
    deviation of those centres along the axes of the fixed frame, zeros after one look. num_looks: how many
    they were, as far as the mean goes back. gone_ns: when it was looked for at its place and was not there;
    None while it may be there. num_misses: how often in a row its not being found said something.
    open_share: of the rays through its place, how many it let through when it was last seen, 0..1; None where
    that was not measured. depth_is_estimated: a depth model guessed the depth of one of the looks.
    near_m: the camera's distance in the nearest of these looks, far_m: the farthest from which it was ever
    found; 0 where a file does not say.
    """

    id: int
    label: str
    words: tuple[str, ...]
    place: Place
    spread_m: Vector3
    num_looks: int
    first_ns: int
    last_ns: int
    score: float = 1.0
    num_misses: int = 0
    gone_ns: int | None = None
    open_share: float | None = None
    depth_is_estimated: bool = False
    near_m: float = 0.0
    far_m: float = 0.0

    @property
    def name(self) -> str:
        """How it is told from others of its label."""
        return f"{self.id}_{self.label}"


def check_pose(T: Array) -> None:
    """ValueError unless `T` is a rigid motion."""
    if T.shape != (4, 4) or not np.isfinite(T).all() or not np.allclose(T[3], (0, 0, 0, 1)):
        raise ValueError(f"expected a pose of shape (4, 4) ending in 0 0 0 1, got {T.tolist()}")
    check_rotation(T[:3, :3])


def check_rotation(R: Array) -> None:
    """ValueError unless `R` is (3, 3) and turns without mirroring or stretching."""
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=_RIGID) or np.linalg.det(R) < 0:
        raise ValueError(f"expected a rotation of shape (3, 3), got {R.tolist()}")


def inverse(T: Array) -> Array:
    """Of a rigid motion, (4, 4)."""
    back = np.eye(4)
    back[:3, :3] = T[:3, :3].T
    back[:3, 3] = -T[:3, :3].T @ T[:3, 3]
    return back
