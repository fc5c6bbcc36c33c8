"""Masked depth to points to boxes, on arrays whose answers are known."""

import math

import numpy as np
import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, rotation_about_y
from n3d_ros.training.lift.boxes import (
    aligned_box,
    crumbs,
    largest_body,
    level_rotation,
    object_cloud,
    silhouette,
    upright_box,
)
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.masks import MaskCrop

CAMERA = Intrinsics(10.0, 10.0, 4.5, 3.5, 10, 8)
AS_IT_IS = LiftConfig(rim_px=0, min_piece_share=0.0)


def crop(left, top, height, width):
    return MaskCrop(np.ones((height, width), bool), left, top)


def test_points_are_the_pixels_of_the_crop_at_their_depth():
    depth = np.full((8, 10), 2.0, np.float32)
    cloud = object_cloud(depth, crop(4, 3, 1, 2), CAMERA, AS_IT_IS)
    np.testing.assert_allclose(cloud.points, [[-0.1, -0.1, 2.0], [0.1, -0.1, 2.0]])
    assert cloud.kept.all() and cloud.is_body.all()


def test_pixels_without_depth_give_no_point():
    depth = np.full((8, 10), 2.0, np.float32)
    depth[3, 4] = np.nan
    assert len(object_cloud(depth, crop(4, 3, 1, 2), CAMERA, AS_IT_IS).points) == 1


def test_the_box_spans_the_points():
    box = aligned_box("mug", np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 6.0], [1.0, 1.0, 3.0]]))
    assert box == Box3D("mug", (1.0, 2.0, 4.0), (2.0, 2.0, 4.0))


def test_rim_pixels_off_the_inside_are_silhouette_and_others_are_not():
    z = np.full((5, 5), 1.0, np.float32)
    z[0, 2] = 1.5  # background under the mask's upper edge
    z[4, 2] = 0.5  # something before its lower edge
    z[2, 4] = 1.01  # a slope
    z[2, 2] = 1.5  # inside: no business of this filter
    found = silhouette(z, np.ones((5, 5), bool), rim_px=1, step=0.02)
    off = np.zeros((5, 5), bool)
    off[4, 2] = True
    assert np.array_equal(found, off | (z == 1.5) & (np.arange(5)[:, None] == 0))


def test_thin_parts_have_no_inside_and_lose_nothing():
    z = np.array([[1.0, 1.5, 1.0, 1.0]], np.float32)
    assert not silhouette(z, np.ones((1, 4), bool), rim_px=1, step=0.02).any()


def test_pixels_without_depth_are_no_silhouette_and_hide_none():
    z = np.full((5, 5), 1.0, np.float32)
    z[2, 2], z[0, 0] = np.nan, np.nan
    assert not silhouette(z, np.ones((5, 5), bool), rim_px=1, step=0.02).any()


def test_the_larger_of_two_bodies_parted_by_a_gap_is_kept():
    z = np.array([1.0, 1.02, 1.04, 1.5, 1.52])
    assert largest_body(z, 0.1).tolist() == [True, True, True, False, False]
    assert largest_body(z, 0.5).all()
    assert largest_body(z[::-1], 0.1).tolist() == [False, False, True, True, True]


def test_no_points_have_no_body():
    assert largest_body(np.zeros(0), 0.1).shape == (0,)


def test_the_rim_is_as_wide_as_its_reach():
    z = np.full((9, 9), 1.0, np.float32)
    z[:, :3] = 1.5  # three columns of background under a mask that is too wide
    found = silhouette(z, np.ones((9, 9), bool), rim_px=3, step=0.03)
    assert found[:, :3].all() and not found[:, 3:].any()
    assert not silhouette(z, np.ones((9, 9), bool), rim_px=2, step=0.03)[4, 2]


def test_a_part_too_thin_for_the_reach_is_judged_by_its_own_inside():
    z = np.full((3, 20), 1.0, np.float32)
    z[0, 10] = 1.5
    assert np.argwhere(silhouette(z, np.ones((3, 20), bool), rim_px=3, step=0.03)).tolist() == [[0, 10]]


def test_what_the_full_reach_finds_right_stays_where_another_part_is_thin():
    """At a reach of one, the background in column 1 would be the inside beside column 0."""
    mask = np.zeros((9, 20), bool)
    mask[:, :9], mask[4, 9:] = True, True
    z = np.full((9, 20), 1.0, np.float32)
    z[:, 1] = 1.5
    found = silhouette(z, mask, rim_px=3, step=0.03)
    assert found[:, 1].all() and np.count_nonzero(found) == 9


def test_a_piece_of_few_points_is_a_crumb():
    z = np.full((10, 10), 1.0, np.float32)
    z[0, :2] = 1.05  # two points of a hundred, behind a step
    z[9, 9] = 0.95  # one before it
    whole = np.ones((10, 10), bool)
    assert np.argwhere(crumbs(z, whole, 0.03, 0.03)).tolist() == [[0, 0], [0, 1], [9, 9]]
    assert np.argwhere(crumbs(z, whole, 0.03, 0.02)).tolist() == [[9, 9]]
    assert not crumbs(z, whole, 0.06, 0.03).any()


def test_a_slope_is_one_piece_however_deep():
    z = np.tile(np.linspace(1.0, 2.0, 50, dtype=np.float32), (4, 1))
    assert not crumbs(z, np.ones((4, 50), bool), 0.03, 0.5).any()


def test_parts_of_a_mask_that_do_not_touch_are_pieces():
    mask = np.ones((3, 9), bool)
    mask[:, 6] = False  # something stands before the object
    assert np.argwhere(crumbs(np.ones((3, 9), np.float32), mask, 0.03, 0.3))[:, 1].tolist() == [7, 8] * 3
    assert not crumbs(np.ones((3, 9), np.float32), mask, 0.03, 0.2).any()


def test_holes_do_not_break_a_surface():
    """Some sensors measure a grid of points only."""
    z = np.full((12, 12), np.nan, np.float32)
    z[::3, ::3] = 1.0
    whole = np.ones((12, 12), bool)
    assert not crumbs(z, whole, 0.03, 0.5).any()
    z[0, 0] = 1.2
    assert np.argwhere(crumbs(z, whole, 0.03, 0.5)).tolist() == [[0, 0]]


def test_without_depth_there_are_no_crumbs():
    assert not crumbs(np.full((3, 3), np.nan, np.float32), np.ones((3, 3), bool), 0.03, 0.5).any()
    assert not crumbs(np.ones((3, 3), np.float32), np.zeros((3, 3), bool), 0.03, 0.5).any()


def test_the_nearest_point_of_a_surface_stays():
    depth = np.tile(np.linspace(1.0, 1.09, 10, dtype=np.float32), (8, 1))
    cloud = object_cloud(depth, crop(0, 0, 8, 10), CAMERA, LiftConfig())
    kept = cloud.points[cloud.kept, 2]
    assert (kept.min(), kept.max()) == (pytest.approx(1.0), pytest.approx(1.09))


@pytest.mark.parametrize("yaw_deg", [-40.0, -10.0, 0.0, 25.0, 44.0])
def test_an_upright_box_is_found_again(yaw_deg):
    box = Box3D("chest", (0.3, 0.2, 2.0), (1.2, 0.5, 0.6), math.radians(yaw_deg))
    found = upright_box("chest", box.corners())
    np.testing.assert_allclose(found.center, box.center, atol=1e-6)
    np.testing.assert_allclose(found.size, box.size, atol=1e-5)
    assert math.degrees(found.yaw) == pytest.approx(yaw_deg, abs=1e-3)


def test_points_in_one_spot_have_an_upright_box_too():
    assert upright_box("dot", np.zeros((3, 3))).size == (0.0, 0.0, 0.0)


def test_the_level_frame_has_gravity_down_and_looks_where_the_camera_looks():
    pitch = math.radians(30.0)  # the camera looks down by 30 degrees: gravity leans towards where it looks
    gravity = (0.0, math.cos(pitch), math.sin(pitch))
    level = level_rotation(gravity)
    np.testing.assert_allclose(level @ level.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(level) == pytest.approx(1.0)
    np.testing.assert_allclose(level @ gravity, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(level @ [0, 0, 1], [0, math.sin(pitch), math.cos(pitch)], atol=1e-12)
    np.testing.assert_allclose(level_rotation((0.0, 3.0, 0.0)), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("gravity", [(0.0, 0.0, 1.0), (0.0, 0.0, -2.0)])
def test_straight_down_and_up_have_a_level_frame(gravity):
    level = level_rotation(gravity)
    np.testing.assert_allclose(level @ np.array(gravity) / np.linalg.norm(gravity), [0, 1, 0], atol=1e-12)
    assert np.linalg.det(level) == pytest.approx(1.0)


def test_rotation_and_minimum_rectangle_agree_in_sign():
    turned = np.array([[0, 0, 1.0], [0, 0, 0], [0.2, 0, 1], [0.2, 0, 0]]) @ rotation_about_y(0.3).T
    assert upright_box("plank", turned).yaw == pytest.approx(0.3, abs=1e-6)
