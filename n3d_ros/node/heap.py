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
    """What an engine leaves when it is closed, and only the collector finds, goes back to the system."""
    gc.unfreeze()
    settle()
    trim()


def trim() -> None:
    """What was freed goes back to the system: glibc keeps it for what is to come (malloc_trim(3)). Where
    there is no such function, the allocator does as it likes.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(ctypes.c_size_t(0))
