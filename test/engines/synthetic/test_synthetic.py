"""Random checkpoints of real shapes: the right sizes, finite distinct values, loadable by every tool."""

import json

import numpy as np
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.engines.synthetic import checkpoint as synthetic
from n3d_ros.engines.synthetic.checkpoint import num_bytes, write_synthetic
from n3d_ros.engines.synthetic.config import PRESETS, config_json, tensor_shapes
from n3d_ros.errors import BadInputError
from n3d_ros.model_folder.config import load_config, parse_config
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.protocol import prompts
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.decoding.text import TextCodec


def test_the_7b_has_the_bytes_of_the_real_one():
    """16.58 GB in bf16: docs/specification/engines.md 10."""
    assert num_bytes("7b") == 16_584_333_312
    config = config_json(PRESETS["7b"], "bf16")
    assert config["image_token_id"] == 151_655 and config["text_config"]["eos_token_id"] == 151_645
    assert config["text_config"]["rope_parameters"]["mrope_section"] == [16, 24, 24]


def test_values_are_finite_of_trained_size_and_differ_between_tensors(tmp_path):
    entries = read_entries(write_synthetic(tmp_path / "m", "tiny"))
    norms = [entry.float32() for name, entry in entries.items() if "norm" in name or "ln_q" in name]
    linears = [entry.float32() for entry in entries.values() if len(entry.shape) > 1]
    together = np.concatenate([values.ravel() for values in linears])
    assert abs(together.std() - 0.0189) < 1e-3 and abs(together.mean()) < 1e-3
    assert np.abs(together).max() < 2**-5
    assert all((norm >= 1).all() and (norm < 1.125).all() for norm in norms)
    same_shape = [entries[f"model.layers.{n}.mlp.up_proj.weight"].array() for n in (0, 1)]
    assert (same_shape[0] != same_shape[1]).mean() > 0.9


def test_a_seed_gives_the_same_bytes(tmp_path):
    first = (write_synthetic(tmp_path / "a", "tiny", 3) / "model.safetensors").read_bytes()
    assert (write_synthetic(tmp_path / "b", "tiny", 3) / "model.safetensors").read_bytes() == first
    assert (write_synthetic(tmp_path / "c", "tiny", 4) / "model.safetensors").read_bytes() != first


def test_shards_are_cut_and_indexed_and_every_byte_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic, "SHARD_BYTES", 700_000)
    seen = []
    folder = write_synthetic(tmp_path / "m", "tiny", on_bytes=seen.append)
    index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    files = {path.name for path in folder.glob("*.safetensors")}
    assert files == set(index.values()) and len(files) == 3
    assert all((folder / name).stat().st_size < 720_000 for name in files)
    assert sum(seen) == num_bytes("tiny")
    assert len(read_entries(folder)) == len(index)


@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_torch_and_onnxruntime_load_it_and_agree(tmp_path, dtype):
    pytest.importorskip("torch")
    folder = write_synthetic(tmp_path / "m", "tiny", dtype=dtype)
    export(folder, tmp_path / "e")
    logits = []
    for name in ("ort", "torch"):
        backend = create_backend(tmp_path / "e", name, 1)
        positions = np.tile(np.arange(5), (3, 1))
        logits.append(
            backend.forward(backend.new_cache(8), backend.embed([1, 5, 9, 2, 7]), positions, np.arange(5))
        )
    assert logits[0].std() > 0.01
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-4)


def test_its_tokenizer_cuts_digits_apart_and_keeps_the_special_ids(tmp_path):
    folder = write_synthetic(tmp_path / "m", "tiny")
    codec, config = TextCodec(folder / "tokenizer.json"), load_config(folder)
    text = prompts.ground_prompt(prompts.ground_question("red mug"))
    ids = codec.encode(text)
    assert codec.tokenizer.decode(ids, skip_special_tokens=False) == text
    assert ids.count(config.image_token_id) == 1 and max(ids) < config.text.vocab
    assert [codec.tokenizer.id_to_token(i) for i in codec.encode(",512,")] == [",", "5", "1", "2", ","]
    assert len(ids) < len(text) / 4


def test_the_3b_ties_its_embeddings():
    shapes = tensor_shapes(parse_config(config_json(PRESETS["3b"], "bf16")))
    assert "lm_head.weight" not in shapes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("70b",), "expected one of 7b, 3b, 7b-slice, 7b-thin, tiny, got '70b'"),
        (("tiny", 0, "int3"), "got 'int3'"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_choices(tmp_path, arguments, message):
    with pytest.raises(BadInputError, match=message):
        write_synthetic(tmp_path / "m", *arguments)


def test_a_folder_with_files_is_not_written_into(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(BadInputError, match="expected a new or empty folder"):
        write_synthetic(tmp_path, "tiny")
