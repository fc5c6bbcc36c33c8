"""Points to pixels and back, through the lens where there is one.

In: points in the optical frame (metres) or pixels, and the camera. Out: the other. It does not know boxes,
depth pictures or files.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from n3d_ros.geometry.intrinsics import Intrinsics
from n3d_ros.geometry.vectors import Array

# Ray tables kept: one for each size in which the pictures of one or two cameras come.
TABLES = 4


def project(points: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Pixels (..., 2) of optical-frame points (..., 3) in metres.

    z must not be 0; points behind mirror, so drop them first.
    """
    p = as_seen(points, intrinsics)
    u = intrinsics.fx * p[..., 0] / p[..., 2] + intrinsics.cx
    v = intrinsics.fy * p[..., 1] / p[..., 2] + intrinsics.cy
    return np.stack([u, v], axis=-1)


def backproject(u: ArrayLike, v: ArrayLike, z: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Optical-frame points (..., 3) in metres of pixels u, v at depth z (metres, along the optical axis).

    ValueError where the camera's lens sends no ray to a pixel.
    """
    depth = np.asarray(z, dtype=np.float64)
    x = (np.asarray(u, dtype=np.float64) - intrinsics.cx) / intrinsics.fx
    y = (np.asarray(v, dtype=np.float64) - intrinsics.cy) / intrinsics.fy
    if intrinsics.distortion is not None:
        x, y = np.moveaxis(undistorted(np.stack(np.broadcast_arrays(x, y), axis=-1), intrinsics), -1, 0)
    return np.stack(np.broadcast_arrays(x * depth, y * depth, depth), axis=-1)


def as_seen(points: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Points (..., 3) float64 moved across their depth to where a pinhole would see what the lens shows."""
    p = np.asarray(points, dtype=np.float64)
    if intrinsics.distortion is None:
        return p
    z = p[..., 2]
    x, y = intrinsics.distortion.bend(p[..., 0] / z, p[..., 1] / z)
    return np.stack([x * z, y * z, z], axis=-1)


def undistorted(rays: ArrayLike, intrinsics: Intrinsics) -> Array:
    """Rays (..., 2) at a depth of 1 from pixels by the pinhole formula -> where they come from, float64.

    ValueError, naming one, where the lens model sends no ray to a pixel.
    """
    bent = np.asarray(rays, dtype=np.float64)
    if intrinsics.distortion is None:
        return bent
    straight = np.stack(intrinsics.distortion.straighten(bent[..., 0], bent[..., 1]), axis=-1)
    missing = ~np.isfinite(straight).all(axis=-1)
    if missing.any():
        x, y = bent[missing][0]
        u, v = intrinsics.fx * x + intrinsics.cx, intrinsics.fy * y + intrinsics.cy
        raise ValueError(
            f"distortion: {intrinsics.distortion.model} {intrinsics.distortion.coefficients} sends no ray to "
            f"{np.count_nonzero(missing)} of {missing.size} pixels, such as ({u:.1f}, {v:.1f}) of "
            f"{intrinsics.width}x{intrinsics.height}"
        )
    return straight


@lru_cache(maxsize=TABLES)
def ray_table(intrinsics: Intrinsics) -> NDArray[np.float32]:
    """(2, H, W) float32: x and y of every pixel's ray at a depth of 1, optical frame. Read-only."""
    x = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx
    y = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy
    bent = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=-1)
    table = np.ascontiguousarray(np.moveaxis(undistorted(bent, intrinsics), -1, 0), dtype=np.float32)
    table.setflags(write=False)
    return table
