"""Boxes, their overlap and their rectangle in the picture."""

import math

import numpy as np
import pytest

from n3d_ros.boxes import Box3D, box_2d_px, iou_3d
from n3d_ros.geometry import Intrinsics

CAMERA = Intrinsics(fx=100.0, fy=100.0, cx=49.5, cy=49.5, width=100, height=100)


def cube(x=0.0, y=0.0, z=0.0, side=1.0, yaw=0.0):
    return Box3D("cube", (x, y, z), (side, side, side), yaw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("center", (0.0, math.nan, 0.0)),
        ("center", (0.0, 1.0)),
        ("size", (1.0, math.inf, 1.0)),
        ("size", (1.0, -1.0, 1.0)),
        ("yaw", math.nan),
    ],
)
def test_impossible_boxes_are_refused_by_label_and_field(field, value):
    values = {"label": "mug", "center": (0, 0, 1), "size": (1, 1, 1), "yaw": 0.0, field: value}
    with pytest.raises(ValueError, match=f"box 'mug': {field}"):
        Box3D(**values)


def test_numpy_numbers_become_plain_floats():
    box = Box3D("mug", np.array([1, 2, 3]), np.ones(3, dtype=np.float32))
    assert box == Box3D("mug", (1.0, 2.0, 3.0), (1.0, 1.0, 1.0))
    assert all(type(value) is float for value in box.center + box.size)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (cube(), 1.0),
        (cube(x=0.5), 1 / 3),
        (cube(x=0.5, y=0.5), 0.25 / 1.75),
        (cube(z=0.75), 0.25 / 1.75),
        (cube(side=0.5), 0.125),
        (cube(x=1.0), 0.0),
        (cube(y=2.0), 0.0),
        (cube(yaw=math.pi / 2), 1.0),
    ],
)
def test_iou_of_cubes(other, expected):
    assert iou_3d(cube(), other) == pytest.approx(expected, abs=1e-12)
    assert iou_3d(other, cube()) == pytest.approx(expected, abs=1e-12)


def test_iou_of_a_cube_with_itself_turned_by_45_degrees():
    octagon = 2 * (math.sqrt(2) - 1)
    assert iou_3d(cube(), cube(yaw=math.pi / 4)) == pytest.approx(octagon / (2 - octagon), abs=1e-12)


def test_iou_of_two_crossing_bars():
    bar = Box3D("bar", (0, 0, 0), (4, 1, 1))
    crossing = Box3D("bar", (0, 0, 0), (4, 1, 1), math.pi / 2)
    assert iou_3d(bar, crossing) == pytest.approx(1 / 7, abs=1e-12)


def test_iou_of_turned_boxes_agrees_with_counting_points():
    a = Box3D("a", (0.1, 0.0, 2.0), (1.0, 0.6, 0.4), 0.5)
    b = Box3D("b", (0.2, 0.1, 2.1), (0.7, 0.5, 0.9), -0.9)
    points = np.random.default_rng(0).uniform((-1, -1, 1), (1.4, 1, 3), (400_000, 3))

    def inside(box):
        c, s = math.cos(box.yaw), math.sin(box.yaw)
        x, y, z = (points - box.center).T
        local = np.stack([c * x - s * z, y, s * x + c * z])
        return (np.abs(local) <= np.array(box.size)[:, None] / 2).all(axis=0)

    in_a, in_b = inside(a), inside(b)
    assert iou_3d(a, b) == pytest.approx((in_a & in_b).sum() / (in_a | in_b).sum(), abs=0.01)


def test_boxes_without_volume_overlap_nothing():
    flat = Box3D("flat", (0, 0, 0), (1, 0, 1))
    assert iou_3d(flat, flat) == 0.0


def test_rectangle_of_a_box_in_front_is_that_of_its_near_face():
    assert box_2d_px(cube(z=2.5), CAMERA) == pytest.approx((24.5, 24.5, 74.5, 74.5))


def test_rectangle_is_clipped_to_the_picture():
    assert box_2d_px(cube(x=-1.0, z=2.5), CAMERA) == pytest.approx((-0.5, 24.5, 49.5 - 100 / 6, 74.5))


def test_a_box_around_the_camera_fills_the_picture():
    assert box_2d_px(cube(z=0.1, side=2.0), CAMERA) == (-0.5, -0.5, 99.5, 99.5)


def test_the_part_behind_the_camera_is_cut_off_not_mirrored():
    beside = Box3D("wall", (1.5, 0.0, 0.0), (1.0, 0.2, 10.0))
    x_min, _, x_max, _ = box_2d_px(beside, CAMERA)
    assert x_min == pytest.approx(49.5 + 100 * 1.0 / 5)
    assert x_max == 99.5


@pytest.mark.parametrize("center", [(0.0, 0.0, -3.0), (9.0, 0.0, 2.0), (0.0, -9.0, 2.0)])
def test_a_box_outside_the_picture_has_no_rectangle(center):
    assert box_2d_px(Box3D("mug", center, (1, 1, 1)), CAMERA) is None
