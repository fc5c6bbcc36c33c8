"""The one place that chooses how pictures and points are prepared: which compiled kernels, or numpy.

In: arrays. Out: arrays equal to numpy's to the bit, or None where the caller's own numpy has to do it. The
fastest path of the machine is taken, unless the environment variable N3D_KERNELS or `using` names another.
`pictures`, `pooling`, `point_code`, `metres` and `registration` hold the mathematics and ask here for its
fast form.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess.native_library import (
    ByteArray,
    Float64Array,
    FloatArray,
    NativeLibrary,
    NativePath,
    PooledRows,
)
from n3d_ros.preprocess.resample import Resize

# The path without compiled kernels; every machine has it.
NUMPY = "numpy"
VARIABLE = "N3D_KERNELS"

logger = logging.getLogger(__name__)
# What `using` asked for, in all threads.
_forced: str | None = None


def paths() -> tuple[str, ...]:
    """Names of the paths that this machine can take, the fastest first and 'numpy' last."""
    return (*_compiled(), NUMPY)


def path() -> str:
    """The path that is taken. ValueError where it was named and is none of `paths`."""
    return _checked(_forced or os.environ.get(VARIABLE) or paths()[0])


@contextmanager
def using(name: str) -> Iterator[None]:
    """Take another path meanwhile, in all threads: to compare and to measure. ValueError as of `path`."""
    global _forced
    before, _forced = _forced, _checked(name)
    try:
        yield
    finally:
        _forced = before


def picture_rows(
    picture: ByteArray,
    resizes: Sequence[Resize],
    scale_offset: npt.NDArray[np.float64],
    patch: int,
    merge: int,
) -> FloatArray | None:
    """See `NativePath.picture_rows`."""
    native = _chosen()
    return None if native is None else native.picture_rows(picture, resizes, scale_offset, patch, merge)


def pool_depth(
    depth: FloatArray, rays_x: FloatArray, rays_y: FloatArray, grid_hw: tuple[int, int]
) -> PooledRows | None:
    """See `NativePath.pool_depth`."""
    native = _chosen()
    return None if native is None else native.pool_depth(depth, rays_x, rays_y, grid_hw)


def pool_points(point_map: FloatArray, grid_hw: tuple[int, int]) -> PooledRows | None:
    """See `NativePath.pool_points`."""
    native = _chosen()
    return None if native is None else native.pool_points(point_map, grid_hw)


def gather_blocks(table: FloatArray, index: npt.NDArray[np.int64], width: int) -> FloatArray | None:
    """See `NativePath.gather_blocks`."""
    native = _chosen()
    return None if native is None else native.gather_blocks(table, index, width)


def metres_of_integers(raw: npt.NDArray[np.uint16], scale: float, low: int, high: int) -> FloatArray | None:
    """See `NativePath.metres_of_integers`."""
    native = _chosen()
    return None if native is None else native.metres_of_integers(raw, scale, low, high)


def metres_of_floats(raw: FloatArray, scale: float) -> FloatArray | None:
    """See `NativePath.metres_of_floats`."""
    native = _chosen()
    return None if native is None else native.metres_of_floats(raw, scale)


def nearest_surface(
    pixels: Float64Array, reach: Float64Array, z: Float64Array, size_hw: tuple[int, int]
) -> FloatArray | None:
    """See `NativePath.nearest_surface`."""
    native = _chosen()
    return None if native is None else native.nearest_surface(pixels, reach, z, size_hw)


def _chosen() -> NativePath | None:
    return _compiled().get(path())


def _checked(name: str) -> str:
    if name not in paths():
        raise ValueError(f"kernels: expected one of {', '.join(paths())} on this machine, got {name!r}")
    return name


@lru_cache(maxsize=1)
def _compiled() -> dict[str, NativePath]:
    """Paths of the library beside this file; none (logged once) where it was not built or does not fit."""
    for file in sorted(Path(__file__).parent.glob("_native*.so")):
        try:
            library = NativeLibrary(file)
            return {name: NativePath(library, name) for name in library.paths()}
        except (OSError, AttributeError) as error:
            logger.warning("compiled kernels not used: %s; rebuild with tools/build_native.sh", error)
    logger.info("no compiled kernels: numpy prepares the model's inputs, several times slower")
    return {}
