"""A whole set of questions exported: a file of each shard, going on after a stop, stopping where pictures are
gone.

In: an `ExportJob`. Out: its ledger entries as files are done, at the end the manifest. A file counts when its
entry is there. It does not know formats, and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from n3d_ros.storage.whole_file import write_json
from n3d_ros.training import run_folder
from n3d_ros.training.exports.exchanges import shown_pictures
from n3d_ros.training.exports.files import FORMS, file_of, parts_of, write_file
from n3d_ros.training.exports.rows import dataset_info
from n3d_ros.training.qa.records import Question
from n3d_ros.training.qa.sets import MANIFEST, read_manifest, read_shard
from n3d_ros.training.workers.processes import on_processes

# Of the questions that could not be written, as many are told of in each entry.
MOST_FAULTS = 20
# Questions before a share of them says something.
ENOUGH = 100


@dataclass(frozen=True)
class ExportJob:
    """questions: the folder of a finished set. root: where its paths start. form: of FORMS. max_skipped: the
    share of questions that may be left out because of their pictures.
    """

    questions: Path
    out: Path
    form: str
    root: Path = Path()
    max_skipped: float = 0.1

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"format: expected one of {FORMS}, got {self.form!r}")
        if not 0 <= self.max_skipped <= 1:
            raise ValueError(f"max_skipped: expected a share within 0..1, got {self.max_skipped}")

    def description(self) -> dict[str, Any]:
        """What two runs must share to write one export, as JSON."""
        stated = {"questions": str(self.questions), "root": str(self.root), "format": self.form}
        return {**stated, "manifest_sha256": run_folder.checksum(self.questions / MANIFEST)}


@dataclass(frozen=True)
class Entry:
    """One file. rows: exchanges in it. skipped: questions that are not in it; faults: why, of some."""

    number: int
    questions: int
    rows: int
    skipped: int
    faults: list[str]
    size: int
    sha256: str


def begin(job: ExportJob) -> list[dict[str, Any]]:
    """Say in the folder what is made there; the shards of the set. ValueError where something else is."""
    shards: list[dict[str, Any]] = read_manifest(job.questions)["shards"]
    run_folder.begin(job.out, job.description())
    return shards


def export_shards(job: ExportJob, shards: list[dict[str, Any]], workers: int = 1) -> Iterator[Entry]:
    """Write the files that are not there yet; those that are come first. ValueError where too many questions
    cannot be written.
    """
    there = {number: entry for number in range(len(shards)) if (entry := read_entry(job, number)) is not None}
    missing = [(number, shard) for number, shard in enumerate(shards) if number not in there]
    skipped = seen = 0
    faults: list[str] = []
    for entry in _all(there.values(), on_processes(partial(export_shard, job), missing, workers)):
        skipped, seen, faults = skipped + entry.skipped, seen + entry.questions, faults + entry.faults
        yield entry
        if seen >= ENOUGH:
            _check(job, skipped, seen, faults)
    _check(job, skipped, seen, faults)


def export_shard(job: ExportJob, numbered: tuple[int, dict[str, Any]]) -> Entry:
    """The file of one shard of questions, and its entry."""
    number, shard = numbered
    for left in (
        *parts_of(job.out, number),
        *(job.out / run_folder.LEDGER).glob(f".shard-{number:05d}.*.part*"),
    ):
        left.unlink(missing_ok=True)
    faults: list[str] = []

    def fault(question: Question, why: str) -> None:
        faults.append(f"question '{question.id}': {why}")

    questions = read_shard(job.questions / shard["file"], shard["questions"])
    rows = write_file(job.out, job.form, number, shown_pictures(questions, job.root, fault))
    path = file_of(job.out, job.form, number)
    entry = Entry(
        number,
        questions=shard["questions"],
        rows=rows,
        skipped=len(faults),
        faults=faults[:MOST_FAULTS],
        size=path.stat().st_size,
        sha256=run_folder.checksum(path),
    )
    write_json(run_folder.entry_file(job.out, number), asdict(entry))
    return entry


def read_entry(job: ExportJob, number: int) -> Entry | None:
    """The entry of a file that is whole, None where it has to be made (again). ValueError where somebody
    changed either.
    """
    return run_folder.read_entry(job.out, number, file_of(job.out, job.form, number), Entry)


def finish(job: ExportJob, entries: Iterable[Entry]) -> dict[str, Any]:
    """The manifest, with each file's checksum, and what a format wants beside its files."""
    in_order = sorted(entries, key=lambda entry: entry.number)
    if job.form == "llama-factory":
        write_json(job.out / "dataset_info.json", dataset_info("data"))
    manifest = {
        **job.description(),
        "rows": sum(entry.rows for entry in in_order),
        "questions": sum(entry.questions for entry in in_order),
        "skipped": sum(entry.skipped for entry in in_order),
        "files": [
            {"file": str(file_of(job.out, job.form, entry.number).relative_to(job.out)), "rows": entry.rows}
            | {"bytes": entry.size, "sha256": entry.sha256}
            for entry in in_order
        ],
    }
    write_json(job.out / MANIFEST, manifest)
    return manifest


def _all(*sources: Iterable[Entry]) -> Iterator[Entry]:
    for source in sources:
        yield from source


def _check(job: ExportJob, skipped: int, seen: int, faults: list[str]) -> None:
    if skipped > job.max_skipped * seen:
        share = f"{100 * job.max_skipped:g} % of questions"
        raise ValueError(
            f"expected at most {share} left out, got {skipped} of {seen}, first: {faults[0]}; "
            f"--root says where relative paths start"
        )
