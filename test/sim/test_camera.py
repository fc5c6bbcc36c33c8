"""Where cameras stand, how they move, how rooms are coloured and what a sensor does to depth."""

import colorsys
import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("n3d_ros.sim", exc_type=ImportError)  # mujoco, and libosmesa6 or libegl1

from n3d_ros.geometry import project, transform_points
from n3d_ros.sim import look_at, orbit_camera, random_look, sample_camera, sensor_noise
from n3d_ros.sim.camera import Camera, intrinsics_of, share_in_view
from n3d_ros.sim.look import SURFACES
from n3d_ros.sim.surfaces.room import random_pattern

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.05
SCENE = SimpleNamespace(layout="table", object_points=(CUBE + [0.2, 0, 0.7], CUBE + [-0.2, 0.1, 0.7]))


def test_look_at_is_an_optical_frame():
    pose = look_at((1.0, 0.0, 0.5), (0.0, 0.0, 0.5))
    assert pose[:3, 2] == pytest.approx([-1, 0, 0]), "z forward"
    assert pose[:3, 0] == pytest.approx([0, 1, 0]), "x right"
    assert pose[:3, 1] == pytest.approx([0, 0, -1]), "y down"
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1.0)


def test_look_at_straight_down_is_refused():
    with pytest.raises(ValueError, match="straight up or down"):
        look_at((0, 0, 1), (0, 0, 0))


def test_roll_turns_the_picture_about_its_axis():
    level, rolled = look_at((1, 0, 0), (0, 0, 0)), look_at((1, 0, 0), (0, 0, 0), roll_rad=0.1)
    assert rolled[:3, 2] == pytest.approx(level[:3, 2])
    assert np.arccos(rolled[:3, 0] @ level[:3, 0]) == pytest.approx(0.1)


def test_sampled_cameras_keep_to_their_ranges_and_see_the_objects():
    rng, shares = np.random.default_rng(0), []
    for _ in range(60):
        camera = sample_camera(SCENE, rng, 336, 252)
        field_of_view = 2 * np.degrees(np.arctan(336 / 2 / camera.intrinsics.fx))
        assert 55 <= field_of_view <= 72
        middle = transform_points(
            camera.T_camera_world, np.mean([p.mean(axis=0) for p in SCENE.object_points], axis=0)
        )
        assert 0.4 < np.linalg.norm(middle) < 1.3
        assert 15 < np.degrees(np.arcsin(-camera.T_world_camera[2, 2])) < 65
        shares.append(share_in_view(SCENE, camera))
    assert np.mean(shares) > 0.95


def test_the_inverse_pose_undoes_the_pose():
    camera = orbit_camera(SCENE, 3.0)
    assert camera.T_camera_world @ camera.T_world_camera == pytest.approx(np.eye(4), abs=1e-12)


def test_the_orbit_moves_smoothly_and_keeps_the_objects_in_view():
    cameras = [orbit_camera(SCENE, time_s) for time_s in np.arange(0, 40, 0.1)]
    positions = np.array([camera.T_world_camera[:3, 3] for camera in cameras])
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    assert steps.max() < 0.02, "below 0.2 m/s"
    assert np.ptp(positions, axis=0).max() > 0.3
    assert len({camera.intrinsics for camera in cameras}) == 1
    for camera in cameras[::20]:
        middle = transform_points(camera.T_camera_world, np.array([0.0, 0.05, 0.7]))
        assert project(middle, camera.intrinsics) == pytest.approx([319.5, 239.5], abs=1.0)


def test_surfaces_are_never_as_saturated_as_objects():
    rng = np.random.default_rng(0)
    for _ in range(200):
        look = random_look(rng)
        for surface in SURFACES:
            assert colorsys.rgb_to_hsv(*getattr(look, surface))[1] < 0.45


def test_patterns_stay_in_range():
    rng = np.random.default_rng(0)
    pictures = [random_pattern(rng) for _ in range(30)]
    assert min(picture.min() for picture in pictures) >= 0.7
    assert max(picture.max() for picture in pictures) <= 1.0
    assert {len(np.unique(picture)) > 2 for picture in pictures} == {True, False}


def test_noise_grows_with_the_square_of_depth():
    spread = []
    for distance_m in (0.5, 2.0):
        flat = np.full((200, 200), distance_m, np.float32)
        spread.append(float(np.nanstd(sensor_noise(flat, np.random.default_rng(1)))))
    assert spread[1] / spread[0] == pytest.approx(16.0, rel=0.15)
    assert 0.0003 < spread[0] * 4 < 0.004, "at 1 m"


def test_noise_leaves_holes_at_edges_and_out_of_range_and_its_input_alone():
    depth = np.full((100, 100), 1.0, np.float32)
    depth[:, 50:], depth[:10], depth[90:, :10] = 2.0, 9.0, np.nan
    before = depth.copy()
    noisy = sensor_noise(depth, np.random.default_rng(3))
    assert np.array_equal(depth, before, equal_nan=True)
    assert noisy.dtype == np.float32
    assert np.isnan(noisy[:10]).all(), "out of range"
    assert np.isnan(noisy[90:, :10]).all(), "nothing stays nothing"
    assert np.isnan(noisy[20:80, 49:51]).mean() > 0.25
    assert np.isnan(noisy[20:80, 60:]).mean() < 0.1
    assert np.array_equal(noisy, sensor_noise(depth, np.random.default_rng(3)), equal_nan=True)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (335, 251)])
def test_the_principal_point_is_the_middle_of_the_picture_whose_pixels_have_their_centres_at_integers(
    width, height
):
    camera = intrinsics_of(width, height, 60.0)
    left = project([-math.tan(math.radians(30.0)), 0.0, 1.0], camera)
    right = project([math.tan(math.radians(30.0)), 0.0, 1.0], camera)
    assert (left[0], right[0]) == (pytest.approx(-0.5), pytest.approx(width - 0.5))
    assert left[1] == (height - 1) / 2 and camera.fx == camera.fy


def test_positive_roll_turns_the_camera_clockwise_so_that_its_right_side_sinks():
    rolled = look_at((1, 0, 0), (0, 0, 0), roll_rad=0.1)
    assert rolled[:3, 0] == pytest.approx([0, np.cos(0.1), -np.sin(0.1)])
    assert rolled[:3, 1] == pytest.approx([0, -np.sin(0.1), -np.cos(0.1)])


def test_a_shelf_is_seen_from_its_open_side():
    shelf = SimpleNamespace(layout="shelf", object_points=SCENE.object_points)
    middle = np.mean([points.mean(axis=0) for points in SCENE.object_points], axis=0)
    rng = np.random.default_rng(0)
    cameras = [sample_camera(shelf, rng, 336, 252) for _ in range(40)]
    cameras += [orbit_camera(shelf, time_s) for time_s in range(0, 40, 4)]
    for camera in cameras:
        x, y, _ = camera.T_world_camera[:3, 3] - middle
        assert x > 0 and abs(np.degrees(np.arctan2(y, x))) < 45


def test_an_object_behind_the_camera_is_not_in_view_though_its_mirror_image_is_in_the_picture():
    camera = Camera(intrinsics_of(336, 252, 60.0), look_at((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
    before, behind = CUBE, CUBE + [2.0, 0.0, 0.0]
    for points, share in (((before,), 1.0), ((behind,), 0.0), ((before, behind), 0.5)):
        assert share_in_view(SimpleNamespace(layout="table", object_points=points), camera) == share
