"""The points of a depth picture that lie in boxes, with their colours: what viewers show of found objects.

In: an `Observation` with depth, `Box3D`s in its optical frame. Out: `ObjectPoints`. It does not know other
frames, messages or who looks at them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Array, Intrinsics
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.prepare import Observation

# Depth of 1280x720 is used whole.
MAX_PIXELS = 1_000_000
# 2 MB as a PointCloud2, less than a colour image of 1280x720.
MAX_POINTS = 100_000
# Depth and faces of boxes are rounded to floats, and depth of 16 bits to whole millimetres.
EDGE_M = 1e-4


@dataclass(frozen=True)
class ObjectPoints:
    """One row a point, in the order of the picture's rows; none is NaN.

    positions: (N, 3) float32 metres, optical frame. colours: (N, 3) uint8 RGB. objects: (N,) uint32, the
    place of the point's box in the list of boxes.
    """

    positions: npt.NDArray[np.float32]
    colours: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.uint32]


def object_points(seen: Observation, boxes: Sequence[Box3D], max_points: int = MAX_POINTS) -> ObjectPoints:
    """The measured points in each box, its faces included. ValueError without depth.

    A point in several boxes is the smallest one's, by volume, and of equal ones the first's: a mug stands in
    the box of its shelf too, and would be the shelf's. Depth of more than `MAX_PIXELS` is thinned by whole
    steps first; of more than max_points every second is kept, or every third, and so on.
    """
    if seen.depth is None:
        raise ValueError("object points: expected an observation with depth, got one with a point map")
    step = math.ceil(math.sqrt(seen.depth.size / MAX_PIXELS))
    height, width = seen.depth.shape
    camera = seen.intrinsics.scaled_to(width, height).every(step)
    points = depth_to_point_map(seen.depth[::step, ::step], camera)
    owners = _owners(points, boxes, camera)
    # Rows and columns of the points in boxes, thinned evenly over the picture.
    v, u = (places[:: math.ceil(len(places) / max_points) or 1] for places in np.nonzero(owners >= 0))
    return ObjectPoints(
        points[v, u], _colours(seen, u * step, v * step, width, height), owners[v, u].astype(np.uint32)
    )


def _owners(points: npt.NDArray[np.float32], boxes: Sequence[Box3D], camera: Intrinsics) -> Array:
    """(H, W) int32: which box the point of each pixel is of, -1 for none. The largest first, so that smaller
    ones take from it.
    """
    owners = np.full(points.shape[:2], -1, np.int32)
    order = sorted(range(len(boxes)), key=lambda place: (boxes[place].volume, place), reverse=True)
    for place in order:
        window = _window(boxes[place], camera)
        if window is not None:
            owners[window][_is_inside(points[window], boxes[place])] = place
    return owners


def _window(box: Box3D, camera: Intrinsics) -> tuple[slice, slice] | None:
    """The rows and columns of the picture in which the box lies, if any."""
    rectangle = box_2d_px(box, camera)
    if rectangle is None:
        return None
    left, top, right, bottom = rectangle
    return (
        slice(max(math.floor(top), 0), math.ceil(bottom) + 1),
        slice(max(math.floor(left), 0), math.ceil(right) + 1),
    )


def _is_inside(points: npt.NDArray[np.float32], box: Box3D) -> npt.NDArray[np.bool_]:
    """(h, w) for points (h, w, 3); False for NaN."""
    x, y, z = (points[..., axis] - box.center[axis] for axis in range(3))
    # Into the box's own axes: its x is (cos, 0, -sin) and its z is (sin, 0, cos). Plane by plane in float32;
    # a product of matrices copies all points as float64.
    cos, sin = math.cos(box.yaw), math.sin(box.yaw)
    own = (x * cos - z * sin, y, x * sin + z * cos)
    in_x, in_y, in_z = (np.abs(along) <= size / 2 + EDGE_M for along, size in zip(own, box.size, strict=True))
    inside: npt.NDArray[np.bool_] = in_x & in_y & in_z
    return inside


def _colours(seen: Observation, u: Array, v: Array, width: int, height: int) -> npt.NDArray[np.uint8]:
    """(N, 3) of the colour pixels under the middles of depth's pixels (u, v); width, height: of depth."""
    rows, columns = seen.rgb.shape[:2]
    colours: npt.NDArray[np.uint8] = seen.rgb[
        (2 * v + 1) * rows // (2 * height), (2 * u + 1) * columns // (2 * width)
    ]
    return colours
