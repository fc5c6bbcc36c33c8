"""What other tools leave in checkpoints: refused by name, with what helps, before weights load; or read."""

import json
import shutil

import numpy as np
import pytest
from tensor_files import change_tensors, read_tensors, write_tensors

from n3d_ros.engines.export.folder import export
from n3d_ros.engines.quantize.folder import QuantizeConfig, quantize_folder
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder import tensors
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.foreign import check_tensors
from n3d_ros.model_folder.tensors import read_entries, short_name

REMEDY = "n3d quantize --model CHECKPOINT --out DIR"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """One file under the hub's names."""
    folder = write_synthetic(tmp_path_factory.mktemp("synthetic") / "m", "tiny", dtype="fp32")
    whole = {}
    for path in sorted(folder.glob("*.safetensors")):
        whole |= {short_name(name): array for name, array in read_tensors(path).items()}
        path.unlink()
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    write_tensors(folder / "model.safetensors", whole)
    return folder


@pytest.fixture
def checkpoint(tiny, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(tiny, tmp_path / "checkpoint")


@pytest.fixture(params=["numpy", "torch"])
def load(request):
    """Both ways in: what export and quantising read, and the torch class."""
    if request.param == "numpy":
        return load_with_numpy
    return pytest.importorskip("n3d_ros.model.checkpoint").load_model


def load_with_numpy(folder):
    config = load_config(folder)
    check_tensors(folder, read_entries(folder), config.text.tied)


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def renamed(folder, rename):
    def change(tensors):
        old = dict(tensors)
        tensors.clear()
        tensors.update({rename(name): array for name, array in old.items()})

    return change_tensors(folder, change)


def refused(load, folder, *parts):
    with pytest.raises(ModelFolderError) as error:
        load(folder)
    assert "\n" not in error.value.message
    for part in parts:
        assert part in error.value.message


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"load_in_8bit": True}, "bitsandbytes"),
        ({"quant_method": "awq", "bits": 4}, "AWQ"),
        ({"quant_method": "gptq", "bits": 4}, "GPTQ"),
        ({"quant_method": "fp8"}, "FP8"),
        ({"quant_method": "compressed-tensors", "format": "pack-quantized"}, "compressed-tensors"),
        ({"quant_method": "hqq"}, "'hqq'"),
        ({}, "a method without a name"),
        (["awq"], "['awq']"),
    ],
)
def test_a_quantised_checkpoint_is_refused_by_method_before_its_weights_are_looked_for(
    checkpoint, load, settings, method
):
    change_config(checkpoint, quantization_config=settings)
    (checkpoint / "model.safetensors").unlink()
    refused(load, checkpoint, method, REMEDY, "config.json")


def test_packed_weights_are_found_inside_text_config_beside_it_and_by_their_names(checkpoint, load):
    plain = (checkpoint / "config.json").read_text()
    text = {**json.loads(plain)["text_config"], "quantization_config": {"quant_method": "gptq"}}
    change_config(checkpoint, text_config=text)
    refused(load, checkpoint, "GPTQ", REMEDY)
    (checkpoint / "config.json").write_text(plain)
    (checkpoint / "quantize_config.json").write_text("{}")
    refused(load, checkpoint, "quantize_config.json", REMEDY)
    (checkpoint / "quantize_config.json").unlink()
    change_tensors(
        checkpoint, lambda all: all.update({"model.layers.0.mlp.up_proj.qweight": np.zeros(1, "i1")})
    )
    refused(load, checkpoint, "up_proj.qweight", "GPTQ or AWQ", REMEDY)


def test_a_null_quantization_config_is_none(checkpoint, load):
    change_config(checkpoint, quantization_config=None)
    load(checkpoint)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_bytes_for_weights_are_named(checkpoint, load, kind):
    change_tensors(checkpoint, lambda all: all.update({"model.norm.weight": np.ones(4, kind)}))
    refused(load, checkpoint, "tensor model.norm.weight is stored as", "expected one of", REMEDY)


@pytest.mark.parametrize("kind", [np.float32, np.float16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_none_is_found_wherever_it_stands(checkpoint, load, kind, value, monkeypatch):
    monkeypatch.setattr(tensors, "PIECE", 7)

    def change(all):
        bad = all["model.norm.weight"].astype(kind)
        bad[-1] = value
        all["model.norm.weight"] = bad

    change_tensors(checkpoint, change)
    refused(load, checkpoint, "tensor model.norm.weight holds NaN or infinite numbers")


def test_a_matrix_of_zeros_is_named_and_zeros_in_a_bias_or_beside_numbers_are_not(checkpoint, load):
    def zeros_but_one(all):
        name = next(name for name in all if name.endswith("mlp.down_proj.weight"))
        all[name] = np.zeros_like(all[name])
        all[name].flat[-1] = 1.0
        for bias in (name for name in all if name.endswith(".bias")):
            all[bias] = np.zeros_like(all[bias])

    def zeros(all):
        name = next(name for name in all if name.endswith("mlp.down_proj.weight"))
        all[name] = np.zeros_like(all[name])

    change_tensors(checkpoint, zeros_but_one)
    load(checkpoint)
    change_tensors(checkpoint, zeros)
    refused(load, checkpoint, "mlp.down_proj.weight holds zeros alone")


def test_bfloat16_that_is_nan_is_found_and_the_largest_number_is_not(tmp_path):
    def entry(bits):
        (tmp_path / "w").write_bytes(np.array([0x3F80, bits], np.uint16).tobytes())
        return tensors.TensorEntry("w", "BF16", (2,), tmp_path / "w", 0, 4)

    assert entry(0x7F7F).is_finite() and entry(0xFF7F).is_finite()
    assert not entry(0x7FC0).is_finite() and not entry(0xFF80).is_finite()


def test_export_and_quantise_refuse_weights_that_are_no_numbers_and_leave_nothing(checkpoint, tmp_path):
    def change(all):
        all["model.norm.weight"] = np.full_like(all["model.norm.weight"], np.nan)

    change_tensors(checkpoint, change)
    for write in (
        lambda out: export(checkpoint, out),
        lambda out: quantize_folder(checkpoint, out, QuantizeConfig("int8")),
    ):
        with pytest.raises(ModelFolderError, match="model.norm.weight holds NaN"):
            write(tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_head_that_differs_from_the_embedding_it_is_tied_to_is_named(checkpoint, load):
    head = read_tensors(checkpoint / "model.safetensors")["lm_head.weight"]
    change_config(checkpoint, tie_word_embeddings=True)
    refused(load, checkpoint, "ties lm_head.weight to model.embed_tokens.weight, and the two differ")
    change_tensors(checkpoint, lambda all: all.update({"model.embed_tokens.weight": head}))
    load(checkpoint)
    last = head.copy()
    last[-1, -1] += 1
    change_tensors(checkpoint, lambda all: all.update({"lm_head.weight": last}))
    refused(load, checkpoint, "the two differ", "tie_word_embeddings")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_an_adapter_beside_a_model_or_alone_is_to_be_merged_first(checkpoint, load, name):
    (checkpoint / name).write_text("{}")
    refused(load, checkpoint, name, "merge it into its base model first")
    (checkpoint / "model.safetensors").unlink()
    refused(load, checkpoint, name, "merge it into its base model first")


def test_adapter_layers_inside_the_weights_are_named(checkpoint, load):
    def rename(name):
        wrapped = "base_model.model." + name
        return wrapped.replace("q_proj.weight", "q_proj.base_layer.weight")

    renamed(checkpoint, rename)
    refused(load, checkpoint, "q_proj.base_layer.weight", "is part of an adapter; merge it")


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"base_model.model.{name}",
        lambda name: f"_orig_mod.module.{name}" if name.startswith("visual.") else name,
        lambda name: name.replace("layers.0.", "layers.0._orig_mod."),
    ],
    ids=["DDP", "compile", "both", "PEFT", "half of it", "one layer"],
)
def test_what_training_tools_wrap_around_names_is_taken_off(checkpoint, load, tiny, rename):
    renamed(checkpoint, rename)
    assert set(read_entries(checkpoint)) == set(read_entries(tiny))
    load(checkpoint)


def test_a_wrapped_and_a_plain_tensor_of_one_name_are_refused(checkpoint, load):
    change_tensors(checkpoint, lambda all: all.update({"module.model.norm.weight": all["model.norm.weight"]}))
    refused(load, checkpoint, "expected tensor model.norm.weight once", "as module.model.norm.weight in")


def test_torch_names_what_n3d_quantize_packed(checkpoint, tmp_path):
    load_model = pytest.importorskip("n3d_ros.model.checkpoint").load_model
    quantize_folder(checkpoint, tmp_path / "q", QuantizeConfig("int8"))
    refused(load_model, tmp_path / "q", "which `n3d quantize` wrote", "torch takes")
