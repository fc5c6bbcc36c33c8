"""Loading: the shipped model's place, what is missing, and which library or name is wrong."""

import pytest

from n3d_ros.errors import BadInputError, MissingLibraryError, ModelFolderError, N3DError
from n3d_ros.runtime.backends import factory
from n3d_ros.runtime.pipeline import Pipeline


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelFolderError, match="nowhere: expected a model folder, found nothing"):
        Pipeline.load(tmp_path / "nowhere", backend="ort")


def test_a_folder_without_manifest_names_the_command_that_writes_one(tmp_path):
    with pytest.raises(ModelFolderError, match=r"expected a manifest.json, found none.*n3d export"):
        Pipeline.load(tmp_path, backend="ort")


def test_an_unknown_backend_is_refused_with_the_choices(tmp_path):
    with pytest.raises(BadInputError, match="expected one of auto, trt, ort, torch, got 'cuda'"):
        Pipeline.load(tmp_path, backend="cuda")


def test_threads_must_be_positive(tmp_path):
    with pytest.raises(BadInputError, match="expected a positive number, got 0"):
        Pipeline.load(tmp_path, threads=0)


def test_a_missing_library_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(factory, "find_spec", lambda name: None)
    with pytest.raises(MissingLibraryError, match="expected onnxruntime to import; pip install onnxruntime"):
        Pipeline.load(tmp_path, backend="ort")
    with pytest.raises(MissingLibraryError, match="expected onnxruntime or torch to import"):
        Pipeline.load(tmp_path)


def test_errors_are_value_errors_with_a_code():
    error = BadInputError("expected a, got b")
    assert isinstance(error, N3DError) and isinstance(error, ValueError)
    assert (error.code.name, error.message, str(error)) == (
        "BAD_INPUT",
        "expected a, got b",
        "expected a, got b",
    )
