"""Fixed codes of position: pooled points -> integer steps -> sinusoids, and the 2D code of the patch grid.

In: arrays in raster order of the patch grid, points normalised and in the checkpoint frame. Out: float32
arrays in the same order. Nothing here is learned, and nothing here knows pictures, depth or torch: the
model adds these numbers as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.preprocess import kernels

ORDERS = ("raster", "aligned")
CENTERS = ("scene_mean", "origin")
# Steps from -8192 to 8192 are looked up; published scenes span -520 to 1740. 28 MB if all of them occur.
TABLE_REACH = 8192

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PointEncodingConfig:
    """How points become codes: a property of the weights, so it is read from the model's config.

    order: 'raster' adds row p of the code to row p of the window-permuted tokens, as the released weights
    were run; 'aligned' gives every patch its own code. The order is applied by the model, not here.
    unit: step of the integer coordinates in normalised units (0.001 in the release).
    center: 'scene_mean' subtracts one scalar, the mean of the three per-axis means; 'origin' subtracts
    nothing, so that the code stays tied to the bins of the box text.
    gain: factor on the code where it is added (1 in the release); a model trained from scratch grows
    activations beside which a code of size 1 is lost.
    """

    order: str = "raster"
    unit: float = 0.001
    center: str = "scene_mean"
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"point_encoding_order: expected one of {ORDERS}, got {self.order!r}")
        if self.center not in CENTERS:
            raise ValueError(f"point_encoding_center: expected one of {CENTERS}, got {self.center!r}")
        for name in ("unit", "gain"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"point_encoding_{name}: expected a positive number, got {value!r}")


def center_scalar(pooled: FloatArray, cfg: PointEncodingConfig) -> float:
    """The one scalar subtracted from x, y and z alike; a float32 running mean would flip steps."""
    if cfg.center == "origin":
        return 0.0
    return float(np.float32(pooled.reshape(-1, 3).mean(axis=0, dtype=np.float64).mean()))


def scale_coordinates(pooled: FloatArray, cfg: PointEncodingConfig) -> FloatArray:
    """(N, 3) float32 steps before rounding: (pooled - centre) / unit."""
    scaled: FloatArray = (pooled - np.float32(center_scalar(pooled, cfg))) / np.float32(cfg.unit)
    return scaled


def round_coordinates(pooled: FloatArray, cfg: PointEncodingConfig) -> FloatArray:
    """(N, 3) float32 integers, half to even. pooled: (N, 3) float32 normalised, checkpoint frame."""
    return np.rint(scale_coordinates(pooled, cfg))


def axis_sinusoid(steps: npt.NDArray[Any], width: int) -> FloatArray:
    """(N,) positions -> (N, width) float32: sin(q/d_i) at even i, cos(q/d_i) at odd i.

    d_i = 10000^(2*floor(i/2)/width).
    Exponents, divisors and angles are rounded to float32, as in the release: at 65,000 steps that costs
    3e-3, and the weights saw it so. The power itself is taken in float64, so that it is correctly rounded
    whatever numpy's float32 does.
    """
    exponents = 2 * (np.arange(width) // 2).astype(np.float32) / np.float32(width)
    divisors = np.power(10000.0, exponents.astype(np.float64)).astype(np.float32)
    angles = np.asarray(steps, dtype=np.float32)[:, None] / divisors
    code = np.empty(angles.shape, dtype=np.float32)
    np.sin(angles[:, 0::2], out=code[:, 0::2])
    np.cos(angles[:, 1::2], out=code[:, 1::2])
    return code


def sinusoid(coords: npt.NDArray[Any], width: int) -> FloatArray:
    """(N, 3) steps -> (N, width) float32: x, y and z blocks of width // 3, then zeros
    (docs/specification/model.md 3).
    """
    if coords.ndim != 2 or coords.shape[1] != 3:
        raise ValueError(f"coords: expected shape (N, 3), got {coords.shape}")
    block = width // 3
    rows = _known_rows(coords, block)
    if rows is not None:
        found = kernels.gather_blocks(rows, coords.astype(np.int64) + TABLE_REACH, width)
        if found is not None:
            return found
    code = np.empty((len(coords), width), dtype=np.float32)
    for axis, steps in enumerate(np.asarray(coords).T):
        known = axis_sinusoid(steps, block) if rows is None else rows[steps.astype(np.int64) + TABLE_REACH]
        code[:, axis * block : (axis + 1) * block] = known
    code[:, 3 * block :] = 0.0
    return code


def _known_rows(coords: npt.NDArray[Any], block: int) -> FloatArray | None:
    """(2 * TABLE_REACH + 1, block): the code of every integer step that occurs, kept from frame to frame.

    Rounded steps repeat within a frame and from frame to frame, and looking them up takes a fifth of the
    time of 2 million sines. None when a step is no integer or lies beyond the table.
    """
    steps = np.unique(coords)
    if not len(steps) or abs(steps[[0, -1]]).max() > TABLE_REACH or (steps != np.rint(steps)).any():
        return None
    rows, known = _table(block)
    numbers = steps.astype(np.int64) + TABLE_REACH
    new = numbers[~known[numbers]]
    rows[new] = axis_sinusoid(new - TABLE_REACH, block)
    known[new] = True  # after its row is written: another thread may look
    return rows


@lru_cache(maxsize=4)
def _table(block: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Rows to be filled and which of them are; untouched rows take no memory."""
    size = 2 * TABLE_REACH + 1
    return np.empty((size, block), dtype=np.float32), np.zeros(size, dtype=np.bool_)


def patch_position_code(grid_hw: tuple[int, int], width: int) -> FloatArray:
    """(h*w, width) float32, raster order: where a patch lies in the picture, as [u block, v block, zeros].

    Each block has width // 2 features of the coordinate 100 * (i + 0.5) / count, so 0..100 spans the
    picture on either side whatever the grid is. n3d-nano adds it after the patch embedding; the release has
    no such code.
    """
    rows, columns = grid_hw
    block = width // 2
    code = np.zeros((rows, columns, width), dtype=np.float32)
    code[:, :, :block] = axis_sinusoid(100.0 * (np.arange(columns) + 0.5) / columns, block)[None, :, :]
    code[:, :, block : 2 * block] = axis_sinusoid(100.0 * (np.arange(rows) + 0.5) / rows, block)[:, None, :]
    return code.reshape(rows * columns, width)
