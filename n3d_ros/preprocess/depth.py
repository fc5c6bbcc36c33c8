"""Depth picture -> point map -> normalised points -> one mean point per patch.

In: depth in metres with its intrinsics, or a point map in the optical frame (NaN = no depth). Out: points
in the checkpoint frame (x left, y up, z forward), shifted to their minimum corner and scaled to mean
distance 1, and their means over the patch grid. It does not know pictures, prompts or the model. Source:
docs/specification/inputs.md 3 to 5.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import Intrinsics, SceneScale, ray_table
from n3d_ros.preprocess.point_code import PointEncodingConfig, axis_sinusoid, round_coordinates, sinusoid

__all__ = [
    "NormalisedPoints",
    "PointEncodingConfig",
    "axis_sinusoid",
    "depth_to_point_map",
    "normalise",
    "pool_to_grid",
    "round_coordinates",
    "sinusoid",
]

FLOAT16_MAX_M = 65504.0
TRUE_SHAPE = "true_shape"
RESHAPES = (TRUE_SHAPE, "upstream")
UPSTREAM_LONG_SIDE = 640

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NormalisedPoints:
    """A point map in units of its scene.

    points: (H, W, 3) float32, normalised, checkpoint frame; meaningless where valid is False.
    valid: (H, W) bool. valid_mean: (3,) float32, mean of the valid points, which stands in for the others.
    scene: the scale and shift that take metres to these units; a box is decoded with the same two.
    """

    points: FloatArray
    valid: BoolArray
    valid_mean: FloatArray
    scene: SceneScale


def depth_to_point_map(depth: FloatArray, intrinsics: Intrinsics) -> FloatArray:
    """(H, W) float32 metres -> (H, W, 3) float32 metres, optical frame; NaN without positive depth.

    intrinsics must be those of this depth picture (use `Intrinsics.scaled_to` for another size). The result
    is a view of three planes, so per-axis work on it is contiguous.
    """
    if depth.shape != (intrinsics.height, intrinsics.width):
        expected = (intrinsics.height, intrinsics.width)
        raise ValueError(f"depth: expected the shape of its intrinsics {expected}, got {depth.shape}")
    planes = np.empty((3, *depth.shape), dtype=np.float32)
    planes[2] = depth
    planes[2][~(np.isfinite(depth) & (depth > 0))] = np.nan
    if intrinsics.distortion is None:
        rays_x, rays_y = rays(intrinsics)
        np.multiply(planes[2], rays_x[None, :], out=planes[0])
        np.multiply(planes[2], rays_y[:, None], out=planes[1])
    else:
        np.multiply(planes[2], ray_table(intrinsics), out=planes[:2])
    return np.moveaxis(planes, 0, -1)


def rays(intrinsics: Intrinsics) -> tuple[FloatArray, FloatArray]:
    """(W,) x of every column and (H,) y of every row of a pinhole at a depth of 1, float32, optical."""
    x = (np.arange(intrinsics.width) - intrinsics.cx) / intrinsics.fx
    y = (np.arange(intrinsics.height) - intrinsics.cy) / intrinsics.fy
    return x.astype(np.float32), y.astype(np.float32)


def normalise(point_map: npt.NDArray[Any], valid: BoolArray | None = None) -> NormalisedPoints:
    """Shift points to their minimum corner and scale them to a mean distance of 1 from it.

    point_map: (H, W, 3) metres, optical frame. valid: (H, W) bool; without it every finite point counts.
    Metres pass through float16 first, because the released model saw them so. Raises ValueError when no
    point is valid, a valid point is not finite or beyond float16, or all valid points coincide. The
    caller's array is not changed.
    """
    points = _to_checkpoint_float16(point_map)
    planes = np.moveaxis(points, -1, 0)
    if valid is None:
        valid = _finite(np.moveaxis(point_map, -1, 0))
    _check_valid(valid, _finite(planes))
    measured = planes.reshape(3, -1).compress(valid.ravel(), axis=1)
    shift = measured.min(axis=1)
    measured -= shift[:, None]
    mean_distance = float(np.sqrt(np.square(measured).sum(axis=0)).mean(dtype=np.float64))
    if not mean_distance > 0:
        raise ValueError(f"point map has no extent: its {measured.shape[1]} valid points coincide")
    scale = 1.0 / mean_distance
    points -= shift
    points *= np.float32(scale)
    mean = (measured.mean(axis=1, dtype=np.float64) * scale).astype(np.float32)
    scene = SceneScale(scale, (float(shift[0]), float(shift[1]), float(shift[2])))
    return NormalisedPoints(points, valid, mean, scene)


def _to_checkpoint_float16(point_map: npt.NDArray[Any]) -> FloatArray:
    """Own float32 copy of the map, rounded to float16, x and y negated (optical -> checkpoint frame)."""
    if point_map.ndim != 3 or point_map.shape[2] != 3:
        raise ValueError(f"point map: expected shape (H, W, 3), got {point_map.shape}")
    with np.errstate(over="ignore"):
        points: FloatArray = point_map.astype(np.float16).astype(np.float32)
    np.negative(points[..., :2], out=points[..., :2])
    return points


def _finite(planes: npt.NDArray[Any]) -> BoolArray:
    """(3, H, W) -> (H, W): all three coordinates are finite."""
    finite: BoolArray = np.isfinite(planes[0]) & np.isfinite(planes[1]) & np.isfinite(planes[2])
    return finite


def _check_valid(valid: BoolArray, finite: BoolArray) -> None:
    if valid.shape != finite.shape or valid.dtype != np.bool_:
        raise ValueError(f"valid: expected {finite.shape} bool, got {valid.shape} {valid.dtype}")
    if not valid.any():
        raise ValueError(f"no valid depth: 0 of {valid.size} points are finite and valid")
    num_bad = int(np.count_nonzero(valid & ~finite))
    if num_bad:
        raise ValueError(f"point map: {num_bad} valid points are not finite or beyond {FLOAT16_MAX_M:.0f} m")


def pool_to_grid(
    normalised: NormalisedPoints, grid_hw: tuple[int, int], reshape: str = TRUE_SHAPE
) -> FloatArray:
    """(h*w, 3) float32, raster order: mean point of every patch.

    Pixels without depth count as the mean of all valid ones. Bin i of n pixels covers floor(i*n/count) to
    ceil((i+1)*n/count) - 1, so neighbours may share pixels and the map may have any size. reshape:
    'true_shape' pools the map as it is; 'upstream' first reads it as the release does, as rows of 640 where
    the grid is wider than tall and else as 640 rows, which shears near-square landscape maps (quirk W1).
    """
    points = np.where(normalised.valid[..., None], normalised.points, normalised.valid_mean)
    if reshape != TRUE_SHAPE:
        points = _reshape_upstream(points, grid_hw, reshape)
    sums = _sum_first_axis(_sum_first_axis(points, grid_hw[0]).swapaxes(0, 1), grid_hw[1]).swapaxes(0, 1)
    counts = np.multiply.outer(_bin_sizes(len(points), grid_hw[0]), _bin_sizes(points.shape[1], grid_hw[1]))
    means: FloatArray = (sums / counts[..., None]).astype(np.float32)
    return means.reshape(-1, 3)


def _bins(size: int, count: int) -> list[tuple[int, int]]:
    """[start, end) of each bin along one axis of `size` pixels; neighbours may overlap."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _bin_sizes(size: int, count: int) -> npt.NDArray[np.float64]:
    return np.array([end - start for start, end in _bins(size, count)], dtype=np.float64)


def _sum_first_axis(points: npt.NDArray[Any], count: int) -> npt.NDArray[np.float64]:
    """(A, B, 3) -> (count, B, 3) sums over bins. In float64 a bin's sum is exact, so no order changes it."""
    bins = _bins(len(points), count)
    return np.stack([points[start:end].sum(axis=0, dtype=np.float64) for start, end in bins])


def _reshape_upstream(points: FloatArray, grid_hw: tuple[int, int], reshape: str) -> FloatArray:
    if reshape not in RESHAPES:
        raise ValueError(f"point_map_reshape: expected one of {RESHAPES}, got {reshape!r}")
    height, width = points.shape[:2]
    if max(height, width) != UPSTREAM_LONG_SIDE:
        raise ValueError(
            f"point_map_reshape 'upstream': expected a map with a long side of 640, got {width}x{height}"
        )
    shape = (-1, UPSTREAM_LONG_SIDE, 3) if grid_hw[0] < grid_hw[1] else (UPSTREAM_LONG_SIDE, -1, 3)
    read: FloatArray = points.reshape(shape)
    if read.shape != points.shape:
        rows, columns = read.shape[:2]
        _log.warning(
            "the release reads the %dx%d point map as %d rows of %d and shears it",
            width, height, rows, columns,
        )  # fmt: skip
    return read
