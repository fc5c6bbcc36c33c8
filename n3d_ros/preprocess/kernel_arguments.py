"""How arrays go to the compiled kernels: C's structures and pointers, and the checks that stand before them.

In: arrays and plans. Out: ctypes arguments that point into them, so the caller keeps them alive; a copy where
C could not read an array as it lies; ValueError where it must not. It does not know the library.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess.resample import ResizePass
from n3d_ros.preprocess.vnni_layout import Stage

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]


class SceneStruct(ctypes.Structure):
    """`n3d_scene` of native/points.c."""

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


class StageStruct(ctypes.Structure):
    """`n3d_stage` of native/kernels.h."""

    _fields_ = [
        ("start", ctypes.c_void_p),
        ("table", ctypes.c_void_p),
        ("blocks", ctypes.c_int64),
        ("groups", ctypes.c_int64),
        ("quad", ctypes.c_void_p),
        ("limbs", ctypes.c_void_p),
        ("row_groups", ctypes.c_int64),
        ("in_height", ctypes.c_int64),
        ("out_width", ctypes.c_int64),
        ("out_height", ctypes.c_int64),
    ]


def require(good: bool, expected: str, array: npt.NDArray[Any]) -> None:
    """An exception and no assert: behind it C reads memory."""
    if not good:
        raise ValueError(f"kernel: expected {expected}, got {array.shape} {array.dtype}")


def pixel_rows(picture: ByteArray) -> ByteArray:
    """The picture itself if its rows are whole runs of RGB bytes, else a copy that is."""
    good = picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3 and picture.size > 0
    require(good, "(H, W, 3) uint8", picture)
    return picture if picture.strides[1:] == (3, 1) else np.ascontiguousarray(picture)


def per_channel(scale_offset: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(2, 3) float64, a scale and an offset for each channel, as C reads it."""
    require(scale_offset.shape == (2, 3), "a scale and an offset per channel", scale_offset)
    return np.ascontiguousarray(scale_offset, dtype=np.float64)


def whole_floats(array: FloatArray) -> bool:
    return array.flags.aligned and all(step % 4 == 0 for step in array.strides)


def plan_arguments(plan: ResizePass) -> tuple[Any, ...]:
    return pointer(plan.first), pointer(plan.weights), integer(plan.taps)


def stage_struct(stage: Stage) -> StageStruct:
    return StageStruct(
        address(stage.start),
        address(stage.table),
        *stage.start.shape,
        address(stage.quad),
        address(stage.limbs),
        row_groups=stage.limbs.shape[1],
        in_height=stage.in_hw[0],
        out_width=stage.out_hw[1],
        out_height=stage.out_hw[0],
    )


def pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def address(array: npt.NDArray[Any]) -> int:
    return int(array.ctypes.data)


def integer(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)
