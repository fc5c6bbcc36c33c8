"""Weights -> 4 or 8 bits, round to nearest, and where each number goes in the file.

In: a stored matrix (out, in). Out: its values as (in, out), the order in which ONNX Runtime and TensorRT keep
four bits in a product, and its scales. Pieces of input rows at a time, so the head of the 7B fits into a few
hundred MB. Format: docs/specification/engines.md 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from n3d_ros.model_folder.tensors import TensorEntry, to_float32

PIECE_VALUES = 1 << 24
TINY = 1e-12
STORED = {"fp32": ("F32", np.float32), "fp16": ("F16", np.float16), "bf16": ("BF16", ml_dtypes.bfloat16)}
FP8_MAX = float(ml_dtypes.finfo(ml_dtypes.float8_e4m3fn).max)


@dataclass(frozen=True)
class Precision:
    """How a weight is stored: `dtype` in the file, bits, and the value that the largest weight becomes."""

    name: str
    dtype: str
    bits: int
    largest: float
    blocked: bool


# int4: one scale per block of inputs and output, no zero point; int8, fp8 (E4M3): one per output.
PRECISIONS = {
    "int4": Precision("int4", "U8", 4, 7.0, blocked=True),
    "int8": Precision("int8", "I8", 8, 127.0, blocked=False),
    "fp8": Precision("fp8", "F8_E4M3", 8, FP8_MAX, blocked=False),
}


def scales(
    weight: TensorEntry, precision: Precision, block: int, dtype: str, rows: np.ndarray | None
) -> np.ndarray:
    """Scales as stored: (in / block, out) for int4, (out,) else, in `dtype` ('fp32', 'fp16', 'bf16').

    rows: (in,) factors that the weights are multiplied by before rounding, or None.
    """
    found = [
        _largest(piece, block if precision.blocked else len(piece))
        for _, piece in pieces(weight, block, rows)
    ]
    largest = np.concatenate(found) if precision.blocked else np.max(np.concatenate(found), axis=0)
    return (np.maximum(largest, TINY) / precision.largest).astype(STORED[dtype][1])


def quantized(
    weight: TensorEntry, precision: Precision, block: int, scale: np.ndarray, rows: np.ndarray | None
) -> Iterator[np.ndarray]:
    """The stored bytes, piece by piece."""
    wide = scale.astype(np.float32)
    for start, piece in pieces(weight, block, rows):
        if precision.blocked:
            part = wide[start // block : (start + len(piece)) // block]
            piece /= np.repeat(part, block, axis=0)
        else:
            piece /= wide
        yield _STORE[precision.name](piece)


def pieces(weight: TensorEntry, block: int, rows: np.ndarray | None) -> Iterator[tuple[int, np.ndarray]]:
    """(first input row, float32 (rows, out)) with whole blocks of input rows, multiplied by `rows`."""
    stored = weight.array()
    num_out, num_in = stored.shape
    step = max(PIECE_VALUES // num_out // block, 1) * block
    for start in range(0, num_in, step):
        values = to_float32(np.ascontiguousarray(stored[:, start : start + step]), weight.dtype)
        piece = np.ascontiguousarray(values.T)
        if rows is not None:
            piece *= rows[start : start + step, None]
        yield start, piece


def _largest(piece: np.ndarray, block: int) -> np.ndarray:
    """(rows / block, out): the largest magnitude of each block of input rows."""
    blocks = piece.reshape(-1, block, piece.shape[1])
    return np.maximum(blocks.max(axis=1), -blocks.min(axis=1))


def _int4(values: np.ndarray) -> np.ndarray:
    """Two numbers a byte, the first in the low half."""
    rounded = np.clip(np.rint(values, out=values), -8, 7).astype(np.int8).reshape(-1, 2).view(np.uint8)
    packed: np.ndarray = (rounded[:, 0] & 0x0F) | (rounded[:, 1] << 4)
    return packed


def _int8(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values, out=values), -127, 127).astype(np.int8)


def _fp8(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -FP8_MAX, FP8_MAX).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)


_STORE = {"int4": _int4, "int8": _int8, "fp8": _fp8}
