"""preprocessor_config.json: what is read from it, what is refused, and the fast processor against torch."""

import json
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.picture_config import PREPROCESSOR_NAME, read_picture_config
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.pictures import (
    RELEASE,
    PatchLayout,
    PictureConfig,
    patch_rows,
    picture_rows,
    processor_size,
    resize_picture,
    resize_processor,
)
from n3d_ros.preprocess.prepare import PreprocessConfig
from n3d_ros.runtime.backends.factory import default_model_dir

FAST = PictureConfig("fast")
# A file that names no limits has the processor's own.
LIMITED = replace(RELEASE, min_pixels=3136, max_pixels=1003520)


def picture(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def read(folder, fields: object) -> PictureConfig:
    (folder / PREPROCESSOR_NAME).write_text(json.dumps(fields))
    return read_picture_config(folder, patch=14, merge=2, temporal_patch=2)


# --- the file


def test_a_folder_without_the_file_prepares_as_the_release(tmp_path) -> None:
    assert read_picture_config(tmp_path, 14, 2, 2) == RELEASE == PreprocessConfig().picture
    assert load_config(default_model_dir()).preprocess().picture == RELEASE


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "slow"),
        ({"image_processor_type": "Qwen2VLImageProcessor"}, "slow"),
        ({"image_processor_type": "Qwen2VLImageProcessorFast"}, "fast"),
        ({"image_processor_type": "Qwen2_5_VLImageProcessor"}, "slow"),
        ({"image_processor_type": "Qwen2VLImageProcessorPil", "processor_class": "Qwen2VLProcessor"}, "slow"),
        ({"image_processor_type": None, "processor_class": "Qwen2_5_VLProcessor"}, "slow"),
    ],
)
def test_the_named_class_chooses_the_processor(tmp_path, fields, expected) -> None:
    assert read(tmp_path, fields) == replace(LIMITED, processor=expected)


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        ({"min_pixels": 3136, "max_pixels": 12845056}, (3136, 12845056)),
        ({"size": {"shortest_edge": 784, "longest_edge": 90000}}, (784, 90000)),
        ({"size": {"min_pixels": 784, "max_pixels": 90000}, "max_pixels": 80000}, (784, 80000)),
    ],
)
def test_limits_are_areas_by_any_of_their_names(tmp_path, fields, limits) -> None:
    found = read(tmp_path, fields)
    assert (found.min_pixels, found.max_pixels) == limits


def test_other_means_and_deviations_reach_the_patch_rows(tmp_path) -> None:
    config = read(tmp_path, {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 1]})
    rows, _ = patch_rows(np.full((28, 28, 3), 255, np.uint8), PatchLayout(), config)
    np.testing.assert_allclose(rows.reshape(4, 3, -1)[0, :, 0], [1.0, 2.0, 0.5], rtol=1e-6)


def test_a_model_folder_carries_it_to_the_preparation(tmp_path) -> None:
    (tmp_path / "config.json").write_text((default_model_dir() / "config.json").read_text())
    (tmp_path / PREPROCESSOR_NAME).write_text('{"image_processor_type": "Qwen2VLImageProcessorFast"}')
    assert load_config(tmp_path).preprocess().picture.processor == "fast"
    (tmp_path / PREPROCESSOR_NAME).write_text('{"patch_size": 16}')
    with pytest.raises(ModelFolderError, match="preprocessor_config.json: patch_size: expected 14, got 16"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image_processor_type": "CLIPImageProcessorFast"}, "expected Qwen2VLImageProcessor .* got 'CLIP"),
        ({"image_processor_type": 3}, "image_processor_type: expected Qwen2VLImageProcessor"),
        ({"merge_size": 1}, "merge_size: expected 2, got 1"),
        ({"temporal_patch_size": 1}, "temporal_patch_size: expected 2, got 1"),
        ({"resample": 2}, "resample: expected 3, got 2"),
        ({"do_normalize": False}, "do_normalize: expected True, got False"),
        ({"do_center_crop": True}, "do_center_crop: expected False, got True"),
        ({"rescale_factor": 1.0}, "rescale_factor: expected 1/255, got 1.0"),
        ({"image_mean": 0.5}, "image_mean: expected a list of three numbers, got 0.5"),
        ({"image_mean": [0.5]}, "image_mean: expected a list of three numbers"),
        ({"image_std": [1, 0, 1]}, "image_std: expected three positive numbers"),
        ({"size": 224}, "size: expected limits of the area by name, got 224"),
        ({"max_pixels": "many"}, "max_pixels: expected a positive number of pixels, got 'many'"),
        ({"min_pixels": 9000, "max_pixels": 5000}, r"expected 0 <= min <= max, got \(9000, 5000\)"),
        ([], "expected a JSON object"),
    ],
)
def test_what_is_not_built_is_refused_by_name(tmp_path, fields, message) -> None:
    with pytest.raises(ModelFolderError, match=f"preprocessor_config.json: .*{message}"):
        read(tmp_path, fields)


def test_a_broken_file_is_named(tmp_path) -> None:
    (tmp_path / PREPROCESSOR_NAME).write_text("{")
    with pytest.raises(ModelFolderError, match=PREPROCESSOR_NAME):
        read_picture_config(tmp_path, 14, 2, 2)


# --- pictures


def test_limits_scale_the_processor_size() -> None:
    assert processor_size(640, 480, 28, LIMITED) == (644, 476)  # they do not act on a long side of 640
    assert processor_size(640, 480, 28, replace(RELEASE, max_pixels=100352)) == (364, 252)
    assert processor_size(56, 28, 28, replace(RELEASE, min_pixels=6272)) == (112, 56)
    assert processor_size(640, 28, 28, replace(RELEASE, max_pixels=784)) == (112, 28)  # never below a group


@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((300, 200), (308, 196)),
        ((170, 250), (168, 252)),
        ((90, 70), (84, 70)),
        ((70, 90), (70, 28)),
        ((9, 7), (56, 84)),
    ],
)
@pytest.mark.parametrize("black_and_white", [False, True])
def test_the_fast_resize_is_torchs_level_by_level(size, target, black_and_white) -> None:
    torch = pytest.importorskip("torch")
    source = picture(*size)
    source = np.where(source > 127, np.uint8(255), np.uint8(0)) if black_and_white else source
    channels = torch.from_numpy(source).permute(2, 0, 1)[None]
    resized = torch.nn.functional.interpolate(channels, size=target[::-1], mode="bicubic", antialias=True)
    expected = resized[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(resize_processor(source, target, FAST), expected)


def test_the_two_resizes_differ_in_few_levels_by_little() -> None:
    source, target = picture(300, 200), (308, 196)
    slow, fast = (resize_processor(source, target, config).astype(int) for config in (RELEASE, FAST))
    differing = np.abs(slow - fast)
    assert 0 < np.count_nonzero(differing) < 0.01 * differing.size and differing.max() <= 2


def test_the_values_are_those_of_the_fused_arithmetic() -> None:
    levels = np.arange(256, dtype=np.float32)
    mean, std = (np.array(x, np.float32) * np.float32(255) for x in (FAST.mean, FAST.std))
    grey = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    rows, _ = patch_rows(grey, PatchLayout(1, 1), FAST)
    for channel in range(3):
        expected = (levels - mean[channel]) / std[channel]
        np.testing.assert_allclose(rows[:, 2 * channel], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(640, 480), (479, 640), (201, 150), (322, 322), (336, 336)])
def test_the_kernels_and_numpy_give_the_same_bits(size) -> None:
    if kernels.paths() == (kernels.NUMPY,):
        pytest.skip("no compiled kernels")
    source = picture(*size)
    rows, grid = picture_rows(source, 322, PatchLayout(), FAST)
    with kernels.using(kernels.NUMPY):
        expected, expected_grid = picture_rows(source, 322, PatchLayout(), FAST)
    assert grid == expected_grid
    np.testing.assert_array_equal(rows, expected)


def test_both_processors_share_the_first_resize() -> None:
    source = picture(60, 45)
    slow, fast = (resize_picture(source, 336, 28, config).astype(int) for config in (RELEASE, FAST))
    np.testing.assert_array_equal(slow, fast)  # 336x252 are multiples of 28: there is no second resize


@pytest.mark.parametrize(
    ("case", "step"),
    [("A_landscape", 5), ("B_portrait", 5), ("C_near_square_landscape", 5), ("P_full_pipeline", 29)],
)
def test_fast_rows_equal_the_official_ones(golden_dir, case, step) -> None:
    with np.load(golden_dir / f"case_{case}.npz") as golden:
        raw = golden["image_raw"]
    with np.load(golden_dir / "pixel_values_fast_processor.npz") as golden:
        expected = golden[case]
    if case.startswith("P"):
        rows, _ = picture_rows(raw, 640, PatchLayout(), FAST)
    else:
        resized = resize_processor(raw, processor_size(raw.shape[1], raw.shape[0]), FAST)
        rows, _ = patch_rows(resized, PatchLayout(), FAST)
    np.testing.assert_allclose(rows[::step], expected, rtol=0, atol=1e-6)
