"""One observation to model inputs: sizes, grey levels, patch order, guards, the release's pictures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.pictures import (
    BICUBIC,
    CLIP_MEAN,
    CLIP_STD,
    LANCZOS,
    PatchLayout,
    long_side_size,
    patch_rows,
    processor_size,
    resize_exact,
    resize_picture,
)
from n3d_ros.preprocess.point_code import PointEncodingConfig, round_coordinates
from n3d_ros.preprocess.prepare import Observation, PreprocessConfig, prepare

CASES = ["A_landscape", "B_portrait", "C_near_square_landscape", "P_full_pipeline"]
CAMERA = Intrinsics(fx=600.0, fy=600.0, cx=319.5, cy=239.5, width=640, height=480)
NANO = PreprocessConfig(
    long_side_px=336, point_encoding=PointEncodingConfig(order="aligned", unit=0.01, center="origin")
)


def room(width: int = 640, height: int = 480) -> np.ndarray:
    """(height, width) float32 metres: a slope from 1 m on the left to 3 m on the right, with a hole."""
    depth = np.repeat(np.linspace(1, 3, width, dtype=np.float32)[None], height, axis=0)
    depth[: height // 4, : width // 4] = np.nan
    return depth


def picture(width: int = 640, height: int = 480) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


# --- sizes


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((769, 512), 640, (640, 426)),  # 426.1
        ((1024, 683), 640, (640, 426)),  # 426.9 is truncated
        ((767, 1023), 640, (479, 640)),
        ((50, 50), 640, (640, 640)),
        ((640, 480), 336, (336, 252)),
    ],
)
def test_the_long_side_is_set_and_the_short_one_truncated(size, long_side, expected) -> None:
    width, height = size
    assert long_side_size(width, height, long_side) == expected


def test_processor_sizes_round_half_to_even_in_units_of_28() -> None:
    assert processor_size(640, 480) == (644, 476)
    assert processor_size(42, 70) == processor_size(70, 42) == (56, 56)  # 1.5 -> 2, 2.5 -> 2


def test_a_picture_narrower_than_one_merge_group_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 28 px a side, resized to 640x12"):
        processor_size(640, 12)
    observation = Observation(picture(500, 10), Intrinsics(600, 600, 250, 5, 500, 10), room(500, 10))
    with pytest.raises(ValueError, match="too narrow"):
        prepare(observation)


# --- patches


def test_columns_of_a_patch_row_are_channel_time_y_x() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    rows, grid = patch_rows(pixels, PatchLayout(patch_size=2, merge_size=1))
    assert grid == (1, 1)
    frames = [(np.arange(c, 12, 3) / 255 - CLIP_MEAN[c]) / CLIP_STD[c] for c in range(3)]
    expected = np.concatenate([frame for frame in frames for _time in range(2)])
    np.testing.assert_allclose(rows, [expected], rtol=1e-6)


def test_patch_rows_go_by_merge_groups_not_by_raster() -> None:
    pixels = np.repeat(np.arange(8, dtype=np.uint8).reshape(2, 4, 1), 3, axis=2)  # one pixel per patch
    rows, grid = patch_rows(pixels, PatchLayout(patch_size=1, merge_size=2))
    assert grid == (2, 4)
    grey = np.rint((rows[:, 0] * CLIP_STD[0] + CLIP_MEAN[0]) * 255)
    np.testing.assert_array_equal(grey, [0, 1, 4, 5, 2, 3, 6, 7])


def test_lanczos_sets_the_long_side_and_bicubic_the_multiple_of_28() -> None:
    first = Image.fromarray(picture(200, 100)).resize((336, 100), LANCZOS).resize((336, 168), LANCZOS)
    np.testing.assert_array_equal(resize_picture(picture(200, 100), 336, 28), np.asarray(first))
    second = Image.fromarray(picture(340, 255)).resize((336, 255), LANCZOS).resize((336, 252), LANCZOS)
    by_hand = second.resize((320, 252), BICUBIC).resize((320, 256), BICUBIC)
    np.testing.assert_array_equal(resize_picture(picture(340, 255), 336, 64), np.asarray(by_hand))


def test_both_resize_passes_run_columns_first_under_any_pillow() -> None:
    source = Image.fromarray(picture(60, 80))
    by_hand = source.resize((90, 80), BICUBIC).resize((90, 40), BICUBIC)
    np.testing.assert_array_equal(np.asarray(resize_exact(source, (90, 40), BICUBIC)), np.asarray(by_hand))


# --- prepare


def test_prepare_gives_one_row_and_one_point_per_patch() -> None:
    inputs = prepare(Observation(picture(), CAMERA, room()))
    assert inputs.grid_hw == (34, 46)
    assert inputs.pixel_values.shape == (34 * 46, 1176) and inputs.pixel_values.dtype == np.float32
    assert inputs.coords.shape == (34 * 46, 3) and inputs.coords.dtype == np.float32
    assert inputs.intrinsics is CAMERA
    assert inputs.valid_ratio == pytest.approx(15 / 16)


def test_nano_makes_108_tokens_with_steps_from_the_minimum_corner() -> None:
    inputs = prepare(Observation(picture(), CAMERA, room()), NANO)
    assert inputs.grid_hw == (18, 24)
    assert inputs.coords.min() >= 0
    normalised = normalise(depth_to_point_map(room(), CAMERA))
    np.testing.assert_array_equal(
        inputs.coords, round_coordinates(pool_to_grid(normalised, (18, 24)), NANO.point_encoding)
    )


def test_steps_are_those_of_the_points_under_each_patch() -> None:
    depth = np.full((480, 640), 2.0, np.float32)
    depth[240:] = 4.0
    inputs = prepare(Observation(picture(), CAMERA, depth), NANO)
    z = inputs.coords.reshape(18, 24, 3)[..., 2]
    assert (z[:9] == 0).all()
    np.testing.assert_array_equal(z[9:], np.rint(2.0 * inputs.scene.scale / 0.01))


def test_depth_of_half_the_size_gives_the_same_scene() -> None:
    full = prepare(Observation(picture(), CAMERA, np.kron(room(320, 240), np.ones((2, 2), np.float32))), NANO)
    half = prepare(Observation(picture(), CAMERA, room(320, 240)), NANO)
    assert half.scene.scale == pytest.approx(full.scene.scale, rel=2e-3)
    np.testing.assert_allclose(half.scene.shift, full.scene.shift, atol=0.01)
    assert np.abs(half.coords - full.coords).max() <= 1
    np.testing.assert_array_equal(half.pixel_values, full.pixel_values)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
@pytest.mark.parametrize("depth_size", [(848, 477), (424, 239), (1000, 563), (2000, 1125)])
def test_depth_of_any_size_and_type_gets_the_intrinsics_of_its_own_pixels(encoding, depth_size) -> None:
    """A slanted plane seen by the colour camera (1280x720): by its rays, whatever pixels sample them.

    z = 1 + x / 2 along the ray of column c: z = 1 / (1 - ray / 2), with ray = ((c + 0.5) * 1280 / width -
    0.5 - cx) / fx.
    """
    camera = Intrinsics(fx=900.0, fy=905.0, cx=650.0, cy=350.0, width=1280, height=720)
    width, height = depth_size
    ray_x = ((np.arange(width) + 0.5) * 1280 / width - 0.5 - camera.cx) / camera.fx
    ray_y = ((np.arange(height) + 0.5) * 720 / height - 0.5 - camera.cy) / camera.fy
    z = np.broadcast_to(1 / (1 - ray_x / 2), (height, width))
    z = np.round(z, 3) if encoding == "16UC1" else z
    raw = np.rint(z * 1000).astype(np.uint16) if encoding == "16UC1" else z.astype(np.float32)
    inputs = prepare(Observation(picture(1280, 720), camera, to_metres(raw, encoding)))
    points = np.stack([ray_x * z, ray_y[:, None] * z, z], axis=-1)
    step = max(width // 640, 1)
    normalised = normalise(points[::step, ::step])
    assert inputs.scene.scale == pytest.approx(normalised.scene.scale, rel=1e-6)
    assert inputs.scene.shift == pytest.approx(normalised.scene.shift, abs=1e-6)
    expected = round_coordinates(pool_to_grid(normalised, inputs.grid_hw), PointEncodingConfig())
    assert np.abs(inputs.coords - expected).max() <= 1
    assert (inputs.coords != expected).mean() < 0.01


def test_a_point_map_and_the_depth_it_came_from_give_the_same_inputs() -> None:
    by_depth = prepare(Observation(picture(), CAMERA, room()))
    by_points = prepare(Observation(picture(), CAMERA, point_map=depth_to_point_map(room(), CAMERA)))
    np.testing.assert_array_equal(by_points.coords, by_depth.coords)
    assert by_points.scene == by_depth.scene


def test_prepare_leaves_the_callers_arrays_alone() -> None:
    rgb, depth = picture(), room()
    points = depth_to_point_map(depth, CAMERA)
    for observation in (Observation(rgb, CAMERA, depth), Observation(rgb, CAMERA, point_map=points)):
        for array in (rgb, depth, points):
            array.setflags(write=False)
        prepare(observation)
    np.testing.assert_array_equal(rgb, picture())
    np.testing.assert_array_equal(depth, room())


def test_no_valid_depth_is_a_named_error() -> None:
    with pytest.raises(ValueError, match="no valid depth: 0 of 307200"):
        prepare(Observation(picture(), CAMERA, np.full((480, 640), np.nan, np.float32)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rgb": picture()[..., 0]}, r"rgb: expected \(H, W, 3\) uint8"),
        ({"rgb": picture().astype(np.float32)}, "got .* float32"),
        ({"rgb": picture(320, 240)}, r"\(480, 640\), got \(240, 320\)"),
        ({"depth": None}, "exactly one of depth and point_map, got none"),
        ({"point_map": np.ones((480, 640, 3), np.float32)}, "got both"),
        ({"depth": np.ones((480, 640), np.uint16)}, "float32 metres, got .* uint16"),
        ({"depth": np.ones((480, 640, 1), np.float32)}, r"depth: expected \(h, w\)"),
        ({"depth": np.ones((424, 512), np.float32)}, "field of view .* got 512x424; register depth"),
        ({"depth": np.ones((0, 0), np.float32)}, "depth: expected"),
        ({"depth": None, "point_map": np.ones((480, 640), np.float32)}, r"point_map: expected \(h, w, 3\)"),
        ({"depth": None, "point_map": np.ones((480, 640, 3), np.float16)}, "float32 metres, got .* float16"),
    ],
)
def test_an_observation_that_does_not_fit_together_is_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        Observation(**{"rgb": picture(), "intrinsics": CAMERA, "depth": room(), **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"long_side_px": 20}, "long_side_px: expected >= 28, got 20"),
        ({"patch_size": 0}, "patch_size: .*got 0"),
        ({"merge_size": 0}, "merge_size: .*got 0"),
        ({"point_map_reshape": "other"}, "point_map_reshape: .*'other'"),
    ],
)
def test_a_wrong_preprocess_option_is_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        PreprocessConfig(**arguments)


# --- the release's recorded pictures


def test_sizes_equal_the_official_ones(golden_dir: Path) -> None:
    for entry in json.loads((golden_dir / "sizes.json").read_text()):
        size = long_side_size(*entry["raw_wh"])
        assert list(size) == entry["resized_wh"], entry
        if "processor_error" in entry:
            with pytest.raises(ValueError, match="too narrow"):
                processor_size(*size)
            continue
        width, height = processor_size(*size)
        assert [height, width] == entry["processor_hw"], entry
        assert [1, height // 14, width // 14] == entry["grid_thw"], entry


@pytest.mark.parametrize("case", CASES)
def test_pictures_and_patches_equal_the_official_ones(golden_dir: Path, case: str) -> None:
    with np.load(golden_dir / f"case_{case}.npz") as golden:
        raw, expected = golden["image_raw"], golden["image_bicubic"]
        rows, grid = patch_rows(expected, PatchLayout())
        if case.startswith("P"):
            resized = resize_picture(raw, 640, 28)
            lanczos = resize_exact(Image.fromarray(raw), (640, 426), LANCZOS)
            np.testing.assert_array_equal(np.asarray(lanczos), golden["image_lanczos"])
            np.testing.assert_allclose(rows[::29], golden["pixel_values_every29"], atol=1e-5)
        else:
            size = processor_size(raw.shape[1], raw.shape[0])
            resized = np.asarray(resize_exact(Image.fromarray(raw), size, BICUBIC))
            np.testing.assert_allclose(rows, golden["pixel_values"], atol=1e-5)
        np.testing.assert_array_equal(resized, expected)
        assert grid == tuple(golden["image_grid_thw"][0, 1:])


def test_one_observation_gives_the_official_inputs_end_to_end(golden_dir: Path) -> None:
    with np.load(golden_dir / "case_P_full_pipeline.npz") as golden:
        height, width = golden["image_raw"].shape[:2]
        optical = golden["pcd"][..., :3].astype(np.float32) * np.float32([-1, -1, 1])
        optical[golden["pcd"][..., 3] <= 0] = np.nan
        camera = Intrinsics(700, 700, width / 2 - 0.5, height / 2 - 0.5, width, height)
        inputs = prepare(Observation(golden["image_raw"], camera, point_map=optical))
        np.testing.assert_allclose(inputs.pixel_values[::29], golden["pixel_values_every29"], atol=1e-5)
        np.testing.assert_array_equal(inputs.coords, golden["coords_rounded"])
        assert inputs.scene.scale == pytest.approx(float(golden["scaling_init"]), rel=1e-6)


def test_every_real_frame_prepares_for_both_sizes(rgbd_dir: Path) -> None:
    folders = [path.parent for path in sorted(rgbd_dir.glob("*/intrinsics.json"))]
    assert folders
    for folder in folders:
        rgb = np.asarray(Image.open(next(folder.glob("color.*"))).convert("RGB"))
        if (folder / "depth.npy").exists():
            depth = to_metres(np.load(folder / "depth.npy"), "32FC1")
        else:
            depth = to_metres(np.asarray(Image.open(folder / "depth.png")).astype(np.uint16), "16UC1")
        k = json.loads((folder / "intrinsics.json").read_text())
        camera = Intrinsics(k["fx"], k["fy"], k["cx"], k["cy"], rgb.shape[1], rgb.shape[0])
        for config in (PreprocessConfig(), NANO):
            inputs = prepare(Observation(rgb, camera, depth), config)
            assert np.isfinite(inputs.coords).all(), folder.name
            step = max(1, depth.shape[1] // config.long_side_px)
            assert inputs.valid_ratio == np.isfinite(depth[::step, ::step]).mean(), folder.name
