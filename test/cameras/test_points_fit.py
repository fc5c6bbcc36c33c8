"""Points that belong to their pixels pass; every usual mistake is named."""

import numpy as np
import pytest

from n3d_ros.cameras.points_fit import check_fit
from n3d_ros.geometry import Intrinsics, optical_to_checkpoint
from n3d_ros.preprocess.depth import depth_to_point_map

CAMERA = Intrinsics(240.0, 250.0, 165.0, 115.0, 320, 240)
MATRIX = CAMERA.normalised().astype(np.float64)


def points():
    """(240, 320, 3) in float16: a slope that differs in both directions."""
    rows, columns = np.mgrid[0:240, 0:320]
    depth = (0.5 + rows / 400 + columns / 500).astype(np.float32)
    return optical_to_checkpoint(depth_to_point_map(depth, CAMERA)).astype(np.float16)


def check(changed, matrix=MATRIX):
    check_fit(changed, np.ones(changed.shape[:2], bool), matrix)


def test_a_right_file_passes():
    check(points())
    check_fit(points(), np.zeros((240, 320), bool), MATRIX)


@pytest.mark.parametrize("millimetres", [1000.0, 0.01])
def test_a_scale_does_not_show(millimetres):
    check(points().astype(np.float32) * millimetres)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda p: p * [-1, -1, 1], "the optical frame's axes (x right, y down, z forward)"),
        (lambda p: p * [-1, 1, -1], "OpenGL's axes (x right, y up, z backward)"),
        (lambda p: p * [-1, 1, 1], "Unity's axes (x right, y up, z forward)"),
        (lambda p: p[..., [2, 0, 1]], "the axes of a ROS body frame (x forward, y left, z up)"),
        (lambda p: p[..., [1, 0, 2]], "other axes (x up, y left, z forward)"),
        (lambda p: p[::-1], "rows from the bottom to the top"),
        (lambda p: p[:, ::-1], "columns from the right to the left"),
        (lambda p: p.swapaxes(0, 1), "rows and columns exchanged"),
        (lambda p: np.rot90(p), "turned"),
    ],
)
def test_wrong_axes_and_orders_are_named(change, cause):
    with pytest.raises(ValueError, match="project onto their own pixels") as caught:
        check(change(points()))
    assert cause in str(caught.value).partition("it looks like ")[2]


@pytest.mark.parametrize(
    ("matrix", "cause"),
    [
        (CAMERA.matrix(), "intr in pixels"),
        (MATRIX.T, "intr written column by column"),
        (CAMERA.matrix().T, "intr in pixels written column by column"),
        (
            Intrinsics(480.0, 500.0, 319.5, 239.5, 640, 480).matrix(),
            "intr in pixels of a picture of about 640x480",
        ),
    ],
)
def test_a_wrong_matrix_is_named(matrix, cause):
    given = points()
    if "640" in cause:
        rows, columns = np.mgrid[0:240, 0:320]
        middle = Intrinsics(240.0, 250.0, 159.5, 119.5, 320, 240)
        depth = (0.5 + rows / 400 + columns / 500).astype(np.float32)
        given = optical_to_checkpoint(depth_to_point_map(depth, middle)).astype(np.float16)
    with pytest.raises(ValueError, match="own pixels") as caught:
        check(given, matrix)
    assert str(caught.value).endswith(f"it looks like {cause}")


def test_of_two_likely_causes_both_are_named():
    middle = Intrinsics(240.0, 250.0, 159.5, 119.5, 320, 240)
    rows, columns = np.mgrid[0:240, 0:320]
    depth = (0.5 + rows / 400 + columns / 500).astype(np.float32)
    given = optical_to_checkpoint(depth_to_point_map(depth, middle)).astype(np.float16)
    with pytest.raises(
        ValueError, match=r"other axes \(x left, y down, z forward\) or rows from the bottom to"
    ):
        check(given[::-1], middle.normalised().astype(np.float64))


def test_two_mistakes_are_both_named():
    with pytest.raises(ValueError, match="looks like intr in pixels and OpenGL's axes"):
        check(points() * [-1, 1, -1], CAMERA.matrix())


def test_points_of_another_picture_are_refused_without_a_guess():
    with pytest.raises(ValueError, match="no usual mistake explains it"):
        check(np.random.default_rng(0).uniform(0.1, 1, (240, 320, 3)))


def test_a_part_that_does_not_fit_is_refused_where_half_of_the_points_do():
    changed = points()
    changed[:, :128] = changed[:, 128:256]
    with pytest.raises(ValueError, match="a quarter of them .* away while the others fit"):
        check(changed)
    few = points()
    few[:, :2] = few[:, 128:130]
    check(few)


@pytest.mark.parametrize("fill", [(0.0, 0.0, 0.0), (-1.0, -1.0, -1.0), (0.0, 0.0, 10.0)])
def test_holes_that_are_called_valid_are_refused_unless_they_are_few(fill):
    """Read as points, a fifth of zeros draws a mug from 0.60 m to 0.48 m."""
    some, few = points(), points()
    some[::5], few[120, :40] = fill, fill
    check(few)
    with pytest.raises(ValueError, match=r"2\d% of them far away or behind .* pcd has to call them invalid"):
        check(some)
