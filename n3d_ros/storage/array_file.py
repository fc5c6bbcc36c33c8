"""NumPy arrays of strangers in `.npy` and `.npz`: read, or one `ArrayFileError` before memory is taken.

In: a path. Out: arrays. The header is read first; what it announces must fit the bytes that are there and
the limit. Object arrays are refused, for they would be unpickled. It does not know what the arrays mean, and
callers name the file. Format: numpy/lib/format.py in NumPy's repository.
"""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from n3d_ros.plain_text import one_line, shown

# Of one array in memory: a point map of 33 million pixels in float64.
MAX_ARRAY_BYTES = 1 << 30
# Version 3 differs in the names of record fields alone, and records are refused.
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What numpy, zipfile and Python's literal parser raise for damaged files, all of it seen when fuzzing.
# MemoryError comes from that parser: how much the data needs is checked before.
DAMAGED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    SyntaxError,
    RecursionError,
    MemoryError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
)


class ArrayFileError(ValueError):
    """Why arrays cannot be read; the message fits behind "expected a NumPy file, got"."""


def read_npy(path: Path, max_bytes: int = MAX_ARRAY_BYTES) -> npt.NDArray[Any]:
    """The array in a `.npy` file. ArrayFileError, or OSError where the file cannot be opened."""
    with path.open("rb") as stream:
        return _read(stream, path.stat().st_size, max_bytes)


def read_npz(
    path: Path, names: Sequence[str], max_bytes: int = MAX_ARRAY_BYTES
) -> dict[str, npt.NDArray[Any]]:
    """Those of the arrays `names` that a `.npz` file holds; others stay unread. Errors as in `read_npy`."""
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except DAMAGED as error:
            raise ArrayFileError(_reason(error)) from error
        with archive:
            members = _members(archive, names)
            return {name: _unpack(archive, member, max_bytes) for name, member in members.items()}


def _members(archive: zipfile.ZipFile, names: Sequence[str]) -> dict[str, zipfile.ZipInfo]:
    """ArrayFileError where two members have one of the names: readers disagree on which counts."""
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in names and name in found:
            raise ArrayFileError(f"two arrays named {shown(name)}")
        if name in names:
            found[name] = member
    return found


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, max_bytes: int) -> npt.NDArray[Any]:
    if member.compress_type not in PACKINGS:
        raise ArrayFileError(f"{shown(member.filename)} packed by method {member.compress_type}")
    try:
        with archive.open(member) as stream:  # gives no more than the announced size, whatever is packed
            return _read(stream, member.file_size, max_bytes)
    except ArrayFileError as error:
        raise ArrayFileError(f"in {shown(member.filename)} {error}") from error
    except DAMAGED as error:
        raise ArrayFileError(f"in {shown(member.filename)} {_reason(error)}") from error


def _read(stream: IO[bytes], size: int, max_bytes: int) -> npt.NDArray[Any]:
    """An array of `size` bytes, its header included."""
    try:
        shape, is_fortran, dtype = _header(stream)
        num_bytes = _check(shape, dtype, size - stream.tell(), max_bytes)
        data = stream.read(num_bytes)
        if len(data) != num_bytes:
            raise ArrayFileError(f"{len(data)} of {num_bytes} bytes of data")
        flat = np.frombuffer(bytearray(data), dtype)  # a bytearray, so that callers may write
        return flat.reshape(shape, order="F" if is_fortran else "C")
    except ArrayFileError:
        raise
    except DAMAGED as error:
        raise ArrayFileError(_reason(error)) from error


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ArrayFileError(f"format version {version}")
    header: tuple[tuple[int, ...], bool, np.dtype[Any]] = HEADERS[version](stream)
    return header


def _check(shape: tuple[int, ...], dtype: np.dtype[Any], num_there: int, max_bytes: int) -> int:
    """Bytes of the data."""
    if dtype.hasobject or dtype.names is not None or dtype.itemsize == 0:
        raise ArrayFileError(f"values of type {shown(dtype)}")
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise ArrayFileError(f"shape {shown(shape)}")
    num_bytes = math.prod(shape) * dtype.itemsize
    if num_bytes != num_there:
        raise ArrayFileError(
            f"shape {shown(shape)} of {dtype}, which needs {num_bytes} bytes, and {num_there} are there"
        )
    if num_bytes > max_bytes:
        raise ArrayFileError(f"shape {shown(shape)} of {dtype}: {num_bytes} bytes, at most {max_bytes}")
    return num_bytes


def _reason(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", 200)
