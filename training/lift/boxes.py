"""Masked depth -> the points of one object -> its box.

In: a depth picture, a mask, the camera; or a box that was given. Out: `Cloud` in metres, optical frame, and
`Box3D`. It does not know files or what is done with a bad box.

The box is the release's (its labels, measured on the demo's): minimum and maximum of the points that are
left, along the camera's axes; what the camera does not see is not in it. The release trims silhouette pixels
and the far tail and keeps the nearest point; its exact rule is not known, so rules and thresholds are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Intrinsics, Vector3, backproject, box_corners, rotation_about_y
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.masks import Mask, MaskCrop
from n3d_ros.training.lift.sources.records import GivenBox

QUARTER_RAD = math.pi / 2
Depth = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cloud:
    """points: (N, 3) float64 metres, optical frame, of the mask's pixels with depth. kept: (N,) bool: not
    dropped as silhouette, crumb or other body. is_body: (N,) bool: of the largest body in depth.
    """

    points: Array
    kept: Mask
    is_body: Mask


def object_cloud(depth: Depth, crop: MaskCrop, intrinsics: Intrinsics, config: LiftConfig) -> Cloud:
    """depth: (H, W) float32 metres, NaN = none, of the picture that intrinsics and crop are of."""
    height, width = crop.mask.shape
    z = depth[crop.top : crop.top + height, crop.left : crop.left + width]
    rows, columns = np.nonzero(crop.mask & np.isfinite(z))
    points = backproject(columns + crop.left, rows + crop.top, z[rows, columns], intrinsics)
    inner = crop.mask & ~silhouette(z, crop.mask, config.rim_px, config.rim_step)
    kept = inner & ~crumbs(z, inner, config.rim_step, config.min_piece_share)
    is_body = largest_body(points[:, 2], config.gap_share)
    return Cloud(points, kept[rows, columns] & is_body, is_body)


def silhouette(z: Depth, mask: Mask, rim_px: int, step: float) -> Mask:
    """(h, w) bool: pixels within rim_px of the mask's edge whose depth is off that of the mask's inside next
    to them by more than `step` of itself. A mask is never exact to the pixel, and sensors mix depths there.

    Parts too thin to have an inside so far from the edge are judged by what lies less far inside. Where no
    inside is near at all, no pixel is taken for background.
    """
    found, open_ = np.zeros_like(mask), mask.copy()
    for reach_px in range(rim_px, 0, -1):
        judged, off = _rim(z, mask, reach_px, step)
        found |= open_ & off
        open_ &= ~judged
        if not open_.any():
            break
    return found


def _rim(z: Depth, mask: Mask, reach_px: int, step: float) -> tuple[Mask, Mask]:
    """(h, w) bool twice: the mask's inside with the rim pixels near it, and those of them that are off."""
    padded = np.pad(mask, reach_px)  # beyond the crop is outside
    eroded = cv2.erode(padded.astype(np.uint8), _square(reach_px))
    inside = eroded[reach_px:-reach_px, reach_px:-reach_px].astype(bool)
    known = inside & np.isfinite(z)
    # the range of depth of the inside around each pixel; an empty one is inf..-inf
    window, border = _square(reach_px), cv2.BORDER_REPLICATE  # OpenCV's own border is finite
    nearest = cv2.erode(np.where(known, z, np.float32(np.inf)), window, borderType=border)
    farthest = cv2.dilate(np.where(known, z, np.float32(-np.inf)), window, borderType=border)
    slack = np.float32(step) * z
    off = (z < nearest - slack) | (z > farthest + slack)
    judged: Mask = mask & (inside | np.isfinite(nearest))
    return judged, judged & ~inside & off


def crumbs(z: Depth, mask: Mask, step: float, min_share: float) -> Mask:
    """(h, w) bool: the mask's pixels with depth in pieces of less than min_share of all of them.

    Two neighbours are of one piece where their depths differ by less than `step` of themselves. Pixels
    without depth pass on that of the nearest pixel that has some: holes do not break a surface.
    """
    known = mask & np.isfinite(z)
    if not known.any():
        return np.zeros_like(mask)
    filled = z if np.array_equal(known, mask) else _filled(z, known)
    # a grid with a cell for each pixel and one between each two neighbours, set where these are connected
    grid = np.zeros((2 * mask.shape[0] - 1, 2 * mask.shape[1] - 1), np.uint8)
    grid[::2, ::2] = mask
    grid[::2, 1::2] = mask[:, 1:] & mask[:, :-1] & _is_near(filled[:, 1:], filled[:, :-1], step)
    grid[1::2, ::2] = mask[1:] & mask[:-1] & _is_near(filled[1:], filled[:-1], step)
    _, pieces = cv2.connectedComponents(grid, connectivity=4)
    piece = pieces[::2, ::2]
    counts = np.bincount(piece[known])
    found: Mask = known & (counts[np.minimum(piece, counts.size - 1)] < min_share * counts.sum())
    return found


def _filled(z: Depth, known: Mask) -> Depth:
    """(h, w): each pixel's depth is that of the nearest pixel where it is known."""
    unknown = (~known).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(unknown, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    by_label = np.zeros(int(label.max()) + 1, np.float32)
    by_label[label[known]] = z[known]
    filled: Depth = by_label[label]
    return filled


def _is_near(a: Depth, b: Depth, step: float) -> Mask:
    found: Mask = np.abs(a - b) < np.float32(step) * np.minimum(a, b)
    return found


def largest_body(z: Array, gap_share: float) -> Mask:
    """(N,) bool: the largest group of depths, groups being parted by a gap of more than gap_share of the
    depth.
    """
    if not z.size:
        return np.zeros(0, dtype=bool)
    in_order = np.sort(z)
    starts = np.flatnonzero(np.diff(in_order) > gap_share * in_order[:-1]) + 1
    bounds = np.concatenate([[0], starts, [z.size]])
    largest = int(np.argmax(np.diff(bounds)))
    low, high = in_order[bounds[largest]], in_order[bounds[largest + 1] - 1]
    found: Mask = (z >= low) & (z <= high)
    return found


def aligned_box(label: str, points: Array) -> Box3D:
    """The box along the axes of the points' frame. points: (N, 3), N > 0."""
    axes = np.ascontiguousarray(points.T)  # three long rows: numpy is many times as fast along them
    low, high = axes.min(axis=1), axes.max(axis=1)
    return Box3D(label, _vector((low + high) / 2), _vector(high - low))


def box_of_given(label: str, given: GivenBox) -> Box3D:
    """The box along the camera's axes around a given one, which may be turned."""
    return aligned_box(label, corners_of_given(given))


def corners_of_given(given: GivenBox) -> Array:
    """(8, 3) metres, optical frame."""
    turn = np.asarray(given.R_optical_box, dtype=np.float64).reshape(3, 3)
    corners: Array = box_corners((0.0, 0.0, 0.0), given.size_m) @ turn.T + np.asarray(given.center_m)
    return corners


def level_rotation(gravity: Vector3) -> Array:
    """(3, 3) float64 `R_level_optical`: y along gravity, z where the camera looks, made level, x to its
    right.

    gravity: direction in the optical frame. A camera that looks straight down keeps its picture's up as
    forward.
    """
    down = np.asarray(gravity, dtype=np.float64) / np.linalg.norm(gravity)
    ahead = np.array([0.0, 0.0, 1.0])
    if abs(down[2]) > 0.999:
        ahead = np.array([0.0, -down[2], 0.0])
    forward = ahead - (ahead @ down) * down
    forward /= np.linalg.norm(forward)
    return np.stack([np.cross(down, forward), down, forward])


def upright_box(label: str, points: Array) -> Box3D:
    """The box of least floor area around points in a level frame (y down), turned about y by -45 to 45
    degrees.
    """
    floor = points[:, [2, 0]].astype(np.float32)  # (z, x): a turn about +y takes +z towards +x
    yaw = math.radians(cv2.minAreaRect(cv2.convexHull(floor))[2])
    yaw -= QUARTER_RAD * round(yaw / QUARTER_RAD)
    turn = rotation_about_y(yaw)  # the box's own axes -> the level frame
    straight = aligned_box(label, points @ turn)
    return Box3D(label, _vector(turn @ np.asarray(straight.center)), straight.size, yaw)


def _square(reach_px: int) -> Array:
    return np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)


def _vector(values: Array) -> Vector3:
    x, y, z = map(float, values)
    return x, y, z
