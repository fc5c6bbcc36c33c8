"""Depth to normalised points to rounded steps: small scenes, guards, recorded numbers of the release."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.point_code import (
    PointEncodingConfig,
    axis_sinusoid,
    center_scalar,
    patch_position_code,
    round_coordinates,
    scale_coordinates,
    sinusoid,
)

CASES = ["A_landscape", "B_portrait", "C_near_square_landscape", "P_full_pipeline"]
TWO_BY_TWO = Intrinsics(fx=2.0, fy=4.0, cx=0.0, cy=1.0, width=2, height=2)
RELEASE = PointEncodingConfig()
NAN = np.nan


def point_map(*points: tuple[float, float, float]) -> np.ndarray:
    """One row of optical-frame points."""
    return np.array([points], dtype=np.float32)


# --- to_metres


def test_16uc1_is_millimetres_and_zero_is_no_depth() -> None:
    metres = to_metres(np.array([[0, 1500]], dtype=np.uint16), "16UC1")
    assert metres.dtype == np.float32
    np.testing.assert_array_equal(metres, np.float32([[NAN, 1.5]]))


def test_32fc1_is_metres_and_everything_but_a_positive_number_is_no_depth() -> None:
    raw = np.float32([[0.0, -1.0, np.inf, NAN, 2.5]])
    np.testing.assert_array_equal(to_metres(raw, "32FC1"), np.float32([[NAN, NAN, NAN, NAN, 2.5]]))
    assert raw[0, 0] == 0.0, "the caller's array was changed"


def test_a_scale_replaces_the_millimetre() -> None:
    np.testing.assert_array_equal(to_metres(np.uint16([[3]]), "16UC1", scale_m=0.25), np.float32([[0.75]]))


@pytest.mark.parametrize(
    ("raw", "encoding", "scale_m", "message"),
    [
        (np.uint16([[1]]), "bgr8", None, "'bgr8'"),
        (np.float32([[1]]), "16UC1", None, "16UC1 does not fit an array of float32"),
        (np.uint16([[1]]), "32FC1", None, "32FC1 does not fit an array of uint16"),
        (np.uint16([1]), "16UC1", None, r"\(H, W\), got \(1,\)"),
        (np.uint16([[1]]), "16UC1", 0.0, "positive metres per unit, got 0.0"),
    ],
)
def test_a_depth_picture_that_cannot_be_read_is_named(raw, encoding, scale_m, message) -> None:
    with pytest.raises(ValueError, match=message):
        to_metres(raw, encoding, scale_m)


# --- depth_to_point_map


def test_depth_becomes_points_in_the_optical_frame() -> None:
    points = depth_to_point_map(np.float32([[2.0, 2.0], [4.0, 0.0]]), TWO_BY_TWO)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points[0, 0], [0.0, -0.5, 2.0])
    np.testing.assert_array_equal(points[0, 1], [1.0, -0.5, 2.0])
    np.testing.assert_array_equal(points[1, 0], [0.0, 0.0, 4.0])
    assert np.isnan(points[1, 1]).all()


def test_depth_of_another_size_than_its_intrinsics_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2\), got \(2, 3\)"):
        depth_to_point_map(np.ones((2, 3), np.float32), TWO_BY_TWO)


# --- normalise


def test_points_are_shifted_to_their_minimum_corner_and_scaled_to_mean_distance_one() -> None:
    # Checkpoint frame: (-1, -1, 1), (-1, -1, 1), (-4, -1, 5). Minimum corner (-4, -1, 1); distances 3, 3, 4.
    result = normalise(point_map((1, 1, 1), (1, 1, 1), (4, 1, 5), (NAN, NAN, NAN)))
    scale = 3 / 10
    assert result.scene.scale == pytest.approx(scale, rel=1e-7)
    assert result.scene.shift == (-4.0, -1.0, 1.0)
    np.testing.assert_allclose(result.points[0, 0], [3 * scale, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(result.points[0, 2], [0, 0, 4 * scale], rtol=1e-6)
    np.testing.assert_array_equal(result.valid, [[True, True, True, False]])
    np.testing.assert_allclose(result.valid_mean, [2 * scale, 0, 4 / 3 * scale], rtol=1e-6)


def test_metres_pass_through_float16() -> None:
    result = normalise(point_map((0, 0, 1.0), (0, 0, 10.003)))  # the step between 8 and 16 m is 1/128 m
    assert result.scene.scale == pytest.approx(1 / ((10.0 - 1.0) / 2), rel=1e-6)


def test_garbage_where_valid_is_false_has_no_influence() -> None:
    garbage = point_map((0, 0, 1), (0, 0, 3), (-900, 7, -4))
    clean = point_map((0, 0, 1), (0, 0, 3), (NAN, NAN, NAN))
    valid = np.array([[True, True, False]])
    given, default = normalise(garbage, valid), normalise(clean)
    assert given.scene == default.scene
    np.testing.assert_array_equal(pool_to_grid(given, (1, 3)), pool_to_grid(default, (1, 3)))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normalising_leaves_the_callers_points_alone(dtype) -> None:
    points = point_map((1, 2, 3), (4, 5, 6), (NAN, NAN, NAN)).astype(dtype)
    before = points.copy()
    points.setflags(write=False)
    pool_to_grid(normalise(points), (1, 1))
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize(
    ("points", "valid", "message"),
    [
        (point_map((NAN, NAN, NAN), (NAN, NAN, NAN)), None, "no valid depth: 0 of 2"),
        (point_map((1, 1, 1), (NAN, 1, 1)), np.array([[True, True]]), "1 valid points are not finite"),
        (point_map((1, 1, 1), (1, np.inf, 1)), np.array([[True, True]]), "1 valid points are not finite"),
        (point_map((1, 1, 1), (1, 1, 70000)), None, "beyond 65504 m"),
        (point_map((1, 1, 1), (NAN, NAN, NAN)), None, "no extent: its 1 valid points"),
        (point_map((1, 1, 1), (1, 1, 1)), None, "no extent: its 2 valid points"),
        (np.ones((2, 2), np.float32), None, r"\(H, W, 3\), got \(2, 2\)"),
        (point_map((1, 1, 1), (2, 2, 2)), np.array([[1, 1]]), r"\(1, 2\) bool, got \(1, 2\) int"),
    ],
)
def test_points_that_cannot_be_normalised_are_named(points, valid, message) -> None:
    with pytest.raises(ValueError, match=message):
        normalise(points, valid)


# --- pool_to_grid


def test_bins_overlap_where_the_size_is_no_multiple_of_the_grid() -> None:
    # 3 pixels in 2 bins: pixels 0..1 and 1..2. Optical z 1, 3, 9; minimum 1; mean distance 10/3.
    result = normalise(point_map((0, 0, 1), (0, 0, 3), (0, 0, 9)))
    np.testing.assert_allclose(pool_to_grid(result, (1, 2))[:, 2], np.array([1.0, 5.0]) * 0.3, rtol=1e-6)


def test_pixels_without_depth_count_as_the_mean_of_all_valid_ones() -> None:
    result = normalise(point_map((0, 0, 1), (NAN, NAN, NAN), (0, 0, 3), (0, 0, 5)))
    pooled_z = pool_to_grid(result, (1, 2))[:, 2]  # z - 1 in units of 2: 0, 1 (the mean), 1, 2
    np.testing.assert_allclose(pooled_z, [0.5, 1.5], rtol=1e-6)


@pytest.mark.parametrize(("size", "grid"), [((7, 5), (3, 2)), ((4, 9), (4, 9)), ((3, 4), (5, 7))])
def test_pooling_equals_the_definition_bin_by_bin(size, grid) -> None:
    points = np.random.default_rng(1).uniform(1, 4, (*size, 3)).astype(np.float32)
    result = normalise(points)
    expected = [
        result.points[
            i * size[0] // grid[0] : -(-(i + 1) * size[0] // grid[0]),
            j * size[1] // grid[1] : -(-(j + 1) * size[1] // grid[1]),
        ].mean(axis=(0, 1))
        for i in range(grid[0])
        for j in range(grid[1])
    ]
    np.testing.assert_allclose(pool_to_grid(result, grid), expected, rtol=1e-5)


def test_upstream_reads_a_landscape_map_with_a_square_grid_as_640_rows() -> None:
    """Quirk W1: the release looks at the patch grid, not at the map, and shears every row."""
    depth = np.broadcast_to(np.linspace(1, 2, 640, dtype=np.float32), (320, 640))
    result = normalise(depth_to_point_map(depth, Intrinsics(500, 500, 319.5, 159.5, 640, 320)))
    right, sheared = pool_to_grid(result, (2, 2)), pool_to_grid(result, (2, 2), "upstream")
    # Half rows become rows, so quarters 1 and 3 of every row mix, and 2 and 4.
    left, step = right[0, 2], right[1, 2] - right[0, 2]
    np.testing.assert_allclose(sheared[:2, 2], [left + 0.25 * step, left + 0.75 * step], rtol=1e-3)
    np.testing.assert_array_equal(pool_to_grid(result, (1, 2), "upstream"), pool_to_grid(result, (1, 2)))


def test_upstream_needs_a_long_side_of_640() -> None:
    result = normalise(point_map((0, 0, 1), (0, 0, 3)))
    with pytest.raises(ValueError, match="expected a map with a long side of 640, got 2x1"):
        pool_to_grid(result, (1, 1), "upstream")
    with pytest.raises(ValueError, match="point_map_reshape: expected one of"):
        pool_to_grid(result, (1, 1), "sideways")


# --- point code


def test_one_scalar_centres_all_axes_and_steps_round_half_to_even() -> None:
    pooled = np.float32([[0.0, 2.0, 4.0], [4.0, 2.0, 0.0]])  # per-axis means 2, 2, 2
    np.testing.assert_array_equal(
        round_coordinates(pooled, PointEncodingConfig(unit=4.0)), [[-0.0, 0, 0], [0, 0, -0.0]]
    )
    np.testing.assert_array_equal(
        round_coordinates(pooled, PointEncodingConfig(unit=0.5)), [[-4, 0, 4], [4, 0, -4]]
    )


def test_origin_keeps_steps_tied_to_the_minimum_corner() -> None:
    config = PointEncodingConfig(order="aligned", unit=0.5, center="origin")
    np.testing.assert_array_equal(round_coordinates(np.float32([[0.0, 1.25, 1.75]]), config), [[0, 2, 4]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": "spiral"}, "point_encoding_order: .*'spiral'"),
        ({"center": "moon"}, "point_encoding_center: .*'moon'"),
        ({"unit": 0.0}, "point_encoding_unit: .*0.0"),
        ({"unit": float("nan")}, "point_encoding_unit: .*nan"),
    ],
)
def test_a_wrong_point_code_option_is_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        PointEncodingConfig(**arguments)


def test_sine_and_cosine_interleave_and_an_odd_width_ends_with_a_sine() -> None:
    code = axis_sinusoid(np.array([2.0]), 3)[0]
    expected = [np.sin(2.0), np.cos(2.0), np.sin(2.0 / 10000 ** (2 / 3))]
    np.testing.assert_allclose(code, expected, rtol=1e-6)


def test_the_blocks_of_x_y_z_lie_side_by_side_before_zeros() -> None:
    code = sinusoid(np.array([[1.0, 2.0, 3.0]]), 11)[0]
    blocks = [axis_sinusoid(np.array([step]), 3)[0] for step in (1.0, 2.0, 3.0)]
    np.testing.assert_array_equal(code, [*blocks[0], *blocks[1], *blocks[2], 0, 0])


def test_sinusoid_needs_three_coordinates() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3\), got \(4, 2\)"):
        sinusoid(np.zeros((4, 2)), 8)


def test_patch_position_is_the_column_then_the_row_in_per_cent_of_the_picture() -> None:
    code = patch_position_code((1, 2), 5)
    expected = [
        [np.sin(25.0), np.cos(25.0), np.sin(50.0), np.cos(50.0), 0],
        [np.sin(75.0), np.cos(75.0), np.sin(50.0), np.cos(50.0), 0],
    ]
    np.testing.assert_allclose(code, expected, atol=1e-6)
    assert code.dtype == np.float32


# --- the release's recorded numbers


def load(golden_dir: Path, case: str) -> dict[str, np.ndarray]:
    with np.load(golden_dir / f"case_{case}.npz") as golden:
        return {name: golden[name] for name in golden.files}


def normalised(golden: dict[str, np.ndarray]):
    optical = golden["pcd"][..., :3].astype(np.float32) * np.float32([-1, -1, 1])
    return normalise(optical, golden["pcd"][..., 3] > 0)


def grid_of(golden: dict[str, np.ndarray]) -> tuple[int, int]:
    return int(golden["image_grid_thw"][0, 1]), int(golden["image_grid_thw"][0, 2])


@pytest.mark.parametrize("case", CASES)
def test_normalised_points_equal_the_official_ones(golden_dir: Path, case: str) -> None:
    golden = load(golden_dir, case)
    result = normalised(golden)
    assert result.scene.scale == pytest.approx(float(golden["scaling_init"]), rel=1e-6)
    np.testing.assert_array_equal(result.scene.shift, golden["shift0"])
    recorded = golden["points_norm_every37"]
    valid = recorded[:, 3] > 0
    np.testing.assert_allclose(
        result.points.reshape(-1, 3)[::37][valid], recorded[valid, :3], rtol=1e-6, atol=1e-7
    )
    if "valid_mean_norm" in golden:
        np.testing.assert_allclose(result.valid_mean, golden["valid_mean_norm"], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_with_the_recorded_scale_every_bit_equals_the_official_points(golden_dir: Path, case: str) -> None:
    golden, report = load(golden_dir, case), json.loads((golden_dir / "forward_report.json").read_text())
    with np.errstate(invalid="ignore"):
        raw = golden["pcd"].astype(np.float32)
        points = (raw[..., :3] - golden["shift0"]) * np.float32(golden["scaling_init"])
        rows = np.concatenate([points, raw[..., 3:]], axis=-1).reshape(-1, 4)
        result = normalised(golden)
        rescaled = result.points * np.float32(float(golden["scaling_init"]) / result.scene.scale)
    assert hashlib.sha256(rows.tobytes()).hexdigest() == report[case]["points_norm_sha256"]
    np.testing.assert_allclose(rescaled, points, rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_pooled_points_and_steps_equal_the_official_ones(golden_dir: Path, case: str) -> None:
    golden = load(golden_dir, case)
    pooled = pool_to_grid(normalised(golden), grid_of(golden), "upstream")
    np.testing.assert_allclose(pooled, golden["pooled_hw3"].reshape(-1, 3), atol=2e-5)
    assert center_scalar(pooled, RELEASE) == pytest.approx(float(golden["center_scalar"]), abs=1e-6)
    np.testing.assert_allclose(scale_coordinates(pooled, RELEASE), golden["coords_pre_round"], atol=0.02)
    np.testing.assert_array_equal(round_coordinates(pooled, RELEASE), golden["coords_rounded"])


@pytest.mark.parametrize("case", CASES)
def test_steps_from_the_recorded_pooled_points_are_exact(golden_dir: Path, case: str) -> None:
    golden = load(golden_dir, case)
    pooled = golden["pooled_hw3"].reshape(-1, 3)
    np.testing.assert_array_equal(round_coordinates(pooled, RELEASE), golden["coords_rounded"])


def test_the_true_shape_differs_only_for_the_near_square_landscape_picture(golden_dir: Path) -> None:
    for case in CASES:
        golden = load(golden_dir, case)
        pooled = pool_to_grid(normalised(golden), grid_of(golden), "true_shape")
        same = np.array_equal(round_coordinates(pooled, RELEASE), golden["coords_rounded"])
        assert same == (case != "C_near_square_landscape"), case
        if not same:
            np.testing.assert_allclose(pooled, golden["pooled_if_rows_were_640_wide"], atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_point_features_equal_the_official_ones(golden_dir: Path, case: str) -> None:
    golden = load(golden_dir, case)
    rows = golden["coords_rounded"][::7] if case.startswith("P") else golden["coords_rounded"]
    np.testing.assert_allclose(sinusoid(rows, 80), golden["pe_feat"], atol=1e-6)


@pytest.mark.parametrize("width", [1280, 80, 64, 96, 100])
def test_the_sinusoid_equals_the_official_module(golden_dir: Path, width: int) -> None:
    with np.load(golden_dir / "pe_sinusoid.npz") as golden:
        coords, expected = golden["coords"], golden[f"pe_{width}"]
    near = np.abs(coords).max(axis=1) <= 3000
    code = sinusoid(coords, width)
    np.testing.assert_allclose(code[near], expected[near], atol=5e-5)
    np.testing.assert_allclose(code[~near], expected[~near], atol=3e-3)


@pytest.mark.parametrize("coords", [[[3, -2, 3]], [[9000, 1, 2]], [[0.5, 1, 2]], np.zeros((0, 3))])
@pytest.mark.parametrize("path", ["fastest", kernels.NUMPY])
def test_looked_up_steps_and_others_have_the_same_code(coords, path) -> None:
    coords = np.asarray(coords, dtype=np.float32)
    expected = np.zeros((len(coords), 20), np.float32)
    for axis in range(3):
        expected[:, 6 * axis : 6 * axis + 6] = axis_sinusoid(coords[:, axis], 6)
    with kernels.using(kernels.paths()[0] if path == "fastest" else path):
        np.testing.assert_array_equal(sinusoid(coords, 20), expected)
