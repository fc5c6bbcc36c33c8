"""What is compared, judged, printed and drawn."""

import numpy as np
import pytest
from bench_recording import full_recording, recording, sample, steps_of

from n3d_ros.engines.bench.options import BenchOptions
from n3d_ros.engines.bench.report.plot import draw_report
from n3d_ros.engines.bench.report.summary import Goal, make_report
from n3d_ros.engines.bench.report.text import report_text
from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    GROUND,
)
from n3d_ros.runtime.backends.factory import default_model_dir


def test_the_report_compares_and_judges():
    report = make_report(full_recording())
    ours = report.figures["ort"]
    assert ours["boxes_speedup"] == ours["ask_speedup"] == ours["ask_speedup_cpu"] == 4.0
    assert ours["second_question"] == 0.25
    assert ours["box_passes_per_token"] == 0.5
    assert ours["reasoning_passes_per_token"] == 0.2
    assert ours["reasoning_tokens_per_pass"] == 20 / 3
    assert ours["boxes_per_s"] == pytest.approx(60.0)
    assert ours["first_box_share"] == 0.4
    assert ours["bandwidth_share"] == 0.5  # 8 MB in 1 ms is 8 GB/s, of 16
    assert ours["bandwidth_share_cpu"] == 1.0
    assert report.figures["huggingface"]["step_ms"] == 20.0 / 4
    assert report.figures["torch"]["peak_rss_mb"] is None
    assert report.same_ids == {"ort": (3, 3), "torch": (3, 3), "huggingface": (3, 3)}
    assert all(goal.met for goal in report.goals)
    assert [goal.name.split(":")[0] for goal in report.goals] == [
        "three boxes",
        "with reasoning",
        "passes per token, box text",
        "passes per token, reasoning text",
        "first token, same / new frame",
        "decode step",
    ]


def test_a_goal_is_reached_only_when_clock_and_processor_time_agree():
    assert Goal("faster", 5.0, 4.0, at_least=True, cpu=4.5).met
    assert not Goal("faster", 5.0, 4.0, at_least=True, cpu=3.5).met
    assert not Goal("share", 0.2, 0.3, at_least=False, cpu=0.4).met
    assert Goal("share", 0.2, 0.3, at_least=False).met


def test_a_gpu_has_higher_goals():
    recording_ = full_recording()
    recording_.machine["gpu"] = [{"name": "a GPU"}]
    recording_.options = BenchOptions(default_model_dir(), ("torch", "ort", "huggingface"))
    goals = {goal.name: goal for goal in make_report(recording_).goals}
    assert goals["three boxes: times faster than Hugging Face"].limit == 8.0
    assert goals["decode: share of the copy bandwidth"].value == 0.2  # 8 MB in 2.5 ms, of 16 GB/s
    assert not goals["decode: share of the copy bandwidth"].met


def test_different_tokens_are_counted_once_per_question():
    samples = [
        sample(name, repetition=n, ids=((1, 2), (9 if name == "torch" else 3,)))
        for n in range(2)
        for name in ("torch", "huggingface")
    ]
    report = make_report(recording(samples, ("torch", "huggingface"), steps_of(torch=1.0)))
    assert report.same_ids["torch"] == (0, 1)


def test_a_missed_goal_is_said_so_in_the_table():
    record_ = full_recording()
    record_.samples = [
        sample(name, query, first_token=50.0, total=100.0)
        for name in ("ort", "torch", "huggingface")
        for query in (GROUND, AGAIN, ASK)
    ]
    lines = report_text(record_, make_report(record_)).splitlines()
    missed = [line.split("  ")[0] for line in lines if "  missed" in line]
    assert missed == [
        "three boxes: times faster than Hugging Face",
        "with reasoning: times faster than Hugging Face",
        "first token, same / new frame",
    ]


def test_the_picture_grows_with_what_it_shows():
    few = recording([sample("ort", query) for query in (GROUND, AGAIN, ASK)], ("ort",), steps_of(ort=1.0))
    small, large = (draw_report(r, make_report(r)) for r in (few, full_recording()))
    assert small.width == large.width == 1200
    assert small.height < large.height
    assert np.asarray(large).std() > 10
