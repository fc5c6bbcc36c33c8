"""Loading: the shipped model's place, what is missing, and which library or name is wrong."""

from pathlib import Path
from typing import Any

import pytest

from n3d_ros.cli import build_parser
from n3d_ros.errors import BadInputError, MissingLibraryError, ModelFolderError, N3DError
from n3d_ros.runtime.backends import factory
from n3d_ros.runtime.backends.factory import BackendChoice
from n3d_ros.runtime.backends.pytorch.options import TorchOptions
from n3d_ros.runtime.pipeline import Pipeline


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelFolderError, match="nowhere: expected a model folder, found nothing"):
        Pipeline.load(tmp_path / "nowhere", backend="ort")


def test_a_folder_without_manifest_names_the_command_that_writes_one(tmp_path):
    with pytest.raises(ModelFolderError, match=r"expected a manifest.json, found none.*n3d export"):
        Pipeline.load(tmp_path, backend="ort")


@pytest.mark.parametrize("name", ["cuda", "torchy", "ort:cpu", "auto:cuda", ""])
def test_an_unknown_backend_is_refused_with_the_choices(name):
    message = f"expected auto, trt, ort, torch or torch:DEVICE:TYPE, such as torch:cuda:bf16, got '{name}'"
    with pytest.raises(BadInputError, match=message):
        BackendChoice.parse(name)


@pytest.mark.parametrize(("name", "named"), [("torch:tpu", "device: .*'tpu'"), ("torch:cpu:int4", "device")])
def test_torch_is_refused_an_unknown_device_or_type_before_anything_loads(name, named):
    with pytest.raises(BadInputError, match=named):
        BackendChoice.parse(name)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("auto", BackendChoice()),
        ("ort", BackendChoice("ort")),
        ("torch:cuda", BackendChoice("torch", TorchOptions("cuda"))),
        ("torch:cuda:1:bf16", BackendChoice("torch", TorchOptions("cuda:1", "bf16"))),
    ],
)
def test_a_name_is_read_with_what_follows_it(text, choice):
    assert BackendChoice.parse(text) == choice


@pytest.mark.parametrize("command", ["infer", "demo", "eval"])
def test_every_command_takes_the_same_names(command, capsys):
    parser = build_parser(command)
    given = parser.parse_args([command, "--backend", "torch:cuda:bf16"])
    assert given.backend == "torch:cuda:bf16"
    with pytest.raises(SystemExit):
        parser.parse_args([command, "--backend", "cuda"])
    assert f"expected {factory.BACKEND_FORMS}, got 'cuda'" in capsys.readouterr().err


def test_a_new_backend_is_a_file_of_its_own_and_one_row(tmp_path, monkeypatch):
    def load(folder: Path, threads: int | None, choice: BackendChoice) -> Any:
        return "loaded", folder, threads, choice.name

    monkeypatch.setitem(factory.BACKENDS, "abacus", factory.BackendKind(load))
    made: Any = factory.create_backend(tmp_path, "abacus", 3)
    assert made == ("loaded", tmp_path, 3, "abacus")


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
