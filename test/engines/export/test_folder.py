"""Exporting: what is written, that nothing half-written is left, and what a changed folder says when it is
loaded.
"""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from n3d_ros.cli import main
from n3d_ros.engines.export import folder as export_module
from n3d_ros.engines.export.folder import export
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder import manifest as manifest_module
from n3d_ros.model_folder.manifest import VISION_PARTS, read_manifest, sha256_of
from n3d_ros.runtime.backends.factory import create_backend

FILES = {
    *VISION_PARTS,
    "manifest.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "vision.onnx",
    "decoder.onnx",
    "model.safetensors",
}


def test_a_model_folder_holds_real_files_and_a_manifest_of_all_others(checkpoint, tmp_path):
    folder, _ = checkpoint(order="aligned")
    manifest = export(folder, tmp_path / "engine", "fp16")
    assert {path.name for path in (tmp_path / "engine").iterdir()} == FILES
    assert not any(path.is_symlink() for path in (tmp_path / "engine").iterdir())
    assert manifest == read_manifest(tmp_path / "engine")
    assert set(manifest.files) == FILES - {"manifest.json"}
    assert manifest.files["vision.onnx"].sha256 == sha256_of(tmp_path / "engine" / "vision.onnx")
    assert (manifest.point_encoding_order, manifest.weights_dtype, manifest.compute_dtype) == (
        "aligned",
        "fp16",
        "fp32",
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


FAST = {"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 14}


@pytest.mark.parametrize(
    ("name", "fields"),
    [("preprocessor_config.json", FAST), ("processor_config.json", {"image_processor": FAST})],
)
def test_the_picture_processors_file_comes_along_and_is_obeyed(checkpoint, tmp_path, name, fields):
    folder, _ = checkpoint()
    text = json.dumps(fields)
    (folder / name).write_text(text)
    manifest = export(folder, tmp_path / "engine")
    assert (tmp_path / "engine" / name).read_text() == text
    assert name in manifest.files
    assert create_backend(tmp_path / "engine", "ort").config.picture.processor == "fast"


def test_the_export_command_takes_a_hub_name(checkpoint, tmp_path, monkeypatch):
    folder, _ = checkpoint()
    asked = []

    def snapshot_download(repository, **_):
        asked.append(repository)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    out = tmp_path / "engine"
    assert main(["export", "--model", "hub:owner/name", "--out", str(out)]) == 0
    assert asked == ["owner/name"] and read_manifest(out).name == "engine"


def test_the_same_checkpoint_gives_the_same_bytes(checkpoint, tmp_path):
    folder, _ = checkpoint()
    assert export(folder, tmp_path / "a").files == export(folder, tmp_path / "b").files


def test_the_model_hash_follows_the_weights(checkpoint, tmp_path):
    folder, model = checkpoint()
    first = export(folder, tmp_path / "engine").model_sha256
    assert export(folder, tmp_path / "again").model_sha256 == first
    model.lm_head.weight.data[0, 0] += 1
    model.save_pretrained(folder)
    assert export(folder, tmp_path / "engine").model_sha256 != first


def test_a_failed_export_leaves_the_old_folder_as_it_was(checkpoint, tmp_path, monkeypatch):
    folder, _ = checkpoint()
    before = export(folder, tmp_path / "engine")
    monkeypatch.setattr(export_module, "build_decoder", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(folder, tmp_path / "engine")
    assert read_manifest(tmp_path / "engine") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "engine"]


def test_a_folder_of_something_else_is_not_replaced(checkpoint, tmp_path):
    folder, _ = checkpoint()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    with pytest.raises(ModelFolderError, match="notes: expected a new name or an exported model folder"):
        export(folder, tmp_path / "notes")


def test_a_model_is_not_replaced_by_its_own_export(checkpoint, tmp_path):
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine")
    (tmp_path / "engine" / "README.md").write_text("its card")
    with pytest.raises(ModelFolderError, match="expected another folder to write than the model's own"):
        export(tmp_path / "engine", tmp_path / "engine")
    assert (tmp_path / "engine" / "README.md").read_text() == "its card"


def test_an_incomplete_checkpoint_is_named(checkpoint, tmp_path):
    folder, _ = checkpoint()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelFolderError, match="missing tokenizer.json"):
        export(folder, tmp_path / "engine")
    with pytest.raises(ModelFolderError, match="nowhere: expected a checkpoint folder, found none"):
        export(tmp_path / "nowhere", tmp_path / "engine")


def test_a_missing_tensor_is_named(checkpoint, tmp_path):
    folder, _ = checkpoint()
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.visual.merger.ln_q.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="expected a tensor visual.merger.ln_q.weight, found none"):
        export(folder, tmp_path / "engine")


def test_values_beyond_half_precision_are_named(checkpoint, tmp_path):
    folder, _ = checkpoint()
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"][0, 0] = 1e6
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(
        ModelFolderError, match="lm_head.weight: expected values that fit float16, got up to 1000000"
    ):
        export(folder, tmp_path / "engine", "fp16")


def test_a_cut_off_weights_file_is_named(checkpoint, tmp_path):
    folder, _ = checkpoint()
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])
    with pytest.raises(ModelFolderError, match="cut short"):
        export(folder, tmp_path / "engine")


def test_the_older_names_of_a_hub_checkpoint_are_understood(checkpoint, picture, tmp_path):
    folder, _ = checkpoint()
    export(folder, tmp_path / "new")
    expected = create_backend(tmp_path / "new", "ort", 1).encode_image(picture(4, 6))
    tensors = load_file(folder / "model.safetensors")
    renamed = {
        k.replace("model.visual.", "visual.").replace("model.language_model.", "model."): v
        for k, v in tensors.items()
    }
    save_file(renamed, folder / "model.safetensors")
    export(folder, tmp_path / "old")
    np.testing.assert_array_equal(
        create_backend(tmp_path / "old", "ort", 1).encode_image(picture(4, 6)), expected
    )


def test_sharded_checkpoints_keep_their_files(checkpoint, picture, tmp_path):
    folder, model = checkpoint()
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="300KB")
    manifest = export(folder, tmp_path / "engine")
    assert len(manifest.weights) > 1
    assert create_backend(tmp_path / "engine", "ort", 1).encode_image(picture(4, 6)).shape == (6, 96)


def test_weights_are_linked_not_copied(tmp_path):
    folder = write_synthetic(tmp_path / "m", "tiny")
    export(folder, tmp_path / "engine")
    assert (tmp_path / "engine" / "model.safetensors").samefile(folder / "model.safetensors")


def test_weights_on_another_file_system_are_copied_and_it_is_said(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(export_module.os, "link", refuse)
    folder = write_synthetic(tmp_path / "m", "tiny")
    export(folder, tmp_path / "engine")
    assert "copied, for it cannot be linked (Invalid cross-device link)" in caplog.text
    copy = tmp_path / "engine" / "model.safetensors"
    assert copy.read_bytes() == (folder / "model.safetensors").read_bytes()


def test_weights_behind_a_link_of_a_download_cache_become_a_file_that_runs(checkpoint, tmp_path):
    folder, _ = checkpoint()
    (folder / "model.safetensors").rename(tmp_path / "blob")
    (folder / "model.safetensors").symlink_to(Path("..") / "blob")
    export(folder, tmp_path / "engine")
    weights = tmp_path / "engine" / "model.safetensors"
    assert weights.samefile(tmp_path / "blob") and not weights.is_symlink()
    assert create_backend(tmp_path / "engine", "ort", 1).embed([0]).shape == (1, 96)


def test_large_files_are_checked_by_samples_unless_asked_for_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest_module, "LARGE_BYTES", 1 << 20)
    folder = write_synthetic(tmp_path / "m", "tiny")
    sampled = export(folder, tmp_path / "engine").files["model.safetensors"]
    full = export(folder, tmp_path / "full", full_checksums=True).files["model.safetensors"]
    assert sampled.sampled and not full.sampled
    assert full.sha256 == sha256_of(folder / "model.safetensors")
    create_backend(tmp_path / "engine", "ort", 1)
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(1 << 20)
        stream.write(b"other")
    with pytest.raises(ModelFolderError, match="model.safetensors: expected SHA-256"):
        create_backend(tmp_path / "engine", "ort", 1)


def test_converted_files_are_valid_safetensors_without_a_tied_head(checkpoint, tmp_path):
    folder, model = checkpoint(tied=True)
    export(folder, tmp_path / "engine", "fp16")
    with safe_open(tmp_path / "engine" / "model.safetensors", "np") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118 - no mapping
        stored = file.get_tensor("model.language_model.norm.weight")
    np.testing.assert_array_equal(stored, model.model.language_model.norm.weight.detach().half().numpy())


@pytest.mark.parametrize("name", ["vision.onnx", "model.safetensors", "tokenizer.json"])
def test_a_changed_file_is_named_on_loading(checkpoint, tmp_path, name):
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine")
    data = bytearray((tmp_path / "engine" / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / "engine" / name).write_bytes(bytes(data))
    with pytest.raises(ModelFolderError, match=f"{name}: expected SHA-256 .* export it again"):
        create_backend(tmp_path / "engine")


def test_a_missing_or_shortened_file_is_named_on_loading(checkpoint, tmp_path):
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine")
    weights = tmp_path / "engine" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelFolderError, match="model.safetensors: expected .* bytes, got"):
        create_backend(tmp_path / "engine")
    weights.unlink()
    with pytest.raises(ModelFolderError, match="expected the file model.safetensors, found none"):
        create_backend(tmp_path / "engine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "expected format 2, got 99"),
        ({"format": 1}, "expected format 2, got 1.*export it again"),
        ({"surprise": 1}, "expected the manifest of an exported model"),
        ({"vision": "../vision.onnx"}, "expected plain file names"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(checkpoint, tmp_path, change, message):
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine")
    path = tmp_path / "engine" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ModelFolderError, match=message):
        create_backend(tmp_path / "engine")


def test_graphs_that_compute_in_half_precision_are_not_for_onnxruntime_on_a_cpu(checkpoint, tmp_path):
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine", "fp16", compute_dtype="fp16")
    with pytest.raises(ModelFolderError, match="needs graphs that compute in fp32, got fp16"):
        create_backend(tmp_path / "engine", "ort")
