"""Is a remembered place empty, taken, hidden, or out of view? Read in the depth of one look.

In: a `Place`, the camera's pose and intrinsics, its depth. Out: a `Glance`. Rays through the place are
compared with what they hit: before it, in it or behind it. A place is empty where nearly all rays end behind
it; or where they go through most of it and did not when its thing was there, as the table under a mug that
was taken away is hit at the far end of the mug's box. A flat thing, a glass, and a bowl seen from above let
rays through while they are there, so that only not being found says that they are gone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from n3d_ros.geometry import Array, Intrinsics, project, transform_points
from n3d_ros.memory.places import Place, inverse

# Rays a side of the rectangle around a place: 16 x 16 tell the shares above within a few per cent.
_RAYS = 16
# Depth cameras are off by 1 to 2 % at the ranges where things are handled, and by some millimetres close by.
_SLACK_SHARE, _SLACK_M = 0.02, 0.01
_NEAR_M = 0.05
# A ray that came so far on its way through a box met nothing that fills it.
_THROUGH_SHARE, _MIN_TELLING_SHARE = 0.75, 0.5


class Sight(enum.Enum):
    """What a look says of a place."""

    OUT_OF_VIEW = "out of view"
    HIDDEN = "hidden"
    UNMEASURED = "unmeasured"
    TAKEN = "taken"
    EMPTY = "empty"


@dataclass(frozen=True)
class Glance:
    """open_share: of the rays that reach the place, those that go through it, 0..1; None where too few do."""

    sight: Sight
    open_share: float | None = None


@dataclass(frozen=True)
class SightConfig:
    """min_in_view: share of the place's rays that must lie in the picture. min_measured: share of those that
    must have depth. max_hidden: share that may end before the place. min_empty: of the rays that reach it,
    the share that must go through it for the place to be empty. max_open: share that went through it when
    its thing was there, beyond which that does not tell.
    """

    min_in_view: float = 0.9
    min_measured: float = 0.4
    max_hidden: float = 0.3
    min_empty: float = 0.8
    max_open: float = 0.5

    def __post_init__(self) -> None:
        for name in ("min_in_view", "min_measured", "max_hidden", "min_empty", "max_open"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


def look_at(
    place: Place,
    T_fixed_optical: Array,
    intrinsics: Intrinsics,
    depth: NDArray[np.float32] | None,
    config: SightConfig,
    open_before: float | None = None,
) -> Glance:
    """What the look says of the place. depth: (h, w) metres along the optical axis, NaN where there is none,
    any size with the picture's field of view; None: nothing was measured at all. open_before: the place's
    open_share when its thing was there.
    """
    T_optical_fixed = inverse(T_fixed_optical)
    corners = transform_points(T_optical_fixed, place.corners())
    if corners[:, 2].min() < _NEAR_M:
        return Glance(Sight.OUT_OF_VIEW)
    rays = _rays_around(corners)
    enters, leaves = _crossing(rays, place, T_optical_fixed)
    through = enters < leaves
    pixels, inside = _in_picture(rays, intrinsics)
    if not through.any() or (through & inside).sum() < config.min_in_view * through.sum():
        return Glance(Sight.OUT_OF_VIEW)
    if depth is None:
        return Glance(Sight.UNMEASURED)
    seen = through & inside
    measured = _depth_at(depth, pixels[seen], intrinsics)
    return _judge(measured, enters[seen], leaves[seen], config, open_before)


def _judge(
    measured: Array, enters: Array, leaves: Array, config: SightConfig, open_before: float | None
) -> Glance:
    known = np.isfinite(measured)
    if known.sum() < config.min_measured * len(measured):
        return Glance(Sight.UNMEASURED)
    z, near, far = measured[known], enters[known], leaves[known]
    slack = _SLACK_M + _SLACK_SHARE * z
    hidden = z < near - slack
    if hidden.sum() > config.max_hidden * len(z):
        return Glance(Sight.HIDDEN)
    reach, way = ~hidden, far - near
    behind = reach & (z > far + slack)
    is_empty = behind.sum() >= config.min_empty * reach.sum()
    # At the edges of a box, and everywhere in a flat one, the way through is too short to be told from none.
    telling = reach & (way > slack)
    passes = telling & (z > near + _THROUGH_SHARE * way)
    if telling.sum() < _MIN_TELLING_SHARE * reach.sum():
        telling, passes = reach, behind
    open_share = float(passes.sum() / telling.sum())
    if open_before is not None and open_before <= config.max_open:
        is_empty = is_empty or open_share >= config.min_empty
    elif open_before is not None and open_before >= config.min_empty:
        is_empty = False
    return Glance(Sight.EMPTY if is_empty else Sight.TAKEN, open_share)


def _rays_around(corners: Array) -> Array:
    """(_RAYS ** 2, 3) rays at a depth of 1: a grid over the rectangle around the corners as a pinhole sees
    them.
    """
    seen = corners[:, :2] / corners[:, 2:]
    x, y = (np.linspace(*limits, _RAYS) for limits in zip(seen.min(axis=0), seen.max(axis=0), strict=True))
    return np.stack([*np.meshgrid(x, y), np.ones((_RAYS, _RAYS))], axis=-1).reshape(-1, 3)


def _crossing(rays: Array, place: Place, T_optical_fixed: Array) -> tuple[Array, Array]:
    """Depths, metres, at which each ray enters and leaves the box; entered after it was left where it
    misses.
    """
    T_box_optical = inverse(T_optical_fixed @ place.pose)
    start, along = T_box_optical[:3, 3], rays @ T_box_optical[:3, :3].T
    half = np.array(place.size) / 2
    # A ray meets the two planes of each axis at these depths; parallel ones meet them at infinity.
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = np.stack([(-half - start) / along, (half - start) / along])
    near, far = np.fmin(*planes).max(axis=1), np.fmax(*planes).min(axis=1)
    return near, far


def _in_picture(rays: Array, intrinsics: Intrinsics) -> tuple[Array, NDArray[np.bool_]]:
    """Pixels (N, 2) of rays, and whether they lie in the picture."""
    u, v = (pixels := project(rays, intrinsics)).T
    inside = (u >= -0.5) & (v >= -0.5) & (u < intrinsics.width - 0.5) & (v < intrinsics.height - 0.5)
    return pixels, inside


def _depth_at(depth: NDArray[np.float32], pixels: Array, intrinsics: Intrinsics) -> Array:
    """Nearest depth of pixels that lie in the picture; depth of another size has the same field of view."""
    height, width = depth.shape
    scale = np.array([width / intrinsics.width, height / intrinsics.height])
    u, v = np.rint((pixels + 0.5) * scale - 0.5).astype(int).T
    found: Array = depth[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)].astype(float)
    return found
