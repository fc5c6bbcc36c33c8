"""`n3d bench host`: what it prints and writes, and when it fails."""

import json

import numpy as np
import pytest

from n3d_ros.cli import main
from n3d_ros.engines.bench import preparation
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.prepare import prepare


def test_the_arrays_of_a_frame_are_views_of_the_messages_bytes() -> None:
    buffers = preparation.example_frame(40, 30)
    observation = preparation.view(buffers, Intrinsics(30, 30, 20, 15, 40, 30))
    for array, buffer in zip((observation.rgb, observation.depth), buffers, strict=True):
        assert np.shares_memory(array, np.frombuffer(buffer, dtype=np.uint8))


def test_the_command_prints_stages_ratio_and_difference_and_writes_samples(tmp_path, capsys) -> None:
    out = tmp_path / "sub" / "host.json"
    assert main(["bench", "host", "--sizes", "64x48", "--repetitions", "2", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    for words in ("64x48", "picture to patch rows", "plain transcription", "faster", "0 of 4692 rounded"):
        assert words in printed
    for words in ("16 bits to metres", "floats to metres", "depth registered here"):
        assert words in printed
    result = json.loads(out.read_text())[0]
    assert result["coords_differ"] == 0 and len(result["samples_ms"]["prepare"]) == 2


def test_the_command_measures_the_path_that_it_is_told(capsys, tmp_path) -> None:
    out = tmp_path / "host.json"
    arguments = ["bench", "host", "--sizes", "64x48", "--repetitions", "1", "--json", str(out)]
    assert main([*arguments, "--path", "numpy"]) == 0
    assert "kernels: numpy (this machine has " in capsys.readouterr().out
    assert json.loads(out.read_text())[0]["kernels"] == "numpy"
    assert main([*arguments, "--path", "mmx"]) == 2
    assert (
        f"expected one of {', '.join(kernels.paths())} on this machine, got 'mmx'" in capsys.readouterr().err
    )


def test_the_command_fails_when_results_differ(monkeypatch, capsys) -> None:
    monkeypatch.setattr(
        preparation, "prepare", lambda observation, *rest: _moved(prepare(observation, *rest))
    )
    assert main(["bench", "host", "--sizes", "64x48", "--repetitions", "1"]) == 1
    assert "differ from the plain transcription" in capsys.readouterr().err


def _moved(inputs):
    inputs.coords[0, 0] += 1
    return inputs


@pytest.mark.parametrize("arguments", [["--sizes", "640"], ["--sizes", "0x5"], ["--repetitions", "0"]])
def test_bad_arguments_of_the_command_are_named(capsys, arguments) -> None:
    assert main(["bench", "host", *arguments]) == 2
    assert f"{arguments[0]}: expected" in capsys.readouterr().err
