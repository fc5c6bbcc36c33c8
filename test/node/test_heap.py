"""Large blocks go back to the system when they are freed, as long as the user has not chosen otherwise."""

import os
import platform
import subprocess
import sys

import pytest

from n3d_ros.node.heap import LARGE_BYTES, VARIABLES, give_large_blocks_back

# Where the second of two large blocks lies, which are freed one after the other.
SECOND_BLOCK = """
import sys
import numpy as np
from n3d_ros.node.heap import LARGE_BYTES, give_large_blocks_back
if sys.argv[1] == "fixed":
    assert give_large_blocks_back()
for _ in range(2):
    block = np.empty(LARGE_BYTES + 1, np.uint8)
    at = block.ctypes.data
    del block
for line in open("/proc/self/maps"):
    if line.rstrip().endswith("[heap]"):
        first, last = (int(end, 16) for end in line.split()[0].split("-"))
        print(first <= at < last)
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the limit is glibc's")


def is_in_the_heap(how: str) -> bool:
    """Of a fresh process, in which nobody chose anything."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", SECOND_BLOCK, how],
        capture_output=True, text=True, timeout=60, env=environment, check=True,
    )  # fmt: skip
    return "True" in done.stdout


@glibc
def test_a_large_block_is_never_cut_from_the_heap():
    assert is_in_the_heap("as it is"), "glibc no longer raises its limit, and this file is not needed"
    assert not is_in_the_heap("fixed")


@pytest.mark.parametrize("name", VARIABLES)
def test_what_the_user_chose_stays(name):
    assert not give_large_blocks_back({name: "1"})
    assert LARGE_BYTES > 1280 * 720 * 3
