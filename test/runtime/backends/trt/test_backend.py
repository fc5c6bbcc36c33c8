"""The TensorRT backend on a GPU made of numpy: what is bound where gives the numbers of ONNX Runtime."""

from dataclasses import replace

import fake_gpu
import numpy as np
import pytest

from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.folder import export
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.errors import BadInputError, EngineError, OutOfMemoryError
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import read_manifest
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.backends.trt import plan as trt_plan
from n3d_ros.runtime.backends.trt.api import TensorRt
from n3d_ros.runtime.backends.trt.backend import TrtBackend
from n3d_ros.runtime.backends.trt.cuda import Cuda
from n3d_ros.runtime.backends.trt.folder import DECODER, VISION, EngineRecord, LayerPart
from n3d_ros.runtime.backends.trt.shapes import EngineShapes, decoder_profiles, vision_profiles

SHAPES = EngineShapes(context=64, prompt=24, draft=4, windows=4, image_tokens=30)
RANGES = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of three layers; its decoder whole and in every range of layers."""
    root = tmp_path_factory.mktemp("trt")
    export(write_synthetic(root / "m", "tiny"), root / "e")
    config, weights = load_config(root / "e"), read_entries(root / "e")
    for first, stop in RANGES:
        save(build_decoder(config, weights, "F32", (first, stop)), root / "e" / f"layers-{first}-{stop}.onnx")
    return root / "e"


@pytest.fixture
def make(folder, tmp_path, monkeypatch):
    """`make(cuda_graphs, limit_bytes, fail, cuts)`: (backend, CUDA runtime). Buckets of 8 rows. cuts: the
    layers that the decoder's second, third... part begins with.
    """
    monkeypatch.setattr(trt_plan, "BUCKET", 8)
    config = load_config(folder)
    profiles = {VISION: vision_profiles(config, SHAPES), DECODER: decoder_profiles(config, SHAPES)}
    profiles |= {f"layers-{a}-{b}.engine": decoder_profiles(config, SHAPES, (a, b)) for a, b in RANGES}
    for name in profiles:
        (tmp_path / name).write_text(str(folder / name.replace(".engine", ".onnx")))

    def build(cuda_graphs=True, limit_bytes=1 << 30, fail=None, cuts=(), runtime=None, layers=3):
        ranges = zip((0, *cuts), (*cuts, layers), strict=True)
        parts = [LayerPart(f"layers-{a}-{b}.engine", a, b) for a, b in ranges]
        runtime = runtime or fake_gpu.FakeCudaRuntime(limit_bytes)
        api = TensorRt("tensorrt", "10.3", fake_gpu.fake_tensorrt(runtime, profiles, fail))
        record = EngineRecord("m", "", "tensorrt", "10.3", ("sm89",), "fp32", "fp32", SHAPES, {}, {}, "0")
        record = replace(record, parts=tuple(parts) if cuts else ())
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


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)])
@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_a_whole_conversation_gives_the_numbers_of_onnxruntime(make, reference, cuda_graphs, cuts):
    """A prompt in three chunks, single steps over two bucket borders, drafts, a rejected draft, rows in any
    order; the decoder whole and in two and three parts."""
    backend, _ = make(cuda_graphs, cuts=cuts)
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


@pytest.mark.parametrize("cuts", [(), (1, 2)])
def test_without_graphs_new_rows_are_written_in_place_and_nothing_is_copied(make, cuts):
    backend, runtime = make(cuda_graphs=False, cuts=cuts)
    cache = backend.new_cache(60)
    for position in range(6):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert runtime.num_copies[3] == runtime.num_captures == 0


@pytest.mark.parametrize("cuts", [(), (1,), (1, 2)])
def test_one_captured_graph_serves_the_steps_of_a_bucket(make, cuts):
    """Rows 1..7 share 8 bound rows: the first step runs, the second is captured, the rest are replayed. One
    graph spans all parts."""
    backend, runtime = make(cuts=cuts)
    cache = backend.new_cache(60)
    for position in range(7):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert (runtime.num_captures, runtime.num_launches) == (1, 6)
    for position in range(7, 10):
        feed(backend, cache, position, IDS[position : position + 1], [0])
    assert runtime.num_captures == 2


@pytest.mark.parametrize("cuts", [(), (1,)])
def test_a_runtime_that_cannot_capture_goes_on_without(make, reference, caplog, monkeypatch, cuts):
    backend, runtime = make(cuts=cuts)
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
@pytest.mark.parametrize(("cuts", "failed"), [((), DECODER), ((2,), "layers-2-3.engine")])
def test_a_run_that_fails_names_the_runtimes_words_and_leaves_the_cache_as_it_was(
    make, reference, words, error, cuts, failed
):
    failing = []
    backend, _ = make(fail=lambda name: words if failing and name == failed else None, cuts=cuts)
    cache = backend.new_cache(60)
    feed(backend, cache, 0, IDS[:5], [4])
    failing.append(True)
    with pytest.raises(error, match=f"{failed}: .*{words}"):
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
    from n3d_ros.runtime.backends.trt.graph import EngineGraph

    runtime = fake_gpu.FakeCudaRuntime()
    api = TensorRt("tensorrt", "10.3", fake_gpu.fake_tensorrt(runtime, {}))
    with pytest.raises(EngineError, match="decoder.engine: could not read the engine: not a plan"):
        EngineGraph(api, Cuda(runtime), backend_files)


def used_bytes(runtime):
    return sum(block.nbytes for block in runtime.memory.values())


def test_hidden_states_stay_on_the_gpu(make):
    """A step copies the five inputs up and the logits down, in however many parts."""
    for cuts in ((), (1,), (1, 2)):
        backend, runtime = make(cuts=cuts)
        cache = backend.new_cache(60)
        feed(backend, cache, 0, IDS[:1], [0])
        up, down = runtime.num_copies[1], runtime.num_copies[2]
        feed(backend, cache, 1, IDS[1:2], [0])
        assert (runtime.num_copies[1] - up, runtime.num_copies[2] - down) == (5, 1), cuts


def test_parts_need_the_memory_of_one_engine_and_one_hidden_state(make, folder):
    """Rows are cut, work memory is shared; the whole engine has one for each of its two contexts."""
    hidden = load_config(folder).text.hidden
    (_whole, whole), one_hidden_state = make(), SHAPES.prompt * hidden * 4
    for cuts in ((1,), (1, 2)):
        _parts, parts = make(cuts=cuts)
        assert used_bytes(parts) - used_bytes(whole) == one_hidden_state - fake_gpu.WORK_BYTES


def test_a_cache_in_parts_has_the_rows_of_one_and_is_freed_whole_when_the_gpu_is_full(make, reference):
    backend, runtime = make(cuts=(1, 2))
    before = used_bytes(runtime)
    cache = backend.new_cache(20)
    one = used_bytes(runtime) - before
    whole, _ = make()
    rows = whole.new_cache(20)
    assert one == sum(buffer.num_bytes for buffer in rows.buffers)
    feed(backend, cache, 0, IDS[:5], [4])
    runtime.limit_bytes = used_bytes(runtime) + one * 2 // 3
    with pytest.raises(OutOfMemoryError, match="GPU memory: could not get .* MB; ask for less context"):
        backend.new_cache(20)
    assert used_bytes(runtime) == before + one
    found = feed(backend, cache, 5, IDS[5:6], [0])
    expected = feed(reference, reference.new_cache(20), 0, IDS[:6], [5])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_parts_that_do_not_fit_are_freed_whole(make):
    backend, runtime = make(cuts=(1, 2))
    largest = used_bytes(runtime)
    for limit in (largest // 4, largest // 2, largest - 1):
        runtime = fake_gpu.FakeCudaRuntime(limit)
        with pytest.raises(OutOfMemoryError, match="GPU memory: could not get .* MB|no room for a context"):
            make(cuts=(1, 2), runtime=runtime)
        assert runtime.memory == {}, limit


def test_a_part_that_holds_other_layers_than_its_record_says_is_named(make, tmp_path):
    one, other = (tmp_path / f"layers-{layers}.engine" for layers in ("0-1", "1-2"))
    first = one.read_text()
    one.write_text(other.read_text())
    other.write_text(first)
    words = r"layers-0-1.engine: expected layers 0 to 0 .inputs_embeds to hidden_1., found hidden_1, rope_cos"
    with pytest.raises(EngineError, match=words):
        make(cuts=(1, 2))


def test_a_missing_part_is_named(make, tmp_path):
    (tmp_path / "layers-1-3.engine").unlink()
    with pytest.raises(EngineError, match="layers-1-3.engine: expected an engine, found no file; build it"):
        make(cuts=(1,))


def test_parts_of_another_number_of_layers_are_named(make):
    with pytest.raises(EngineError, match="expected engines of all 3 layers, got 2; build it again"):
        make(cuts=(1,), layers=2)
