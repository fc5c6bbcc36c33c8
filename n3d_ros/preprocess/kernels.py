"""The compiled kernels of `native/`, if they were built; without them numpy and Pillow do the same work.

In: arrays. Out: arrays equal to those of the numpy path, or None where that path has to speak (bad input,
no memory). Shapes, types and strides are checked here, so that C never reads outside of an array. Built by
`tools/build_native.sh`, setup.py or CMake.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess.kernel_arguments import (
    SceneStruct,
    StageStruct,
    address,
    integer,
    per_channel,
    pixel_rows,
    plan_arguments,
    pointer,
    require,
    stage_struct,
    whole_floats,
)
from n3d_ros.preprocess.resample import ResizePass
from n3d_ros.preprocess.vnni_layout import Stage

# N3D_ABI of native/kernels.h: a library built from other sources is not used.
ABI = 2
DONE = 0

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
logger = logging.getLogger(__name__)


class Kernels:
    """One loaded library. Every method copies what the C code could not read as it lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._library = ctypes.CDLL(str(path))
        abi = self._library.n3d_abi()
        if abi != ABI:
            raise OSError(f"'{path}' is of other sources: expected interface {ABI}, got {abi}")
        self.whole_pictures = bool(self._library.n3d_vnni())
        """Whether this machine has the instructions of `picture_rows`."""

    def picture_rows(
        self,
        picture: ByteArray,
        stages: Sequence[Stage],
        scale_offset: npt.NDArray[np.float64],
        patch: int,
        merge: int,
    ) -> FloatArray | None:
        """(H, W, 3) -> (N, 6*patch*patch) float32: one or two resizes and `patch_rows` in one go.

        None where the other methods have to do it step by step: `whole_pictures` is False, or a large patch.
        """
        picture = pixel_rows(picture)
        sizes = [picture.shape[:2], *(stage.out_hw for stage in stages)]
        fits = 1 <= len(stages) <= 2 and sizes[:-1] == [stage.in_hw for stage in stages]
        require(fits, "the size of one or two stages", picture)
        height, width = sizes[-1]
        require(height % (patch * merge) == 0 == width % (patch * merge), "whole merge groups", picture)
        scale_offset = per_channel(scale_offset)
        if not self.whole_pictures:
            return None
        out = np.empty((height * width // patch**2, 6 * patch**2), dtype=np.float32)
        status = self._library.n3d_picture_rows(
            pointer(picture),
            integer(picture.strides[0]),
            (StageStruct * len(stages))(*map(stage_struct, stages)),
            integer(len(stages)),
            pointer(scale_offset[0]),
            pointer(scale_offset[1]),
            integer(patch),
            integer(merge),
            pointer(out),
        )
        return out if status == DONE else None

    def resize_columns(self, picture: ByteArray, plan: ResizePass) -> ByteArray | None:
        """(H, size_in, 3) -> (H, size_out, 3)."""
        picture = pixel_rows(picture)
        require(picture.shape[1] == plan.size_in, f"width {plan.size_in}", picture)
        out = np.empty((picture.shape[0], plan.size_out, 3), dtype=np.uint8)
        status = self._library.n3d_resize_columns(
            pointer(picture),
            integer(picture.strides[0]),
            *map(integer, (picture.shape[0], plan.size_out)),
            *plan_arguments(plan),
            pointer(out),
        )
        return out if status == DONE else None

    def resize_rows(self, picture: ByteArray, plan: ResizePass) -> ByteArray:
        """(size_in, W, 3) -> (size_out, W, 3)."""
        picture = pixel_rows(picture)
        require(picture.shape[0] == plan.size_in, f"height {plan.size_in}", picture)
        out = np.empty((plan.size_out, picture.shape[1], 3), dtype=np.uint8)
        self._library.n3d_resize_rows(
            pointer(picture),
            integer(picture.strides[0]),
            *map(integer, (picture.shape[1], plan.size_out)),
            *plan_arguments(plan),
            pointer(out),
        )
        return out

    def patch_rows(
        self,
        picture: ByteArray,
        plan: ResizePass | None,
        scale_offset: npt.NDArray[np.float64],
        patch: int,
        merge: int,
    ) -> FloatArray | None:
        """(size_in, W, 3) -> (N, 6*patch*patch) float32, after a last pass over rows unless plan is None.

        scale_offset: (2, 3) float64, level * scale + offset is the value. Height after the pass and W must be
        multiples of patch * merge.
        """
        picture = pixel_rows(picture)
        height = picture.shape[0] if plan is None else plan.size_out
        width = picture.shape[1]
        require(plan is None or picture.shape[0] == plan.size_in, "the height of its last pass", picture)
        require(height % (patch * merge) == 0 == width % (patch * merge), "whole merge groups", picture)
        scale_offset = per_channel(scale_offset)
        out = np.empty((height * width // patch**2, 6 * patch**2), dtype=np.float32)
        status = self._library.n3d_patch_rows(
            pointer(picture),
            *map(integer, (picture.strides[0], width, height)),
            *((None, None, integer(0)) if plan is None else plan_arguments(plan)),
            pointer(scale_offset[0]),
            pointer(scale_offset[1]),
            integer(patch),
            integer(merge),
            pointer(out),
        )
        return out if status == DONE else None

    def pool_depth(
        self, depth: FloatArray, rays_x: FloatArray, rays_y: FloatArray, grid_hw: tuple[int, int]
    ) -> PooledRows | None:
        """(H, W) float32 metres -> means over the grid. rays: x of each column and y of each row at 1 m."""
        if not whole_floats(depth):
            depth = np.ascontiguousarray(depth)
        require(depth.dtype == np.float32 and depth.ndim == 2, "(H, W) float32", depth)
        height, width = depth.shape
        require(rays_x.shape == (width,) and rays_y.shape == (height,), "depth of the rays' size", depth)
        rays_x = np.ascontiguousarray(rays_x, dtype=np.float32)
        rays_y = np.ascontiguousarray(rays_y, dtype=np.float32)
        steps = [step // 4 for step in depth.strides]
        scene = SceneStruct(
            address(depth), None, *steps, 0, height, width, rays_x=address(rays_x), rays_y=address(rays_y)
        )
        return self._pool(scene, grid_hw)

    def pool_points(self, point_map: FloatArray, grid_hw: tuple[int, int]) -> PooledRows | None:
        """(H, W, 3) float32 metres, optical frame, NaN = none -> means over the grid."""
        good = point_map.dtype == np.float32 and point_map.ndim == 3 and point_map.shape[2] == 3
        require(good, "(H, W, 3) float32", point_map)
        if not whole_floats(point_map):
            point_map = np.ascontiguousarray(point_map)
        steps = [step // 4 for step in point_map.strides]
        return self._pool(SceneStruct(None, address(point_map), *steps, *point_map.shape[:2]), grid_hw)

    def gather_blocks(self, table: FloatArray, index: npt.NDArray[np.int64], width: int) -> FloatArray:
        """(N, width): three rows of `table` (any, block) beside each other, then zeros. index: (N, 3)."""
        block = table.shape[1]
        require(table.dtype == np.float32 and table.flags.c_contiguous, "a float32 table", table)
        inside = index.size == 0 or bool(index.min() >= 0 and index.max() < len(table))
        require(index.shape[1:] == (3,) and inside and 3 * block <= width, "three rows of the table", index)
        index = np.ascontiguousarray(index, dtype=np.int64)
        out = np.empty((len(index), width), dtype=np.float32)
        self._library.n3d_gather_blocks(
            pointer(table), integer(block), pointer(index), *map(integer, out.shape), pointer(out)
        )
        return out

    def _pool(self, scene: SceneStruct, grid_hw: tuple[int, int]) -> PooledRows | None:
        if min(*grid_hw, scene.height, scene.width) < 1:
            raise ValueError(f"expected pixels and bins, got {scene.height}x{scene.width} and {grid_hw}")
        pooled = np.empty((grid_hw[0] * grid_hw[1], 3), dtype=np.float32)
        facts = np.empty(5, dtype=np.float64)
        status = self._library.n3d_pool_points(
            ctypes.byref(scene), *map(integer, grid_hw), pointer(pooled), pointer(facts)
        )
        return (pooled, facts) if status == DONE else None


# (rows*columns, 3) normalised means; minimum corner x, y, z, mean distance from it, number of points.
PooledRows = tuple[FloatArray, npt.NDArray[np.float64]]


@lru_cache(maxsize=1)
def kernels() -> Kernels | None:
    """The library beside this file, or None (logged once) where it was not built or does not fit."""
    for path in sorted(Path(__file__).parent.glob("_native*.so")):
        try:
            return Kernels(path)
        except (OSError, AttributeError) as error:
            logger.warning("compiled kernels not used: %s; rebuild with tools/build_native.sh", error)
    logger.info("no compiled kernels: numpy prepares the model's inputs, several times slower")
    return None
