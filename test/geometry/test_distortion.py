"""Lenses, against OpenCV's own functions, and what has no inverse."""

import cv2
import numpy as np
import pytest

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Distortion, Intrinsics, backproject, distortion, project, ray_table
from n3d_ros.overlay import draw_boxes
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.pooling import pool_depth, thin_depth
from n3d_ros.protocol.box_codec import CodecConfig, SceneScale, decode, encode
from n3d_ros.protocol.evidence import box_2d

BARREL = Distortion("plumb_bob", (-0.35, 0.15, 0.004, -0.003, -0.03))
RATIONAL = Distortion("rational_polynomial", (0.52, -2.6, 0.0006, -0.0003, 1.5, 0.39, -2.4, 1.4))
PRISM = Distortion("rational_polynomial", (-0.1, 0.02, 0.001, 0.001, 0, 0, 0, 0, 0.002, -0.001, 0.003, 0.001))
FISHEYE = Distortion("equidistant", (0.02, -0.01, 0.003, -0.001))
LENSES = pytest.mark.parametrize("lens", [BARREL, RATIONAL, PRISM, FISHEYE], ids=lambda lens: lens.model)


def camera(lens, width=64, height=48):
    return Intrinsics(58.0, 57.0, 32.4, 22.9, width, height, lens)


def pixels_by_opencv(points, k):
    """(N, 2) pixels of (N, 3) points."""
    points = np.asarray(points, np.float64).reshape(-1, 1, 3)
    coefficients = np.array(k.distortion.coefficients)
    if k.distortion.model == "equidistant":
        return cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), k.matrix(), coefficients)[0][:, 0]
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), k.matrix(), coefficients)[0][:, 0]


@LENSES
def test_points_project_where_opencv_puts_them(lens):
    points = np.random.default_rng(0).uniform((-0.4, -0.3, 0.8), (0.4, 0.3, 2.0), (50, 3))
    np.testing.assert_allclose(
        project(points, camera(lens)), pixels_by_opencv(points, camera(lens)), atol=1e-9
    )


@LENSES
def test_depth_becomes_the_points_that_opencv_projects_onto_those_pixels(lens):
    k = camera(lens)
    depth = np.random.default_rng(1).uniform(0.5, 3.0, (48, 64)).astype(np.float32)
    points = depth_to_point_map(depth, k)
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    expected = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    np.testing.assert_allclose(pixels_by_opencv(points.reshape(-1, 3), k), expected, atol=1e-4)
    np.testing.assert_array_equal(points[..., 2], depth)


@LENSES
def test_backproject_undoes_project(lens):
    points = np.array([[0.3, -0.2, 1.5], [-0.7, 0.4, 3.0], [0.0, 0.0, 1.0]])
    u, v = project(points, camera(lens)).T
    np.testing.assert_allclose(backproject(u, v, points[:, 2], camera(lens)), points, atol=1e-8)


@LENSES
def test_a_box_written_and_read_through_a_lens_comes_back(lens):
    """The model writes the centre as a pixel of the picture that it sees."""
    box = Box3D("mug", (0.35, -0.22, 1.1), (0.1, 0.2, 0.12))
    scene = SceneScale(0.9, (-0.8, -0.5, 0.3))
    fine = CodecConfig(num_bins=10**9)
    text = encode([box], scene, camera(lens), fine, round_uv=False)
    (found,) = decode(text, scene, camera(lens), fine).boxes
    np.testing.assert_allclose(found.box.center, box.center, atol=1e-6)
    (seen,) = pixels_by_opencv([box.center], camera(lens))
    np.testing.assert_allclose((found.uv[0] * 64 - 0.5, found.uv[1] * 48 - 0.5), seen, atol=1e-4)
    assert box_2d(box, camera(lens))[:2] == pytest.approx(found.uv, abs=0.005)


@LENSES
def test_the_rectangle_of_a_box_holds_its_bent_edges(lens):
    box = Box3D("crate", (0.05, -0.02, 1.0), (0.7, 0.5, 0.2))
    corners = box.corners()
    share = np.linspace(0, 1, 500)[:, None]
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)]
    along = np.concatenate([corners[i] + (corners[j] - corners[i]) * share for i, j in edges])
    seen = pixels_by_opencv(along, camera(lens))
    expected = (*seen.min(axis=0), *seen.max(axis=0))
    assert box_2d_px(box, camera(lens)) == pytest.approx(expected, abs=0.01)


def test_an_edge_is_drawn_where_the_lens_bends_it():
    wide = Intrinsics(300.0, 300.0, 319.5, 239.5, 640, 480, Distortion("plumb_bob", (-0.2, 0.02, 0, 0, 0)))
    box = Box3D("crate", (0.0, 0.0, 1.0), (1.6, 1.0, 0.0))
    drawn = draw_boxes(np.zeros((480, 640, 3), np.uint8), [box], wide)
    (middle,) = project([[0.0, 0.5, 1.0]], wide)
    (corner,) = project([[0.8, 0.5, 1.0]], wide)
    assert abs(middle[1] - corner[1]) > 10  # barrel: the middle of an edge bulges
    assert drawn[round(middle[1]), round(middle[0])].any()
    assert not drawn[round(corner[1]), round(middle[0])].any()  # a straight line would pass here


def test_no_coefficients_are_no_lens_and_the_bits_of_today():
    plain = Intrinsics(58.0, 57.0, 32.4, 22.9, 64, 48)
    assert Distortion.stated("plumb_bob", [0.0] * 5) is None
    assert Distortion.stated("Inverse Brown Conrady", [0.0] * 5) is None
    assert Distortion.stated("", []) is None
    depth = np.random.default_rng(2).uniform(0.5, 3.0, (48, 64)).astype(np.float32)
    lens = Distortion("plumb_bob", (0.0, 0.0, 0.0, 0.0))
    bent = depth_to_point_map(depth, Intrinsics(58.0, 57.0, 32.4, 22.9, 64, 48, lens))
    np.testing.assert_allclose(bent, depth_to_point_map(depth, plain), atol=1e-6)


def test_a_fisheye_with_zeros_is_still_a_fisheye():
    lens = Distortion.stated("fisheye", [0.0] * 4)
    assert lens == Distortion("equidistant", (0.0, 0.0, 0.0, 0.0))
    (pixel,) = project([[1.0, 0.0, 1.0]], Intrinsics(100.0, 100.0, 99.5, 99.5, 200, 200, lens))
    assert pixel[0] == pytest.approx(99.5 + 100 * np.pi / 4)


def test_scaling_and_thinning_keep_the_lens():
    k = camera(BARREL, 64, 48)
    point = [[0.2, -0.1, 1.0]]
    half = k.scaled_to(32, 24)
    np.testing.assert_allclose(project(point, half), (project(point, k) + 0.5) / 2 - 0.5)
    thinned, fourth = thin_depth(np.ones((48, 64), np.float32), k, 16)
    assert thinned.shape == (fourth.height, fourth.width) == (12, 16)
    np.testing.assert_allclose(project(point, fourth), project(point, k) / 4)


def test_a_lens_that_folds_inside_the_picture_is_refused():
    lens = Distortion("plumb_bob", (-1.5, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"sends no ray to \d+ of 3072 pixels"):
        ray_table(camera(lens))


@pytest.mark.parametrize("lens", [BARREL, FISHEYE], ids=lambda lens: lens.model)
def test_a_search_that_has_not_arrived_is_refused(lens, monkeypatch):
    monkeypatch.setattr(distortion, "NUM_STEPS", 0)
    with pytest.raises(ValueError, match="sends no ray to"):
        backproject(60.3, 41.7, 1.0, camera(lens))


def test_what_lies_beyond_a_lens_never_folds_back_into_the_picture():
    lens = Distortion("plumb_bob", (-0.35, 0.0, 0.0, 0.0))  # turns back at a slope of 0.98
    k = Intrinsics(58.0, 57.0, 31.5, 23.5, 64, 48, lens)
    u = project([[slope, 0.0, 1.0] for slope in (0.6, 0.9, 1.5, 3.0, 50.0)], k)[:, 0]
    assert (np.diff(u) > 0).all()
    assert u[-1] > 63.5


def test_the_grid_sees_the_bent_points():
    depth = np.full((48, 64), 1.0, np.float32)
    pooled, plain = (
        pool_depth(depth, k, (4, 4)).points for k in (camera(BARREL), Intrinsics(58, 57, 32.4, 22.9, 64, 48))
    )
    assert np.abs(pooled - plain).max() > 0.01


@pytest.mark.parametrize(
    ("model", "coefficients", "message"),
    [
        (
            "omnidirectional",
            [0.1] * 5,
            "expected one of plumb_bob, rational_polynomial, equidistant, got 'omni",
        ),
        ("inverse_brown_conrady", [0.1] * 5, "got 'inverse_brown_conrady'"),
        ("distortion.ftheta", [0.0] * 5, "got 'ftheta'"),
        ("plumb_bob", [0.1] * 7, "expected 4 or 5 coefficients of plumb_bob, got 7"),
        ("plumb_bob", [0.1] * 3, "expected 4 or 5 coefficients of plumb_bob, got 3"),
        ("plumb_bob", [0.1] * 14, "a tilted sensor is not supported"),
        ("rational_polynomial", [0.1] * 9, "expected 8 or 12 or 14 coefficients of rational_poly.*, got 9"),
        ("equidistant", [0.1] * 8, "expected 4 coefficients of equidistant, got 8: .* is not known"),
        ("equidistant", [0.1, 0.1, 0, 0, 0.1, 0.1, 0, 0], "which of them are k1 k2 k3 k4 is not known"),
        ("equidistant", [-0.1, 0.02, 0.001, -0.001, 0.0], "which of them are k1 k2 k3 k4 is not known"),
        ("equidistant", [0.1] * 3, "expected 4 coefficients of equidistant, got 3"),
        ("equidistant", [], "expected 4 coefficients of equidistant, got 0"),
        ("none", [0.1] * 5, "contradict each other"),
        ("plumb_bob", [0.1, float("nan"), 0, 0, 0], "finite"),
        (None, [0.1] * 4, "both have four"),
        ("rational_polynomial", [0.1] * 14, "a tilted sensor is not supported"),
    ],
)
def test_other_lenses_are_refused_by_name(model, coefficients, message):
    with pytest.raises(ValueError, match=message):
        Distortion.stated(model, coefficients)


@pytest.mark.parametrize(
    ("model", "count", "expected"),
    [
        (None, 5, "plumb_bob"),
        (None, 8, "rational_polynomial"),
        ("Brown Conrady", 5, "plumb_bob"),
        ("radtan", 4, "plumb_bob"),
        ("kannala_brandt4", 4, "equidistant"),
    ],
)
def test_other_spellings_are_understood(model, count, expected):
    assert Distortion.stated(model, [0.01] * count).model == expected


@pytest.mark.parametrize(
    ("model", "coefficients", "expected", "kept"),
    [
        ("plumb_bob", (0.07, -0.1, 0.0004, -0.0002, 0.04, 0.0, 0.0, 0.0), "plumb_bob", 5),
        ("plumb_bob", (0.07, -0.1, 0.0004, -0.0002, 0.0, 0.0, 0.0, 0.0), "plumb_bob", 5),
        ("plumb_bob", (5.0, -2.0, 0.0004, -0.0002, 0.1, 5.1, -1.5, 0.2), "rational_polynomial", 8),
        ("plumb_bob", (0.1, 0.2, 0.0, 0.0, 0.3, 0.0, 0.0, 0.1), "rational_polynomial", 8),
        ("plumb_bob", (0.1,) * 12, "rational_polynomial", 12),
        ("plumb_bob", (*(0.1,) * 12, 0.0, 0.0), "rational_polynomial", 14),
        ("plumb_bob", (0.1, 0.2, 0.0, 0.0, 0.3, 0.0), "plumb_bob", 5),
        ("rational_polynomial", (0.1, 0.2, 0.0, 0.0, 0.3), "plumb_bob", 5),
        ("rational_polynomial", (0.1, 0.2, 0.0, 0.0), "plumb_bob", 4),
        ("rational_polynomial", (0.1,) * 8, "rational_polynomial", 8),
        ("equidistant", (0.0,) * 8, "equidistant", 4),
    ],
)
def test_zeros_beyond_a_model_are_left_out_and_the_count_decides_between_polynomials(
    model, coefficients, expected, kept
):
    assert Distortion.stated(model, coefficients) == Distortion(expected, coefficients[:kept])


@pytest.mark.parametrize("model", ["plumb_bob", "rational_polynomial"])
@pytest.mark.parametrize("count", [0, 4, 5, 8, 12, 14])
def test_polynomials_of_zeros_are_no_lens_in_any_number(model, count):
    assert Distortion.stated(model, [0.0] * count) is None
