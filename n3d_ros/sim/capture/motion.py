"""Where a camera is while its shutter is open.

In: its pose in the middle of the exposure, and how it turns and moves. Out: its pose at other times. Time
runs from -0.5 to 0.5.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.camera import Camera


def times(num: int) -> Array:
    """(num,) moments evenly over the exposure; the middle one is 0 where their number is odd."""
    return (np.arange(num) + 0.5) / num - 0.5


def moved(camera: Camera, turn_rad: Array, shift_m: Array, time: float) -> Camera:
    """The camera at that moment. turn_rad (3,): axis times angle; shift_m (3,): both over the whole exposure,
    in its own optical frame.
    """
    step = np.eye(4)
    step[:3, :3], step[:3, 3] = cv2.Rodrigues(np.asarray(turn_rad) * time)[0], np.asarray(shift_m) * time
    return replace(camera, T_world_camera=camera.T_world_camera @ step)


def any_direction(rng: np.random.Generator) -> Array:
    """(3,) unit vector."""
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))
