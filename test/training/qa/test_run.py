"""A whole set: shards, the same bytes whoever makes them, going on after a kill, nothing half written."""

import errno
import json
import signal
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from places import CHECKOUT
from qa_sets import random_row, row, thing, write_lifted

from n3d_ros.child_process import package_environment
from n3d_ros.cli import main
from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa import run, shards
from n3d_ros.training.qa.apart import Apart
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.lifted import LiftedSet
from n3d_ros.training.qa.run import QaJob, make_shard, make_shards
from n3d_ros.training.qa.sets import read_questions
from n3d_ros.training.qa.shards import read_entry, totals, write_manifest
from n3d_ros.training.run_folder import begin, checksum

# The command in a process that kills itself as by `kill -9` when a function is called for the n-th time.
KILLED = """
import os, signal, sys
from n3d_ros.cli import main
from n3d_ros.training.qa import run
calls, real = [], run.{name}
def killing(*args, **options):
    calls.append(1)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **options)
run.{name} = killing
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def lifted(tmp_path):
    """Six pictures in three shards."""
    return write_lifted(tmp_path / "lifted")


def job(lifted, out, **options):
    found = LiftedSet.open(lifted)
    return QaJob(found, tuple(found.labels()), QaConfig(num_a_picture=6), out, **options)


def checksums(folder):
    return {path.name: checksum(path) for path in folder.glob("shard-*.parquet")}


def test_one_process_and_two_write_the_same_bytes(lifted, tmp_path):
    one, two = job(lifted, tmp_path / "one"), job(lifted, tmp_path / "two")
    entries = [done.entry for done in make_shards(one)]
    assert [entry.num_pictures for entry in entries] == [2, 2, 2]
    list(make_shards(two, workers=2))
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")
    assert len(checksums(tmp_path / "one")) == 3


def test_another_seed_asks_something_else(lifted, tmp_path):
    list(make_shards(job(lifted, tmp_path / "one")))
    list(make_shards(job(lifted, tmp_path / "two", seed=1)))
    assert not set(checksums(tmp_path / "one").values()) & set(checksums(tmp_path / "two").values())


def test_the_ledger_counts_what_is_in_the_shards(lifted, tmp_path):
    work = job(lifted, tmp_path / "out")
    entries = [done.entry for done in make_shards(work)]
    manifest = write_manifest(work.out, entries, work.description())
    found = list(read_questions(work.out))
    assert manifest["questions"] == len(found) == sum(manifest["categories"].values())
    yes = sum(one.verdict is True for one in found)
    assert sum(n for name, n in manifest["verdicts"].items() if name.endswith("/yes")) == yes
    assert manifest["shards"][0]["sha256"] == checksum(shard_file(work.out, 0))
    assert totals(entries)["pictures"] == 6


@pytest.mark.parametrize("name", ["write_questions", "entry_of", "write_entry", "write_manifest"])
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(name, lifted, tmp_path):
    arguments = ["make-qa", str(lifted), "--page-samples", "0", "--out"]
    assert main([*arguments, str(tmp_path / "whole")]) == 0
    killed = tmp_path / "killed"
    owner = "shards" if name == "write_manifest" else "run"
    code = KILLED.format(name=name, number=1 if name == "write_manifest" else 2)
    if owner == "shards":
        code = code.replace("qa import run", "qa import shards as run")
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments, str(killed)],
        cwd=CHECKOUT,
        env=package_environment(),
        capture_output=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert not (killed / "manifest.json").exists()
    assert main([*arguments, str(killed)]) == 0
    assert checksums(killed) == checksums(tmp_path / "whole")
    assert (killed / "manifest.json").read_bytes() == (tmp_path / "whole/manifest.json").read_bytes()
    assert not list(killed.rglob(".*part*"))


def test_shards_that_are_there_are_not_made_again(lifted, tmp_path, monkeypatch):
    work = job(lifted, tmp_path / "out")
    list(make_shards(work))
    monkeypatch.setattr(run, "write_questions", None)
    again = list(make_shards(work))
    assert [done.cpu_s for done in again] == [0, 0, 0]


def test_a_full_disk_leaves_no_half_shard(lifted, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards.pq.ParquetWriter, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        make_shard(job(lifted, tmp_path / "out"), 0)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []
    assert read_entry(tmp_path / "out", 0) is None


def test_another_set_in_the_same_folder_is_refused(lifted, tmp_path):
    begin(tmp_path / "out", job(lifted, tmp_path / "out").description())
    with pytest.raises(ValueError, match="got another seed"):
        begin(tmp_path / "out", job(lifted, tmp_path / "out", seed=1).description())
    with pytest.raises(ValueError, match="got another benchmark"):
        begin(tmp_path / "out", {**job(lifted, tmp_path / "out").description(), "benchmark": 5})


def test_a_shard_that_somebody_changed_is_named(lifted, tmp_path):
    work = job(lifted, tmp_path / "out")
    list(make_shards(work))
    shard_file(work.out, 1).write_bytes(b"short")
    with pytest.raises(ValueError, match="shard-00001.parquet.*expected .* bytes as the ledger says, got 5"):
        list(make_shards(work))


def test_a_lifted_set_that_is_not_finished_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="of a finished `n3d lift`"):
        LiftedSet.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"pictures": 1}')
    with pytest.raises(ValueError, match="expected shards with file"):
        LiftedSet.open(tmp_path)
    stated = {"pictures": 1, "shards": [{"file": "s.parquet", "sha256": "0"}]}
    (tmp_path / "manifest.json").write_text(json.dumps(stated))
    (tmp_path / "s.parquet").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"s\.parquet.*expected a shard of lifted pictures"):
        LiftedSet.open(tmp_path)
    pq.write_table(pa.table({"index": [1]}), tmp_path / "s.parquet")
    with pytest.raises(ValueError, match=r"s\.parquet.*no objects, rejected among \['index'\]"):
        LiftedSet.open(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps(stated | {"pictures": "some"}))
    with pytest.raises(ValueError, match=r"manifest\.json.*and pictures, got ValueError"):
        LiftedSet.open(tmp_path)


def test_a_lifted_set_that_somebody_changed_is_refused(tmp_path):
    folder = write_lifted(tmp_path / "lifted", 4, shard_size=2)
    work = job(folder, tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"shards": manifest["shards"][:1]}))
    with pytest.raises(ValueError, match="expected 4 pictures in its shards, got 2"):
        LiftedSet.open(folder)
    table = pq.read_table(shard_file(folder, 1))
    pq.write_table(table.slice(1), shard_file(folder, 1))
    with pytest.raises(ValueError, match=r"shard-00001\.parquet': expected the manifest's SHA-256"):
        list(make_shards(work))


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"objects": None}, "TypeError"),
        ({"index": None}, "TypeError"),
        ({"objects": [{**thing("mug", (0.1, 0.0, 1.0), (-0.1, 0.1, 0.1))}]}, "size must not be negative"),
    ],
)
def test_a_row_that_is_no_lifted_picture_is_named(tmp_path, change, got):
    rows = [random_row(0), random_row(1) | change]
    write_lifted(tmp_path / "lifted", rows=[{**one, "index": number} for number, one in enumerate(rows)])
    folder, path = tmp_path / "lifted", shard_file(tmp_path / "lifted", 0)
    table = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist([table[0], table[1] | change]), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["shards"][0]["sha256"] = checksum(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        ValueError, match=rf"shard-00000\.parquet': expected a lifted picture, got 'p1' with .*{got}"
    ):
        list(make_shards(job(folder, tmp_path / "out")))


def test_pictures_without_questions_are_counted_by_reason(tmp_path):
    rows = [random_row(0), row(index=1), random_row(2) | {"fault": "depth"}]
    write_lifted(tmp_path / "lifted", rows=rows, shard_size=3)
    (done,) = make_shards(job(tmp_path / "lifted", tmp_path / "out"))
    assert done.entry.pictures_left_out == {"no_objects": 1, "picture_rejected": 1}


def test_no_picture_is_in_two_sets(lifted, tmp_path):
    arguments = ["make-qa", str(lifted), "--page-samples", "0", "--seed", "1"]
    first = tmp_path / "first"
    assert main([*arguments, "--benchmark", "--questions", "3", "--out", str(first)]) == 0
    second = ["--apart-from", str(first), "--out", str(tmp_path / "second")]
    assert main([*arguments, *second]) == 0
    pictures = [
        {one.picture.sha256 for one in read_questions(tmp_path / name)} for name in ("first", "second")
    ]
    assert pictures[0] and pictures[1]
    assert not pictures[0] & pictures[1]
    manifest = json.loads((tmp_path / "second/manifest.json").read_text())
    assert manifest["pictures_left_out"]["in_other_set"] == len(pictures[0])


def test_the_same_look_is_the_same_picture(lifted, tmp_path):
    assert main(["make-qa", str(lifted), "--page-samples", "0", "--out", str(tmp_path / "out")]) == 0
    apart = Apart.from_sets([tmp_path / "out"])
    picture = next(read_questions(tmp_path / "out")).picture
    elsewhere = {"file": "elsewhere.png", "key": "x"}
    changed = type(picture)(**{**vars(picture), **elsewhere, "sha256": "0"})
    assert changed in apart
    assert type(picture)(**{**vars(changed), "look": "f" * 16}) not in apart
