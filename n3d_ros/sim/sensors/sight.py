"""What meets a depth sensor, and how it meets it.

In: exact depth and materials. Out: normals, the angle at which each surface is seen, the light that comes
back. Knows no sensor, no noise. Arrays are (H, W) float32 unless said otherwise; frames are optical.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from n3d_ros.geometry import Array, Intrinsics, ray_table
from n3d_ros.sim.render import View
from n3d_ros.sim.surfaces.finish import brightness

# Of a shiny surface, the light that goes back where it came from; the rest is mirrored away.
SHINY_RETURN = 0.05
# A mirror that faces a sensor with its own light dazzles it: cosine of 12 degrees, about a highlight's width.
DAZZLING_COS = 0.978


@dataclass(frozen=True)
class Sight:
    """depth: metres, NaN where nothing is hit. grey: the picture's brightness, 0..1. reflectance: share of
    light that a surface returns, 0..1. shiny: bool.
    """

    depth: Array
    grey: Array
    reflectance: Array
    shiny: Array
    intrinsics: Intrinsics

    def __post_init__(self) -> None:
        expected = (self.intrinsics.height, self.intrinsics.width)
        for name in ("depth", "grey", "reflectance", "shiny"):
            if getattr(self, name).shape != expected:
                raise ValueError(f"sight: {name} expected {expected}, got {getattr(self, name).shape}")

    @cached_property
    def points(self) -> Array:
        """(H, W, 3) metres."""
        x, y = ray_table(self.intrinsics)
        return np.stack([x * self.depth, y * self.depth, self.depth], axis=-1)

    @cached_property
    def normals(self) -> Array:
        """(H, W, 3) unit, towards the camera; NaN where they cannot be told."""
        right, down = _step(self.points, 1), _step(self.points, 0)
        normal = np.cross(down, right)
        with np.errstate(invalid="ignore"):
            return np.asarray(normal / np.linalg.norm(normal, axis=-1, keepdims=True), np.float32)

    @cached_property
    def facing(self) -> Array:
        """Cosine of the angle between a surface's normal and the ray to it; 0 where it cannot be told."""
        distance = np.linalg.norm(self.points, axis=-1)
        with np.errstate(invalid="ignore"):
            cosine = -np.einsum("hwc,hwc->hw", self.normals, self.points) / distance
        return np.asarray(np.clip(np.nan_to_num(cosine), 0.0, 1.0))

    @cached_property
    def returned(self) -> Array:
        """Light of a lamp beside the camera that comes back: 1 for white, facing it, 1 m away; 0 for none.

        Lambert's law and the inverse square; what is shiny returns SHINY_RETURN of that.
        """
        share = np.where(self.shiny, np.float32(SHINY_RETURN), np.float32(1)) * self.reflectance
        with np.errstate(invalid="ignore"):
            light = share * self.facing / np.square(self.points).sum(axis=-1)
        return np.asarray(np.nan_to_num(light))

    @property
    def dazzling(self) -> Array:
        """Bool: mirrors that throw the sensor's own light back into it."""
        return np.asarray(self.shiny & (self.facing > DAZZLING_COS))


def sight_of(view: View) -> Sight:
    """What a depth sensor in the camera's place meets."""
    grey = view.rgb.astype(np.float32) @ np.asarray(
        [brightness(unit) for unit in ((1, 0, 0), (0, 1, 0), (0, 0, 1))], np.float32
    )
    return Sight(view.depth, grey / 255, view.reflectance, view.shiny, view.camera.intrinsics)


def _step(points: Array, axis: int) -> Array:
    """(H, W, 3) from each pixel's point towards the next one along `axis`.

    Of the steps forwards and backwards the one that changes depth less: at an edge the other one leaves the
    surface.
    """
    step = np.diff(points, axis=axis)
    nothing = np.full_like(np.take(points, [0], axis=axis), np.nan)
    forwards, backwards = (
        np.concatenate([step, nothing], axis=axis),
        np.concatenate([nothing, step], axis=axis),
    )
    change = [np.nan_to_num(np.abs(one[..., 2]), nan=np.inf) for one in (forwards, backwards)]
    return np.where((change[0] <= change[1])[..., None], forwards, backwards)
