"""The sides of a box, moved to where the depth picture shows them.

In: a box good to about a quarter of its size, and the observation it was found in. Out: the box with each
side that is to be seen where it was measured. Left, right, top and bottom are to be seen where something
farther away begins behind them; hidden by something nearer, or cut by the picture's edge, a side stays where
the model said, or where the thing is seen to reach at least. The front is always to be seen. The back never
is: for a thing on a plane it is taken from below its highest points, and counts as much as the model's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.depth_fit.surface import REACH_PX, Plane, Surface, surface_of
from n3d_ros.geometry import Array
from n3d_ros.preprocess.prepare import Observation

# So many of the outermost points are left out, in case of noise.
OUTLIERS = 2
# Sensors lose the pixels at an edge, and the outermost pixel is seen by its middle.
LOST_PX = 1.0
# The outermost points of a side are those within this of the last one.
OUTERMOST_PX = 2
# A point this many times as high as a plane is thick still touches it.
TOUCHES = 3
# How far a side may move in and out, in sizes of the box.
MOST = 0.4
# Share of a side's outermost points that must show it.
MOSTLY = 0.5
# What the measured back counts beside the model's, of 1.
BACK_SHARE = 0.5
# A step outwards on a slope away from the camera, per pixel.
SLOPE_M = 0.004
AXES = ((0, -1), (0, 1), (1, -1), (1, 1))
UNKNOWN, SHOWN, HIDDEN, GOES_ON = range(4)


def fitted(box: Box3D, seen: Observation) -> Box3D:
    """The box with the sides that depth shows; as it was where the thing cannot be told from what is around
    it, for a turned box, and where depth is turned or was not measured.
    """
    if box.yaw != 0 or min(box.size) <= 0 or seen.depth_is_turned or seen.depth_is_estimated:
        return box
    surface = surface_of(box, seen)
    if surface is None:
        return box
    low, high = np.array(box.center) - np.array(box.size) / 2, np.array(box.center) + np.array(box.size) / 2
    new_low, new_high = _moved(low, high, surface)
    stays = new_high <= new_low
    low, high = np.where(stays, low, new_low), np.where(stays, high, new_high)
    return replace(box, center=tuple((low + high) / 2), size=tuple(high - low))


def _moved(low: Array, high: Array, surface: Surface) -> tuple[Array, Array]:
    """The box's corners (3,) after the fit."""
    points = surface.points[surface.own].astype(np.float64)
    measured_low, measured_high, back = _extents(points, surface)
    new_low, new_high, size = low.copy(), high.copy(), high - low
    for axis, sign in AXES:
        of_model, measured = (low, measured_low) if sign < 0 else (high, measured_high)
        out = sign * (measured[axis] - of_model[axis]) / size[axis]
        moved = _side(out, _what_is_beyond(surface, axis, sign))
        (new_low if sign < 0 else new_high)[axis] += sign * moved * size[axis]
    if -MOST <= (low[2] - measured_low[2]) / size[2] <= MOST:
        new_low[2] = measured_low[2]
    if back is not None and BACK_SHARE * abs(back - high[2]) <= MOST * size[2]:
        new_high[2] += BACK_SHARE * (back - high[2])
    return new_low, new_high


def _side(out: float, shares: Array) -> float:
    """How far a side moves outwards that was measured `out` beyond the model's, in sizes of the box. shares
    (4,): of its outermost points that show what.
    """
    if out > MOST:
        return 0.0
    if shares[SHOWN] + shares[UNKNOWN] >= MOSTLY:
        return out if out >= -MOST else 0.0
    return max(out, 0.0) if shares[HIDDEN] > MOSTLY else 0.0


def _extents(points: Array, surface: Surface) -> tuple[Array, Array, float | None]:
    """Lowest and highest x, y, z (3,) of the thing's points (N, 3), and where its back would be, if it stands
    on something.
    """
    low, high = _ends(points)
    low[:2] -= LOST_PX * surface.pixel_m
    high[:2] += LOST_PX * surface.pixel_m
    touched, feet = None, np.empty((0, 3))
    for plane in surface.planes:
        touching = plane.heights(points) < TOUCHES * surface.noise_m
        if touching.sum() > len(feet):
            touched, feet = plane, _on_plane(points[touching], plane)
    if touched is None or len(feet) <= 2 * OUTLIERS:
        return low, high, None
    # What stands on a plane is cut at the noise above it: it goes on to the plane itself.
    feet_low, feet_high = _ends(feet)
    back = max(high[2], _ends(_on_plane(points, touched))[1][2])
    return np.minimum(low, feet_low), np.maximum(high, feet_high), float(back)


def _ends(points: Array) -> tuple[Array, Array]:
    """(3,) each: the lowest and the highest coordinates but for outliers."""
    left_out = min(OUTLIERS, len(points) // 10)
    ordered = np.partition(points, (left_out, len(points) - 1 - left_out), axis=0)
    return ordered[left_out].copy(), ordered[len(points) - 1 - left_out].copy()


def _on_plane(points: Array, plane: Plane) -> Array:
    """(N, 3): straight below each point, on the plane."""
    below: Array = points - plane.heights(points)[:, None] * plane.normal
    return below


def _what_is_beyond(surface: Surface, axis: int, sign: int) -> Array:
    """(4,): the shares of the outermost points of a side beyond which it is UNKNOWN what there is, something
    behind is SHOWN, the thing is HIDDEN or out of the picture, or GOES_ON beyond where it was looked for.
    """
    rows, columns = np.nonzero(surface.own)
    along = sign * surface.points[rows, columns, axis]
    last = np.partition(along, -1 - OUTLIERS)[-1 - OUTLIERS]
    outermost = along >= last - OUTERMOST_PX * surface.pixel_m
    rows, columns = rows[outermost], columns[outermost]
    depth = surface.points[..., 2]
    of_thing, found = depth[rows, columns], np.full(len(rows), UNKNOWN)
    for step in range(1, REACH_PX):
        rows, columns = (rows, columns + sign) if axis == 0 else (rows + sign, columns)
        found = np.where(found == UNKNOWN, _seen_at(surface, rows, columns, of_thing, step), found)
    shares: Array = np.bincount(found, minlength=4) / len(found)
    return shares


def _seen_at(surface: Surface, rows: Array, columns: Array, of_thing: Array, step: int) -> Array:
    """(N,): what the pixels show, `step` pixels beyond points of the thing with depths `of_thing` (N,)."""
    height, width = surface.own.shape
    is_in = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    depth = surface.points[rows, columns, 2]
    own, goes_on = surface.own[rows, columns], (surface.above & ~surface.near)[rows, columns]
    is_nearer = depth < of_thing - surface.jump_m - SLOPE_M * step
    is_level = np.abs(depth - of_thing) <= surface.jump_m
    found = np.where(goes_on & is_level, GOES_ON, SHOWN)
    found = np.where(own | np.isnan(depth), UNKNOWN, found)
    return np.where(~is_in | is_nearer, HIDDEN, found)
