"""The TensorRT backend on a GPU made of numpy: what is bound where gives the numbers of ONNX Runtime."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from n3d_ros.engines.export import export
from n3d_ros.engines.synthetic import write_synthetic
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess import ModelInputs
from n3d_ros.runtime import trt_plan
from n3d_ros.runtime.factory import create_backend
from n3d_ros.runtime.manifest import read_manifest
from n3d_ros.runtime.model_config import load_config
from n3d_ros.runtime.trt_api import TensorRt
from n3d_ros.runtime.trt_backend import TrtBackend
from n3d_ros.runtime.trt_cuda import Cuda
from n3d_ros.runtime.trt_folder import DECODER, VISION, EngineRecord
from n3d_ros.runtime.trt_shapes import EngineShapes, decoder_profiles, vision_profiles
from n3d_ros.runtime.types import BadInputError, EngineError, OutOfMemoryError

SHAPES = EngineShapes(context=64, prompt=24, draft=4, windows=4, image_tokens=30)


def _fakes():
    """`fake_gpu.py` beside this file (test folders are no packages)."""
    spec = importlib.util.spec_from_file_location("fake_gpu", Path(__file__).with_name("fake_gpu.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake_gpu = _fakes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("trt")
    export(write_synthetic(root / "m", "tiny"), root / "e")
    return root / "e"


@pytest.fixture
def make(folder, tmp_path, monkeypatch):
    """`make(cuda_graphs, limit_bytes, fail)`: (backend, CUDA runtime). Buckets of 8 rows."""
    monkeypatch.setattr(trt_plan, "BUCKET", 8)
    config = load_config(folder)

    def build(cuda_graphs=True, limit_bytes=1 << 30, fail=None):
        for name in (VISION, DECODER):
            (tmp_path / name).write_text(str(folder / name.replace(".engine", ".onnx")))
        profiles = {VISION: vision_profiles(config, SHAPES), DECODER: decoder_profiles(config, SHAPES)}
        runtime = fake_gpu.FakeCudaRuntime(limit_bytes)
        api = TensorRt("tensorrt", "10.3", fake_gpu.fake_tensorrt(runtime, profiles, fail))
        record = EngineRecord("m", "", "tensorrt", "10.3", ("sm89",), "fp32", "fp32", SHAPES, {}, {}, "0")
        backend = TrtBackend(folder, read_manifest(folder), tmp_path, record, api, Cuda(runtime), cuda_graphs)
        return backend, runtime

    return build


@pytest.fixture(scope="module")
def reference(folder):
    return create_backend(folder, "ort", 1)


def feed(backend, cache, start, ids, rows):
    positions = np.tile(np.arange(start, start + len(ids)), (3, 1))
    return backend.forward(cache, backend.embed(ids), positions, np.asarray(rows))


IDS = [int(i) for i in np.random.default_rng(2).integers(0, 300, 60)]


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_a_whole_conversation_gives_the_numbers_of_onnxruntime(make, reference, cuda_graphs):
    """A prompt in three chunks, single steps over two bucket borders, drafts, a rejected draft, rows in any
    order."""
    backend, _ = make(cuda_graphs)
    calls = [(30, [29])] + [(1, [0])] * 9 + [(4, [0, 1, 2, 3]), (3, [2, 0])] + [(1, [0])] * 4
    caches = backend.new_cache(60), reference.new_cache(60)
    position = 0
    for step, (count, rows) in enumerate(calls):
        ids = IDS[position : position + count]
        found, expected = (
            feed(b, cache, position, ids, rows) for b, cache in zip((backend, reference), caches, strict=True)
        )
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=f"call {step}")
        position += count
        if step == 10:
            position -= 2
            for cache in caches:
                cache.truncate(position)
    assert caches[0].length == caches[1].length == position


def test_all_rows_of_a_long_prompt_can_be_wanted(make, reference):
    backend, _ = make()
    found = feed(backend, backend.new_cache(60), 0, IDS[:30], range(30))
    expected = feed(reference, reference.new_cache(60), 0, IDS[:30], range(30))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_graphs_new_rows_are_written_in_place_and_nothing_is_copied(make):
    backend, runtime = make(cuda_graphs=False)
    cache = backend.new_cache(60)
    for position in range(6):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert runtime.num_copies[3] == runtime.num_captures == 0


def test_one_captured_graph_serves_the_steps_of_a_bucket(make):
    """Rows 1..7 share 8 bound rows: the first step runs, the second is captured, the rest are replayed."""
    backend, runtime = make()
    cache = backend.new_cache(60)
    for position in range(7):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert (runtime.num_captures, runtime.num_launches) == (1, 6)
    for position in range(7, 10):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert runtime.num_captures == 2


def test_a_runtime_that_cannot_capture_goes_on_without(make, reference, caplog, monkeypatch):
    backend, runtime = make()
    monkeypatch.setattr(runtime, "cudaGraphInstantiate", lambda graph, flags: (fake_gpu.Error(9), None))
    caches = backend.new_cache(60), reference.new_cache(60)
    for position in range(4):
        found, expected = (
            feed(b, cache, position, IDS[position : position + 1], [0])
            for b, cache in zip((backend, reference), caches, strict=True)
        )
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert "CUDA graphs are off" in caplog.text and not backend.cuda_graphs


def picture(h, w):
    rng = np.random.default_rng(h)
    return ModelInputs(
        pixel_values=rng.standard_normal((h * w, 1176)).astype(np.float32),
        grid_hw=(h, w),
        coords=rng.integers(-900, 900, (h * w, 3)).astype(np.float32),
        scene=SceneScale(1.0, (0.0, 0.0, 0.0)),
        intrinsics=Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48),
        valid_ratio=1.0,
    )


def test_pictures_of_several_sizes_give_the_tokens_of_onnxruntime(make, reference):
    backend, _ = make()
    for grid in ((8, 8), (10, 12), (4, 6)):
        expected = reference.encode_image(picture(*grid))
        np.testing.assert_allclose(backend.encode_image(picture(*grid)), expected, atol=1e-5)


def test_a_picture_larger_than_the_profile_is_refused_with_the_remedy(make):
    backend, _ = make()
    with pytest.raises(BadInputError, match="at most 4 windows and 30 tokens.*got 6 and 45.*n3d build"):
        backend.encode_image(picture(10, 18))
    assert backend.encode_image(picture(8, 8)).shape == (16, 96)


def test_too_little_memory_is_named_and_the_engine_stays_usable(make, reference):
    backend, runtime = make()
    cache = backend.new_cache(20)
    feed(backend, cache, 0, IDS[:5], [4])
    runtime.limit_bytes = sum(block.nbytes for block in runtime.memory.values())
    with pytest.raises(OutOfMemoryError, match="GPU memory: could not get .* MB; ask for less context"):
        backend.new_cache(60)
    found = feed(backend, cache, 5, IDS[5:6], [0])
    expected = feed(reference, reference.new_cache(20), 0, IDS[:6], [5])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "error"),
    [("CUDA out of memory in scratch", OutOfMemoryError), ("illegal access", EngineError)],
)
def test_a_run_that_fails_names_the_runtimes_words_and_leaves_the_cache_as_it_was(
    make, reference, words, error
):
    failing = []
    backend, _ = make(fail=lambda name: words if failing else None)
    cache = backend.new_cache(60)
    feed(backend, cache, 0, IDS[:5], [4])
    failing.append(True)
    with pytest.raises(error, match=words):
        feed(backend, cache, 5, IDS[5:35], [29])
    assert cache.length == 5
    failing.clear()
    found = feed(backend, cache, 5, IDS[5:6], [0])
    expected = feed(reference, reference.new_cache(20), 0, IDS[:6], [5])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_failed_second_chunk_takes_the_first_back(make):
    calls = []
    backend, _ = make(fail=lambda name: calls.append(name) or ("broken" if len(calls) == 2 else None))
    cache = backend.new_cache(60)
    with pytest.raises(EngineError, match="broken"):
        feed(backend, cache, 0, IDS[:30], [29])
    assert cache.length == 0


def test_a_cache_is_as_large_as_the_engine_allows_and_its_memory_is_given_back(make):
    backend, runtime = make()
    feed(backend, backend.new_cache(4), 0, IDS[:2], [1])
    before = len(runtime.memory)
    cache = backend.new_cache(4096)
    assert cache.capacity == 63 and len(runtime.memory) == before + 1
    with pytest.raises(ValueError, match=r"expected at most 63 tokens, got 0 \+ 64"):
        feed(backend, cache, 0, [1] * 64, [0])
    del cache
    assert len(runtime.memory) == before


def test_something_else_than_an_engine_is_refused(make, tmp_path):
    make()
    backend_files = tmp_path / DECODER
    backend_files.write_text("x")
    from n3d_ros.runtime.trt_graph import EngineGraph

    runtime = fake_gpu.FakeCudaRuntime()
    api = TensorRt("tensorrt", "10.3", fake_gpu.fake_tensorrt(runtime, {}))
    with pytest.raises(EngineError, match="decoder.engine: could not read the engine: not a plan"):
        EngineGraph(api, Cuda(runtime), backend_files)
