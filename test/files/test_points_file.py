"""The release's point files: every variant reads, what is written reads back, what is broken is named."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros.files.points_file import read_points, read_points_file, write_points
from n3d_ros.geometry import Distortion, Intrinsics, backproject
from n3d_ros.preprocess.depth import depth_to_point_map, normalise
from n3d_ros.preprocess.prepare import Observation

INTRINSICS = Intrinsics(fx=100.0, fy=110.0, cx=3.5, cy=2.5, width=8, height=6)


def release_points(z=2.0):
    """The release's point map of a wall: x left, y up, float16, last channel validity."""
    columns, rows = np.meshgrid(np.arange(8), np.arange(6))
    points = backproject(columns, rows, np.full((6, 8), z), INTRINSICS)
    pcd = np.concatenate([points * [-1, -1, 1], np.ones((6, 8, 1))], axis=2).astype(np.float16)
    pcd[0, 0] = [-np.inf, -np.inf, np.inf, 0]
    return points, pcd


def test_a_point_map_becomes_optical_metres_with_pixel_intrinsics(tmp_path):
    points, pcd = release_points()
    Image.new("RGB", (8, 6)).save(tmp_path / "p.png")
    np.savez(tmp_path / "p.npz", pcd=pcd, intr=INTRINSICS.normalised())
    seen = read_points(tmp_path / "p.png", tmp_path / "p.npz")
    assert np.isnan(seen.point_map[0, 0]).all()
    np.testing.assert_allclose(seen.point_map[1:], points[1:], atol=1e-3)
    for name, value in INTRINSICS.to_dict().items():
        assert getattr(seen.intrinsics, name) == pytest.approx(value, abs=1e-4)


def test_unusable_point_maps_are_refused(tmp_path):
    Image.new("RGB", (8, 6)).save(tmp_path / "p.png")
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", depth=np.ones((6, 8)))
    np.savez(tmp_path / "shape.npz", pcd=np.ones((6, 8, 3)), intr=np.eye(3))
    expected = {"text": "expected an NPZ", "other": "no arrays named", "shape": "expected pcd"}
    for name, message in expected.items():
        with pytest.raises(ValueError, match=message):
            read_points(tmp_path / "p.png", tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError, match="points: expected a file"):
        read_points(tmp_path / "p.png", tmp_path / "absent.npz")


def test_the_release_s_own_point_map_reads(golden_dir, tmp_path):
    case = np.load(golden_dir / "case_P_full_pipeline.npz")
    Image.fromarray(case["image_raw"]).save(tmp_path / "p.png")
    np.savez(tmp_path / "p.npz", pcd=case["pcd"], intr=case["intr"])
    seen = read_points(tmp_path / "p.png", tmp_path / "p.npz")
    valid = case["pcd"][..., 3] == 1
    np.testing.assert_array_equal(np.isfinite(seen.point_map).all(axis=2), valid)
    np.testing.assert_array_equal(seen.point_map[valid][:, 0], -case["pcd"][valid][:, 0].astype(np.float32))


def observation(depth=None):
    rng = np.random.default_rng(3)
    measured = rng.uniform(0.5, 3.0, (6, 8)).astype(np.float32)
    measured[2, 3] = np.nan
    return Observation(np.zeros((6, 8, 3), np.uint8), INTRINSICS, measured if depth is None else depth)


def test_a_picture_through_a_lens_is_no_point_file(tmp_path):
    lens = Distortion("plumb_bob", (-0.1, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="expected a rectified picture"):
        write_points(
            tmp_path / "p.npz", replace(observation(), intrinsics=replace(INTRINSICS, distortion=lens))
        )
    assert not (tmp_path / "p.npz").exists()


def test_points_that_project_elsewhere_are_refused_by_file_and_cause(tmp_path):
    _, pcd = release_points()
    np.savez(tmp_path / "p.npz", pcd=pcd * [-1, 1, -1, 1], intr=INTRINSICS.normalised())
    with pytest.raises(ValueError, match="points: in '.*p.npz' expected points .* looks like OpenGL's axes"):
        read_points_file(tmp_path / "p.npz")


@pytest.mark.parametrize("with_depth", [True, False])
def test_what_is_written_reads_back_in_float16(tmp_path, with_depth):
    seen = observation()
    write_points(tmp_path / "new" / "p.npz", seen, with_depth)
    read = read_points_file(tmp_path / "new" / "p.npz")
    expected = depth_to_point_map(seen.depth, INTRINSICS).astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(read.point_map, expected)
    np.testing.assert_array_equal(read.matrix.astype(np.float32), INTRINSICS.normalised())
    with np.load(tmp_path / "new" / "p.npz") as arrays:
        assert sorted(arrays.files) == (["depth", "intr", "mask", "pcd"] if with_depth else ["intr", "pcd"])
        assert arrays["pcd"].dtype == np.float16
        assert arrays["pcd"][2, 3].tolist() == [-np.inf, -np.inf, np.inf, 0.0]
        if with_depth:
            assert (arrays["depth"].dtype, arrays["mask"].dtype) == (np.float32, np.bool_)
            np.testing.assert_array_equal(arrays["depth"][arrays["mask"]], seen.depth[arrays["mask"]])


def test_a_file_gives_the_model_the_same_points_as_its_depth(tmp_path):
    seen = observation()
    Image.fromarray(seen.rgb).save(tmp_path / "p.png")
    write_points(tmp_path / "p.npz", seen)
    from_file = normalise(read_points(tmp_path / "p.png", tmp_path / "p.npz").point_map)
    from_depth = normalise(depth_to_point_map(seen.depth, INTRINSICS))
    np.testing.assert_array_equal(from_file.points[from_file.valid], from_depth.points[from_depth.valid])
    assert from_file.scene == from_depth.scene


def test_depth_beyond_float16_becomes_invalid_and_the_caller_s_array_stays(tmp_path):
    depth = np.ones((6, 8), np.float32)
    depth[0, 0] = 70000.0
    depth.setflags(write=False)
    write_points(tmp_path / "p.npz", observation(depth))
    assert np.isnan(read_points_file(tmp_path / "p.npz").point_map[0, 0]).all()


def test_any_positive_validity_counts_and_a_negative_one_does_not(tmp_path):
    _, pcd = release_points()
    pcd[1, 1, 3], pcd[1, 2, 3] = 0.25, -1.0
    np.savez(tmp_path / "p.npz", pcd=pcd, intr=INTRINSICS.normalised())
    finite = np.isfinite(read_points_file(tmp_path / "p.npz").point_map).all(axis=2)
    assert finite[1, 1] and not finite[1, 2]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_guard_g1_a_valid_point_that_is_not_finite_is_an_error(tmp_path, value):
    _, pcd = release_points()
    pcd[1, 1, 0] = value
    np.savez(tmp_path / "p.npz", pcd=pcd, intr=INTRINSICS.normalised())
    with pytest.raises(ValueError, match="1 valid points in '.*p.npz' are not finite"):
        read_points_file(tmp_path / "p.npz")


def test_guard_g1_intrinsics_that_are_not_finite_are_an_error(tmp_path):
    matrix = INTRINSICS.normalised()
    matrix[0, 0] = np.nan
    Image.new("RGB", (8, 6)).save(tmp_path / "p.png")
    np.savez(tmp_path / "p.npz", pcd=release_points()[1], intr=matrix)
    with pytest.raises(ValueError, match="fx must be finite, got nan"):
        read_points(tmp_path / "p.png", tmp_path / "p.npz")


def test_guard_g4_a_point_file_of_another_picture_is_an_error(tmp_path):
    Image.new("RGB", (6, 8)).save(tmp_path / "p.png")
    np.savez(tmp_path / "p.npz", pcd=release_points()[1], intr=INTRINSICS.normalised())
    with pytest.raises(ValueError, match="p.npz' does not fit '.*p.png': point_map: expected the picture"):
        read_points(tmp_path / "p.png", tmp_path / "p.npz")


def test_guard_g4_a_mask_that_contradicts_the_points_is_reported(tmp_path, caplog):
    _, pcd = release_points()
    mask = pcd[..., 3] > 0
    mask[3, 3] = False
    np.savez(tmp_path / "p.npz", pcd=pcd, intr=INTRINSICS.normalised(), mask=mask)
    with caplog.at_level(logging.WARNING):
        assert np.isfinite(read_points_file(tmp_path / "p.npz").point_map[3, 3]).all()
    assert "mask and pcd disagree in 1 pixels" in caplog.text


@pytest.mark.parametrize(
    ("times", "named"), [(1000.0, "1000 times"), (0.5, "0.5 times"), (0.94, "0.94 times")]
)
def test_depth_that_contradicts_the_points_is_refused(tmp_path, times, named):
    _, pcd = release_points()
    depth = np.where(pcd[..., 3] > 0, 2.0 * times, np.inf).astype(np.float32)
    np.savez(tmp_path / "p.npz", pcd=pcd, intr=INTRINSICS.normalised(), depth=depth)
    with pytest.raises(ValueError, match=f"expected depth in .*p.npz' to be the z of pcd, got {named}"):
        read_points_file(tmp_path / "p.npz")


def test_guard_g4_a_path_without_a_folder_is_written_and_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_points(Path("p.npz"), observation())
    assert read_points_file(Path("p.npz")).point_map.shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pcd": np.ones((6, 8, 4), np.int32)}, r"expected pcd \(H, W, 4\) of floats"),
        ({"intr": np.eye(4)}, r"expected intr \(3, 3\) of floats"),
        ({"depth": np.ones((5, 8))}, r"expected depth \(6, 8\)"),
        ({"mask": np.ones((6, 9), bool)}, r"expected mask \(6, 8\)"),
        ({"pcd": np.array([None])}, "values of type"),
    ],
)
def test_arrays_of_the_wrong_kind_are_named_and_pickles_never_opened(tmp_path, change, message):
    np.savez(tmp_path / "p.npz", **{"pcd": release_points()[1], "intr": INTRINSICS.normalised(), **change})
    with pytest.raises(ValueError, match=message):
        read_points_file(tmp_path / "p.npz")
