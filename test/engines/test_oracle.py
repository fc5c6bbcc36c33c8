"""The plain transcription against the recorded numbers of the release, and `prepare` against it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros.engines import oracle
from n3d_ros.engines.bench.preparation import example_frame, view
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.prepare import Observation, prepare


def frame(width: int, height: int) -> Observation:
    camera = Intrinsics(0.9 * width, 0.8 * width, 0.45 * width, 0.55 * height, width, height)
    return view(example_frame(width, height), camera)


def transcribed(observation: Observation) -> oracle.OracleInputs:
    k = observation.intrinsics.scaled_to(*observation.depth.shape[::-1])
    return oracle.oracle_inputs(observation.rgb, observation.depth, k.fx, k.fy, k.cx, k.cy)


@pytest.mark.parametrize("path", ["fastest", kernels.NUMPY])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (333, 500)])
def test_prepare_equals_the_plain_transcription(size, path) -> None:
    with kernels.using(kernels.paths()[0] if path == "fastest" else path):
        inputs, plain = prepare(frame(*size)), transcribed(frame(*size))
    assert inputs.grid_hw == plain.grid_hw
    np.testing.assert_array_equal(inputs.coords, plain.coords)
    np.testing.assert_allclose(inputs.pixel_values, plain.pixel_values, atol=1e-5)
    assert inputs.scene.scale == pytest.approx(plain.scale, rel=1e-6)
    np.testing.assert_array_equal(inputs.scene.shift, plain.shift)


@pytest.mark.parametrize("case", ["A_landscape", "B_portrait", "P_full_pipeline"])
def test_the_transcription_gives_the_official_points(golden_dir: Path, case: str) -> None:
    with np.load(golden_dir / f"case_{case}.npz") as golden:
        points, scale, shift = oracle.oracle_points(golden["pcd"])
        grid_hw = int(golden["image_grid_thw"][0, 1]), int(golden["image_grid_thw"][0, 2])
        coords = oracle.oracle_coordinates(points, golden["pcd"].shape[:2], grid_hw)
        np.testing.assert_array_equal(coords, golden["coords_rounded"])
        np.testing.assert_array_equal(shift, golden["shift0"])
        assert scale == pytest.approx(float(golden["scaling_init"]), rel=1e-6)


def test_the_transcription_gives_the_official_picture(golden_dir: Path) -> None:
    with np.load(golden_dir / "case_P_full_pipeline.npz") as golden:
        rows, grid_hw = oracle.oracle_picture(golden["image_raw"])
        assert grid_hw == tuple(golden["image_grid_thw"][0, 1:])
        np.testing.assert_allclose(rows[::29], golden["pixel_values_every29"], atol=1e-5)


def test_real_frames_equal_the_plain_transcription(rgbd_dir: Path) -> None:
    folders = [path.parent for path in sorted(rgbd_dir.glob("*/intrinsics.json"))][::5]
    assert folders
    for folder in folders:
        rgb = np.asarray(Image.open(next(folder.glob("color.*"))).convert("RGB"))
        if (folder / "depth.npy").exists():
            depth = to_metres(np.load(folder / "depth.npy"), "32FC1")
        else:
            depth = to_metres(np.asarray(Image.open(folder / "depth.png")).astype(np.uint16), "16UC1")
        k = json.loads((folder / "intrinsics.json").read_text())
        camera = Intrinsics(k["fx"], k["fy"], k["cx"], k["cy"], rgb.shape[1], rgb.shape[0])
        observation = Observation(rgb, camera, depth)
        inputs, plain = prepare(observation), transcribed(observation)
        np.testing.assert_array_equal(inputs.coords, plain.coords, err_msg=folder.name)
        np.testing.assert_allclose(inputs.pixel_values, plain.pixel_values, atol=1e-5)
