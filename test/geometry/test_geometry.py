"""Camera model, frame changes and box corners, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from n3d_ros.geometry import (
    Intrinsics,
    SceneScale,
    backproject,
    box_corners,
    checkpoint_to_optical,
    optical_to_checkpoint,
    project,
    rotation_about_y,
    transform_points,
)

CAMERA = Intrinsics(fx=100.0, fy=200.0, cx=49.5, cy=39.5, width=100, height=80)


def test_a_point_on_the_optical_axis_projects_to_the_principal_point():
    assert project((0.0, 0.0, 2.0), CAMERA).tolist() == [49.5, 39.5]


def test_project_follows_the_pinhole_formula():
    assert project([[1.0, -0.5, 2.0]], CAMERA).tolist() == [[99.5, -10.5]]


def test_backproject_undoes_project():
    points = np.array([[0.3, -0.2, 1.5], [-1.0, 0.4, 3.0]])
    uv = project(points, CAMERA)
    np.testing.assert_allclose(backproject(uv[:, 0], uv[:, 1], points[:, 2], CAMERA), points, rtol=1e-15)


def test_normalised_intrinsics_measure_from_the_corner_of_the_first_pixel():
    expected = [[1.0, 0.0, 0.5], [0.0, 2.5, 0.5], [0.0, 0.0, 1.0]]
    assert CAMERA.normalised().dtype == np.float32
    assert CAMERA.normalised().tolist() == expected


def test_scaling_the_picture_keeps_normalised_intrinsics():
    half = CAMERA.scaled_to(50, 40)
    assert (half.fx, half.cx, half.width) == (50.0, 24.5, 50)
    np.testing.assert_array_equal(half.normalised(), CAMERA.normalised())


def test_intrinsics_survive_matrix_and_dict():
    assert Intrinsics.from_matrix(CAMERA.matrix(), 100, 80) == CAMERA
    assert Intrinsics.from_matrix(CAMERA.matrix().ravel().tolist(), 100, 80) == CAMERA
    assert Intrinsics.from_dict(CAMERA.to_dict()) == CAMERA


@pytest.mark.parametrize(
    ("field", "value"),
    [("fx", 0.0), ("fy", -1.0), ("cx", math.nan), ("cy", math.inf), ("width", 0), ("height", -3)],
)
def test_impossible_intrinsics_are_refused_by_name_and_value(field, value):
    with pytest.raises(ValueError, match=rf"{field} must be .*{value}"):
        Intrinsics(**{**CAMERA.to_dict(), field: value})


def test_missing_intrinsics_keys_are_named():
    with pytest.raises(ValueError, match=r"missing \['cy'\]"):
        Intrinsics.from_dict({"fx": 1, "fy": 1, "cx": 1, "width": 1, "height": 1})


@pytest.mark.parametrize("matrix", [np.eye(4), [1.0, 2.0]])
def test_a_matrix_of_another_shape_is_refused(matrix):
    with pytest.raises(ValueError, match="expected a 3x3 matrix"):
        Intrinsics.from_matrix(matrix, 10, 10)


def test_skew_is_refused():
    with pytest.raises(ValueError, match="zero skew, got 0.1"):
        Intrinsics.from_matrix([1.0, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 10, 10)


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.0, (0, 0, 0)), (math.inf, (0, 0, 0)), (1.0, (0, math.nan, 0))]
)
def test_a_scene_without_usable_scale_is_refused(scale, shift):
    with pytest.raises(ValueError, match="scene scale"):
        SceneScale(scale, shift)


def test_checkpoint_frame_has_x_left_and_y_up_and_is_its_own_inverse():
    points = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    turned = optical_to_checkpoint(points)
    assert turned.tolist() == [[-1.0, -2.0, 3.0]]
    assert turned.dtype == np.float32
    assert points.tolist() == [[1.0, 2.0, 3.0]]
    np.testing.assert_array_equal(checkpoint_to_optical(turned), points)


def test_positive_rotation_about_y_takes_z_towards_x():
    np.testing.assert_allclose(rotation_about_y(math.pi / 2) @ (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), atol=1e-15)


def test_corners_follow_the_drawing():
    corners = box_corners((0.0, 0.0, 5.0), (2.0, 4.0, 6.0))
    assert corners[0].tolist() == [-1.0, -2.0, 2.0], "0: left, top, near"
    assert corners[2].tolist() == [1.0, 2.0, 2.0], "2: right, bottom, near"
    assert corners[5].tolist() == [1.0, -2.0, 8.0], "5: right, top, far"
    assert corners[7].tolist() == [-1.0, 2.0, 8.0], "7: left, bottom, far"


def test_yaw_turns_a_long_box_from_x_to_minus_z():
    corners = box_corners((0.0, 0.0, 0.0), (4.0, 2.0, 0.0), yaw=math.pi / 2)
    np.testing.assert_allclose(corners[1], (0.0, -1.0, -2.0), atol=1e-15)


def test_transform_points_rotates_then_moves():
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = rotation_about_y(math.pi / 2)
    T_world_camera[:3, 3] = (10.0, 0.0, 0.0)
    np.testing.assert_allclose(
        transform_points(T_world_camera, [[0.0, 0.0, 1.0]]), [[11.0, 0.0, 0.0]], atol=1e-15
    )


def test_a_transform_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected a \(4, 4\) matrix, got \(3, 3\)"):
        transform_points(np.eye(3), [[0.0, 0.0, 1.0]])
