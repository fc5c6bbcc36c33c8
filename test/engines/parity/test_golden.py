"""The exported graphs against what the official release itself wrote with a tiny model of its class."""

import shutil

import numpy as np
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.backends.positions import prompt_positions
from n3d_ros.runtime.decoding.sampling import RELEASED, probabilities

CASES = ["A_landscape", "B_portrait", "C_near_square_landscape", "P_full_pipeline"]
FULL_CASES = CASES[:3]
LAYOUTS = {
    "saved_by_official_class": "saved_by_official_class/config.json",
    "module_names": "module_names/config.json",
    "hub_flat_config": "config_hub_flat_style.json",
}
IMAGE_TOKEN = 505
STOP_TOKEN = 501


@pytest.fixture(params=LAYOUTS, scope="module")
def backend(request, golden_dir, tmp_path_factory):
    """The released layout of names and config, exported; each of its three variants."""
    folder = tmp_path_factory.mktemp(request.param)
    weights = "module_names" if request.param == "module_names" else "saved_by_official_class"
    shutil.copyfile(golden_dir / "model" / weights / "model.safetensors", folder / "model.safetensors")
    shutil.copyfile(golden_dir / "model" / LAYOUTS[request.param], folder / "config.json")
    (folder / "tokenizer.json").write_text("{}")
    export(folder, folder / "engine")
    return create_backend(folder / "engine", "ort", threads=1)


def load(golden_dir, case):
    with np.load(golden_dir / f"case_{case}.npz") as file:
        return {name: file[name] for name in file.files}


def inputs_of(golden):
    grid = tuple(int(n) for n in golden["image_grid_thw"][0, 1:])
    some = Intrinsics(1.0, 1.0, 0.0, 0.0, 2, 2)
    return ModelInputs(
        golden["pixel_values"], grid, golden["coords_rounded"], SceneScale(1.0, (0.0, 0.0, 0.0)), some, 1.0
    )


@pytest.mark.parametrize("case", FULL_CASES)
def test_image_tokens_equal_the_official_tower(backend, golden_dir, case):
    golden = load(golden_dir, case)
    np.testing.assert_allclose(backend.encode_image(inputs_of(golden)), golden["visual_out"], atol=2e-4)


def prompt(backend, golden):
    """Embedding rows and positions of the recorded prompt; picture rows are the official tower's."""
    ids = golden["input_ids"][0]
    rows = backend.embed(ids.tolist())
    rows[ids == IMAGE_TOKEN] = golden["visual_out"]
    start, num = int(np.argmax(ids == IMAGE_TOKEN)), int((ids == IMAGE_TOKEN).sum())
    merged = tuple(int(n) // 2 for n in golden["image_grid_thw"][0, 1:])
    return rows, prompt_positions(start, merged, len(ids) - start - num)


@pytest.mark.parametrize("case", CASES)
def test_positions_equal_the_official_ones(backend, golden_dir, case):
    golden = load(golden_dir, case)
    assert prompt(backend, golden)[1].tolist() == golden["position_ids"][:, 0].tolist()


@pytest.mark.parametrize("case", CASES)
def test_logits_and_greedy_tokens_equal_the_official_ones(backend, golden_dir, case):
    golden = load(golden_dir, case)
    rows, positions = prompt(backend, golden)
    cache = backend.new_cache(len(rows) + 30)
    logits = backend.forward(cache, rows, positions, np.arange(len(rows)))
    expected = golden["logits"] if "logits" in golden else golden["logits_last16"]
    np.testing.assert_allclose(logits[-len(expected) :], expected, atol=1e-3)
    assert greedy(backend, cache, logits[-1:], int(positions.max()) + 1) == golden["greedy_ids"].tolist()


def greedy(backend, cache, logits, position, count=24):
    """24 tokens, the end token forbidden as in the recording."""
    tokens = []
    for step in range(count):
        logits[0, STOP_TOKEN] = -np.inf
        tokens.append(int(logits[0].argmax()))
        here = np.full((3, 1), position + step)
        logits = backend.forward(cache, backend.embed(tokens[-1:]), here, np.zeros(1, np.int64))
    return tokens


def test_sampling_probabilities_equal_transformers(golden_dir):
    with np.load(golden_dir / "sampler.npz") as golden:
        for logits, expected in zip(golden["logits"], golden["probs_rp1.0"], strict=True):
            np.testing.assert_allclose(probabilities(logits, RELEASED), expected, atol=1e-6)
