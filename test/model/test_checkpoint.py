"""Checkpoints of every layout load into the torch class; what does not fit is named whole, in one error."""

import json
import shutil
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from n3d_ros.commands.model_options import model_folder  # noqa: E402
from n3d_ros.engines.parity.write.model import FLAT, NESTED, ModelWriter  # noqa: E402
from n3d_ros.errors import MissingLibraryError, ModelFolderError  # noqa: E402
from n3d_ros.model.checkpoint import load_model, read_config  # noqa: E402
from n3d_ros.model_folder import hub  # noqa: E402
from n3d_ros.runtime.backends.factory import create_backend  # noqa: E402

# As Qwen2.5-VL-7B-Instruct words these settings.
QWEN = {
    **FLAT,
    "rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]},
    "sliding_window": 32768,
    "max_window_layers": 28,
}


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts") / "model"
    ModelWriter(folder, seed=5)
    return folder


@pytest.fixture
def checkpoint(layouts, tmp_path):
    """A copy of the hub layout that a test may change."""
    return shutil.copytree(layouts / "saved_by_official_class", tmp_path / "checkpoint")


def tensors_of(folder):
    return load_file(folder / "model.safetensors")


def same_weights(a, b):
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("weights", ["saved_by_official_class", "module_names"])
@pytest.mark.parametrize("config", [FLAT, NESTED, QWEN], ids=["flat", "nested", "qwen"])
def test_both_key_layouts_and_both_kinds_of_config_give_the_same_model(layouts, tmp_path, weights, config):
    folder = shutil.copytree(layouts / weights, tmp_path / "checkpoint")
    (folder / "config.json").write_text(json.dumps(config))
    model = load_model(folder)
    assert same_weights(model, load_model(layouts / "module_names"))
    assert (model.config.point_encoding_order, model.training, model.dtype) == (
        "raster",
        False,
        torch.float32,
    )
    assert model.config.text_config.eos_token_id == 501


def test_shards_load_like_one_file_and_only_those_that_the_index_names(checkpoint):
    whole = load_model(checkpoint)
    tensors = tensors_of(checkpoint)
    (checkpoint / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-1-of-2.safetensors": names[:40], "model-2-of-2.safetensors": names[40:]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, checkpoint / file)
    save_file({"stray": torch.zeros(1)}, checkpoint / "adapter.safetensors")
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    assert same_weights(load_model(checkpoint), whole)
    (checkpoint / "model-2-of-2.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"index.json names model-2-of-2.safetensors, found none"):
        load_model(checkpoint)


def test_an_index_of_another_kind_is_named(checkpoint):
    index = checkpoint / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../../elsewhere.safetensors"}}))
    with pytest.raises(ModelFolderError, match="expected plain file names, got ../../elsewhere.safetensors"):
        load_model(checkpoint)
    index.write_text("[]")
    with pytest.raises(ModelFolderError, match="expected an index with a weight_map"):
        load_model(checkpoint)


def test_every_missing_unexpected_and_misshaped_tensor_is_named_in_one_error(checkpoint):
    tensors = tensors_of(checkpoint)
    del tensors["visual.merger.ln_q.weight"], tensors["model.norm.weight"]
    tensors["visual.pcd_pe.weight"] = torch.ones(2)
    tensors["lm_head.weight"] = torch.ones(3, 4)
    save_file(tensors, checkpoint / "model.safetensors")
    with pytest.raises(ModelFolderError) as error:
        load_model(checkpoint)
    assert "missing model.norm.weight, visual.merger.ln_q.weight;" in error.value.message
    assert "unexpected visual.pcd_pe.weight;" in error.value.message
    assert "lm_head.weight: expected shape (512, 96), got (3, 4)" in error.value.message


def test_one_tensor_under_both_names_is_refused(checkpoint):
    tensors = tensors_of(checkpoint)
    tensors["model.language_model.norm.weight"] = tensors["model.norm.weight"].clone()
    save_file(tensors, checkpoint / "model.safetensors")
    with pytest.raises(ModelFolderError, match=r"expected tensor model.norm.weight once"):
        load_model(checkpoint)


def test_pickled_weights_are_never_opened(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(
        ModelFolderError, match=r"only pickled weights \(pytorch_model.bin\), which are never opened"
    ):
        load_model(checkpoint)


def test_a_tied_head_is_not_looked_for(checkpoint):
    tensors = tensors_of(checkpoint)
    del tensors["lm_head.weight"]
    save_file(tensors, checkpoint / "model.safetensors")
    (checkpoint / "config.json").write_text(json.dumps({**NESTED, "tie_word_embeddings": True}))
    model = load_model(checkpoint)
    assert model.lm_head.weight is model.get_input_embeddings().weight


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "qwen3_vl"}, "model_type: expected 'qwen2_5_vl', got 'qwen3_vl'"),
        ({"point_encoding_order": "spiral"}, "point_encoding_order: expected one of"),
        ({"use_sliding_window": True}, "use_sliding_window: expected false, got True"),
        ({"vision_config": None}, "vision_config: expected an object, got None"),
    ],
)
def test_a_config_of_something_else_is_named(checkpoint, change, message):
    (checkpoint / "config.json").write_text(json.dumps({**FLAT, **change}))
    with pytest.raises(ValueError, match=message):
        load_model(checkpoint)


def test_the_order_of_the_point_code_is_read_from_the_config(checkpoint):
    (checkpoint / "config.json").write_text(json.dumps({**NESTED, "point_encoding_order": "aligned"}))
    assert read_config(checkpoint).vision_config.point_encoding_order == "aligned"


def test_a_config_that_is_no_json_is_named(checkpoint):
    (checkpoint / "config.json").write_text("{")
    with pytest.raises(ModelFolderError, match="config.json: expected JSON"):
        load_model(checkpoint)


@pytest.fixture
def downloads(monkeypatch, tmp_path):
    """What the hub was asked for; the real client meets one in test_hub."""
    asked = []

    def snapshot_download(repository, revision=None, allow_patterns=None, ignore_patterns=None):
        asked.append((repository, revision, tuple(allow_patterns)))
        if repository == "nobody/nothing":
            raise OSError("404")
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def test_only_a_hub_name_downloads_and_pickled_weights_stay_there(downloads, tmp_path):
    assert hub.local_folder("models/N3D-VLM").as_posix() == "models/N3D-VLM"
    assert downloads == []
    assert hub.local_folder("hub:yuxinhk/N3D-VLM@main") == tmp_path
    ((repository, revision, patterns),) = downloads
    assert (repository, revision) == ("yuxinhk/N3D-VLM", "main")
    assert "*.safetensors" in patterns
    assert not [pattern for pattern in patterns if "bin" in pattern or "pt" in pattern]


def test_a_backend_and_a_command_take_a_hub_name(downloads, layouts, tmp_path):
    shutil.copytree(layouts / "saved_by_official_class", tmp_path, dirs_exist_ok=True)
    backend = create_backend(Path("hub:yuxinhk/N3D-VLM"), "torch:cpu:bf16")
    assert (backend.name, backend.model.dtype) == ("torch", torch.bfloat16)
    assert model_folder(Path("hub:yuxinhk/N3D-VLM")) == tmp_path
    assert len(downloads) == 2


def test_what_the_hub_does_not_give_is_named(downloads):
    with pytest.raises(ModelFolderError, match="hub:nobody/nothing: expected a model on the hub, got 404"):
        hub.local_folder("hub:nobody/nothing")
    with pytest.raises(ModelFolderError, match="expected hub:owner/name"):
        hub.local_folder("hub:N3D-VLM")


def test_a_hub_name_without_the_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingLibraryError, match="pip install huggingface_hub"):
        hub.local_folder("hub:yuxinhk/N3D-VLM")
