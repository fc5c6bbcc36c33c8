"""Which points of a depth picture are a thing's own, and what it stands on.

In: a box around the thing, good to about a quarter of its size, and depth. Out: `Surface`. What lies on a
plane that goes on around the box is table, floor or wall. What hangs together with the inside of the box,
without a jump in depth, is the thing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Array
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.prepare import Observation

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float32]

# The thing is looked for in its box and this much more: of each of its sides in all, and on each side.
MORE, MORE_M = 0.6, 0.015
# What is around it, as a share of the box, and more on each side.
AROUND, AROUND_M = 1.8, 0.03
# The window is thinned to about so many pixels.
WINDOW_PIXELS = 40_000
# As far as one must look beyond a side to see what is behind it.
REACH_PX = 7
# Planes are as thick as a depth camera's noise, which grows with the square of distance.
NOISE_M, NOISE_PER_M = 0.003, 0.003
# A plane holds at least this share of what is around the box.
LEAST_OF_PLANE = 0.2
# Nothing of the thing is behind it.
MOST_BEHIND_PLANE = 0.15
MAX_PLANES, TRIALS, SAMPLE, LEAST_AROUND = 3, 80, 500, 100
# Neighbouring pixels of one thing are nearer than this in depth, at 1 m and nearer still.
JUMP_PER_M, JUMP_M = 0.016, 0.003
LEAST_PIXELS = 25
# Of parts that do not hang together, one counts with this share of the largest, where so much of it is in
# the box.
LEAST_PART, LEAST_IN_BOX = 0.03, 0.65
MAX_PARTS = 24


@dataclass(frozen=True)
class Plane:
    """normal (3,), towards the camera; points p on it have normal . p = offset."""

    normal: Array
    offset: float

    def heights(self, points: Array) -> Array:
        """(...,) metres above it, towards the camera, of points (..., 3)."""
        heights: Array = points @ self.normal - self.offset
        return heights


@dataclass(frozen=True)
class Surface:
    """points (h, w, 3) float32, optical frame: of the part of the picture around the box, NaN without depth.
    own (h, w): pixels of the thing. near (h, w): where it was looked for. above (h, w): on none of `planes`
    and behind none. noise_m: how thick those are. pixel_m: side of a pixel where the thing is. jump_m: what
    is a step in depth.
    """

    points: Points
    own: Mask
    near: Mask
    above: Mask
    planes: tuple[Plane, ...]
    noise_m: float
    pixel_m: float
    jump_m: float


def surface_of(box: Box3D, seen: Observation) -> Surface | None:
    """None where hardly anything of the thing is to be told from what is around it."""
    found = _window(box, seen)
    if found is None:
        return None
    points, pixel_m = found
    distance = box.center[2]
    noise_m = max(NOISE_M, NOISE_PER_M * distance * distance)
    core, near = _within(points, box, 1.1, 0.0), _within(points, box, 1 + MORE, MORE_M)
    # Much of a thing's surface may lie before the box, or all of it.
    ahead = near & _within(points, box, 1.1, 0.0, axes=(0, 1))
    inside = core if core.sum() >= LEAST_PIXELS else ahead
    around = points[_within(points, box, AROUND, AROUND_M) & ~inside].astype(np.float64)
    planes = tuple(_planes(around, points[inside].astype(np.float64), noise_m))
    above: Mask = np.isfinite(points[..., 2])
    for plane in planes:
        above &= ~(plane.heights(points) < noise_m)
    jump_m = JUMP_PER_M * distance + JUMP_M
    seeds = core & above if (core & above).sum() >= LEAST_PIXELS else ahead & above
    own = _joined(points[..., 2], near & above, seeds, ahead, jump_m)
    if own.sum() < LEAST_PIXELS:
        return None
    return Surface(
        points,
        own=own,
        near=near,
        above=above,
        planes=planes,
        noise_m=noise_m,
        pixel_m=pixel_m,
        jump_m=jump_m,
    )


def _window(box: Box3D, seen: Observation) -> tuple[Points, float] | None:
    """The points around the box, and the side of a pixel at its distance in metres."""
    whole = seen.depth if seen.depth is not None else seen.point_map
    assert whole is not None
    camera = seen.intrinsics.scaled_to(whole.shape[1], whole.shape[0])
    width, height, length = (AROUND * side + 2 * AROUND_M for side in box.size)
    grown = replace(box, size=(width, height, length))
    rectangle = box_2d_px(grown, camera)
    if rectangle is None:
        return None
    x0, y0, x1, y1 = rectangle
    step = math.ceil(math.sqrt((x1 - x0) * (y1 - y0) / WINDOW_PIXELS))
    left, top = (max(math.floor(low) - step * REACH_PX, 0) for low in (x0, y0))
    right = min(math.ceil(x1) + step * REACH_PX + 1, camera.width)
    bottom = min(math.ceil(y1) + step * REACH_PX + 1, camera.height)
    part = whole[top:bottom:step, left:right:step]
    if part.ndim == 2:
        part = depth_to_point_map(part, camera.cropped(left, top, right - left, bottom - top).every(step))
    return part, step * box.center[2] / math.sqrt(camera.fx * camera.fy)


def _within(
    points: Points, box: Box3D, share: float, more_m: float, axes: tuple[int, ...] = (0, 1, 2)
) -> Mask:
    """(h, w): in the box, `share` times as large and on each side more_m more, along `axes`; False for
    NaN.
    """
    reach = np.array(box.size) / 2 * share + more_m
    inside: Mask = np.logical_and.reduce(
        [np.abs(points[..., axis] - box.center[axis]) <= reach[axis] for axis in axes]
    )
    return inside


def _planes(around: Array, core: Array, noise_m: float) -> Iterator[Plane]:
    """What goes on around the thing. around, core: (N, 3) points beside the box and in it."""
    draw = np.random.default_rng(0)
    for _ in range(MAX_PLANES):
        if len(around) < LEAST_AROUND or len(core) == 0:
            return
        plane = _largest_plane(around, noise_m, draw)
        on = np.abs(plane.heights(around)) < noise_m
        if on.mean() < LEAST_OF_PLANE:
            return
        heights = plane.heights(core)
        # A side of the thing has more of its points in the box.
        goes_on = on.sum() >= (np.abs(heights) < noise_m).sum()
        if goes_on and np.mean(heights < -noise_m) <= MOST_BEHIND_PLANE:
            yield plane
        around = around[~on]


def _largest_plane(points: Array, noise_m: float, draw: np.random.Generator) -> Plane:
    """The plane that holds most of the points (N, 3); of no points where they have none."""
    points = points[:: math.ceil(len(points) / SAMPLE)]
    # Through three points each; those in a row have no normal, hold NaN and count nothing.
    a, b, c = points[draw.integers(0, len(points), (3, TRIALS))]
    normals = np.cross(b - a, c - a)
    with np.errstate(invalid="ignore"):
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    heights = points @ normals.T - (normals * a).sum(axis=1)
    best = np.argmax((np.abs(heights) < noise_m).sum(axis=0))
    plane = _towards_camera(normals[best], float(normals[best] @ a[best]))
    # Least squares of what it holds, and of what that holds.
    for _ in range(3):
        on = np.abs(plane.heights(points)) < noise_m
        if on.sum() >= 3:
            middle = points[on].mean(axis=0)
            normal = np.linalg.svd(points[on] - middle, full_matrices=False)[2][2]
            plane = _towards_camera(normal, float(normal @ middle))
    return plane


def _towards_camera(normal: Array, offset: float) -> Plane:
    return Plane(-normal, -offset) if offset > 0 else Plane(normal, offset)


def _joined(depth: Points, candidates: Mask, seeds: Mask, ahead: Mask, jump_m: float) -> Mask:
    """(h, w): the candidates that hang together with the seeds, some of them, without a jump; of parts that
    lie mostly beside the box, `ahead`, none.
    """
    bridged = _bridged(depth, candidates)
    blocked = np.pad(bridged <= 0, 1, constant_values=True).astype(np.uint8)
    left = seeds
    least = LEAST_PART * left.sum()
    parts: list[tuple[int, Mask]] = []
    while left.sum() > least and len(parts) < MAX_PARTS:
        rows, columns = np.nonzero(left)
        begin = int(columns[len(rows) // 2]), int(rows[len(rows) // 2])
        mask, how = blocked.copy(), 4 | cv2.FLOODFILL_MASK_ONLY | (2 << 8)
        cv2.floodFill(bridged, mask, begin, (0,), (jump_m,), (jump_m,), how)
        part: Mask = mask[1:-1, 1:-1] == 2
        parts.append((int((part & left).sum()), part & candidates))
        left = left & ~part
    own = np.zeros_like(seeds)
    for size, part in parts:
        is_in_box = (part & ahead).sum() >= LEAST_IN_BOX * part.sum()
        if is_in_box and size >= LEAST_PART * max(size for size, _ in parts):
            own |= part
    return own


def _bridged(depth: Points, candidates: Mask) -> npt.NDArray[np.float32]:
    """(h, w): depth of the candidates, and of the nearest one beside a pixel without depth, since sensors
    lose edges; 0 elsewhere.
    """
    known = np.where(candidates, depth, np.inf).astype(np.float32)
    beside = cv2.erode(known, np.ones((3, 3), np.uint8))
    bridged = np.where(np.isnan(depth), beside, known)
    bridged[~np.isfinite(bridged)] = 0
    return np.ascontiguousarray(bridged, np.float32)
