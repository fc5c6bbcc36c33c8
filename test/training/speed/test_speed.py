"""`n3d bench data`: what it counts, and that its verdicts follow from it."""

import json
import sys
from dataclasses import replace

import pytest

from n3d_ros.cli import main
from n3d_ros.storage.json_file import read_object
from n3d_ros.training.speed import measuring
from n3d_ros.training.speed.bench_set import BenchSet, write_bench_set
from n3d_ros.training.speed.child import PROCESSES, RunOrder, RunResult, run
from n3d_ros.training.speed.measuring import ONE, TWO, SpeedOptions, SpeedReport
from n3d_ros.training.speed.results import LoadingResult, StageResult
from n3d_ros.training.speed.text import report_text

SINGLE = RunResult(
    start_s=1.0, wall_s=5.0, cpu_s=4.0, pictures=100, boxes=1000, pictures_later=80,
    index_mb=150.0, quarter_mb=160.0, peak_mb=161.0,
)  # fmt: skip
# Eighty pictures in two seconds, each of which took a quarter more processor time.
DOUBLE = RunResult(
    start_s=2.0, wall_s=4.0, cpu_s=5.0, pictures=100, boxes=1000, pictures_later=80,
    index_mb=1.0, quarter_mb=1.0, peak_mb=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def instances(tmp_path_factory):
    """Five records of two small pictures."""
    return write_bench_set(BenchSet(5, num_scenes=2, width=160, height=120), tmp_path_factory.mktemp("set"))


def order(instances, out, **changes):
    place = {"instances": str(instances), "index": str(out / "index"), "out": str(out / "out")}
    return RunOrder(
        **{**place, "engine": PROCESSES, "workers": 1, "shard_size": 2, "num_shards": 3, **changes}
    )


def test_many_records_tell_of_few_pictures(instances):
    content = read_object(instances)
    assert [one["id"] for one in content["images"]] == [0, 1, 2, 3, 4]
    assert len({one["file_name"] for one in content["images"]}) == 2
    ids = [one["id"] for one in content["annotations"]]
    assert len(ids) == len(set(ids)) and {one["image_id"] for one in content["annotations"]} == {
        0,
        1,
        2,
        3,
        4,
    }


def test_a_run_counts_what_it_lifted(instances, tmp_path):
    result = run(order(instances, tmp_path))
    annotations = read_object(instances)["annotations"]
    manifest = [json.loads(path.read_text()) for path in sorted((tmp_path / "out/ledger").iterdir())]
    assert (result.pictures, result.pictures_later) == (5, 3)
    assert result.boxes == sum(one["num_kept"] for one in manifest) <= len(annotations)
    assert 0 < result.start_s <= result.wall_s and result.cpu_s > 0


def test_a_part_of_the_shards_is_spread_over_the_set(instances, tmp_path):
    assert run(order(instances, tmp_path, num_shards=2)).pictures == 3
    assert sorted(path.name for path in (tmp_path / "out").glob("*.parquet")) == [
        "shard-00000.parquet", "shard-00002.parquet",
    ]  # fmt: skip


def test_the_report_tells_rates_ratios_and_goals():
    report = SpeedReport(SpeedOptions(100, 1, 5000), {ONE: [SINGLE], TWO: [DOUBLE]}, SINGLE, (0.5, 1.25))
    assert report.rate(ONE) == 20.0 and report.ratio(TWO) == 2.0 and report.cpu_ms(TWO) == 50.0
    text = report_text(report)
    assert "10.0 boxes a picture, 100 pictures a run, 1 rounds; load 0.5 before, 1.2 after" in text
    assert [line.split()[-5:] for line in text.splitlines()[2:4]] == [
        ["20.0", "1.00", "40.0", "1.00", "1.0"],
        ["40.0", "2.00", "50.0", "1.60", "2.0"],
    ]
    assert "pictures/s of processor time: 25 (goal at least 20: met)" in text
    assert "two processes times one: 2 (goal at least 1.7: met)" in text
    assert "5000 records: 150 MB once the index was there, 160 MB after a quarter of 100 pictures" in text
    assert "MB at most: 161 (goal at most 300: met)" in text


def test_loading_is_compared_with_what_a_model_on_two_threads_consumes():
    """Twenty rows cost one second, two steps two: one core loads what twenty cores consume."""
    stage = StageResult(
        "stage1_grounding", rows=20, tokens=8000, pictures=60, load_s=2.0, load_cpu_s=1.0, workers_s=0.5,
        steps=2, step_s=4.0, step_cpu_s=2.0,
    )  # fmt: skip
    report = SpeedReport(SpeedOptions(100, 1, 0), {ONE: [SINGLE]}, loading=LoadingResult(3000, 1.5, [stage]))
    text = report_text(report)
    assert "3000 questions made at 2000 a second of CPU" in text
    assert "20 rows of each stage, in the first of 400 tokens and 3.0 pictures" in text
    cells = [line.split()[-5:] for line in text.splitlines() if line.startswith("stage1_grounding, ")]
    assert cells[:3] == [
        ["10.0", "4000", "20.0", "50", "10.0"],
        ["38.0", "15200", "76.0", "-", "-"],
        ["0.5", "200", "1.0", "1000", "1.0"],
    ]
    assert "one process times the model by CPU: 10 (goal at least 1: met)" in text
    slow = replace(stage, load_cpu_s=20.0)
    report.loading = LoadingResult(3000, 1.5, [slow])
    assert "by CPU: 0.5 (goal at least 1: missed)" in report_text(report)


def test_a_missed_goal_is_said():
    slow = RunResult(**{**vars(SINGLE), "cpu_s": 10.0, "peak_mb": 301.0})
    text = report_text(SpeedReport(SpeedOptions(100, 1, 1), {ONE: [slow], TWO: [slow]}, slow))
    assert text.count("missed") == 3
    unknown = RunResult(**{**vars(SINGLE), "peak_mb": None})
    assert "not told on this system" in report_text(
        SpeedReport(SpeedOptions(100, 1, 1), {ONE: [SINGLE]}, unknown)
    )


@pytest.mark.slow
def test_the_command_measures_every_way_in_turn(tmp_path, monkeypatch, capsys):
    """Ray has its own tests; here it would take most of the time."""
    monkeypatch.setattr(measuring, "WAYS", {ONE: (PROCESSES, 1), TWO: (PROCESSES, 2)})
    arguments = ["--pictures", "32", "--rounds", "1", "--records", "40", "--rows", "0"]
    arguments += ["--json", str(tmp_path / "out.json")]
    assert main(["bench", "data", *arguments]) == 0
    stated = read_object(tmp_path / "out.json")
    assert set(stated["runs"]) == {ONE, TWO} and stated["memory"]["pictures"] == 32
    assert [len(one) for one in stated["runs"].values()] == [1, 1]
    assert stated["loading"] is None and "two processes times one" in capsys.readouterr().out


def test_rows_are_loaded_beside_a_models_steps(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    monkeypatch.setattr(measuring, "WAYS", {ONE: (PROCESSES, 1)})
    arguments = ["--pictures", "32", "--rounds", "1", "--records", "0", "--rows", "3"]
    assert main(["bench", "data", *arguments, "--json", str(tmp_path / "out.json")]) == 0
    stages = read_object(tmp_path / "out.json")["loading"]["stages"]
    assert [one["rows"] for one in stages] == [3, 3]
    assert "stage2_reasoning, two workers" in capsys.readouterr().out


def test_rows_without_torch_are_refused_before_anything_is_measured(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["bench", "data", "--pictures", "32"]) == 1
    assert "needs 'torch'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--pictures", "pictures: expected at least 32, got 0"),
        ("--rounds", "rounds: expected at least 1, got 0"),
    ],
)
def test_too_little_to_measure_is_refused(capsys, option, message):
    assert main(["bench", "data", option, "0"]) == 2
    assert message in capsys.readouterr().err
