"""The compiled library of `native/` as Python calls it: structures, checks, calls.

In: arrays. Out: arrays equal to numpy's, or None where numpy has to speak (bad input, no memory). Shapes,
types and strides are checked here, so that C never reads outside of an array; what C could not read as it
lies is copied. It does not know which of its paths to take: that is `kernels`' affair. Built by
`tools/build_native.sh`, setup.py or CMake.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess.resample import Resize, ResizePass

# N3D_ABI of native/kernels.h: a library built from other sources is not used.
ABI = 4
DONE = 0

FloatArray = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
# (rows*columns, 3) normalised means; minimum corner x, y, z, mean distance from it, number of points.
PooledRows = tuple[FloatArray, npt.NDArray[np.float64]]


class PassStruct(ctypes.Structure):
    """`n3d_pass` of native/kernels.h."""

    _fields_ = [
        ("first", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("taps", ctypes.c_int64),
        ("size_in", ctypes.c_int64),
        ("size_out", ctypes.c_int64),
    ]


class SceneStruct(ctypes.Structure):
    """`n3d_scene` of native/kernels.h."""

    _fields_ = [
        ("depth", ctypes.c_void_p),
        ("points", ctypes.c_void_p),
        ("row_step", ctypes.c_int64),
        ("column_step", ctypes.c_int64),
        ("axis_step", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("rays_x", ctypes.c_void_p),
        ("rays_y", ctypes.c_void_p),
    ]


class NativeLibrary:
    """One loaded library. OSError or AttributeError where the file is none, or of other sources."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._library = ctypes.CDLL(str(file))
        abi = self._library.n3d_abi()
        if abi != ABI:
            raise OSError(f"'{file}' is of other sources: expected interface {ABI}, got {abi}")
        self._library.n3d_paths.restype = ctypes.c_char_p

    def paths(self) -> tuple[str, ...]:
        """Instruction sets that the library was compiled for and this machine has, the fastest first."""
        return tuple(self._library.n3d_paths().decode().split())


class NativePath:
    """The kernels of one library for one instruction set, a name of `NativeLibrary.paths`."""

    def __init__(self, library: NativeLibrary, name: str) -> None:
        self.name = name
        calls = library._library
        self._picture_rows = calls[f"n3d_picture_rows_{name}"]
        self._pool_points = calls[f"n3d_pool_points_{name}"]
        self._gather_blocks = calls[f"n3d_gather_blocks_{name}"]
        self._metres_of_integers = calls[f"n3d_metres_of_integers_{name}"]
        self._metres_of_floats = calls[f"n3d_metres_of_floats_{name}"]
        self._nearest_surface = calls[f"n3d_nearest_surface_{name}"]

    def picture_rows(
        self,
        picture: ByteArray,
        resizes: Sequence[Resize],
        scale_offset: npt.NDArray[np.float64],
        patch: int,
        merge: int,
    ) -> FloatArray | None:
        """(H, W, 3) uint8 -> (N, 6*patch*patch) float32 in merge-group order, after one or two resizes.

        scale_offset: (2, 3) float64; level * scale + offset is the value. Both sides after the last resize
        must be multiples of patch * merge.
        """
        picture = _pixel_rows(picture)
        _check_sizes(picture, resizes)
        height, width = resizes[-1].rows.size_out, resizes[-1].columns.size_out
        _require(height % (patch * merge) == 0 == width % (patch * merge), "whole merge groups", picture)
        _require(scale_offset.shape == (2, 3), "a scale and an offset per channel", scale_offset)
        scale_offset = np.ascontiguousarray(scale_offset, dtype=np.float64)
        passes = [_pass_struct(plan) for resize in resizes for plan in (resize.columns, resize.rows)]
        out = np.empty((height * width // patch**2, 6 * patch**2), dtype=np.float32)
        status = self._picture_rows(
            _pointer(picture),
            _integer(picture.strides[0]),
            (PassStruct * len(passes))(*passes),
            _integer(len(resizes)),
            _pointer(scale_offset[0]),
            _pointer(scale_offset[1]),
            _integer(patch),
            _integer(merge),
            _pointer(out),
        )
        return out if status == DONE else None

    def pool_depth(
        self, depth: FloatArray, rays_x: FloatArray, rays_y: FloatArray, grid_hw: tuple[int, int]
    ) -> PooledRows | None:
        """(H, W) float32 metres -> means over the grid. rays: x of each column and y of each row at 1 m."""
        _require(depth.dtype == np.float32 and depth.ndim == 2, "(H, W) float32", depth)
        depth = _whole_floats(depth)
        height, width = depth.shape
        _require(rays_x.shape == (width,) and rays_y.shape == (height,), "depth of the rays' size", depth)
        rays_x = np.ascontiguousarray(rays_x, dtype=np.float32)
        rays_y = np.ascontiguousarray(rays_y, dtype=np.float32)
        steps = [step // 4 for step in depth.strides]
        rays = {"rays_x": _address(rays_x), "rays_y": _address(rays_y)}
        scene = SceneStruct(_address(depth), None, *steps, 0, height, width, **rays)
        return self._pool(scene, grid_hw)

    def pool_points(self, point_map: FloatArray, grid_hw: tuple[int, int]) -> PooledRows | None:
        """(H, W, 3) float32 metres, optical frame, NaN = none -> means over the grid."""
        good = point_map.dtype == np.float32 and point_map.ndim == 3 and point_map.shape[2] == 3
        _require(good, "(H, W, 3) float32", point_map)
        point_map = _whole_floats(point_map)
        steps = [step // 4 for step in point_map.strides]
        scene = SceneStruct(None, _address(point_map), *steps, *point_map.shape[:2])
        return self._pool(scene, grid_hw)

    def gather_blocks(self, table: FloatArray, index: npt.NDArray[np.int64], width: int) -> FloatArray:
        """(N, width): three rows of `table` (any, block) beside each other, then zeros. index: (N, 3)."""
        block = table.shape[1]
        _require(table.dtype == np.float32 and table.flags.c_contiguous, "a float32 table", table)
        inside = index.size == 0 or bool(index.min() >= 0 and index.max() < len(table))
        _require(index.shape[1:] == (3,) and inside and 3 * block <= width, "three rows of the table", index)
        index = np.ascontiguousarray(index, dtype=np.int64)
        out = np.empty((len(index), width), dtype=np.float32)
        self._gather_blocks(
            _pointer(table), _integer(block), _pointer(index), *map(_integer, out.shape), _pointer(out)
        )
        return out

    def metres_of_integers(
        self, raw: npt.NDArray[np.uint16], scale: float, low: int, high: int
    ) -> FloatArray:
        """(H, W) uint16 -> (H, W) float32: raw * scale, NaN where raw is not low..high."""
        _require(raw.dtype == np.uint16 and raw.ndim == 2, "(H, W) uint16", raw)
        raw = _number_rows(raw)
        out = np.empty(raw.shape, dtype=np.float32)
        limits = _integer(low), _integer(high)
        self._metres_of_integers(*_layout(raw), ctypes.c_double(scale), *limits, _pointer(out))
        return out

    def metres_of_floats(self, raw: FloatArray, scale: float) -> FloatArray:
        """(H, W) float32 -> (H, W) float32: raw * scale, NaN where that is no distance."""
        _require(raw.dtype == np.float32 and raw.ndim == 2, "(H, W) float32", raw)
        raw = _number_rows(raw)
        out = np.empty(raw.shape, dtype=np.float32)
        self._metres_of_floats(*_layout(raw), ctypes.c_double(scale), _pointer(out))
        return out

    def nearest_surface(
        self, pixels: Float64Array, reach: Float64Array, z: Float64Array, size_hw: tuple[int, int]
    ) -> FloatArray:
        """(h, w) float32: the least z (N,) at every pixel whose middle lies within reach (N, 2) of pixels
        (N, 2), NaN = none.
        """
        n = len(z)
        _require(z.shape == (n,) and pixels.shape == reach.shape == (n, 2), "a place and reach per z", pixels)
        _require(min(size_hw) >= 1, "a picture of pixels", pixels)
        given = [np.ascontiguousarray(one, dtype=np.float64) for one in (pixels, reach, z)]
        out = np.empty(size_hw, dtype=np.float32)
        self._nearest_surface(*map(_pointer, given), _integer(n), *map(_integer, size_hw), _pointer(out))
        return out

    def _pool(self, scene: SceneStruct, grid_hw: tuple[int, int]) -> PooledRows | None:
        if min(*grid_hw, scene.height, scene.width) < 1:
            raise ValueError(f"expected pixels and bins, got {scene.height}x{scene.width} and {grid_hw}")
        pooled = np.empty((grid_hw[0] * grid_hw[1], 3), dtype=np.float32)
        summary = np.empty(5, dtype=np.float64)
        status = self._pool_points(
            ctypes.byref(scene), *map(_integer, grid_hw), _pointer(pooled), _pointer(summary)
        )
        return (pooled, summary) if status == DONE else None


def _require(good: bool, expected: str, array: npt.NDArray[Any]) -> None:
    """An exception and no assert: behind it C reads memory."""
    if not good:
        raise ValueError(f"kernel: expected {expected}, got {array.shape} {array.dtype}")


def _pixel_rows(picture: ByteArray) -> ByteArray:
    """The picture itself if its rows are whole runs of RGB bytes, else a copy that is."""
    good = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size > 0
    _require(good, "(H, W, 3) uint8", picture)
    return picture if picture.strides[1:] == (3, 1) else np.ascontiguousarray(picture)


def _check_sizes(picture: ByteArray, resizes: Sequence[Resize]) -> None:
    """Every pass must begin with what the one before it left."""
    _require(1 <= len(resizes) <= 2, "one or two resizes of a picture", picture)
    height, width = picture.shape[:2]
    for resize in resizes:
        fits = (resize.rows.size_in, resize.columns.size_in) == (height, width)
        _require(fits, f"{height}x{width} pixels before each resize", picture)
        height, width = resize.rows.size_out, resize.columns.size_out


def _whole_floats(array: FloatArray) -> FloatArray:
    """The array itself if its steps are whole floats, else a copy where they are."""
    whole = array.flags.aligned and all(step % 4 == 0 for step in array.strides)
    return array if whole else np.ascontiguousarray(array)


def _number_rows(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(H, W) itself if its rows are whole runs of numbers, else a copy where they are."""
    item = array.itemsize
    whole = array.flags.aligned and array.strides[1] == item and array.strides[0] % item == 0
    return array if whole else np.ascontiguousarray(array)


def _layout(array: npt.NDArray[Any]) -> tuple[Any, ...]:
    """Of `_number_rows`: where it begins, numbers from row to row, rows, columns."""
    return _pointer(array), _integer(array.strides[0] // array.itemsize), *map(_integer, array.shape)


def _pass_struct(plan: ResizePass) -> PassStruct:
    """It points into the plan; a pass that changes nothing has no taps."""
    taps = 0 if plan.is_identity else plan.taps
    return PassStruct(_address(plan.first), _address(plan.weights), taps, plan.size_in, plan.size_out)


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _address(array: npt.NDArray[Any]) -> int:
    return int(array.ctypes.data)


def _integer(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)
