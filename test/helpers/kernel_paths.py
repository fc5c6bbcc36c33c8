"""Every path through the compiled kernels, for the tests that hold them against numpy."""

import os
import subprocess
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from unittest import mock

import pytest
from places import CHECKOUT

from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.native_library import NativeLibrary, NativePath

# What machines other than x86-64 compile: no instruction is named. Here the compiler makes it x86's.
PLAIN = "plain C"
COMPILED = ("avx512", "avx2", "baseline", PLAIN)


@contextmanager
def taking(name: str):
    """Meanwhile the library takes this path of COMPILED. Skips where this machine cannot."""
    if len(kernels.paths()) == 1:
        pytest.skip("tools/build_native.sh found no C compiler")
    if name == PLAIN:
        with mock.patch.object(kernels, "_compiled", lambda: {PLAIN: plain_path()}):
            yield
    elif name not in kernels.paths():
        pytest.skip(f"this machine has no {name}")
    else:
        with kernels.using(name):
            yield


def native_path(name: str) -> NativePath:
    """The calls themselves, without the choice."""
    return plain_path() if name == PLAIN else kernels._compiled()[name]


@lru_cache
def plain_path() -> NativePath:
    """native/*.c without x86's instructions, compiled once for all tests."""
    target = Path(mkdtemp(prefix="n3d_kernels_")) / "_native.so"
    usual = (CHECKOUT / "native" / "flags").read_text().split()
    sources = sorted((CHECKOUT / "native").glob("*.c"))
    compiler = os.environ.get("CC", "cc")
    command = [compiler, *usual, "-DN3D_PLAIN", "-fPIC", "-shared", "-o", target, *sources, "-lm"]
    subprocess.run(command, check=True)
    library = NativeLibrary(target)
    assert library.paths() == ("baseline",)
    return NativePath(library, "baseline")
