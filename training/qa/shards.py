"""Questions -> Parquet shards, one ledger entry each, and the manifest over all of them.

In: `Question`s in order and what was left out beside them. Out: `shard-NNNNN.parquet`, then
`ledger/shard-NNNNN.json`, each written whole, in this order: a shard counts when its entry is there. It does
not know how questions are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.errors import CommandFailed
from n3d_ros.storage.whole_file import whole_file, write_json
from n3d_ros.training import run_folder
from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.records import SCHEMA, Question
from n3d_ros.training.qa.sets import MANIFEST

ROWS_A_GROUP = 2048
LEFT_OUT = {
    "pictures_left_out": "pictures left out",
    "objects_left_out": "objects left out",
    "left_out": "questions left out",
}
COUNTS = ("forms", "verdicts", "hours", "left_out", "pictures_left_out", "objects_left_out", "rewording")


@dataclass(frozen=True)
class Entry:
    """What the ledger says of one shard. forms: questions by "category/form". verdicts: by "category/yes".

    hours: clock directions. left_out: questions by reason; pictures_left_out, objects_left_out: what no
    question could be about. rewording: what came of it. size, sha256: of the shard's file.
    """

    number: int
    num_pictures: int
    num_questions: int
    size: int
    sha256: str
    forms: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    hours: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    pictures_left_out: dict[str, int] = field(default_factory=dict)
    objects_left_out: dict[str, int] = field(default_factory=dict)
    rewording: dict[str, int] = field(default_factory=dict)


def write_questions(path: Path, questions: Iterable[Question]) -> int:
    """A shard, row group after row group; how many there were. OSError leaves none. The same questions give
    the same bytes.
    """
    number, rest = 0, iter(questions)
    with whole_file(path) as part, pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer:
        while rows := [one.to_row() for one in islice(rest, ROWS_A_GROUP)]:
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            number += len(rows)
    return number


def write_entry(out: Path, entry: Entry) -> None:
    """After its shard."""
    write_json(run_folder.entry_file(out, entry.number), asdict(entry))


def read_entry(out: Path, number: int) -> Entry | None:
    """The entry of a shard that is whole, None where it has to be made (again). ValueError where somebody
    changed either.
    """
    return run_folder.read_entry(out, number, shard_file(out, number), Entry)


def entry_of(out: Path, number: int, num_pictures: int, num_questions: int, **counts: Counter[Any]) -> Entry:
    """The entry of a shard that is written. counts: of COUNTS."""
    path = shard_file(out, number)
    plain = {name: {str(key): n for key, n in sorted(one.items()) if n} for name, one in counts.items()}
    return Entry(number, num_pictures, num_questions, path.stat().st_size, run_folder.checksum(path), **plain)


def write_manifest(out: Path, entries: Iterable[Entry], about: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Sums over all shards and each file with its checksum. about: what the set is made of.

    CommandFailed that says why, and no manifest, where there is no question: without one no set is whole.
    """
    entries = list(entries)
    sums = totals(entries)
    if not sums["questions"]:
        (out / MANIFEST).unlink(missing_ok=True)  # earlier releases wrote one
        raise CommandFailed(
            f"expected questions of {sums['pictures']} pictures, got none; {_why_none(sums)}; "
            f"'{out}' has no {MANIFEST} and is no set"
        )
    manifest = {**about, **sums, **more}
    manifest["shards"] = [
        {"file": shard_file(out, entry.number).name, "questions": entry.num_questions}
        | {"bytes": entry.size, "sha256": entry.sha256}
        for entry in entries
    ]
    write_json(out / MANIFEST, manifest)
    return manifest


def _why_none(sums: dict[str, Any]) -> str:
    """What was left out, by reason, most first."""
    said = [
        f"{what}: {', '.join(f'{why} {number}' for why, number in Counter(sums[name]).most_common())}"
        for name, what in LEFT_OUT.items()
        if sums[name]
    ]
    return "; ".join(said) or "nothing was left out"


def totals(entries: Iterable[Entry]) -> dict[str, Any]:
    """Sums over shards."""
    entries = list(entries)
    sums = {
        name: dict(sorted(sum((Counter(getattr(entry, name)) for entry in entries), Counter()).items()))
        for name in COUNTS
    }
    categories: Counter[str] = Counter()
    for form, number in sums["forms"].items():
        categories[form.split("/")[0]] += number
    return {
        "questions": sum(entry.num_questions for entry in entries),
        "pictures": sum(entry.num_pictures for entry in entries),
        "categories": dict(sorted(categories.items())),
        **sums,
    }
