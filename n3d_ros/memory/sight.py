"""Is a remembered place empty, taken, hidden, or out of view? Read in the depth of one look.

In: a `Place`, the camera's pose and intrinsics, its depth. Out: a `Sight`. Rays through the place are
compared with what they hit: before it, in it or behind it. A flat thing on a table hides nothing that is
measurable behind it, so its place always counts as taken; then only not being found says that it is gone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from n3d_ros.geometry import Array, Intrinsics, backproject, project, transform_points
from n3d_ros.memory.places import Place, inverse

# Rays a side of the rectangle around a place: 24 x 24 tell a quarter of it from another within a few per
# cent.
_RAYS = 24
# Depth cameras are off by 1 to 2 % at the ranges where things are handled, and by some millimetres close by.
_SLACK_SHARE, _SLACK_M = 0.02, 0.01
_NEAR_M = 0.05


class Sight(enum.Enum):
    """What a look says of a place."""

    OUT_OF_VIEW = "out of view"
    HIDDEN = "hidden"
    UNMEASURED = "unmeasured"
    TAKEN = "taken"
    EMPTY = "empty"


@dataclass(frozen=True)
class SightConfig:
    """min_in_view: share of the place's rays that must lie in the picture. min_measured: share of those that
    must have depth. max_hidden: share that may end before the place. min_empty: of the rays that reach it,
    the share that must end behind it for the place to be empty.
    """

    min_in_view: float = 0.9
    min_measured: float = 0.4
    max_hidden: float = 0.3
    min_empty: float = 0.8

    def __post_init__(self) -> None:
        for name in ("min_in_view", "min_measured", "max_hidden", "min_empty"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


def look_at(
    place: Place,
    T_fixed_optical: Array,
    intrinsics: Intrinsics,
    depth: NDArray[np.float32] | None,
    config: SightConfig,
) -> Sight:
    """What the look says of the place. depth: (H, W) metres along the optical axis, NaN where there is none;
    None: nothing was measured at all.
    """
    T_optical_fixed = inverse(T_fixed_optical)
    corners = transform_points(T_optical_fixed, place.corners())
    if corners[:, 2].min() < _NEAR_M:
        return Sight.OUT_OF_VIEW
    pixels = _rays_around(project(corners, intrinsics))
    enters, leaves = _crossing(pixels, intrinsics, place, T_optical_fixed)
    through = enters < leaves
    inside = _in_picture(pixels, intrinsics)
    if not through.any() or (through & inside).sum() < config.min_in_view * through.sum():
        return Sight.OUT_OF_VIEW
    if depth is None:
        return Sight.UNMEASURED
    seen = through & inside
    return _judge(_depth_at(depth, pixels[seen]), enters[seen], leaves[seen], config)


def _judge(measured: Array, enters: Array, leaves: Array, config: SightConfig) -> Sight:
    known = np.isfinite(measured)
    if known.sum() < config.min_measured * len(measured):
        return Sight.UNMEASURED
    z, near, far = measured[known], enters[known], leaves[known]
    slack = _SLACK_M + _SLACK_SHARE * z
    hidden = z < near - slack
    if hidden.sum() > config.max_hidden * len(z):
        return Sight.HIDDEN
    behind = z > far + slack
    return Sight.EMPTY if behind.sum() >= config.min_empty * (~hidden).sum() else Sight.TAKEN


def _rays_around(corners_px: Array) -> Array:
    """(_RAYS ** 2, 2) pixels of a grid over the rectangle around the corners."""
    low, high = corners_px.min(axis=0), corners_px.max(axis=0)
    u, v = (np.linspace(low[axis], high[axis], _RAYS) for axis in (0, 1))
    return np.stack(np.meshgrid(u, v), axis=-1).reshape(-1, 2)


def _crossing(
    pixels: Array, intrinsics: Intrinsics, place: Place, T_optical_fixed: Array
) -> tuple[Array, Array]:
    """Depths, metres, at which each ray enters and leaves the box; entered after it was left where it
    misses.
    """
    rays = backproject(pixels[:, 0], pixels[:, 1], np.ones(len(pixels)), intrinsics)
    T_box_optical = inverse(T_optical_fixed @ place.pose)
    start, along = T_box_optical[:3, 3], rays @ T_box_optical[:3, :3].T
    half = np.array(place.size) / 2
    # A ray meets the two planes of each axis at these depths; parallel ones meet them at infinity.
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = np.stack([(-half - start) / along, (half - start) / along])
    near, far = np.fmin(*planes).max(axis=1), np.fmax(*planes).min(axis=1)
    return near, far


def _in_picture(pixels: Array, intrinsics: Intrinsics) -> NDArray[np.bool_]:
    u, v = np.rint(pixels).T
    inside: NDArray[np.bool_] = (u >= 0) & (v >= 0) & (u < intrinsics.width) & (v < intrinsics.height)
    return inside


def _depth_at(depth: NDArray[np.float32], pixels: Array) -> Array:
    u, v = np.rint(pixels).astype(int).T
    found: Array = depth[v, u].astype(float)
    return found
