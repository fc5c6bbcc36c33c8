"""Resizes of RGB pictures as native/picture_vnni.c reads them: weights as three signed bytes, taps by fours.

In: sizes and filters, or a pass over columns and one over rows. Out: arrays whose layout kernels.h names, or
None where the passes do not fit it: less than 22 columns, a picture that shrinks to much less than a third,
weights beyond three bytes. It does not know grey levels or machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess.resample import PRECISION_BITS, ResizePass, resize_pass

CHANNELS = 3
# Grey levels that one instruction multiplies and adds; rows of a quad.
TAPS = 4
LIMBS = 3
LANES = 16
VECTOR = 64
# N3D_MAX_ROW_GROUPS of native/kernels.h.
MAX_ROW_GROUPS = 8

ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Stage:
    """`n3d_stage` of native/kernels.h.

    start: (blocks, groups) int32. table: (blocks, groups, 4, 64) uint8. quad: (out_height,) int32.
    limbs: (out_height, row_groups, 3) int32. in_hw, out_hw: (height, width) before and after.
    """

    start: IntArray
    table: ByteArray
    quad: IntArray
    limbs: IntArray
    in_hw: tuple[int, int]
    out_hw: tuple[int, int]


@lru_cache(maxsize=16)
def resize_stages(size: tuple[int, int], *resizes: tuple[tuple[int, int], int]) -> tuple[Stage, ...] | None:
    """From size (width, height) to that of each resize, by its filter; without those that change nothing."""
    stages = []
    for after, resample in resizes:
        if after != size:
            columns, rows = (_pass(*sides, resample) for sides in zip(size, after, strict=True))
            found = stage(columns, rows)
            if found is None:
                return None
            stages.append(found)
        size = after
    return tuple(stages)


def stage(columns: ResizePass, rows: ResizePass) -> Stage | None:
    """Both passes of a resize, columns first."""
    by_columns, by_rows = _columns(columns), _rows(rows)
    if by_columns is None or by_rows is None:
        return None
    return Stage(*by_columns, *by_rows, (rows.size_in, columns.size_in), (rows.size_out, columns.size_out))


def _pass(before: int, after: int, resample: int) -> ResizePass:
    """A resize pass, or one that gives its source."""
    if before != after:
        return resize_pass(before, after, resample)
    weights = np.full((before, 1), 1 << PRECISION_BITS, dtype=np.int32)
    return ResizePass(before, before, np.arange(before, dtype=np.int32), weights)


def _columns(plan: ResizePass) -> tuple[IntArray, ByteArray] | None:
    limbs = _limbs(plan.weights)
    num_bytes = plan.size_in * CHANNELS
    if limbs is None or num_bytes < VECTOR:
        return None
    num_blocks = -(-plan.size_out * CHANNELS // VECTOR) * (VECTOR // LANES)
    lane = np.minimum(np.arange(num_blocks * LANES), plan.size_out * CHANNELS - 1)
    tap = np.minimum(np.arange(limbs.shape[2] * TAPS), plan.taps - 1)
    source = (plan.first[lane // CHANNELS, None] + tap) * CHANNELS + lane[:, None] % CHANNELS
    source = source.reshape(num_blocks, LANES, -1, TAPS).swapaxes(1, 2)  # block, group, lane, tap
    start = np.minimum(source.min(axis=(2, 3)), num_bytes - VECTOR).astype(np.int32)
    index = source - start[..., None, None]
    if index.max() >= VECTOR:
        return None
    table = _aligned((num_blocks, limbs.shape[2], 1 + LIMBS, VECTOR))
    table[:, :, 0] = index.reshape(*start.shape, VECTOR)
    by_lane = limbs[:, lane // CHANNELS].reshape(LIMBS, num_blocks, LANES, -1, TAPS)
    table[:, :, 1:] = by_lane.transpose(1, 3, 0, 2, 4).reshape(*start.shape, LIMBS, VECTOR).view(np.uint8)
    return start, table


def _rows(plan: ResizePass) -> tuple[IntArray, IntArray] | None:
    num_quads = -(-plan.size_in // TAPS)
    num_groups = int(((plan.first + plan.taps - 1) // TAPS - plan.first // TAPS).max()) + 1
    quad = np.minimum(plan.first // TAPS, num_quads - num_groups)
    spread = np.zeros((plan.size_out, num_groups * TAPS), dtype=np.int32)
    column = (plan.first - quad * TAPS)[:, None] + np.arange(plan.taps)
    np.put_along_axis(spread, column, plan.weights, axis=1)
    limbs = _limbs(spread)
    if limbs is None or num_groups > MAX_ROW_GROUPS:
        return None
    return quad, np.ascontiguousarray(limbs.transpose(1, 2, 0, 3)).view(np.int32)[..., 0]


def _limbs(weights: IntArray) -> npt.NDArray[np.int8] | None:
    """(size, taps) -> (3, size, groups, 4), zeros behind; weights = limbs[0] + 256 limbs[1] + ..."""
    groups = -(-weights.shape[1] // TAPS)
    rest = np.zeros((len(weights), groups * TAPS), dtype=np.int32)
    rest[:, : weights.shape[1]] = weights
    limbs = np.empty((LIMBS, len(weights), groups, TAPS), dtype=np.int8)
    for limb in range(LIMBS):
        low = rest.astype(np.int8)  # its last eight bits, -128..127
        limbs[limb] = low.reshape(limbs.shape[1:])
        rest = (rest - low) >> 8
    return limbs if not rest.any() else None


def _aligned(shape: tuple[int, ...]) -> Any:
    """Uninitialised bytes that begin a cache line: a vector that lies in two takes twice as long to load."""
    size = int(np.prod(shape))
    memory = np.empty(size + VECTOR, dtype=np.uint8)
    start = -memory.ctypes.data % VECTOR
    return memory[start : start + size].reshape(shape)
