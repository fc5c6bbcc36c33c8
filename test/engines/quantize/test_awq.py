"""AWQ: modelopt is asked for only when wanted, with our block size, and its factors are read from it."""

import importlib.util
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from n3d_ros.cli import main
from n3d_ros.engines.bench.synthetic import noise_scenes
from n3d_ros.engines.quantize import awq as quantize_awq
from n3d_ros.engines.quantize.awq import awq_settings, input_scales, replies_to
from n3d_ros.engines.quantize.folder import QuantizeConfig
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.errors import MissingLibraryError
from n3d_ros.runtime.backends.factory import create_backend


def test_without_modelopt_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(quantize_awq, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="pip install nvidia-modelopt`, or --method rtn"):
        input_scales(tmp_path, QuantizeConfig(method="awq"), lambda pipeline: None)


def modelopt_modules():
    return [name for name in sys.modules if name.partition(".")[0] == "modelopt"]


@pytest.fixture
def not_yet_imported():
    """modelopt is imported anew, and what was there before comes back."""
    before = {name: sys.modules.pop(name) for name in modelopt_modules()}
    yield
    for name in modelopt_modules():
        del sys.modules[name]
    sys.modules.update(before)


@pytest.mark.usefixtures("not_yet_imported")
def test_what_modelopt_lacks_is_named(tmp_path, monkeypatch):
    package = tmp_path / "modelopt" / "torch"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "quantization.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingLibraryError, match="nvidia-modelopt expected no_such_package to import"):
        input_scales(tmp_path, QuantizeConfig(method="awq"), lambda pipeline: None)


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("torch")
    return write_synthetic(tmp_path / "m", "tiny")


def ask_twice(pipeline):
    scene = next(noise_scenes())
    for words in (scene.first, scene.second):
        pipeline.ground(scene.observation, words, max_tokens=4)


def test_each_reply_is_kept_whole_as_if_it_had_run_in_one_pass(tiny):
    backend = create_backend(tiny, "torch")
    replies = replies_to(ask_twice, backend)
    assert len(replies) == 2 and all(len(rows) > 300 for rows, _ in replies)
    for rows, positions in replies:
        assert positions.shape == (3, len(rows))
        assert np.diff(positions[0, -4:]).tolist() == [1, 1, 1]
        whole = backend.forward(backend.new_cache(len(rows)), rows, positions, np.array([len(rows) - 1]))
        stepwise, cache = None, backend.new_cache(len(rows))
        for part in (slice(0, -2), slice(-2, -1), slice(-1, None)):
            places = positions[:, part]
            stepwise = backend.forward(cache, rows[part], places, np.array([places.shape[1] - 1]))
        np.testing.assert_allclose(whole, stepwise, atol=1e-4)


def test_the_search_runs_every_reply_once_each_time_it_runs(tiny, monkeypatch):
    from n3d_ros.runtime.backends.pytorch.backend import TorchBackend

    lengths, shown = [], []

    def search(text, settings, forward_loop):
        assert lengths, "the questions come first"
        del lengths[:]
        for _ in range(2):
            forward_loop(text)

    modelopt = SimpleNamespace(INT4_AWQ_CFG={"quant_cfg": []}, quantize=search)
    monkeypatch.setattr(quantize_awq, "_modelopt", lambda: modelopt)
    forward = TorchBackend.forward

    def counted(self, cache, embeds, *rest):
        lengths.append(len(embeds))
        return forward(self, cache, embeds, *rest)

    monkeypatch.setattr(TorchBackend, "forward", counted)

    def progress(replies):
        shown.append(len(replies))
        return replies

    found = input_scales(tiny, QuantizeConfig(method="awq"), ask_twice, progress)
    assert found == {} and shown == [2, 2]
    assert len(lengths) == 4 and lengths[:2] == lengths[2:] and min(lengths) > 300


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
