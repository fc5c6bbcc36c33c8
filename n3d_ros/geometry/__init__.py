"""Cameras, projection, frame changes and box corners.

In: numbers and arrays. Out: numbers and arrays. Knows nothing of labels, text, files or ROS.

Frames: *optical* is REP 103 (x right, y down, z forward). *Checkpoint* is the frame N3D-VLM was trained in (x
left, y up, z forward): optical turned by 180 degrees about z. Pixel centres are at integer coordinates, so a
picture of width W spans -0.5 .. W-0.5.
"""

from n3d_ros.geometry.distortion import Distortion
from n3d_ros.geometry.intrinsics import Intrinsics
from n3d_ros.geometry.projection import as_seen, backproject, project, ray_table, undistorted
from n3d_ros.geometry.vectors import (
    BOX_EDGES,
    CORNER_SIGNS,
    Array,
    SceneScale,
    Vector3,
    box_corners,
    checkpoint_to_optical,
    optical_to_checkpoint,
    rotation_about_y,
    transform_points,
)

__all__ = [
    "BOX_EDGES",
    "CORNER_SIGNS",
    "Array",
    "Distortion",
    "Intrinsics",
    "SceneScale",
    "Vector3",
    "as_seen",
    "backproject",
    "box_corners",
    "checkpoint_to_optical",
    "optical_to_checkpoint",
    "project",
    "ray_table",
    "rotation_about_y",
    "transform_points",
    "undistorted",
]
