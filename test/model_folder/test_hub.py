"""`hub:owner/name` through the real client of the hub, from a hub of one repository on this machine.

Every command is a process of its own: the client reads where its hub is when it is imported.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hub_server import COMMITS, REPOSITORY, serving
from PIL import Image
from places import CHECKOUT

from n3d_ros.errors import ModelFolderError
from n3d_ros.files.frames import read_rgbd
from n3d_ros.model_folder import hub
from n3d_ros.model_folder.manifest import check_files, read_manifest
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.pipeline import Pipeline

pytest.importorskip("huggingface_hub")
torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
CONFIGS = ["config.json", "generation_config.json", "processor_config.json", "model.safetensors.index.json"]
WANTED = sorted([*CONFIGS, "tokenizer.json", "merges.txt", "chat_template.jinja", *SHARDS])
STAYS = ["pytorch_model.bin", "training_args.bin", "model.pt", "README.md", "picture.png", "decoder.onnx"]
LOOK = "from n3d_ros.model_folder.hub import local_folder; import sys; print(local_folder(sys.argv[1]))"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The shipped n3d-nano as a repository: two shards with an index, and what must not be fetched."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        shutil.copyfile(default_model_dir() / name, folder / name)
    tensors = load_file(default_model_dir() / "model.safetensors")
    names = sorted(tensors)
    parts = dict(zip(SHARDS, (names[::2], names[1::2]), strict=True))
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, folder / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "processor_config.json").write_text("{}")
    for name in ("chat_template.jinja", "merges.txt", *STAYS):
        (folder / name).write_text(name)
    (folder / "checkpoint-500").mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / "checkpoint-500" / name).write_text("of another model")
    (folder / ".old").mkdir()
    (folder / ".old" / "config.json").write_text('{"old": true}')
    return folder


@pytest.fixture
def server(repository):
    with serving(repository) as running:
        yield running


@pytest.fixture
def run(tmp_path):
    """`run(server, *arguments)`: a Python process whose hub is `server` and whose cache is empty at first."""

    def start(server, *arguments):
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        env = ours | {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "home")}
        env |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CHECKOUT), ours.get("PYTHONPATH")]))
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    return start


def folder_of(finished):
    assert finished.returncode == 0, finished.stderr
    return Path(finished.stdout.strip())


def test_only_what_a_model_needs_is_fetched_and_only_once(server, run, repository):
    folder = folder_of(run(server, "-c", LOOK, f"hub:{REPOSITORY}"))
    assert folder.name == COMMITS["main"]
    assert sorted(path.name for path in folder.iterdir()) == server.downloads() == WANTED
    assert all((folder / name).read_bytes() == (repository / name).read_bytes() for name in WANTED)
    server.requests.clear()
    assert folder_of(run(server, "-c", LOOK, f"hub:{REPOSITORY}")) == folder
    assert server.downloads() == [] and server.requests != []


def test_a_revision_is_that_of_its_name(server, run):
    folder = folder_of(run(server, "-c", LOOK, f"hub:{REPOSITORY}@old"))
    assert folder.name == COMMITS["old"] and server.downloads() == ["config.json"]
    assert json.loads((folder / "config.json").read_text()) == {"old": True}


@pytest.mark.parametrize(
    ("model", "got"),
    [
        ("hub:owner/nothing", "Repository Not Found"),
        (f"hub:{REPOSITORY}@v9", "Revision Not Found"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line_that_names_it(server, run, model, got):
    finished = run(server, "-m", "n3d_ros.cli", "export", "--model", model, "--out", "engine")
    assert finished.returncode == 2 and server.downloads() == []
    (line,) = finished.stderr.strip().splitlines()
    assert line.startswith(f"n3d export: {model}: expected a model on the hub, got 404 ") and got in line


def test_without_a_network_what_was_fetched_still_serves_and_the_rest_is_named(repository, run):
    with serving(repository) as server:
        folder = folder_of(run(server, "-c", LOOK, f"hub:{REPOSITORY}"))
    assert folder_of(run(server, "-c", LOOK, f"hub:{REPOSITORY}")) == folder
    finished = run(server, "-m", "n3d_ros.cli", "export", "--model", "hub:owner/other", "--out", "engine")
    assert finished.returncode == 2
    assert "hub:owner/other: expected a model on the hub, got" in finished.stderr.splitlines()[-1]
    assert "ConnectError" in finished.stderr and "Traceback" not in finished.stderr


def test_a_download_that_breaks_off_is_named(monkeypatch):
    """The client's HTTP library has errors that are no OSError."""
    from huggingface_hub import errors

    def break_off(*_, **__):
        raise errors.HfHubHTTPError.__bases__[0]("peer closed connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", break_off)
    with pytest.raises(ModelFolderError, match="hub:a/b@c: expected a model .*, got peer closed"):
        hub.local_folder("hub:a/b@c")


# --- commands from a hub name to their result

FRAME = ("p.png", "d.npy", "k.json")


@pytest.fixture
def frame(tmp_path):
    """Options of a frame with depth: something red that stands out of a grey slope."""
    rgb, depth = np.full((96, 128, 3), 150, np.uint8), np.empty((96, 128), np.float32)
    depth[:] = 1.2 - np.arange(96)[:, None] / 192
    rgb[40:70, 50:80], depth[40:70, 50:80] = (200, 30, 30), 0.75
    Image.fromarray(rgb).save(tmp_path / "p.png")
    np.save(tmp_path / "d.npy", depth)
    camera = {"fx": 120.0, "fy": 120.0, "cx": 63.5, "cy": 47.5, "width": 128, "height": 96}
    (tmp_path / "k.json").write_text(json.dumps(camera))
    named = zip(("--image", "--depth", "--intrinsics"), FRAME, strict=True)
    return [*(word for pair in named for word in pair), "--ground", "red things"]


def test_infer_and_export_take_a_hub_name_from_end_to_end(server, run, frame, tmp_path, repository):
    """The same tokens from the hub's shards by torch, and from what was exported of them by ONNX Runtime."""
    model = f"hub:{REPOSITORY}"
    infer = ("infer", *frame, "--json", "out.json", "--backend", "torch:cpu:fp32", "--model", model)
    for command in (infer, ("export", "--model", model, "--out", "engine")):
        finished = run(server, "-m", "n3d_ros.cli", *command)
        assert finished.returncode == 0, finished.stderr
    assert server.downloads() == WANTED  # by the first of the two commands alone
    result = json.loads((tmp_path / "out.json").read_text())
    assert len(result["objects"]) == 1, "else there would be few tokens to compare"
    seen = read_rgbd(*(tmp_path / name for name in FRAME)).observation()
    for folder, backend in ((repository, "torch:cpu:fp32"), (tmp_path / "engine", "ort")):
        expected = Pipeline.load(folder, backend).ground(seen, "red things")
        assert result["token_ids"] == list(expected.token_ids), backend
    manifest = read_manifest(tmp_path / "engine")
    check_files(tmp_path / "engine", manifest)
    assert manifest.weights == tuple(SHARDS) and "processor_config.json" in manifest.files
