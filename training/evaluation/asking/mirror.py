"""The world in a mirror: left is right, and every answer is known to follow.

In: an observation, a box, a question. Out: the same mirrored at the picture's middle column. A model that
measures gives mirrored answers; one that has learned how things usually lie does not. Whoever mirrors twice
has what was there before.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation

SIDES = re.compile(r"\b(left|right)", re.IGNORECASE)


def mirrored(seen: Observation) -> Observation:
    """Picture, depth and camera. ValueError for a lens that bends: its mirror image is no lens of ours."""
    if seen.intrinsics.distortion is not None:
        raise ValueError("mirror: expected a camera without distortion, rectify the picture first")
    rgb: npt.NDArray[np.uint8] = np.ascontiguousarray(seen.rgb[:, ::-1])
    camera = mirrored_camera(seen.intrinsics)
    if seen.depth is not None:
        return replace(seen, rgb=rgb, intrinsics=camera, depth=np.ascontiguousarray(seen.depth[:, ::-1]))
    assert seen.point_map is not None
    points = np.ascontiguousarray(seen.point_map[:, ::-1]) * np.array([-1, 1, 1], np.float32)
    return replace(seen, rgb=rgb, intrinsics=camera, point_map=points)


def mirrored_camera(camera: Intrinsics) -> Intrinsics:
    """Column u becomes W - 1 - u; whole numbers are the middles of pixels."""
    return replace(camera, cx=camera.width - 1 - camera.cx)


def mirrored_box(box: Box3D) -> Box3D:
    """x and yaw change their signs."""
    x, y, z = box.center
    return replace(box, center=(-x, y, z), yaw=-box.yaw)


def names_a_side(text: str) -> bool:
    """Whether the words themselves say left or right, so that they mean something else in the mirror."""
    return SIDES.search(text) is not None
