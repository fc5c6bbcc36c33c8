"""Pictures that another set of questions has, so that no picture is in two splits.

In: folders of finished question sets. Out: `Apart`, which says whether a picture is in one of them: the same
bytes, the same look or the same file. It does not find pictures that merely look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from n3d_ros.training.qa.records import PictureRef
from n3d_ros.training.qa.sets import MANIFEST, read_manifest
from n3d_ros.training.run_folder import checksum

_MARKS = ("sha256", "look", "file")


@dataclass(frozen=True)
class Apart:
    """sets: checksums of the manifests. marks: of every picture, its SHA-256, look and file by name."""

    sets: tuple[str, ...] = ()
    marks: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)

    @classmethod
    def from_sets(cls, folders: Sequence[Path]) -> Apart:
        """OSError or ValueError for a set that is not finished or damaged."""
        marks: set[tuple[str, str]] = set()
        for folder in folders:
            for shard in read_manifest(folder)["shards"]:
                pictures = pq.read_table(folder / shard["file"], columns=["picture"]).column("picture")
                for name in _MARKS:
                    values = pictures.combine_chunks().field(name).unique().to_pylist()
                    marks.update((name, value) for value in values if value is not None)
        return cls(tuple(checksum(folder / MANIFEST) for folder in folders), frozenset(marks))

    def __contains__(self, picture: PictureRef) -> bool:
        return any((name, getattr(picture, name)) in self.marks for name in _MARKS)
