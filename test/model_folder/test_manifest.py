"""Checksums by samples, and manifests that cannot be."""

import json

import pytest

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.manifest import (
    SAMPLE_BYTES,
    SAMPLE_STRIDE,
    check_files,
    read_manifest,
    record_of,
    sampled_sha256,
)
from n3d_ros.runtime.backends.factory import default_model_dir


def changed(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    return sampled_sha256(path)


def test_the_samples_of_a_large_file_hold_its_first_and_its_last_bytes(tmp_path):
    path, size = tmp_path / "weights", 2 * SAMPLE_STRIDE + 3 * SAMPLE_BYTES
    path.write_bytes(bytes(size))
    seen = [sampled_sha256(path)]
    for at in (0, SAMPLE_STRIDE, size - SAMPLE_BYTES, size - 1):
        seen.append(changed(path, at))
    assert len(set(seen)) == 5
    assert changed(path, SAMPLE_BYTES) == seen[-1]  # between samples, as the docstring says


def test_the_last_byte_of_a_file_of_whole_megabytes_is_read(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(bytes(2 * SAMPLE_STRIDE))
    before = sampled_sha256(path)
    assert changed(path, 2 * SAMPLE_STRIDE - 1) != before


def test_a_file_that_differs_in_its_last_byte_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("n3d_ros.model_folder.manifest.LARGE_BYTES", 1)
    path = tmp_path / "weights"
    path.write_bytes(bytes(SAMPLE_STRIDE + 2 * SAMPLE_BYTES))
    record = record_of(path)
    assert record.sampled
    manifest = read_manifest(default_model_dir())
    manifest = type(manifest)(**{**manifest.__dict__, "files": {"weights": record}})
    check_files(tmp_path, manifest)
    changed(path, -1)
    with pytest.raises(ModelFolderError, match="weights: expected SHA-256"):
        check_files(tmp_path, manifest)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: data.update(name=7), "name: expected text, got 7"),
        (lambda data: data.update(name="../x"), "expected plain file names, got '../x'"),
        (lambda data: data.update(weights="model.safetensors"), "weights: expected a list of texts"),
        (lambda data: data.update(files=[]), "files: expected an object, got []"),
        (lambda data: data["files"].update(a=7), "files: a: expected an object, got 7"),
        (lambda data: data["files"].update(a={}), "files: a: expected the field 'sha256'"),
        (lambda data: data["files"]["config.json"].update(num_bytes=True), "expected a number of bytes"),
        (lambda data: data["files"]["config.json"].update(num_bytes="9"), "expected a number of bytes"),
        (lambda data: data["files"]["config.json"].update(sha256="0" * 63), "expected 64 hexadecimal digits"),
        (lambda data: data["files"]["config.json"].update(sampled=1), "expected true or false, got 1"),
        (lambda data: data["files"]["config.json"].update(odd=1), "expected no field 'odd'"),
        (lambda data: data.update(format=True), "expected format 2, got True"),
        (lambda data: data.pop("format"), "expected the field 'format'"),
        (lambda data: data.update(quantization=[4]), "quantization: expected an object"),
        (lambda data: data["versions"].update(onnx=1), "onnx: expected text, got 1"),
    ],
)
def test_a_manifest_that_cannot_be_is_named_by_its_field(tmp_path, change, expected):
    data = json.loads((default_model_dir() / "manifest.json").read_text())
    change(data)
    (tmp_path / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(ModelFolderError) as error:
        read_manifest(tmp_path)
    assert expected in error.value.message and "\n" not in error.value.message
