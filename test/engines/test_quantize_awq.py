"""AWQ: modelopt is asked for only when wanted, with our block size, and its factors are read from it."""

import importlib.util
import json
from types import SimpleNamespace

import numpy as np
import pytest

from n3d_ros.cli import main
from n3d_ros.engines import quantize_awq
from n3d_ros.engines.quantize import QuantizeConfig
from n3d_ros.engines.quantize_awq import awq_settings, input_scales
from n3d_ros.engines.synthetic import write_synthetic
from n3d_ros.runtime.types import MissingLibraryError


def test_without_modelopt_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(quantize_awq, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="pip install nvidia-modelopt`, or --method rtn"):
        input_scales(tmp_path, QuantizeConfig(method="awq"), lambda pipeline: None)


def test_only_weight_quantisers_get_our_block_and_the_preset_stays_as_it_was():
    preset = {
        "quant_cfg": [
            {"quantizer_name": "*", "enable": False},
            {"quantizer_name": "*weight_quantizer", "cfg": {"num_bits": 4, "block_sizes": {-1: 128}}},
        ],
        "algorithm": {"method": "awq_lite"},
    }
    settings = awq_settings(preset, 32)
    assert settings["quant_cfg"][1]["cfg"]["block_sizes"] == {-1: 32}
    assert preset["quant_cfg"][1]["cfg"]["block_sizes"] == {-1: 128}


def test_factors_are_read_from_where_modelopt_leaves_them():
    torch = pytest.importorskip("torch")
    scaled = SimpleNamespace(input_quantizer=SimpleNamespace(pre_quant_scale=torch.tensor([[2.0, 0.5]])))
    np.testing.assert_array_equal(quantize_awq._factors(scaled), [2.0, 0.5])
    assert quantize_awq._factors(SimpleNamespace(input_quantizer=SimpleNamespace())) is None
    assert quantize_awq._factors(SimpleNamespace()) is None


@pytest.mark.skipif(importlib.util.find_spec("modelopt") is None, reason="nvidia-modelopt is not installed")
def test_modelopt_finds_a_factor_for_every_product(tmp_path):
    folder = write_synthetic(tmp_path / "m", "tiny")

    def calibrate(pipeline):
        backend = pipeline.backend
        positions = np.tile(np.arange(12), (3, 1))
        backend.forward(backend.new_cache(16), backend.embed(list(range(12))), positions, np.array([11]))

    found = input_scales(folder, QuantizeConfig(method="awq"), calibrate)
    assert len(found) == 21
    assert {scale.shape for scale in found.values()} == {(96,), (192,)}
    assert all((scale > 0).all() for scale in found.values())


def test_the_command_writes_a_folder_with_its_report_and_says_when_nothing_was_measured(tmp_path, capsys):
    folder = write_synthetic(tmp_path / "m", "tiny")
    arguments = ["--model", str(folder), "--out", str(tmp_path / "q"), "--precision", "int8", "--scenes", "0"]
    assert main(["quantize", *arguments]) == 0
    printed = capsys.readouterr()
    assert "accuracy NOT measured (--scenes 0)" in printed.err and f"wrote {tmp_path / 'q'}" in printed.out
    report = json.loads((tmp_path / "q" / "accuracy.json").read_text())
    assert report == {"num_scenes": 0, "measured": False}
