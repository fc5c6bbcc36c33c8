"""A whole set: shards, going on after a kill, several processes and tasks, stopping where data are broken."""

import errno
import json
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from lift_sets import tiny_set
from places import CHECKOUT

from n3d_ros.child_process import package_environment
from n3d_ros.cli import main
from n3d_ros.training.lift import shards
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.run import TooManyRejects, begin, lift_shards, shards_of_task
from n3d_ros.training.lift.shards import read_entry, shard_file
from n3d_ros.training.run_folder import checksum

# The command in a process that kills itself as by `kill -9` when a function is called for the n-th time.
KILLED = """
import os, signal, sys
from n3d_ros.cli import main
from n3d_ros.training.lift import run, shards
module, name, calls = {module}, {name!r}, []
real = getattr(module, name)
def killing(*args, **options):
    calls.append(name)
    if len(calls) == {number}:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **options)
setattr(module, name, killing)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def six(tmp_path):
    """Six pictures, each with one annotation."""
    return tiny_set(tmp_path / "set", num_pictures=6)


def command(made, out, *options):
    return ["lift", str(made.write()), "--out", str(out), "--shard-size", "2", *options]


def files(out):
    """Shards, ledger and manifest by name, with what they hold."""
    found = [*out.glob("*.parquet"), *(out / "ledger").iterdir(), out / "manifest.json"]
    return {path.name: path.read_bytes() for path in found}


def annotations(out):
    """(kept, rejected) annotation keys of all shards, in order."""
    rows = [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return tuple([one["annotation"] for row in rows for one in row[name]] for name in ("objects", "rejected"))


def test_a_set_becomes_shards_a_manifest_and_a_page(six, tmp_path, capsys):
    six.content["annotations"][4]["iscrowd"] = 1
    assert main(command(six, tmp_path / "out")) == 0
    assert annotations(tmp_path / "out") == (["1", "2", "3", "4", "6"], ["5"])
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (manifest["pictures"], manifest["annotations"], manifest["kept"]) == (6, 6, 5)
    counts = {one["name"]: one["count"] for one in manifest["filters"]}
    assert counts.pop("crowd") == 1 and set(counts.values()) == {0}
    for one in manifest["shards"]:
        assert checksum(tmp_path / "out" / one["file"]) == one["sha256"]
    printed = capsys.readouterr().out
    assert "crowd" in printed and "pictures/s a core" in printed and (tmp_path / "out/page.html").is_file()


def test_a_row_holds_the_box_and_how_it_came_about(six, tmp_path):
    six.content["images"][0]["gravity"] = [0, 1, 0]
    assert main(command(six, tmp_path / "out")) == 0
    first, second = pq.read_table(shard_file(tmp_path / "out", 0)).to_pylist()
    [found] = first["objects"]
    assert found["label"] == "red block" and found["extent_px"] == [20, 10, 40, 30]
    assert found["box"]["size_m"] == pytest.approx([0.304, 0.304, 0.0], abs=1e-6)
    assert found["upright"]["size_m"] == pytest.approx([0.304, 0.304, 0.0], abs=1e-6)
    assert (found["mask_px"], found["num_points"], found["depth_share"]) == (400, 400, 1.0)
    assert found["touches_edge"] is False and first["depth_is_estimated"] is False
    assert first["R_level_optical"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert second["R_level_optical"] is None and second["objects"][0]["upright"] is None


def test_a_row_says_where_its_depth_lies_and_how_its_picture_is_known_again(six, tmp_path):
    six.content["images"][0]["depth_scale_to_m"] = 0.001
    six.content["images"][1]["file_name"] = "absent.png"
    assert main(command(six, tmp_path / "out", "--config", str(lenient(tmp_path)))) == 0
    first, second = pq.read_table(shard_file(tmp_path / "out", 0)).to_pylist()
    assert (first["depth_file"], first["depth_scale_m"]) == (str(six.folder / "1_depth.png"), 0.001)
    assert first["sha256"] == checksum(six.folder / "images/1.png")
    assert first["look"] == "0" * 16  # one colour: no cell is brighter than its neighbour
    assert [second[name] for name in ("depth_file", "depth_scale_m", "sha256", "look")] == [None] * 4


def lenient(folder):
    """A configuration that never stops."""
    path = folder / "lenient.json"
    path.write_text(json.dumps({"max_broken_share": 1.0, "max_reject_share": 1.0}))
    return path


@pytest.mark.parametrize(
    ("module", "name", "number"),
    [
        ("run", "lift_picture", 1),  # before anything is there
        ("run", "lift_picture", 4),  # in the middle of the second shard
        ("shards.pq", "write_table", 2),  # before its first byte
        (
            "shards.run_folder",
            "checksum",
            6,
        ),  # of two shards with two pictures each: the shard is there, its entry is not
        ("run", "write_shard", 3),  # between two shards
        ("shards", "write_manifest", 1),  # behind the last one
    ],
)
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(six, tmp_path, module, name, number):
    assert main(command(six, tmp_path / "whole")) == 0
    code = KILLED.format(module=module, name=name, number=number)
    killed = subprocess.run(
        [sys.executable, "-c", code, *command(six, tmp_path / "out")],
        cwd=CHECKOUT,
        env=package_environment(),
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "out/manifest.json").exists()
    assert main(command(six, tmp_path / "out")) == 0
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert annotations(tmp_path / "out") == (["1", "2", "3", "4", "5", "6"], [])


def test_what_a_killed_writer_left_is_removed(six, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".shard-00001.4711.part.parquet").write_bytes(b"half")
    (out / "ledger").mkdir()
    (out / "ledger/.shard-00001.4711.part.json").write_bytes(b"half")
    assert main(command(six, out)) == 0
    assert list(out.rglob("*.part*")) == []


def test_a_finished_set_is_not_made_again(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out")) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    capsys.readouterr()
    assert main(command(six, tmp_path / "out")) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "pictures/s" not in capsys.readouterr().out


def test_several_processes_make_the_same_files_as_one(six, tmp_path):
    assert main(command(six, tmp_path / "one")) == 0
    assert main(command(six, tmp_path / "two", "--workers", "2")) == 0
    assert files(tmp_path / "two") == files(tmp_path / "one")


def test_several_tasks_share_a_folder_and_the_last_writes_the_manifest(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "one")) == 0
    assert main(command(six, tmp_path / "out", "--task-id", "1", "--num-tasks", "2")) == 0
    assert "1 of 3 shards are there" in capsys.readouterr().out
    assert not (tmp_path / "out/manifest.json").exists()
    assert main(command(six, tmp_path / "out", "--task-id", "0", "--num-tasks", "2")) == 0
    assert files(tmp_path / "out") == files(tmp_path / "one")


def test_a_task_beyond_their_number_is_refused(six, tmp_path):
    with pytest.raises(ValueError, match="expected 0 <= task < 2, got 2"):
        shards_of_task(six.job(tmp_path / "out"), 2, 2)


def test_another_set_in_the_same_folder_is_refused(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out")) == 0
    (tmp_path / "config.json").write_text('{"min_points": 7}')
    assert main(command(six, tmp_path / "out", "--config", str(tmp_path / "config.json"))) == 2
    assert "got another config" in capsys.readouterr().err
    six.content["annotations"].pop()
    assert main(command(six, tmp_path / "out")) == 2
    assert "got another source" in capsys.readouterr().err


def test_a_shard_that_somebody_changed_is_named(six, tmp_path, capsys):
    assert main(command(six, tmp_path / "out")) == 0
    shard_file(tmp_path / "out", 1).write_bytes(b"short")
    assert main(command(six, tmp_path / "out")) == 2
    assert "as the ledger says, got 5" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_shard(six, tmp_path, monkeypatch, capsys):
    def full(table, part, **options):
        part.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards.pq, "write_table", full)
    assert main(command(six, tmp_path / "out")) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "out").rglob("*shard-*")) == []


def test_broken_data_stop_the_run_and_say_why(six, tmp_path):
    for annotation in six.content["annotations"][:2]:
        annotation["category_id"] = 99
    job = six.job(tmp_path / "out", LiftConfig(max_broken_share=0.2, min_judged=4), shard_size=2)
    with pytest.raises(TooManyRejects, match="20 % of annotations broken, got 2 of 4: category_unknown 2"):
        list(lift_shards(job, range(3)))
    assert [read_entry(job.out, number) is not None for number in range(3)] == [True, True, False]


def test_a_stopped_run_shows_why_and_goes_on_with_another_limit(six, tmp_path, capsys):
    for annotation in six.content["annotations"][:4]:
        annotation["category_id"] = 99
    assert main(command(six, tmp_path / "out")) == 2
    printed = capsys.readouterr()
    assert "broken, got 4 of 6" in printed.err and "look at" in printed.out
    assert "category_unknown" in (tmp_path / "out/page.html").read_text()
    (tmp_path / "config.json").write_text('{"max_broken_share": 0.9}')
    assert main(command(six, tmp_path / "out", "--config", str(tmp_path / "config.json"))) == 0


def test_strict_thresholds_stop_the_run_too_and_crowds_do_not(six, tmp_path):
    for annotation in six.content["annotations"][:3]:
        annotation["iscrowd"] = 1
    whole = six.job(tmp_path / "whole", LiftConfig(max_broken_share=0.0, max_reject_share=0.0))
    [done] = lift_shards(whole, range(1))
    assert done.entry.rejected == {"crowd": 3}
    strict = six.job(tmp_path / "out", LiftConfig(min_mask_px=1000, max_reject_share=0.5))
    with pytest.raises(TooManyRejects, match="50 % of annotations rejected, got 3 of 3: mask_small 3"):
        list(lift_shards(strict, range(1)))


def test_a_damaged_ledger_or_run_file_is_named(six, tmp_path):
    job = six.job(tmp_path / "out")
    list(lift_shards(job, range(1)))
    (job.out / "ledger/shard-00000.json").write_text("{")
    with pytest.raises(ValueError, match=r"shard-00000\.json.*expected a ledger entry"):
        list(lift_shards(job, range(1)))
    (job.out / "run.json").write_text("{")
    with pytest.raises(ValueError, match="expected what an earlier run wrote"):
        begin(job)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "workers: expected at least 1, got 0"),
        (["--shard-size", "0"], "shard_size: expected at least 1, got 0"),
        (["--depth-model", "moge-2"], "expected both or none"),
        (["--config", "absent.json"], "absent.json"),
    ],
)
def test_wrong_options_are_named(six, tmp_path, capsys, options, message):
    assert main([*command(six, tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err


def test_an_option_of_annotation_files_is_refused_with_folders(tmp_path, capsys):
    arguments = ["lift", str(tmp_path), "--out", str(tmp_path / "out"), "--images", str(tmp_path)]
    assert main(arguments) == 2
    assert "--images: expected with annotation files, got folders" in capsys.readouterr().err
