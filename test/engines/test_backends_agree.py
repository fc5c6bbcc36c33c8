"""From a checkpoint folder to words and boxes: ONNX Runtime and torch write the same tokens on the same
observation.
"""

import numpy as np
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.errors import ModelFolderError
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.prepare import Observation, prepare
from n3d_ros.runtime.decoding.sampling import Sampling
from n3d_ros.runtime.pipeline import Pipeline

pytest.importorskip("torch")


@pytest.fixture
def observation():
    rng = np.random.default_rng(5)
    depth = rng.uniform(0.8, 1.6, (48, 64)).astype(np.float32)
    return Observation(
        rng.integers(0, 255, (48, 64, 3), dtype=np.uint8), Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48), depth
    )


@pytest.mark.parametrize("options", [{}, {"order": "aligned", "patch_position": "sincos", "tied": True}])
def test_both_backends_write_the_same_tokens_also_from_a_reused_prefix(
    checkpoint, observation, tmp_path, options
):
    folder, _ = checkpoint(**options)
    export(folder, tmp_path / "engine")
    sampling = Sampling(temperature=10.0, seed=4)
    pipelines = [Pipeline.load(tmp_path / "engine", name, 1, sampling) for name in ("ort", "torch")]
    for words in ("the red mug", "blue bowl", "red bowl"):
        ort, torch = (pipeline.ground(observation, words, max_tokens=25) for pipeline in pipelines)
        fresh = Pipeline(pipelines[0].backend, sampling).ground(observation, words, max_tokens=25)
        assert len(set(ort.token_ids)) > 10
        assert ort.token_ids == torch.token_ids == fresh.token_ids
        assert ort.timing.num_reused_tokens == torch.timing.num_reused_tokens


@pytest.mark.parametrize("name", ["ort", "torch"])
@pytest.mark.parametrize("kind", ["depth", "point_map"])
def test_g5_no_backend_changes_what_it_is_given_nor_needs_to_write_to_it(
    checkpoint, observation, tmp_path, name, kind
):
    """The release fills the caller's invalid points in place."""
    folder, _ = checkpoint()
    export(folder, tmp_path / "engine")
    observation.depth[3, 4] = np.nan
    points = np.ascontiguousarray(depth_to_point_map(observation.depth, observation.intrinsics))
    given = {"depth": observation.depth} if kind == "depth" else {"point_map": points}
    seen = Observation(observation.rgb, observation.intrinsics, **given)
    pipeline = Pipeline.load(tmp_path / "engine", name, 1)
    inputs = prepare(seen, pipeline.backend.config.preprocess())
    arrays = [seen.rgb, given[kind], inputs.pixel_values, inputs.coords]
    before = [array.copy() for array in arrays]
    for array in arrays[:2]:
        array.setflags(write=False)
    first = pipeline.backend.encode_image(inputs).copy()
    pipeline.ground(seen, "red mug", max_tokens=3)
    for array, expected in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(pipeline.backend.encode_image(inputs), first)


def test_a_checkpoint_without_graphs_is_run_by_torch(checkpoint, observation):
    folder, _ = checkpoint()
    pipeline = Pipeline.load(folder, threads=1)
    assert pipeline.backend.name == "torch"
    assert pipeline.ground(observation, "red mug", max_tokens=3).timing.num_tokens == 3


def test_torch_refuses_a_folder_whose_weights_do_not_fit(checkpoint):
    from safetensors.numpy import load_file, save_file

    folder, _ = checkpoint()
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.visual.merger.ln_q.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="missing visual.merger.ln_q.weight"):
        Pipeline.load(folder, "torch")
