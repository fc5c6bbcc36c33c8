"""Depth of a table seen from above at a slant, ray by ray: the way robots mostly look."""

import math

import numpy as np
import pytest

from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.memory.places import Place
from n3d_ros.memory.sight import Sight, SightConfig, look_at

CAMERA = Intrinsics(250.0, 250.0, 160.0, 120.0, 320, 240)
CONFIG = SightConfig()
# Fixed frame: z up, the table's top at z = 0, the box of the mug on it, its turn that of the frame.
MUG = Place((0.0, 0.0, 0.05), (0.1, 0.1, 0.1), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def slanted(distance_m=1.0, down_deg=40):
    """(4, 4) a camera that looks along +x down onto the mug."""
    c, s = math.cos(math.radians(down_deg)), math.sin(math.radians(down_deg))
    pose = np.eye(4)
    # columns: the camera's right, down and forward in the fixed frame
    pose[:3, :3] = np.array([(0, -1, 0), (-s, 0, -c), (c, 0, -s)]).T
    pose[:3, 3] = np.array(MUG.center) - distance_m * pose[:3, 2]
    return pose


def depth(pose, *boxes, shape=(240, 320)):
    """(h, w) optical depth of the table with boxes (low, high) on it."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    scale_y, scale_x = 240 / shape[0], 320 / shape[1]
    x = ((u + 0.5) * scale_x - 0.5 - CAMERA.cx) / CAMERA.fx
    y = ((v + 0.5) * scale_y - 0.5 - CAMERA.cy) / CAMERA.fy
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ pose[:3, :3].T
    start = pose[:3, 3]
    z = np.where(rays[..., 2] < 0, -start[2] / rays[..., 2], np.nan)
    for low, high in boxes:
        with np.errstate(divide="ignore"):
            planes = np.stack([(np.array(low) - start) / rays, (np.array(high) - start) / rays])
        near, far = planes.min(axis=0).max(axis=-1), planes.max(axis=0).min(axis=-1)
        z = np.where(near < far, np.minimum(z, near), z)
    return z.astype(np.float32)


BODY = ((-0.05, -0.05, 0.0), (0.05, 0.05, 0.1))


@pytest.mark.parametrize("down_deg", [15, 40, 65])
@pytest.mark.parametrize("distance_m", [0.6, 1.0, 1.5])
def test_a_mug_taken_off_a_table_leaves_an_empty_place(down_deg, distance_m):
    pose = slanted(distance_m, down_deg)
    there = look_at(MUG, pose, CAMERA, depth(pose, BODY), CONFIG)
    assert there.sight is Sight.TAKEN and there.open_share < 0.3
    gone = look_at(MUG, pose, CAMERA, depth(pose), CONFIG, there.open_share)
    assert (gone.sight, gone.open_share) == (Sight.EMPTY, pytest.approx(1.0, abs=0.1))


def test_what_lets_rays_through_while_it_is_there_is_not_held_gone():
    """A bowl, a plate: the table's top is seen through most of its box."""
    pose = slanted()
    there = look_at(MUG, pose, CAMERA, depth(pose), CONFIG)
    assert there.open_share > 0.9
    assert look_at(MUG, pose, CAMERA, depth(pose), CONFIG, there.open_share).sight is Sight.TAKEN
    assert look_at(MUG, pose, CAMERA, depth(pose), CONFIG, None).sight is Sight.TAKEN


def test_what_depth_saw_through_all_the_time_is_not_held_gone():
    """A glass, or a box beside its thing."""
    wall = np.full((240, 320), 5.0, np.float32)
    assert look_at(MUG, slanted(), CAMERA, wall, CONFIG, 0.0).sight is Sight.EMPTY
    assert look_at(MUG, slanted(), CAMERA, wall, CONFIG, 1.0).sight is Sight.TAKEN


def test_another_thing_in_its_place_takes_it():
    pose = slanted()
    lower = ((-0.05, -0.05, 0.0), (0.05, 0.05, 0.06))
    assert look_at(MUG, pose, CAMERA, depth(pose, lower), CONFIG, 0.0).sight is Sight.TAKEN


def test_depth_of_another_size_is_read_at_the_same_place():
    pose = slanted()
    small = depth(pose, BODY, shape=(120, 160))
    whole = look_at(MUG, pose, CAMERA, depth(pose, BODY), CONFIG)
    half = look_at(MUG, pose, CAMERA, small, CONFIG)
    assert half.sight is Sight.TAKEN and half.open_share == pytest.approx(whole.open_share, abs=0.05)


def test_what_lies_far_outside_a_bent_view_is_out_of_view():
    """The polynomial of a lens would bend these rays back into the picture."""
    lens = Distortion("plumb_bob", (-0.2, 0.0, 0.0, 0.0, 0.0))
    camera = Intrinsics(250.0, 250.0, 160.0, 120.0, 320, 240, distortion=lens)
    aside = Place((2.1, 0.0, 1.0), (0.1, 0.1, 0.1), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    wall = np.full((240, 320), 9.0, np.float32)
    assert look_at(aside, np.eye(4), camera, wall, CONFIG).sight is Sight.OUT_OF_VIEW
    ahead = Place((0.1, 0.0, 1.0), (0.1, 0.1, 0.1), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    assert look_at(ahead, np.eye(4), camera, wall, CONFIG).sight is Sight.EMPTY
