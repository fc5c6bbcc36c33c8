"""Memory that nobody uses any more goes back to the system."""

import ctypes
import gc
import platform
import weakref
from pathlib import Path

import pytest

from n3d_ros.node import heap

NUM_BLOCKS, BLOCK_BYTES = 2000, 60_000


class Ring:
    """What only the collector of cycles finds."""

    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def frozen_as_before():
    yield
    gc.unfreeze()


def test_what_is_settled_and_left_is_collected():
    ring = Ring()
    known = weakref.ref(ring)
    heap.settle()
    del ring
    gc.collect()
    assert known() is not None, "the collector looks at it no more"
    heap.give_back()
    assert known() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is glibc's")
def test_what_the_allocator_keeps_below_a_block_in_use_is_given_back():
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    *blocks, in_use = [libc.malloc(ctypes.c_size_t(BLOCK_BYTES)) for _ in range(NUM_BLOCKS + 1)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
        libc.free(block)
    before = resident_bytes()
    heap.give_back()
    assert before - resident_bytes() > NUM_BLOCKS * BLOCK_BYTES / 2
    libc.free(in_use)


def resident_bytes():
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024
