"""Depth pictures of cuboids on a floor before a wall, computed ray by ray."""

import numpy as np

from n3d_ros.geometry import ray_table
from n3d_ros.preprocess.prepare import Observation


def cuboid_depth(camera, boxes, floor_y=None, wall_z=2.0):
    """(H, W) float32 metres. boxes: solid `Box3D`s, not turned. floor_y: the floor's y, optical frame."""
    x, y = ray_table(camera)
    depth = np.full(x.shape, wall_z, np.float64)
    if floor_y is not None:
        depth = np.where(y > 1e-9, np.minimum(depth, floor_y / np.maximum(y, 1e-9)), depth)
    rays = np.stack([x, y, np.ones_like(x)])
    for box in boxes:
        center, half = np.array(box.center), np.array(box.size) / 2
        with np.errstate(divide="ignore"):
            near, far = ((center + sign * half)[:, None, None] / rays for sign in (-1, 1))
        enters, leaves = np.minimum(near, far).max(axis=0), np.maximum(near, far).min(axis=0)
        depth = np.where((enters < leaves) & (enters > 0), np.minimum(depth, enters), depth)
    return depth.astype(np.float32)


def seen(depth, camera):
    """An observation with this depth, and a picture of nothing."""
    return Observation(np.zeros((camera.height, camera.width, 3), np.uint8), camera, np.float32(depth))
