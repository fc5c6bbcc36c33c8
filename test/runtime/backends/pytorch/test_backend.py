"""The torch backend: types, devices, memory written in place, single tokens as CUDA graphs replay them."""

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from n3d_ros.engines.parity.write.model import ModelWriter  # noqa: E402
from n3d_ros.errors import BadInputError, N3DError, ResultCode  # noqa: E402
from n3d_ros.geometry import Intrinsics, SceneScale  # noqa: E402
from n3d_ros.preprocess.prepare import ModelInputs  # noqa: E402
from n3d_ros.runtime.backends.pytorch.backend import TorchBackend, device_of  # noqa: E402
from n3d_ros.runtime.backends.pytorch.options import TorchOptions  # noqa: E402
from n3d_ros.runtime.backends.pytorch.step import Step, span_for  # noqa: E402

TOKENS = [7, 300, 12, 44, 9, 18, 101, 3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torch") / "model"
    ModelWriter(folder, seed=5)
    return folder / "saved_by_official_class"


@pytest.fixture(scope="module")
def backend(folder):
    return TorchBackend(folder, options=TorchOptions("cpu"))


def run(backend, cache, ids):
    """Logits of all of `ids`, run as one piece after what the cache holds."""
    first = cache.length
    positions = np.tile(np.arange(first, first + len(ids)), (3, 1))
    return backend.forward(cache, backend.embed(ids), positions, np.arange(len(ids)))


@pytest.mark.parametrize("cuts", [(8,), (1,) * 8, (3, 5), (5, 1, 2)])
def test_any_cutting_of_a_text_gives_the_same_logits(backend, cuts):
    whole = run(backend, backend.new_cache(20), TOKENS)
    cache, pieces, start = backend.new_cache(20), [], 0
    for cut in cuts:
        pieces.append(run(backend, cache, TOKENS[start : start + cut]))
        start += cut
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-4)


def test_after_truncating_another_end_gives_what_a_fresh_cache_gives(backend):
    cache = backend.new_cache(20)
    run(backend, cache, TOKENS)
    cache.truncate(4)
    again = run(backend, cache, [5, 6])
    fresh = backend.new_cache(20)
    np.testing.assert_allclose(again, run(backend, fresh, [*TOKENS[:4], 5, 6])[-2:], atol=1e-4)
    with pytest.raises(ValueError, match="expected a length of 0 to 6, got 7"):
        cache.truncate(7)


def test_a_full_cache_is_refused_and_stays_as_it_was(backend):
    cache = backend.new_cache(9)
    run(backend, cache, TOKENS)
    with pytest.raises(ValueError, match=r"expected at most 9 tokens, got 8 \+ 2"):
        run(backend, cache, [1, 2])
    assert cache.length == 8


def test_memory_of_a_dropped_cache_is_used_again_and_never_twice_at_once(backend):
    first = backend.new_cache(16)
    address = first.store.keys.data_ptr()
    second = backend.new_cache(16)
    assert second.store.keys.data_ptr() != address
    del first
    gc.collect()
    third = backend.new_cache(12)
    assert (third.store.keys.data_ptr(), third.capacity, third.length) == (address, 12, 0)


@torch.inference_mode()
def test_a_step_of_fixed_shapes_gives_the_logits_of_a_free_one(backend):
    """What a CUDA graph records, run without one."""
    cache = backend.new_cache(40)
    whole = run(backend, backend.new_cache(40), TOKENS)
    run(backend, cache, TOKENS[:3])
    step = Step(backend.model, cache.store, 32, 1, backend.config.text)
    for past in range(3, 8):
        embeds = torch.from_numpy(backend.embed([TOKENS[past]]))[None]
        step.load(past, embeds, torch.full((3, 1, 1), past))
        np.testing.assert_allclose(step.run()[0], whole[past], atol=1e-4)
        assert torch.equal(cache.store.keys[0, 0, 0, past + 1 :], torch.zeros(40 - past - 1, 16))


def test_spans_double_up_to_the_capacity():
    assert [span_for(n, 3000) for n in (1, 512, 513, 1025, 2049, 3000)] == [512, 512, 1024, 2048, 3000, 3000]
    assert span_for(5, 100) == 100


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_half_precision_stays_near_single(folder, backend, dtype):
    half = TorchBackend(folder, options=TorchOptions("cpu", dtype))
    assert half.model.dtype == {"fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
    random = np.random.default_rng(0)
    picture = ModelInputs(
        random.standard_normal((64, 1176)).astype(np.float32),
        (8, 8),
        random.integers(-900, 900, (64, 3)).astype(np.float32),
        SceneScale(1.0, (0.0, 0.0, 0.0)),
        Intrinsics(1.0, 1.0, 0.0, 0.0, 2, 2),
        1.0,
    )
    tokens = [each.encode_image(picture) for each in (half, backend)]
    logits = [run(each, each.new_cache(10), TOKENS) for each in (half, backend)]
    for ours, single in (tokens, logits):
        assert ours.dtype == np.float32
        assert 0 < np.sqrt(np.mean((ours - single) ** 2)) < 0.05 * single.std()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "device: expected auto, cpu, cuda or cuda:<number>, got 'tpu'"),
        ({"dtype": "int4"}, "dtype: expected auto or one of fp32, fp16, bf16, got 'int4'"),
    ],
)
def test_an_unknown_option_is_named(options, message):
    with pytest.raises(BadInputError, match=message):
        TorchOptions(**options)


@pytest.mark.parametrize(
    ("text", "device", "dtype"),
    [
        ("", "auto", "auto"),
        ("cuda", "cuda", "auto"),
        ("bf16", "auto", "bf16"),
        ("cpu:fp16", "cpu", "fp16"),
        ("cuda:1", "cuda:1", "auto"),
        ("cuda:1:bf16", "cuda:1", "bf16"),
    ],
)
def test_device_and_type_are_read_from_a_backends_name(text, device, dtype):
    assert TorchOptions.parse(text) == TorchOptions(device, dtype)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_named():
    assert device_of(TorchOptions()).type == "cpu"
    for device in ("cuda", "cuda:3", "cuda:x"):
        with pytest.raises(BadInputError, match="expected one of the 0 GPUs that torch sees"):
            device_of(TorchOptions(device))


def test_too_little_memory_is_a_named_error_and_the_backend_stays_usable(backend, monkeypatch):
    def fail(*_args, **_kwargs):
        raise torch.OutOfMemoryError("tried to allocate 1 TiB")

    cache = backend.new_cache(20)
    with monkeypatch.context() as patch:
        patch.setattr(backend.model.model.language_model, "forward", fail)
        with pytest.raises(N3DError, match="tried to allocate 1 TiB") as error:
            run(backend, cache, TOKENS)
    assert (error.value.code, cache.length) == (ResultCode.OOM, 0)
    assert run(backend, cache, TOKENS).shape == (8, 512)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_cuda_graphs_give_the_tokens_of_a_free_run(folder, dtype):
    graphs, free = (TorchBackend(folder, options=TorchOptions("cuda", dtype, on)) for on in (True, False))
    random = np.random.default_rng(1)
    prompt = random.integers(0, 500, 500).tolist()  # the reply crosses from the span of 512 into the next
    replies = []
    for backend in (graphs, free, graphs):
        cache = backend.new_cache(700)
        logits = run(backend, cache, prompt)[-1:]
        reply = []
        for _ in range(40):
            reply.append(int(logits[-1].argmax()))
            logits = run(backend, cache, reply[-1:])
        replies.append((reply, logits))
        del cache
    assert replies[0][0] == replies[1][0] == replies[2][0]
    np.testing.assert_allclose(replies[0][1], replies[1][1], atol=1e-3 if dtype == "fp32" else 0.3)
