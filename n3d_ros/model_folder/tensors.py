"""Where every tensor lies in a model folder's safetensors files, and memory-mapped views of them.

In: a folder. Out: names, dtypes, shapes, file and byte offsets; arrays on request. Only headers are read, so
a 16 GB checkpoint costs milliseconds. Format: 8-byte little-endian length n, n bytes of JSON, then the data.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import ModelFolderError

EMBEDDING = "model.embed_tokens.weight"
ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1}
# Types of memory maps; those that numpy lacks come as unsigned integers of their width.
ARRAY_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I8": np.int8}
MAX_HEADER_BYTES = 100_000_000
INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
# Weights that can run code when they are opened; never read.
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
PREFIXES = (("model.language_model.", "model."), ("model.visual.", "visual."))


@dataclass(frozen=True)
class TensorEntry:
    """`dtype` is a key of ITEM_SIZES (U8, I8, F8_E4M3: quantised weights); `offset` and `num_bytes` are in
    bytes of `file`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    num_bytes: int

    def array(self) -> npt.NDArray[Any]:
        """Read-only memory map in the stored type; bfloat16, which numpy lacks, as uint16."""
        kind = ARRAY_TYPES.get(self.dtype, np.uint8)
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
    """All tensors of a checkpoint by short name (`model.layers...`, `visual...`, `lm_head.weight`).

    Checkpoints carry one of two prefixes, `model.language_model.` and `model.visual.` or the hub's `model.`
    and `visual.`; both become the hub's. ModelFolderError when there is no file, one cannot be read, or two
    hold the same tensor.
    """
    entries: dict[str, TensorEntry] = {}
    for entry in (entry for file in weight_files(folder) for entry in read_header(file)):
        name = short_name(entry.name)
        if name in entries:
            raise ModelFolderError(
                f"{folder}: expected tensor {name} once, found it in {entries[name].file.name} "
                f"and {entry.file.name}"
            )
        entries[name] = entry
    return entries


class EmbeddingTable:
    """The embedding row of every token, memory-mapped: a row is read from the file when it is asked for."""

    def __init__(self, folder: Path) -> None:
        entry = read_entries(folder)[EMBEDDING]
        self.dtype, self._rows = entry.dtype, entry.array()

    def stored(self, ids: Sequence[int]) -> npt.NDArray[Any]:
        """Rows (T, hidden) in the stored type; bfloat16 as uint16."""
        rows: npt.NDArray[Any] = self._rows[np.asarray(ids, dtype=np.int64)]
        return rows

    def float32(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Rows (T, hidden)."""
        return to_float32(self.stored(ids), self.dtype)


def weight_files(folder: Path) -> list[Path]:
    """The files that make up a checkpoint: those of its index, else model.safetensors, else all
    *.safetensors.
    """
    index = folder / INDEX_NAME
    if index.is_file():
        return _indexed_files(index)
    single = folder / SINGLE_NAME
    files = [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
    if files:
        return files
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise ModelFolderError(
            f"{folder}: expected *.safetensors, found only pickled weights ({', '.join(pickled)}), which are "
            "never opened; save the model with safe_serialization=True"
        )
    raise ModelFolderError(f"{folder}: expected model weights (*.safetensors), found none")


def _indexed_files(index: Path) -> list[Path]:
    """The shards that an index names. ModelFolderError when one is missing or lies outside the folder."""
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFolderError(f"{index}: expected an index with a weight_map, got {error!r}") from error
    outside = sorted(str(name) for name in names if not isinstance(name, str) or Path(name).name != name)
    if outside:
        raise ModelFolderError(f"{index}: expected plain file names, got {', '.join(outside)}")
    missing = sorted(name for name in names if not (index.parent / name).is_file())
    if missing:
        raise ModelFolderError(f"{index.parent}: {INDEX_NAME} names {', '.join(missing)}, found none of that")
    return [index.parent / name for name in sorted(names)]


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
