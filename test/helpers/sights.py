"""What a depth sensor meets in scenes of one line: walls, steps, corners."""

import numpy as np

from n3d_ros.geometry import Intrinsics
from n3d_ros.sim.sensors import Sight

CAMERA = Intrinsics(500.0, 500.0, 79.5, 59.5, 160, 120)
SHAPE = (120, 160)


def wall(distance_m, **materials):
    """Facing the camera, light grey, with as much texture as any stereo needs."""
    return sight(np.full(SHAPE, distance_m, np.float32), **materials)


def step(near_m, far_m, column=80, until=120):
    """A far wall; something nearer before its columns from `column` to `until`."""
    depth = np.full(SHAPE, far_m, np.float32)
    depth[:, column:until] = near_m
    return sight(depth)


def corner(middle_m, inwards=True):
    """Two walls at right angles that meet in the middle column, there farthest, or nearest."""
    slope = np.abs(np.arange(SHAPE[1]) - CAMERA.cx) / CAMERA.fx
    row = middle_m / (1 + slope if inwards else 1 - slope)
    return sight(np.tile(row.astype(np.float32), (SHAPE[0], 1)))


def sight(depth, reflectance=0.5, shiny=False, texture=0.1):
    """Of one material everywhere."""
    grey = 0.5 + texture * np.random.default_rng(0).uniform(-1, 1, depth.shape)
    return Sight(
        depth,
        grey.astype(np.float32),
        np.full(depth.shape, reflectance, np.float32),
        np.full(depth.shape, shiny),
        CAMERA,
    )
