"""A whole run: every system answers, what is skipped, what is written."""

import json

import pytest
from bench_recording import plain_scene

from n3d_ros.commands.bench.model import write_results
from n3d_ros.engines.bench.measure import num_pieces, record
from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.bench.report.summary import make_report
from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    EARLY,
    GROUND,
)
from n3d_ros.engines.bench.synthetic import QUERIES as SYNTHETIC_QUERIES
from n3d_ros.engines.bench.synthetic import noise_scenes, synthetic_folder
from n3d_ros.errors import BadInputError
from n3d_ros.runtime.backends.factory import default_model_dir


def test_random_weights_are_asked_without_boxes_to_find(tmp_path):
    pytest.importorskip("torch")
    with synthetic_folder("tiny", tmp_path / "tiny") as folder:
        options = BenchOptions(
            folder,
            ("torch", "huggingface"),
            SYNTHETIC_QUERIES,
            num_scenes=1,
            repetitions=1,
            max_tokens=6,
            memory=False,
        )
        recording = record(options, noise_scenes(), lambda _what: None)
    with synthetic_folder("tiny", tmp_path / "tiny") as again:
        assert again == folder  # what is there is not written again
    assert make_report(recording).same_ids["torch"] == (2, 2)
    assert all(sample.box.num_tokens == 6 for sample in recording.samples)


def test_scenes_without_three_boxes_are_skipped_and_when_none_is_left_that_is_said():
    options = BenchOptions(model=default_model_dir(), systems=("ort",), max_tokens=4, memory=False)
    with pytest.raises(BadInputError, match="expected 10 more in which the model finds three objects"):
        record(options, iter([plain_scene()]), lambda _what: None)


@pytest.fixture(scope="module")
def run():
    """One scene, one repetition, everything that is compared by default; and how often progress was told."""
    pytest.importorskip("torch")
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    from n3d_ros.engines.bench.scenes import bench_scenes

    systems = ("ort", "ort-plain", "torch", "huggingface")
    options = BenchOptions(default_model_dir(), systems, num_scenes=1, repetitions=1, memory=False)
    told = []
    return record(options, bench_scenes(), told.append), told


def test_every_system_answers_every_question_once(run):
    recording, told = run
    for name in recording.options.systems:
        asked = [sample.query for sample in recording.samples if sample.system == name]
        assert [query for query in asked if query != EARLY] == [GROUND, AGAIN, ASK]
    assert len(told) == num_pieces(recording.options)
    assert all(sample.stages["total"] > 0 for sample in recording.samples)


def test_transformers_own_generate_writes_the_very_same_tokens(run):
    recording, _ = run
    report = make_report(recording)
    assert report.same_ids == dict.fromkeys(recording.options.systems, (3, 3))


def test_saved_passes_are_counted_and_only_where_they_are_saved(run):
    recording, _ = run
    figures = make_report(recording).figures
    plain = figures["ort-plain"]["box_passes_per_token"]
    assert plain == figures["huggingface"]["box_passes_per_token"] > 1.0
    assert figures["ort"]["box_passes_per_token"] < 0.8 * plain


def test_a_run_is_written_as_json_and_picture(run, tmp_path):
    recording, _ = run
    write_results(tmp_path / "bench.json", tmp_path / "bench.png", recording, make_report(recording))
    written = json.loads((tmp_path / "bench.json").read_text())
    assert len(written["samples"]) == len(recording.samples)
    assert written["report"]["figures"]["ort"]["boxes_speedup"] > 0
    assert {goal["name"] for goal in written["report"]["goals"]} >= {"passes per token, box text"}
    assert (tmp_path / "bench.png").stat().st_size > 1000
