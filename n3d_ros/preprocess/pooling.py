"""Depth or a point map -> one mean point per patch.

In: what the camera measured, in the optical frame. Out: normalised means in the checkpoint frame, the scale
of the scene and the share of pixels that held a measurement. It does not know pictures or codes. The
arithmetic is that of `n3d_ros.preprocess.depth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.depth import TRUE_SHAPE, depth_to_point_map, normalise, pool_to_grid, rays
from n3d_ros.preprocess.native_library import PooledRows

# Depth with fewer measured pixels than this (projected lidar) keeps every one of them.
SPARSE_RATIO = 0.1

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PooledScene:
    """points: (h*w, 3) float32 normalised, raster order. valid_ratio: measured pixels / all pixels, 0..1."""

    points: FloatArray
    scene: SceneScale
    valid_ratio: float


def thin_depth(depth: FloatArray, intrinsics: Intrinsics, long_side_px: int) -> tuple[FloatArray, Intrinsics]:
    """Every n-th pixel of every n-th row, so that the long side stays at or above long_side_px.

    The release's point maps never have a longer side than its pictures (640), so the means of patches need no
    more points. What remains is measured, not interpolated, and has exact rays.
    """
    step = max(1, max(depth.shape) // long_side_px)
    if step == 1:
        return depth, intrinsics
    thinned = depth[::step, ::step]
    if _is_sparse(thinned[::4, ::4] > 0):
        return depth, intrinsics
    return thinned, intrinsics.every(step)


def thin_points(point_map: FloatArray, long_side_px: int) -> FloatArray:
    """The same for a point map (H, W, 3), where NaN = none."""
    step = max(1, max(point_map.shape[:2]) // long_side_px)
    thinned = point_map[::step, ::step]
    if step > 1 and _is_sparse(np.isfinite(thinned[::4, ::4, 2])):
        return point_map
    return thinned


def _is_sparse(measured: npt.NDArray[np.bool_]) -> bool:
    return int(np.count_nonzero(measured)) < SPARSE_RATIO * measured.size


def pool_depth(
    depth: FloatArray, intrinsics: Intrinsics, grid_hw: tuple[int, int], reshape: str = TRUE_SHAPE
) -> PooledScene:
    """depth: (H, W) float32 metres, of these intrinsics. Raises what `normalise` and `pool_to_grid` raise."""
    if intrinsics.distortion is not None:
        return pool_points(depth_to_point_map(depth, intrinsics), grid_hw, reshape)
    if reshape == TRUE_SHAPE and depth.shape == (intrinsics.height, intrinsics.width):
        pooled = kernels.pool_depth(depth, *_rays(intrinsics), grid_hw)
        if pooled is not None:
            return _scene(pooled, depth.size)
    return _pool(depth_to_point_map(depth, intrinsics), grid_hw, reshape)


def pool_points(point_map: FloatArray, grid_hw: tuple[int, int], reshape: str = TRUE_SHAPE) -> PooledScene:
    """point_map: (H, W, 3) float32 metres, NaN = none. Raises what `normalise` and `pool_to_grid` raise."""
    if reshape == TRUE_SHAPE:
        pooled = kernels.pool_points(point_map, grid_hw)
        if pooled is not None:
            return _scene(pooled, point_map.shape[0] * point_map.shape[1])
    return _pool(point_map, grid_hw, reshape)


def _pool(point_map: FloatArray, grid_hw: tuple[int, int], reshape: str) -> PooledScene:
    normalised = normalise(point_map)
    valid_ratio = float(np.count_nonzero(normalised.valid)) / normalised.valid.size
    return PooledScene(pool_to_grid(normalised, grid_hw, reshape), normalised.scene, valid_ratio)


def _scene(pooled: PooledRows, num_pixels: int) -> PooledScene:
    points, (x, y, z, mean_distance, num_valid) = pooled[0], pooled[1].tolist()
    return PooledScene(points, SceneScale(1.0 / mean_distance, (x, y, z)), num_valid / num_pixels)


@lru_cache(maxsize=8)
def _rays(intrinsics: Intrinsics) -> tuple[FloatArray, FloatArray]:
    return rays(intrinsics)
