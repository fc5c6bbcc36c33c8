"""Depth of another camera is where the colour camera sees it: exact values, nearest surface, no cracks."""

import math

import numpy as np
import pytest
from kernel_paths import COMPILED, taking

from n3d_ros.errors import NoDepthError
from n3d_ros.geometry import Distortion, Intrinsics, rotation_about_y
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.registration import register_depth

CAMERA = Intrinsics(100.0, 100.0, 9.5, 7.5, 20, 16, is_crop=True)
SMALL = Intrinsics(10.0, 10.0, 4.5, 3.5, 10, 8)
HERE = np.eye(4)


def shifted(x_m=0.0, y_m=0.0, z_m=0.0):
    T = np.eye(4)
    T[:3, 3] = x_m, y_m, z_m
    return T


def picture(camera, value=2.0):
    return np.full((camera.height, camera.width), value, np.float32)


def test_the_same_camera_gives_the_same_picture():
    depth = picture(SMALL)
    depth[2, 3], depth[5, 5] = np.nan, 1.25
    np.testing.assert_array_equal(register_depth(depth, SMALL, SMALL, HERE), depth)


def test_a_camera_to_the_right_sees_everything_farther_left():
    """10 cm at 2 m and fx = 100 are 5 pixels."""
    depth = picture(CAMERA)
    depth[4, 12] = np.nan
    seen = register_depth(depth, CAMERA, CAMERA, shifted(x_m=-0.1))
    assert np.isnan(seen[:, 15:]).all()
    assert np.isnan(seen[4, 7])
    assert np.isfinite(seen).sum() == 15 * 16 - 1
    np.testing.assert_array_equal(seen[np.isfinite(seen)], 2.0)


def test_depth_is_along_colours_own_axis():
    seen = register_depth(picture(SMALL), SMALL, SMALL, shifted(z_m=0.5))
    np.testing.assert_array_equal(seen[3:5, 4:6], 2.5)
    turned = np.eye(4)
    turned[:3, :3] = rotation_about_y(math.pi / 2)
    with pytest.raises(NoDepthError, match="colour sees nothing"):
        register_depth(picture(SMALL), SMALL, SMALL, turned)


def test_the_nearest_surface_hides_what_lies_behind():
    """A post at 1 m moves by 10 pixels, the wall at 2 m by 5: the post covers a piece of wall."""
    depth = picture(CAMERA)
    depth[:, 15] = 1.0
    seen = register_depth(depth, CAMERA, CAMERA, shifted(x_m=-0.1))
    assert (seen[:, 5] == 1.0).all()
    assert (seen[:, [4, 6]] == 2.0).all()
    assert np.isnan(seen[:, 10]).all(), "what the post hid from depth, nobody measured"


def test_a_slanted_surface_has_no_cracks():
    """A floor seen from higher up spreads over more rows than depth has."""
    rows = np.arange(40)[:, None] * np.ones((1, 40))
    camera = Intrinsics(60.0, 60.0, 19.5, 19.5, 40, 40)
    slope = (rows - 19.5) / 60.0
    depth = (1.0 / (0.55 - slope)).astype(np.float32)
    seen = register_depth(depth, camera, camera, shifted(y_m=0.3))
    top, bottom = np.flatnonzero(np.isfinite(seen).all(axis=1))[[0, -1]]
    assert np.isfinite(seen[top : bottom + 1]).all()
    assert bottom - top > 20


def test_a_lens_that_sees_wide_leaves_no_cracks_in_a_pinholes_picture():
    """At 45 degrees from its axis a fisheye's pixel covers two of a pinhole's of the same focal length."""
    fisheye = Distortion("equidistant", (0.0, 0.0, 0.0, 0.0))
    wide = Intrinsics(40.0, 40.0, 39.5, 39.5, 80, 80, distortion=fisheye)
    seen = register_depth(picture(wide), wide, Intrinsics(40.0, 40.0, 39.5, 39.5, 80, 80), HERE)
    np.testing.assert_array_equal(seen, 2.0)


def test_a_camera_that_is_turned_about_its_axis_leaves_no_cracks():
    turned = np.eye(4)
    turned[:2, :2] = np.array([[1, -1], [1, 1]]) / math.sqrt(2)
    camera = Intrinsics(60.0, 60.0, 39.5, 39.5, 80, 80)
    seen = register_depth(picture(camera), camera, Intrinsics(60.0, 60.0, 24.5, 24.5, 50, 50), turned)
    np.testing.assert_array_equal(seen, 2.0)


def test_a_finer_colour_picture_gets_depths_resolution_and_its_own_view():
    colour = Intrinsics(40.0, 40.0, 19.5, 15.5, 40, 32)
    seen = register_depth(picture(SMALL), SMALL, colour, HERE)
    assert seen.shape == (8, 10)
    assert (seen == 2.0).all()


def test_both_lenses_are_looked_through():
    """Depth sees a point through a pinhole, colour through its lens: it lies where the lens puts it."""
    lens = Distortion.stated("plumb_bob", [-0.3, 0.0, 0.0, 0.0, 0.0])
    pinhole = Intrinsics(100.0, 100.0, 40.0, 40.0, 81, 81)
    bent = Intrinsics(100.0, 100.0, 40.0, 40.0, 81, 81, distortion=lens)
    depth = np.full((81, 81), np.nan, np.float32)
    depth[40, 70] = 2.0
    # a slope of 0.3 is seen at 0.3 - 0.3 * 0.3**3 = 0.2919
    assert np.argwhere(np.isfinite(register_depth(depth, pinhole, bent, HERE))).tolist() == [[40, 69]]
    assert np.argwhere(np.isfinite(register_depth(depth, bent, pinhole, HERE))).tolist() == [[40, 71]]


def test_a_point_right_before_the_lens_does_not_cover_the_picture():
    camera = Intrinsics(10.0, 10.0, 4.0, 4.0, 9, 9)
    depth = np.full((9, 9), np.nan, np.float32)
    depth[4, 4] = 1.0
    seen = register_depth(depth, camera, camera, shifted(z_m=-0.999))
    assert np.isfinite(seen).sum() == 25


@pytest.mark.parametrize("T", [np.eye(3), 2 * np.eye(4), np.diag([1, 1, -1, 1]), np.full((4, 4), np.nan)])
def test_what_is_no_transform_is_refused(T):
    with pytest.raises(ValueError, match="T_colour_depth: expected a rotation"):
        register_depth(picture(SMALL), SMALL, SMALL, T)


@pytest.mark.parametrize("path", COMPILED)
@pytest.mark.parametrize("x_m", [0.0, -0.07, 0.31])
def test_compiled_kernels_give_the_same_bits(path, x_m):
    """Nearer and farther than the other camera, beyond every edge, with holes."""
    random = np.random.default_rng(3)
    depth = random.uniform(0.3, 4.0, (48, 64)).astype(np.float32)
    depth[random.random(depth.shape) < 0.2] = np.nan
    camera, colour = Intrinsics(60.0, 58.0, 30.0, 25.0, 64, 48), Intrinsics(70.0, 75.0, 33.0, 22.0, 80, 60)
    with kernels.using(kernels.NUMPY):
        expected = register_depth(depth, camera, colour, shifted(x_m, 0.02, -0.25))
    with taking(path):
        seen = register_depth(depth, camera, colour, shifted(x_m, 0.02, -0.25))
    np.testing.assert_array_equal(seen, expected)
    assert 0.1 < np.isfinite(expected).mean() < 1.0
