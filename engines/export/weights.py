"""Write tensors into one safetensors file, one piece at a time, whatever they are made of.

In: names, types, shapes and a source of bytes for each. Out: a file whose header and tensors are aligned to
64 bytes (a tensor of odd size only at the end). It does not know graphs or models.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.tensors import TensorEntry

STORED = {"fp16": ("F16", np.float16), "fp32": ("F32", np.float32)}
ALIGNMENT = 64
PIECE_BYTES = 1 << 24


@dataclass(frozen=True)
class NewTensor:
    """One tensor to write. `dtype` is safetensors' name; `pieces()` yields its bytes in order as arrays."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    num_bytes: int
    pieces: Callable[[], Iterable[np.ndarray]]


def write_tensors(path: Path, tensors: Iterable[NewTensor], on_bytes: Callable[[int], object] = int) -> None:
    """Write all `tensors`; those whose size would misalign the next come last. on_bytes(n): n more
    written.
    """
    ordered = sorted(tensors, key=lambda tensor: tensor.num_bytes % ALIGNMENT != 0)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in ordered:
        end = offset + tensor.num_bytes
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    with path.open("wb") as stream:
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % ALIGNMENT)
        stream.write(struct.pack("<Q", len(text)) + text)
        for tensor in ordered:
            _write(stream, tensor, on_bytes)


def _write(stream: BinaryIO, tensor: NewTensor, on_bytes: Callable[[int], object]) -> None:
    written = 0
    for piece in tensor.pieces():
        stream.write(np.ascontiguousarray(piece).data)
        written += piece.nbytes
        on_bytes(piece.nbytes)
    assert written == tensor.num_bytes, f"{tensor.name}: {written} bytes of {tensor.num_bytes}"


def copied(entry: TensorEntry) -> NewTensor:
    """A stored tensor as it is."""

    def pieces() -> Iterator[np.ndarray]:
        flat = entry.array().reshape(-1)
        step = PIECE_BYTES // flat.itemsize
        return (flat[start : start + step] for start in range(0, flat.size, step))

    return NewTensor(entry.name, entry.dtype, entry.shape, entry.num_bytes, pieces)


def converted(entry: TensorEntry, dtype: str) -> NewTensor:
    """A stored tensor as 'fp16' or 'fp32'. ModelFolderError, when written, where a value does not fit."""
    kind, numpy_type = STORED[dtype]
    num_bytes = np.dtype(numpy_type).itemsize * int(np.prod(entry.shape))
    return NewTensor(entry.name, kind, entry.shape, num_bytes, lambda: [_converted(entry, numpy_type)])


def write_converted(weights: Mapping[str, TensorEntry], dtype: str, path: Path) -> None:
    """All `weights` as `dtype` ('fp16', 'fp32'). ModelFolderError where a value does not fit into fp16."""
    write_tensors(path, [converted(entry, dtype) for entry in weights.values()])


def _converted(entry: TensorEntry, numpy_type: type) -> np.ndarray:
    values = entry.float32()
    with np.errstate(over="ignore"):
        result: np.ndarray = values.astype(numpy_type)
    if not np.isfinite(result).all():
        raise ModelFolderError(
            f"{entry.name}: expected values that fit {numpy_type.__name__}, got up to {np.abs(values).max()}"
        )
    return result
