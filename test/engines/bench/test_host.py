"""The plain transcription against the recorded numbers and against `prepare`; the command that times both."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from n3d_ros.cli import main
from n3d_ros.engines.bench.host import oracle as host_oracle
from n3d_ros.engines.bench.host import timing as host_bench
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.prepare import Observation, prepare


def frame(width: int, height: int) -> Observation:
    camera = Intrinsics(0.9 * width, 0.8 * width, 0.45 * width, 0.55 * height, width, height)
    return host_bench.view(host_bench.example_frame(width, height), camera)


def transcribed(observation: Observation) -> host_oracle.OracleInputs:
    k = observation.intrinsics.scaled_to(*observation.depth.shape[::-1])
    return host_oracle.oracle_inputs(observation.rgb, observation.depth, k.fx, k.fy, k.cx, k.cy)


@pytest.mark.parametrize("with_kernels", [True, False])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (333, 500)])
def test_prepare_equals_the_plain_transcription(monkeypatch, size, with_kernels) -> None:
    if not with_kernels:
        monkeypatch.setattr("n3d_ros.preprocess.pictures.kernels", lambda: None)
        monkeypatch.setattr("n3d_ros.preprocess.pooling.kernels", lambda: None)
    inputs, plain = prepare(frame(*size)), transcribed(frame(*size))
    assert inputs.grid_hw == plain.grid_hw
    np.testing.assert_array_equal(inputs.coords, plain.coords)
    np.testing.assert_allclose(inputs.pixel_values, plain.pixel_values, atol=1e-5)
    assert inputs.scene.scale == pytest.approx(plain.scale, rel=1e-6)
    np.testing.assert_array_equal(inputs.scene.shift, plain.shift)


@pytest.mark.parametrize("case", ["A_landscape", "B_portrait", "P_full_pipeline"])
def test_the_transcription_gives_the_official_points(golden_dir: Path, case: str) -> None:
    with np.load(golden_dir / f"case_{case}.npz") as golden:
        points, scale, shift = host_oracle.oracle_points(golden["pcd"])
        grid_hw = int(golden["image_grid_thw"][0, 1]), int(golden["image_grid_thw"][0, 2])
        coords = host_oracle.oracle_coordinates(points, golden["pcd"].shape[:2], grid_hw)
        np.testing.assert_array_equal(coords, golden["coords_rounded"])
        np.testing.assert_array_equal(shift, golden["shift0"])
        assert scale == pytest.approx(float(golden["scaling_init"]), rel=1e-6)


def test_the_transcription_gives_the_official_picture(golden_dir: Path) -> None:
    with np.load(golden_dir / "case_P_full_pipeline.npz") as golden:
        rows, grid_hw = host_oracle.oracle_picture(golden["image_raw"])
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


def test_the_arrays_of_a_frame_are_views_of_the_messages_bytes() -> None:
    buffers = host_bench.example_frame(40, 30)
    observation = host_bench.view(buffers, Intrinsics(30, 30, 20, 15, 40, 30))
    for array, buffer in zip((observation.rgb, observation.depth), buffers, strict=True):
        assert np.shares_memory(array, np.frombuffer(buffer, dtype=np.uint8))


def test_the_command_prints_stages_ratio_and_difference_and_writes_samples(tmp_path, capsys) -> None:
    out = tmp_path / "sub" / "host.json"
    assert main(["bench", "host", "--sizes", "64x48", "--repetitions", "2", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    for words in ("64x48", "picture to patch rows", "plain transcription", "faster", "0 of 4692 rounded"):
        assert words in printed
    result = json.loads(out.read_text())[0]
    assert result["coords_differ"] == 0 and len(result["samples_ms"]["prepare"]) == 2


def test_the_command_fails_when_results_differ(monkeypatch, capsys) -> None:
    monkeypatch.setattr(host_bench, "prepare", lambda observation, *rest: _moved(prepare(observation, *rest)))
    assert main(["bench", "host", "--sizes", "64x48", "--repetitions", "1"]) == 1
    assert "differ from the plain transcription" in capsys.readouterr().err


def _moved(inputs):
    inputs.coords[0, 0] += 1
    return inputs


@pytest.mark.parametrize("arguments", [["--sizes", "640"], ["--sizes", "0x5"], ["--repetitions", "0"]])
def test_bad_arguments_of_the_command_are_named(capsys, arguments) -> None:
    assert main(["bench", "host", *arguments]) == 2
    assert f"{arguments[0]}: expected" in capsys.readouterr().err
