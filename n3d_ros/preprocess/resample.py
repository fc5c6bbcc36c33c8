"""Coefficients of Pillow's and torch's 8-bit resizes, one pass at a time.

In: a number of source pixels, of target pixels and a filter. Out: for every target pixel its first source
pixel and integer weights. Sources: Pillow src/libImaging/Resample.c (precompute_coeffs,
normalize_coeffs_8bpc), equal in all versions the project allows; torch ATen/native/cpu/UpSampleKernel.cpp
(_compute_index_ranges_int16_weights).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

PRECISION_BITS = 32 - 8 - 2
# Numbers of PIL.Image's filters: Pillow 9.0 (Ubuntu 22.04) has no Image.Resampling.
LANCZOS = 1
BICUBIC = 3
# torch's antialiased 'bicubic' on uint8: the same curve, its weights in as many bits as 16 hold.
BICUBIC_INT16 = -BICUBIC
SUPPORT = {LANCZOS: 3.0, BICUBIC: 2.0, BICUBIC_INT16: 2.0}

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ResizePass:
    """first: (size_out,) int32 first source pixel. weights: (size_out, taps) int32, 1.0 = 2**22.

    first never falls, 0 <= first and first + taps <= size_in: the kernels rely on it, so it is checked here.
    """

    size_in: int
    size_out: int
    first: IntArray
    weights: IntArray

    def __post_init__(self) -> None:
        shapes = self.first.shape, self.weights.shape[:1]
        if shapes != ((self.size_out,), (self.size_out,)):
            raise ValueError(f"resize pass: expected {self.size_out} rows, got {shapes}")
        if self.first[0] < 0 or self.first[-1] + self.taps > self.size_in or (np.diff(self.first) < 0).any():
            raise ValueError(f"resize pass: a window leaves the {self.size_in} source pixels or goes back")
        self.first.setflags(write=False)
        self.weights.setflags(write=False)

    @property
    def taps(self) -> int:
        return int(self.weights.shape[1])

    @cached_property
    def is_identity(self) -> bool:
        """Every output is its source, as `no_pass` makes it."""
        own = self.first[:, None] + np.arange(self.taps) == np.arange(self.size_out)[:, None]
        return self.size_in == self.size_out and bool((self.weights == own * (1 << PRECISION_BITS)).all())


@dataclass(frozen=True, eq=False)
class Resize:
    """Both passes of one resize: over columns, then over rows."""

    columns: ResizePass
    rows: ResizePass


@lru_cache(maxsize=16)
def resizes(size: tuple[int, int], *steps: tuple[tuple[int, int], int]) -> tuple[Resize, ...]:
    """From size (width, height) to that of each step, by its filter.

    Steps that change nothing are left out, unless none would remain. A side that keeps its length gets
    `no_pass`: Pillow and torch leave it alone, too.
    """
    found = []
    for after, resample in steps:
        if after != size:
            columns, rows = (_any_pass(*sides, resample) for sides in zip(size, after, strict=True))
            found.append(Resize(columns, rows))
        size = after
    return tuple(found) or (Resize(no_pass(size[0]), no_pass(size[1])),)


def _any_pass(size_in: int, size_out: int, resample: int) -> ResizePass:
    return no_pass(size_in) if size_in == size_out else resize_pass(size_in, size_out, resample)


def no_pass(size: int) -> ResizePass:
    """The pass that gives its source."""
    weights = np.full((size, 1), 1 << PRECISION_BITS, dtype=np.int32)
    return ResizePass(size, size, np.arange(size, dtype=np.int32), weights)


@lru_cache(maxsize=32)
def resize_pass(size_in: int, size_out: int, resample: int) -> ResizePass:
    """What Pillow or torch computes before it resizes one axis from size_in to size_out pixels."""
    scale = size_in / size_out
    stretch = max(scale, 1.0)
    support = SUPPORT[resample] * stretch
    center = (np.arange(size_out) + 0.5) * scale
    start = np.maximum((center - support + 0.5).astype(np.int64), 0)
    end = np.minimum((center + support + 0.5).astype(np.int64), size_in)
    taps = int((end - start).max())
    first = np.minimum(start, size_in - taps)
    # (size_out, taps) source pixels; the curve is read at their distances from the output's centre.
    source = first[:, None] + np.arange(taps)
    shape = _lanczos if resample == LANCZOS else _bicubic
    weights = shape((source - center[:, None] + 0.5) * (1.0 / stretch))
    weights[(source < start[:, None]) | (source >= end[:, None])] = 0.0
    weights /= np.add.accumulate(weights, axis=1)[:, -1:]  # one after the other, as both sum them
    bits = _int16_bits(float(weights.max())) if resample == BICUBIC_INT16 else PRECISION_BITS
    rounded = np.trunc(weights * (1 << bits) + np.where(weights < 0, -0.5, 0.5))
    # Shifted to one precision, sums round to the same levels.
    fixed: IntArray = rounded.astype(np.int32) << (PRECISION_BITS - bits)
    return ResizePass(size_in, size_out, first.astype(np.int32), fixed)


def resize_axis(pixels: ByteArray, plan: ResizePass, axis: int) -> ByteArray:
    """One pass over an axis of plan.size_in pixels, rounded and clipped to uint8 as the kernels do it."""
    shape = [1] * pixels.ndim
    shape[axis] = plan.size_out
    total = np.full((), 1 << (PRECISION_BITS - 1), dtype=np.int32)
    for tap in range(plan.taps):
        total = total + pixels.take(plan.first + tap, axis) * plan.weights[:, tap].reshape(shape)
    levels: ByteArray = np.clip(total >> PRECISION_BITS, 0, 255).astype(np.uint8)
    return levels


def _int16_bits(largest: float) -> int:
    """Bits after the point with which the largest weight still fits 16 bits."""
    bits = 0
    while bits < PRECISION_BITS and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    return bits


def _bicubic(x: Array) -> Array:
    a = -0.5
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Array) -> Array:
    inside = (x >= -3.0) & (x < 3.0)
    return np.where(inside, np.sinc(x) * np.sinc(x / 3.0), 0.0)
