"""Depth as its own camera saw it -> depth as the colour camera would have seen it.

In: depth in metres, both cameras, and where they are to each other. Out: depth registered to the colour
picture: the same field of view, not necessarily its size. It does not know messages, topics or tf.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import NoDepthError
from n3d_ros.geometry import Intrinsics
from n3d_ros.geometry.projection import TABLES, project, ray_table
from n3d_ros.geometry.vectors import transform_points
from n3d_ros.preprocess import kernels

FloatArray = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.int64]
# A pixel of depth covers as much of the new picture as it subtends, and so much more on each side that a
# slanted surface has no cracks through which the background shows.
MARGIN = 0.05
# Of how much nearer a point may be to colour than to depth: cameras on one head differ by less, and a point
# right before a lens must not cover the picture.
MAX_ENLARGEMENT = 4.0
# A rotation matrix from tf's quaternions is one to about 1e-7.
RIGID_TOLERANCE = 1e-3


def register_depth(
    depth: FloatArray,
    depth_camera: Intrinsics,
    colour_camera: Intrinsics,
    T_colour_depth: npt.ArrayLike,
) -> FloatArray:
    """(h, w) float32 metres along the colour camera's z, NaN = nothing seen there.

    depth: (h', w') float32 metres along the depth camera's z, NaN = none, of any size with depth_camera's
    field of view. T_colour_depth: (4, 4), maps the depth camera's optical frame to colour's, metres. Where
    several pixels fall into one, the nearest surface wins. The new picture has colour's field of view and at
    most depth's resolution, so that it has no cracks. NoDepthError where colour sees none of it, ValueError
    where the transform is not rigid.
    """
    T = _rigid(T_colour_depth)
    camera = depth_camera.scaled_to(depth.shape[1], depth.shape[0])
    target = _target(colour_camera, camera)
    # every measured pixel as a point, depth camera's frame: (n, 3)
    v, u = np.nonzero(np.isfinite(depth))
    z = depth[v, u].astype(np.float64)
    rays = ray_table(camera)[:, v, u].astype(np.float64)
    # the same points where colour sees them
    points = transform_points(T, np.stack([rays[0] * z, rays[1] * z, z], axis=-1))
    stretch = None if camera.distortion is None else _stretch(camera)[:, v, u].T
    is_ahead = points[:, 2] > 0
    points, z = points[is_ahead], z[is_ahead]
    pixels = project(points, target)
    is_inside = ((pixels > -1) & (pixels < (target.width, target.height))).all(axis=1)
    points, z, pixels = points[is_inside], z[is_inside], pixels[is_inside]
    # half of what one pixel of depth covers in the new picture, pixels along u and v
    enlargement = np.minimum(z / points[:, 2], MAX_ENLARGEMENT)
    shares = np.array([target.fx / camera.fx, target.fy / camera.fy])
    # a square that is turned is wider
    shares = shares * np.maximum(np.abs(T[:2, :2]).sum(axis=1), 1.0)
    reach = (0.5 + MARGIN) * enlargement[:, None] * shares
    if stretch is not None:
        reach *= stretch[is_ahead][is_inside]
    registered = _nearest_surface(pixels, reach, points[:, 2], target)
    if not np.isfinite(registered).any():
        raise NoDepthError("no valid depth: colour sees nothing of what the depth camera measured")
    return registered


def _rigid(T_colour_depth: npt.ArrayLike) -> Float64Array:
    T = np.asarray(T_colour_depth, np.float64)
    is_rigid = T.shape == (4, 4) and bool(np.isfinite(T).all())
    if is_rigid:
        off = np.abs(T[:3, :3] @ T[:3, :3].T - np.eye(3)).max()
        is_rigid = off < RIGID_TOLERANCE and np.linalg.det(T[:3, :3]) > 0
    if not is_rigid:
        raise ValueError(f"T_colour_depth: expected a rotation and a translation, got {T.tolist()}")
    return T


def _target(colour: Intrinsics, depth: Intrinsics) -> Intrinsics:
    """Colour's view with no more pixels an angle than depth has."""
    share = min(1.0, depth.fx / colour.fx, depth.fy / colour.fy)
    width, height = max(1, round(colour.width * share)), max(1, round(colour.height * share))
    return colour.scaled_to(width, height)


@lru_cache(maxsize=TABLES)
def _stretch(camera: Intrinsics) -> FloatArray:
    """(2, H, W) how many times wider and higher than a pinhole's each pixel of a lens is, at least 1."""
    table = ray_table(camera)
    if min(table.shape) < 2:
        return np.ones_like(table)
    below, right = np.gradient(table, axis=(1, 2))
    focal = np.array([camera.fx, camera.fy])[:, None, None]
    stretch: FloatArray = np.maximum(focal * (np.abs(below) + np.abs(right)), 1.0).astype(np.float32)
    return stretch


def _nearest_surface(
    pixels: Float64Array, reach: Float64Array, z: Float64Array, camera: Intrinsics
) -> FloatArray:
    """(h, w) of the smallest z (n,) at every pixel whose middle lies within `reach` of `pixels` (n, 2)."""
    compiled = kernels.nearest_surface(pixels, reach, z, (camera.height, camera.width))
    return _by_layers(pixels, reach, z, camera) if compiled is None else compiled


def _by_layers(pixels: Float64Array, reach: Float64Array, z: Float64Array, camera: Intrinsics) -> FloatArray:
    """`_nearest_surface` with numpy, one layer for each place of the largest footprint."""
    # far first: of repeated places numpy keeps what is written last
    order = np.argsort(-z, kind="stable")
    surface = z[order].astype(np.float32)
    first = np.ceil(pixels[order] - reach[order]).astype(np.int64)
    last = np.floor(pixels[order] + reach[order]).astype(np.int64)
    nearest = np.full((camera.height, camera.width), np.inf, np.float32)
    for u, v, covers in _covered(first, last, camera):
        layer = np.full_like(nearest, np.inf)
        layer[v[covers], u[covers]] = surface[covers]
        np.minimum(nearest, layer, out=nearest)
    nearest[np.isinf(nearest)] = np.nan
    return nearest


def _covered(
    first: Pixels, last: Pixels, camera: Intrinsics
) -> Iterator[tuple[Pixels, Pixels, npt.NDArray[np.bool_]]]:
    """u, v and who covers it, for each place of the largest footprint."""
    size = (last - first).max(axis=0, initial=-1)
    for right in range(int(size[0]) + 1):
        for down in range(int(size[1]) + 1):
            u, v = first[:, 0] + right, first[:, 1] + down
            covers = (u <= last[:, 0]) & (v <= last[:, 1])
            covers &= (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
            yield u, v, covers
