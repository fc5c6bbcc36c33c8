"""A set on disk -> what its pictures are known by.

In: a folder of lifted shards or of questions, or of pictures. Out: `Prints`, each picture once, in the set's
order. It does not know what is compared with what. A picture folder is read picture by picture, the others'
columns alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from n3d_ros.files.picture_file import read_picture
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.training.leaks.pairs import NUM_BITS, Hashes, num_ones
from n3d_ros.training.lift.looks import look_of
from n3d_ros.training.lift.shards import MANIFEST
from n3d_ros.training.run_folder import RUN_FILE, checksum

PICTURE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# A look with fewer bits of one kind says nothing: flat pictures, and those with one slope, all look the same.
PLAIN_BITS = 4
_PRINT = pa.schema([("file", pa.string()), ("sha256", pa.string()), ("look", pa.string())])


@dataclass(frozen=True)
class Prints:
    """Of each picture: files, sha256 (strings, null where nobody knows), looks (N,) uint64, has_look (N,)
    bool: known, and not of a plain picture. num_plain: pictures that are too plain to be told by their look.
    """

    files: pa.Array
    sha256: pa.Array
    looks: Hashes
    has_look: np.ndarray
    num_plain: int

    def __len__(self) -> int:
        return len(self.files)


def read_prints(folder: Path) -> Prints:
    """ValueError where it is no set, or nothing is known of any of its pictures; OSError."""
    shards = _shards(folder)
    table = _unique(pa.concat_tables(map(_of_shard, shards))) if shards else _of_pictures(folder)
    known = len(table) - pc.and_(table["sha256"].is_null(), table["look"].is_null()).to_numpy().sum()
    if known == 0:
        raise ValueError(f"'{folder}': expected pictures with sha256 or look, got {len(table)} without")
    return _prints(table)


def _shards(folder: Path) -> list[Path]:
    """All of a set, none of a folder of pictures. ValueError where some are missing: what is compared with
    half a set looks clean.
    """
    shards, manifest = sorted(folder.glob("shard-*.parquet")), folder / MANIFEST
    if manifest.is_file():
        try:
            named = {str(one["file"]) for one in read_object(manifest)["shards"]}
        except (JsonError, KeyError, TypeError) as error:
            raise ValueError(f"'{manifest}': expected shards with file, got {error!r}") from error
        missing = sorted(named - {shard.name for shard in shards})
        if missing:
            raise ValueError(f"'{folder}': expected the shards of its manifest, got none of {missing}")
    elif (folder / RUN_FILE).is_file():
        raise ValueError(f"'{folder}': expected a finished set with '{MANIFEST}', got none")
    return shards


def _prints(table: pa.Table) -> Prints:
    looks, is_known = table["look"].fill_null("0" * (NUM_BITS // 4)), table["look"].is_valid().to_numpy()
    packed = bytes.fromhex("".join(looks.to_pylist()))
    hashes = np.frombuffer(packed, ">u8").astype(np.uint64)
    ones = num_ones(hashes)
    is_plain = is_known & ((ones < PLAIN_BITS) | (ones > NUM_BITS - PLAIN_BITS))
    return Prints(
        table["file"].combine_chunks(),
        table["sha256"].combine_chunks(),
        hashes,
        has_look=is_known & ~is_plain,
        num_plain=int(is_plain.sum()),
    )


def print_columns(shard: Path) -> tuple[str, str, str]:
    """Where a shard keeps file, sha256 and look: lifted rows are pictures, questions have one each."""
    names = pq.read_schema(shard).names
    prefix = "picture." if "picture" in names and "sha256" not in names else ""
    return f"{prefix}file", f"{prefix}sha256", f"{prefix}look"


def read_columns(shard: Path) -> pa.Table:
    """file, sha256 and look of every row. ValueError for a shard of another kind."""
    names: tuple[str, ...] = tuple(_PRINT.names)
    try:
        names = print_columns(shard)
        with pq.ParquetFile(shard) as file:  # `read_table` does not know columns within columns
            table = file.read(columns=list(names))
        if "." in names[0]:
            table = table.flatten()
        return table.select(names).rename_columns(_PRINT.names).cast(_PRINT)
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"'{shard}': expected columns {', '.join(names)}, got {error}") from error


def _of_shard(shard: Path) -> pa.Table:
    return _unique(read_columns(shard))


def _unique(table: pa.Table) -> pa.Table:
    """Each picture once; those of which nobody knows the file neither."""
    table = table.filter(table["file"].is_valid())
    return table.group_by(_PRINT.names, use_threads=False).aggregate([])


def _of_pictures(folder: Path) -> pa.Table:
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES]
    if not paths:
        raise ValueError(f"'{folder}': expected shards or pictures, got none")
    return pa.Table.from_pylist(list(_of_files(paths)), _PRINT)


def _of_files(paths: list[Path]) -> Iterator[dict[str, str]]:
    for path in paths:
        yield {
            "file": str(path),
            "sha256": checksum(path),
            "look": look_of(read_picture(path, upright=False)),
        }
