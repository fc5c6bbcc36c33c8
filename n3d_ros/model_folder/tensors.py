"""Where every tensor lies in a model folder's safetensors files, and memory-mapped views of them.

In: a folder. Out: names, dtypes, shapes, file and byte offsets; arrays on request. Only headers are read, so
a 16 GB checkpoint costs milliseconds. Format: 8-byte little-endian length n, n bytes of JSON, then the data.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import ModelFolderError
from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, parse_json, read_object

EMBEDDING = "model.embed_tokens.weight"
ITEM_SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "I8": 1, "F8_E4M3": 1}
# Types of memory maps; those that numpy lacks come as unsigned integers of their width.
ARRAY_TYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I8": np.int8}
# Bits of the exponent; a number in which all are set is NaN or infinite (IEEE 754).
EXPONENTS = {"F32": (np.uint32, 0x7F80_0000), "F16": (np.uint16, 0x7C00), "BF16": (np.uint16, 0x7F80)}
# Numbers that are looked at at once.
PIECE = 1 << 22
MAX_HEADER_BYTES = 100_000_000
INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
# Weights that can run code when they are opened; never read.
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
# Of PEFT: differences to a base model, in a folder of their own or beside it.
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
ADAPTER_NAMES = re.compile(r"(^|\.)(lora_\w+|base_layer|modules_to_save|original_module)(\.|$)")
MERGE = "merge it into its base model first (PEFT: merge_and_unload, then save_pretrained)"
# What torch.compile, DistributedDataParallel, FSDP and its checkpointing put into names; the model has no
# part of these names.
WRAPPERS = re.compile(r"(?<![^.])(_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
PEFT_PREFIX = "base_model.model."
PREFIXES = (("model.language_model.", "model."), ("model.visual.", "visual."))
HEAD = "lm_head.weight"


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
        if not self.num_bytes:  # there is nothing to map
            return np.empty(self.shape, kind)
        return np.memmap(self.file, dtype=kind, mode="r", offset=self.offset, shape=self.shape)

    def float32(self) -> npt.NDArray[np.float32]:
        """A float32 copy."""
        return to_float32(self.array(), self.dtype)

    def is_finite(self) -> bool:
        """Whether no number is NaN or infinite; reads all of them. True for integers."""
        if self.dtype not in EXPONENTS or not self.num_bytes:
            return True
        kind, exponent = EXPONENTS[self.dtype]
        bits = self.array().reshape(-1).view(kind)
        pieces = (bits[start : start + PIECE] for start in range(0, bits.size, PIECE))
        return not any(((piece & exponent) == exponent).any() for piece in pieces)

    def is_zero(self) -> bool:
        """Whether it holds nothing but zeros; reads as far as the first other number."""
        stored = self.array().reshape(-1)
        return bool(stored.size) and not any(
            stored[start : start + PIECE].any() for start in range(0, stored.size, PIECE)
        )


def to_float32(stored: npt.NDArray[Any], dtype: str) -> npt.NDArray[np.float32]:
    """Rows of a stored tensor, widened; bfloat16 is the upper half of a float32."""
    if dtype == "BF16":
        widened: npt.NDArray[np.float32] = (stored.astype(np.uint32) << 16).view(np.float32)
        return widened
    return stored.astype(np.float32)


def read_entries(folder: Path) -> dict[str, TensorEntry]:
    """All tensors of a checkpoint by short name (`model.layers...`, `visual...`, `lm_head.weight`).

    Checkpoints carry one of two prefixes, `model.language_model.` and `model.visual.` or the hub's `model.`
    and `visual.`; both become the hub's. What training tools wrap around names is taken off. ModelFolderError
    when there is no file, one cannot be read, two hold the same tensor, or an adapter is there.
    """
    _check_no_adapter(folder)
    entries: dict[str, TensorEntry] = {}
    for entry in (entry for file in weight_files(folder) for entry in read_header(file)):
        name = short_name(entry.name)
        if ADAPTER_NAMES.search(name):
            raise ModelFolderError(f"{entry.file}: {shown(entry.name)} is part of an adapter; {MERGE}")
        if name in entries:
            first, second = entries[name], entry
            raise ModelFolderError(
                f"{folder}: expected tensor {name} once, found it as {first.name} in {first.file.name} "
                f"and as {second.name} in {second.file.name}"
            )
        entries[name] = entry
    return entries


def _check_no_adapter(folder: Path) -> None:
    found = [name for name in ADAPTER_FILES if (folder / name).is_file()]
    if found:
        raise ModelFolderError(
            f"{folder}: expected one whole model, found the adapter {' and '.join(found)}; {MERGE}, or move "
            "it away where that is done"
        )


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
        names = set(read_object(index)["weight_map"].values())
    except (JsonError, KeyError, TypeError, AttributeError) as error:
        raise ModelFolderError(f"{index}: expected an index with a weight_map, got {error!r}") from error
    outside = sorted(str(name) for name in names if not is_plain_name(name))
    if outside or not names:
        raise ModelFolderError(
            f"{index}: expected plain file names, got {', '.join(map(str, outside)) or 'none'}"
        )
    missing = sorted(name for name in names if not (index.parent / name).is_file())
    if missing:
        raise ModelFolderError(f"{index.parent}: {INDEX_NAME} names {', '.join(missing)}, found none of that")
    return [index.parent / name for name in sorted(names)]


def is_plain_name(name: object) -> bool:
    """Whether this names a file in the folder itself."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")


def short_name(name: str) -> str:
    """The hub's name of a tensor, without what wraps it."""
    name = WRAPPERS.sub("", name)
    name = WRAPPERS.sub("", name.removeprefix(PEFT_PREFIX))
    for long, short in PREFIXES:
        if name.startswith(long):
            return short + name[len(long) :]
    return name


def read_header(file: Path) -> Iterator[TensorEntry]:
    """The tensors of one file. ModelFolderError when it is cut short or no safetensors file: every shape must
    need exactly the bytes that it is given, and no byte may belong to two tensors.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if 8 + length > min(size, MAX_HEADER_BYTES):
            raise ModelFolderError(
                f"{file}: expected a safetensors file, its header does not fit into its {size} bytes"
            )
        header = _parse_header(stream.read(length), file)
    header.pop("__metadata__", None)
    entries = [_entry(name, info, file, 8 + length, size) for name, info in header.items()]
    _check_apart(entries)
    yield from entries


def _parse_header(text: bytes, file: Path) -> dict[str, Any]:
    try:
        header = parse_json(text)
    except JsonError as error:
        raise ModelFolderError(f"{file}: expected a safetensors header, got {error}") from error
    if not isinstance(header, dict):
        raise ModelFolderError(f"{file}: expected a safetensors header, got {shown(header)}")
    return header


def _entry(name: str, info: Any, file: Path, data_start: int, size: int) -> TensorEntry:
    """One line of a header. ModelFolderError where it contradicts itself or the file's size."""
    named = f"{file}: tensor {shown(name)}"
    if not isinstance(info, Mapping) or not {"dtype", "shape", "data_offsets"} <= set(info):
        raise ModelFolderError(f"{named}: expected dtype, shape and data_offsets, got {shown(info)}")
    dtype, shape, offsets = info["dtype"], info["shape"], info["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_SIZES:
        raise ModelFolderError(f"{named} has type {shown(dtype)}, expected one of {list(ITEM_SIZES)}")
    if not _are_counts(shape):
        raise ModelFolderError(f"{named}: expected a shape of whole numbers, got {shown(shape)}")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[1] < offsets[0]:
        raise ModelFolderError(f"{named}: expected data_offsets [begin, end], got {shown(offsets)}")
    begin, end = offsets
    if data_start + end > size:
        raise ModelFolderError(f"{file}: cut short, {shown(name)} ends at byte {data_start + end} of {size}")
    needed = math.prod(shape) * ITEM_SIZES[dtype]
    if needed != end - begin:
        raise ModelFolderError(
            f"{named}: expected {needed} bytes for shape {shown(tuple(shape))} of {dtype}, got {end - begin}"
        )
    return TensorEntry(name, dtype, tuple(shape), file, data_start + begin, end - begin)


def _are_counts(values: Any) -> bool:
    """Whether this is a list of whole numbers that a file's sizes can be."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 62 for value in values)


def _check_apart(entries: list[TensorEntry]) -> None:
    end, before = 0, ""
    for entry in sorted(entries, key=lambda entry: (entry.offset, entry.num_bytes)):
        if entry.offset < end and entry.num_bytes:
            raise ModelFolderError(
                f"{entry.file}: tensors {shown(before)} and {shown(entry.name)} share bytes, expected each "
                "to have its own"
            )
        end, before = max(end, entry.offset + entry.num_bytes), entry.name
