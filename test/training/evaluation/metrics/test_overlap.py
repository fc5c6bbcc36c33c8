"""Boxes beside boxes, and in the picture."""

import math

import pytest

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.geometry import Intrinsics
from n3d_ros.training.evaluation.metrics.overlap import (
    aligned_to_depth,
    distance_matrix,
    iou_matrix,
    projected_iou,
    projected_offset,
    rectangle_iou,
    same_label,
)

CAMERA = Intrinsics(100.0, 100.0, 99.5, 49.5, 200, 100)


def flat(x: float, z: float, side: float = 0.2) -> Box3D:
    """A box without depth: its rectangle is side * 100 / z pixels wide."""
    return Box3D("thing", (x, 0.0, z), (side, side, 0.0))


def test_rectangles_overlap_by_intersection_over_union():
    assert rectangle_iou((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(2 / 6)
    assert rectangle_iou((0, 0, 1, 1), (1, 0, 2, 1)) == 0.0
    assert rectangle_iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0.0


def test_the_found_box_is_projected():
    # 0.2 m at 1 m: 20 px around the middle, columns 89.5 to 109.5.
    assert projected_iou(flat(0.0, 1.0), (89.5, 39.5, 109.5, 59.5), CAMERA) == pytest.approx(1.0)
    assert projected_iou(flat(0.0, 1.0), (99.5, 39.5, 119.5, 59.5), CAMERA) == pytest.approx(1 / 3)
    assert projected_iou(flat(0.0, -1.0), (89.5, 39.5, 109.5, 59.5), CAMERA) == 0.0


def test_the_offset_is_in_picture_widths_and_heights():
    assert projected_offset(flat(0.1, 1.0), (89.5, 39.5, 109.5, 59.5), CAMERA) == pytest.approx(10 / 200)
    down = Box3D("thing", (0.0, 0.1, 1.0), (0.2, 0.2, 0.0))
    assert projected_offset(down, (89.5, 39.5, 109.5, 59.5), CAMERA) == pytest.approx(10 / 100)
    assert projected_offset(flat(0.0, -1.0), (0, 0, 1, 1), CAMERA) is None


def test_alignment_keeps_the_picture_and_mends_the_depth():
    true = Box3D("thing", (0.2, 0.1, 2.0), (0.4, 0.2, 0.2))
    half_as_far = Box3D("thing", (0.1, 0.05, 1.0), (0.2, 0.1, 0.1))
    assert iou_3d(half_as_far, true) == 0.0
    moved = aligned_to_depth(half_as_far, 2.0)
    assert iou_3d(moved, true) == pytest.approx(1.0) and math.dist(moved.center, true.center) < 1e-12
    with pytest.raises(ValueError, match="above 0"):
        aligned_to_depth(flat(0.0, -1.0), 2.0)


def test_matrices_have_a_row_for_each_found_box():
    found, true = [flat(0.0, 1.0, 0.1)], [flat(0.0, 1.5), flat(0.3, 1.0)]
    assert distance_matrix(found, true).tolist() == [[0.5, pytest.approx(0.3)]]
    assert iou_matrix([], true).shape == (0, 2) and iou_matrix(found, []).shape == (1, 0)


def test_labels_agree_when_they_share_a_name():
    found = [Box3D(name, (0, 0, 1), (1, 1, 1)) for name in ("Cabinet", "shelf", "shelves")]
    true = [Box3D("Cabinet/shelf", (0, 0, 1), (1, 1, 1))]
    assert same_label(found, true).tolist() == [[True], [True], [False]]
