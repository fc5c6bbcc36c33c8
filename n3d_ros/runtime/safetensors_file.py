"""Where every tensor lies in a model folder's safetensors files, and memory-mapped views of them.

In: a folder. Out: names, dtypes, shapes, file and byte offsets; arrays on request. Only headers are read, so
a 16 GB checkpoint costs milliseconds. Format: 8-byte little-endian length n, n bytes of JSON, then the data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.runtime.types import ModelFolderError

ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2}
MAX_HEADER_BYTES = 100_000_000
PREFIXES = (("model.language_model.", "model."), ("model.visual.", "visual."))


@dataclass(frozen=True)
class TensorEntry:
    """`dtype` is F32, F16 or BF16; `offset` and `num_bytes` are in bytes of `file`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    num_bytes: int

    def array(self) -> npt.NDArray[Any]:
        """Read-only memory map in the stored type; bfloat16, which numpy lacks, as uint16."""
        kind = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}[self.dtype]
        return np.memmap(self.file, dtype=kind, mode="r", offset=self.offset, shape=self.shape)

    def float32(self) -> npt.NDArray[np.float32]:
        """A float32 copy."""
        return to_float32(self.array(), self.dtype)


def to_float32(stored: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.float32]:
    """Rows of a stored tensor, widened; bfloat16 is the upper half of a float32."""
    if dtype == "BF16":
        widened: npt.NDArray[np.float32] = (stored.astype(np.uint32) << 16).view(np.float32)
        return widened
    return stored.astype(np.float32)


def read_entries(folder: Path) -> dict[str, TensorEntry]:
    """All tensors of `folder`'s *.safetensors files by short name (`model.layers...`, `visual...`,
    `lm_head.weight`).

    Checkpoints carry one of two prefixes, `model.language_model.` and `model.visual.` or the hub's `model.`
    and `visual.`; both become the hub's. ModelFolderError when there is no file or a header cannot be read.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelFolderError(f"{folder}: expected model weights (*.safetensors), found none")
    return {short_name(entry.name): entry for file in files for entry in read_header(file)}


def short_name(name: str) -> str:
    """The hub's name of a tensor."""
    for long, short in PREFIXES:
        if name.startswith(long):
            return short + name[len(long) :]
    return name


def read_header(file: Path) -> Iterator[TensorEntry]:
    """The tensors of one file. ModelFolderError when it is cut short or no safetensors file."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size, MAX_HEADER_BYTES):
            raise ModelFolderError(
                f"{file}: expected a safetensors file, its header does not fit into its {size} bytes"
            )
        header = _parse_header(stream.read(length), file)
    for name, info in header.items():
        if name == "__metadata__":
            continue
        if info["dtype"] not in ITEM_SIZES:
            raise ModelFolderError(
                f"{file}: tensor {name} has type {info['dtype']}, expected one of {list(ITEM_SIZES)}"
            )
        begin, end = info["data_offsets"]
        if 8 + length + end > size:
            raise ModelFolderError(
                f"{file}: cut short, tensor {name} ends at byte {8 + length + end} of {size}"
            )
        yield TensorEntry(name, info["dtype"], tuple(info["shape"]), file, 8 + length + begin, end - begin)


def _parse_header(text: bytes, file: Path) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ModelFolderError(f"{file}: expected a safetensors header, got {error}") from error
    return header
