"""`n3d leaks` between lifted sets, questions and folders of pictures, and what it leaves of the second."""

import hashlib
import json
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from question_sets import questions_about, write_picture, write_set

from n3d_ros.cli import main
from n3d_ros.training.leaks import removing
from n3d_ros.training.leaks.comparing import Leak, leaks
from n3d_ros.training.leaks.prints import read_prints
from n3d_ros.training.lift.looks import look_of
from n3d_ros.training.lift.shards import SCHEMA
from n3d_ros.training.qa.sets import read_questions

NOTHING = {name: None for name in SCHEMA.names} | {"objects": [], "rejected": []}


def blotches(seed):
    """(90, 120, 3) uint8: large smooth shapes, as pictures have."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (120, 90), interpolation=cv2.INTER_CUBIC)


def write(path, rgb, *options):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), *options)
    return path


def row(path):
    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return {**NOTHING, "file": str(path), "sha256": sha256, "look": look_of(rgb)}


def lifted(folder, rows):
    """Shards of two rows."""
    folder.mkdir()
    for number in range(0, len(rows), 2):
        table = pa.Table.from_pylist(rows[number : number + 2], SCHEMA)
        pq.write_table(table, folder / f"shard-{number // 2:05d}.parquet")
    return folder


@pytest.fixture
def two(tmp_path):
    """A: pictures 0, 1, 2. B: 1 byte for byte, 2 smaller and compressed, 3 and 4 its own."""
    trained = [write(tmp_path / f"a/{seed}.png", blotches(seed)) for seed in (0, 1, 2)]
    small = cv2.resize(blotches(2), (60, 45), interpolation=cv2.INTER_AREA)
    measured = [
        write(tmp_path / "b/3.png", blotches(3)),
        write(tmp_path / "b/one.png", blotches(1)),
        write(tmp_path / "b/two.jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60]),
        write(tmp_path / "b/4.png", blotches(4)),
    ]
    lifted(tmp_path / "A", [row(path) for path in trained])
    lifted(tmp_path / "B", [row(path) for path in measured])
    return tmp_path


@pytest.mark.parametrize("first", ["A", "a"])
@pytest.mark.parametrize("second", ["B", "b"])
def test_shared_pictures_are_found_by_bytes_and_by_look(two, capsys, first, second):
    assert main(["leaks", str(two / first), str(two / second)]) == 1
    printed = capsys.readouterr().out.splitlines()
    pairs = [
        (line.split()[0], *map(lambda text: text.rpartition("/")[2], line.split()[-2:]))
        for line in printed[:2]
    ]
    assert ("same", "1.png", "one.png") in pairs and [pair[1:] for pair in pairs if pair[0] != "same"] == [
        ("2.png", "two.jpg")
    ]
    assert printed[2].startswith(
        "2 of 4 pictures are among the other 3: 1 with the same bytes, 1 by their look"
    )


def test_only_bytes_count_when_no_bit_may_differ_and_nothing_shared_ends_well(two, capsys):
    assert main(["leaks", str(two / "A"), str(two / "B"), "--bits", "0", "--show", "0"]) == 1
    assert "1 with the same bytes" in capsys.readouterr().out
    (two / "clean").mkdir()
    write(two / "clean/5.png", blotches(5))
    assert main(["leaks", str(two / "A"), str(two / "clean")]) == 0
    assert "0 of 1 pictures" in capsys.readouterr().out


def test_the_second_set_is_written_without_them(two, capsys):
    assert main(["leaks", str(two / "A"), str(two / "B"), "--remove", str(two / "clean")]) == 0
    assert "2 rows left out, 2 in" in capsys.readouterr().out
    rows = [
        one for path in sorted((two / "clean").glob("*.parquet")) for one in pq.read_table(path).to_pylist()
    ]
    before = [
        one for path in sorted((two / "B").glob("*.parquet")) for one in pq.read_table(path).to_pylist()
    ]
    assert rows == [before[0], before[3]]
    manifest = json.loads((two / "clean/manifest.json").read_text())
    assert (manifest["pictures"], manifest["rows_removed"]) == (2, 2)
    for one in manifest["shards"]:
        assert hashlib.sha256((two / "clean" / one["file"]).read_bytes()).hexdigest() == one["sha256"]
    assert main(["leaks", str(two / "A"), str(two / "clean")]) == 0


def test_where_nothing_is_shared_the_second_set_is_written_as_it_is(two, capsys):
    lifted(two / "own", [row(two / "b/3.png")])
    assert main(["leaks", str(two / "A"), str(two / "own"), "--remove", str(two / "clean")]) == 0
    assert "0 rows left out, 1 in" in capsys.readouterr().out


def test_questions_go_with_their_picture_and_the_rest_is_a_set(tmp_path, capsys):
    shared, own = (write_picture(tmp_path / "pictures", number) for number in (0, 1))
    write_set(tmp_path / "A", questions_about(shared))
    measured = [*questions_about(replace(shared, file="elsewhere.png", key="other")), *questions_about(own)]
    write_set(tmp_path / "B", measured)
    assert main(["leaks", str(tmp_path / "A"), str(tmp_path / "B"), "--remove", str(tmp_path / "clean")]) == 0
    assert "4 rows left out, 4 in" in capsys.readouterr().out
    assert list(read_questions(tmp_path / "clean")) == questions_about(own)


def test_plain_pictures_are_told_by_bytes_alone(tmp_path, capsys):
    grey, white = (np.full((90, 120, 3), value, np.uint8) for value in (90, 255))
    lifted(tmp_path / "A", [row(write(tmp_path / "a/grey.png", grey))])
    lifted(
        tmp_path / "B", [row(write(tmp_path / "b/white.png", white)), row(write(tmp_path / "b/g.png", grey))]
    )
    assert main(["leaks", str(tmp_path / "A"), str(tmp_path / "B")]) == 1
    printed = capsys.readouterr().out
    assert "1 of 2 pictures" in printed and "B: 2 compared by bytes alone, 2 of them too plain" in printed


def test_what_nobody_knows_is_no_leak_and_is_said(tmp_path, capsys):
    known = row(write(tmp_path / "a/0.png", blotches(0)))
    unknown = {**known, "file": "x.png", "sha256": None, "look": None}
    lifted(tmp_path / "A", [known, unknown])
    lifted(tmp_path / "B", [{**unknown, "file": "y.png"}, row(write(tmp_path / "b/1.png", blotches(1)))])
    assert main(["leaks", str(tmp_path / "A"), str(tmp_path / "B")]) == 0
    assert "A: 1 compared by bytes alone, 0 of them too plain" in capsys.readouterr().out
    lifted(tmp_path / "C", [unknown])
    assert main(["leaks", str(tmp_path / "A"), str(tmp_path / "C")]) == 2
    assert "expected pictures with sha256 or look, got 1 without" in capsys.readouterr().err


def test_the_nearest_picture_is_named(tmp_path):
    base = row(write(tmp_path / "0.png", blotches(0)))
    look = int(base["look"], 16)
    looks = [f"{look ^ change:016x}" for change in (0b111, 0b1, 0b11)]
    rows = [{**base, "file": str(n), "sha256": str(n), "look": one} for n, one in enumerate(looks)]
    a, b = (read_prints(lifted(tmp_path / name, part)) for name, part in (("A", rows), ("B", [base])))
    assert leaks(a, b, 6) == [Leak(1, 0, 1)]


def test_a_folder_without_pictures_and_a_used_one_are_refused(two, capsys):
    (two / "empty").mkdir()
    assert main(["leaks", str(two / "A"), str(two / "empty")]) == 2
    assert "expected shards or pictures, got none" in capsys.readouterr().err
    assert main(["leaks", str(two / "A"), str(two / "B"), "--remove", str(two / "A")]) == 2
    assert "expected an empty folder or none" in capsys.readouterr().err
    assert main(["leaks", str(two / "A"), str(two / "b"), "--remove", str(two / "new")]) == 2
    assert "expected shards to leave rows out of" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_set(two, monkeypatch, capsys):
    real, calls = removing.checksum, []

    def full(path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(path)

    monkeypatch.setattr(removing, "checksum", full)
    assert main(["leaks", str(two / "A"), str(two / "B"), "--remove", str(two / "clean")]) == 2
    assert "No space left" in capsys.readouterr().err and not (two / "clean").exists()


def test_half_a_set_is_not_compared_as_if_it_were_whole(tmp_path, capsys):
    rows = [row(write(tmp_path / f"{seed}.png", blotches(seed))) for seed in range(4)]
    one, other = lifted(tmp_path / "one", rows), lifted(tmp_path / "other", rows[:2])
    files = [{"file": path.name} for path in sorted(one.iterdir())]
    (one / "manifest.json").write_text(json.dumps({"shards": files}))
    assert main(["leaks", str(one), str(other)]) == 1
    (one / "shard-00000.parquet").unlink()
    assert main(["leaks", str(one), str(other)]) == 2
    assert (
        "expected the shards of its manifest, got none of ['shard-00000.parquet']" in capsys.readouterr().err
    )
    (one / "manifest.json").rename(one / "run.json")
    assert main(["leaks", str(other), str(one)]) == 2
    assert "expected a finished set with 'manifest.json', got none" in capsys.readouterr().err
    (one / "run.json").rename(one / "manifest.json")
    (one / "manifest.json").write_text('{"shards": 5}')
    assert main(["leaks", str(one), str(other)]) == 2
    assert "expected shards with file" in capsys.readouterr().err


def test_a_damaged_shard_is_named(tmp_path, capsys):
    (tmp_path / "shard-00000.parquet").write_bytes(b"PAR1 and no more")
    assert main(["leaks", str(tmp_path), str(tmp_path)]) == 2
    assert "shard-00000.parquet': expected columns file, sha256, look" in capsys.readouterr().err


def test_shards_of_something_else_are_named(tmp_path, capsys):
    (tmp_path / "A").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "A/shard-00000.parquet")
    assert main(["leaks", str(tmp_path / "A"), str(tmp_path / "A")]) == 2
    assert "expected columns file, sha256, look" in capsys.readouterr().err
