"""What makes data is killed at any moment, or its disk is full: nothing is lost but the current shard."""

import hashlib
import json
import random

import pytest
from lift_sets import tiny_set
from question_sets import questions_about, write_picture, write_set
from stops import KILLED, run_limited

from n3d_ros.cli import main

# Processes of one interpreter; after each of these groups the ledger is looked at.
GROUPS, KILLS = 3, 5


def lift(folder):
    """Arguments of `n3d lift` without --out, on twelve pictures in six shards."""
    return ["lift", str(tiny_set(folder / "set", num_pictures=12).write()), "--shard-size", "2"]


def render(folder):
    return ["render", "--scenes", "4", "--seed", "910000", "--size", "96x72", "--finer", "0"]


def export(folder):
    found = [one for n in range(6) for one in questions_about(write_picture(folder / "pictures", n))]
    write_set(folder / "questions", found, per_shard=4)
    return ["export-data", str(folder / "questions"), "--format", "webdataset"]


def files(out):
    """What a finished run leaves. The index's bytes tell when it was made, and of files that all tasks of a
    set share, such as run.json, half ones may stay: another task may just be writing them.
    """
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(("index/", "."))}


def told_of(out):
    """Shards that the ledger tells of; every one must be whole."""
    told = {}
    for path in sorted((out / "ledger").glob("shard-*.json")):
        [shard] = [one for one in out.rglob(f"{path.stem}.*") if one.parent.name != "ledger"]
        told[path.stem] = json.loads(path.read_text())["sha256"]
        assert hashlib.sha256(shard.read_bytes()).hexdigest() == told[path.stem]
    return told


@pytest.mark.parametrize(("made", "most_s"), [(lift, 0.15), (render, 1.0), (export, 0.15)])
def test_killed_at_any_moment_it_goes_on_and_ends_as_if_nothing_had_been(tmp_path, made, most_s):
    arguments = made(tmp_path)
    assert main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    out, rng, codes, told = tmp_path / "out", random.Random(7), [], {}
    for _ in range(GROUPS):
        limits = [{"cpu_s": rng.uniform(0.001, most_s)} for _ in range(KILLS)]
        codes += run_limited([*arguments, "--out", str(out)], limits)
        now = told_of(out)
        assert set(told) <= set(now)
        told = now
    assert KILLED in codes
    assert main([*arguments, "--out", str(out)]) == 0
    assert files(out) == files(tmp_path / "whole")


@pytest.mark.parametrize(("made", "largest"), [(lift, "*.parquet"), (render, "images/*"), (export, "data/*")])
def test_a_disk_that_fills_leaves_no_half_file_and_is_told(tmp_path, made, largest):
    arguments = made(tmp_path)
    assert main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    limit = min(path.stat().st_size for path in (tmp_path / "whole").glob(largest)) // 2
    out = tmp_path / "out"
    for index in (tmp_path / "whole").glob("index/*"):  # larger than a shard, and not what is tested
        (out / "index").mkdir(parents=True)
        (out / "index" / index.name).write_bytes(index.read_bytes())
    assert run_limited([*arguments, "--out", str(out)], [{"file_bytes": limit}]) == [2]
    assert list(out.glob(largest)) == [] and told_of(out) == {}
    assert [path.name for path in out.rglob("*.part*")] == []
    assert main([*arguments, "--out", str(out)]) == 0
    assert files(out) == files(tmp_path / "whole")
