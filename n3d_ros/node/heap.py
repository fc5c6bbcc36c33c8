"""The C library's heap of a process that runs for weeks.

In: the process, before it allocates much. Out: glibc's limit above which a block is mapped by itself, and so
goes back to the system when it is freed, stays where it is. Other C libraries are left as they are.

glibc raises that limit to the largest block that was ever freed, up to 32 MiB (mallopt(3), M_MMAP_THRESHOLD).
An engine's keys and values are a block of 10 MiB for each picture: from the second picture on they would be
cut from the heap, and a small block that happens to lie behind one keeps the heap from shrinking.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

# mallopt's names for its settings, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# More than a camera's picture of 1280x720: those come and go all the time, and mapping them anew would cost.
LARGE_BYTES = 4 << 20
# What a user sets to choose this himself.
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def give_large_blocks_back(environment: Mapping[str, str] = os.environ) -> bool:
    """Fix glibc's limit at LARGE_BYTES, and at twice that how much stays free at the heap's end.

    Whether it did: it does not where the user chose, or where there is no `mallopt`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name in environment for name in VARIABLES):
        return False
    settings = ((M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, 2 * LARGE_BYTES))
    return all([mallopt(name, value) == 1 for name, value in settings])
