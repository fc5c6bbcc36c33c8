"""A finished lifted set as the source of questions.

In: the folder of `n3d lift`. Out: its rows shard by shard in constant memory, its labels, and what tells it
from another set. It does not know questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.training.lift.shards import MANIFEST
from n3d_ros.training.run_folder import checksum

ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class LiftedSet:
    """files: the shards' names in order. checksums: theirs in the manifest. sha256: of the manifest."""

    folder: Path
    files: tuple[str, ...]
    checksums: tuple[str, ...]
    num_pictures: int
    sha256: str

    @classmethod
    def open(cls, folder: Path) -> LiftedSet:
        """FileNotFoundError for a set that is not finished, ValueError for a damaged manifest."""
        path = folder / MANIFEST
        if not path.is_file():
            raise FileNotFoundError(
                f"lifted set: expected '{MANIFEST}' of a finished `n3d lift` in '{folder}', got none"
            )
        try:
            manifest = read_object(path)
            files = tuple(str(one["file"]) for one in manifest["shards"])
            checksums = tuple(str(one["sha256"]) for one in manifest["shards"])
            num_pictures = int(manifest["pictures"])
        except (JsonError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"'{path}': expected shards with file and sha256, and pictures, got {error!r}"
            ) from error
        found = cls(folder, files, checksums, num_pictures, checksum(path))
        there = sum(map(found.num_rows, range(len(files))))
        if there != num_pictures:
            raise ValueError(f"'{path}': expected {num_pictures} pictures in its shards, got {there}")
        return found

    def num_rows(self, number: int) -> int:
        """Pictures of one shard, by its footer. ValueError that names the file where it is another one."""
        path = self.folder / self.files[number]
        with _named(path), pq.ParquetFile(path) as file:
            missing = {"index", "objects", "rejected"} - set(file.schema_arrow.names)
            if missing:
                raise ValueError(f"no {', '.join(sorted(missing))} among {file.schema_arrow.names}")
            return int(file.metadata.num_rows)

    def rows(self, number: int) -> Iterator[dict[str, Any]]:
        """The pictures of one shard. ValueError that names the file, also where it is not the manifest's."""
        path = self.folder / self.files[number]
        found = checksum(path)
        if found != self.checksums[number]:
            raise ValueError(
                f"'{path}': expected the manifest's SHA-256 {self.checksums[number]}, got {found}"
            )
        for batch in self._batches(number, None):
            yield from batch.to_pylist()

    def labels(self) -> list[str]:
        """Every label of the set that has a box, sorted."""
        found: set[str] = set()
        for number in range(len(self.files)):
            for batch in self._batches(number, ["objects"]):
                found.update(batch.column("objects").flatten().field("label").unique().to_pylist())
        return sorted(found)

    def _batches(self, number: int, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
        path = self.folder / self.files[number]
        with _named(path), pq.ParquetFile(path) as file:
            yield from file.iter_batches(ROWS_AT_ONCE, columns=columns)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """ValueError that names the file for what a shard cannot be."""
    try:
        yield
    except (pa.ArrowException, ValueError) as error:
        raise ValueError(f"'{path}': expected a shard of lifted pictures, got {error}") from error
