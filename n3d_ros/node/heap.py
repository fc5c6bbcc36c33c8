"""What the process keeps of memory that an engine takes and leaves.

In: nothing. Out: nothing; the collector of Python and the allocator of the C library are told.
"""

from __future__ import annotations

import ctypes
import gc


def settle() -> None:
    """What is there now stays, and Python's collector need not look at it again: that takes long, in the
    middle of some frame.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """What is no longer used goes back to the system: glibc keeps what threads have freed for those that come
    (malloc_trim(3)). Where there is none, the allocator does as it likes.
    """
    gc.unfreeze()
    settle()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
