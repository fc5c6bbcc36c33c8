"""A set without some of its pictures, written as a set of its own.

In: a folder of shards, the files of the pictures that must go, another folder. Out: there the same shards
without their rows, and a manifest. It does not know why they must go. What the old manifest counted is not
carried over, since it no longer holds; shards keep their numbers, also empty ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from n3d_ros.storage.whole_file import whole_file, write_json
from n3d_ros.training.leaks.prints import print_columns, read_columns
from n3d_ros.training.lift.shards import MANIFEST
from n3d_ros.training.run_folder import checksum

ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class Removed:
    """num_rows: that were left out. num_left: that are there now."""

    num_rows: int
    num_left: int


def write_without(source: Path, out: Path, files: pa.Array, because: dict[str, Any]) -> Removed:
    """files: of the pictures to leave out. because: goes into the manifest. ValueError where `source` is no
    set of shards or `out` is not empty.
    """
    shards = sorted(source.glob("shard-*.parquet"))
    if not shards:
        raise ValueError(f"'{source}': expected shards to leave rows out of, got a folder without")
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"'{out}': expected an empty folder or none")
    out.mkdir(parents=True, exist_ok=True)
    try:
        entries = [_write_shard(shard, out / shard.name, files) for shard in shards]
    except OSError:
        shutil.rmtree(out)  # all of it or nothing: rows that are missing cannot be told from removed ones
        raise
    left = sum(entry["rows"] for entry in entries)
    rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
    removed = {"from": str(source), "rows_removed": rows - left, "removed": because}
    kind = "questions" if "." in print_columns(shards[0])[0] else "pictures"
    listed = [{"file": one.pop("file"), kind: one.pop("rows"), **one} for one in entries]
    write_json(out / MANIFEST, {**removed, kind: left, "shards": listed})
    return Removed(rows - left, left)


def _write_shard(shard: Path, path: Path, files: pa.Array) -> dict[str, Any]:
    rows = 0
    keep = pc.invert(pc.is_in(read_columns(shard)["file"], value_set=files))
    with (
        pq.ParquetFile(shard) as old,
        whole_file(path) as part,
        pq.ParquetWriter(part, old.schema_arrow, compression="zstd") as writer,
    ):
        for table in _kept(old, keep):
            writer.write_table(table)
            rows += len(table)
    return {"file": path.name, "rows": rows, "bytes": path.stat().st_size, "sha256": checksum(path)}


def _kept(old: pq.ParquetFile, keep: pa.ChunkedArray) -> Iterator[pa.Table]:
    first = 0
    for batch in old.iter_batches(ROWS_AT_ONCE):
        yield pa.Table.from_batches([batch]).filter(keep.slice(first, len(batch)))
        first += len(batch)
