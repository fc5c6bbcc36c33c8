"""Memory of the ONNX Runtime backend: used again, never twice at once, and no answer sees what was there."""

import gc

import numpy as np
import pytest
from places import CHECKOUT

pytest.importorskip("onnxruntime")

from n3d_ros.runtime.backends.factory import create_backend

IDS = [7, 19, 20, 33, 41]


@pytest.fixture(scope="module")
def backend():
    return create_backend(CHECKOUT / "engines" / "n3d-nano", "ort", threads=1)


def logits(backend, cache, ids):
    """The last row, of `ids` behind what the cache holds."""
    positions = np.tile(np.arange(cache.length, cache.length + len(ids)), (3, 1))
    return backend.forward(cache, backend.embed(ids), positions, np.array([len(ids) - 1]))


def test_memory_of_a_dropped_cache_is_used_again_and_never_twice_at_once(backend):
    first = backend.new_cache(16)
    address = first.buffer.ctypes.data
    second = backend.new_cache(16)
    assert second.buffer.ctypes.data != address
    del first
    gc.collect()
    third = backend.new_cache(12)
    assert (third.buffer.ctypes.data, third.capacity, third.length) == (address, 12, 0)
    with pytest.raises(ValueError, match="expected at most 12 tokens, got 0 \\+ 13"):
        third.require_room(13)


def test_a_cache_that_is_too_small_is_not_kept(backend):
    small = backend.new_cache(8)
    del small
    gc.collect()
    large = backend.new_cache(4000)
    assert len(large.buffer) == 4000
    del large
    gc.collect()
    assert len(backend.new_cache(8).buffer) == 4000


def test_an_answer_does_not_see_what_was_in_its_memory(backend):
    cache = backend.new_cache(32)
    cache.buffer[:] = np.nan
    del cache
    gc.collect()
    used = backend.new_cache(32)
    assert np.isnan(used.buffer).all()
    stepwise = [logits(backend, used, [one]) for one in IDS][-1]
    np.testing.assert_allclose(stepwise, logits(backend, backend.new_cache(32), IDS), atol=1e-4)
