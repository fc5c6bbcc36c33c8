"""`n3d bench`: the arithmetic of its figures, and that a minimal run records what the report needs."""

import json
import weakref

import numpy as np
import pytest

from n3d_ros.cli import main
from n3d_ros.commands.bench.model import write_results
from n3d_ros.engines.bench import machine as bench_machine
from n3d_ros.engines.bench import measure as bench
from n3d_ros.engines.bench import memory as bench_memory
from n3d_ros.engines.bench.machine import copy_gb_s, decode_bytes
from n3d_ros.engines.bench.measure import (
    BenchOptions,
    Recording,
    check_weights_fit,
    num_pieces,
    open_system,
    record,
)
from n3d_ros.engines.bench.memory import Peak, ProcessFailed
from n3d_ros.engines.bench.report.figures import (
    TOTALS,
    guesses_held,
    passes_per_token,
    speedup,
    tokens_per_s,
    within,
)
from n3d_ros.engines.bench.report.plot import draw_report
from n3d_ros.engines.bench.report.summary import Goal, make_report
from n3d_ros.engines.bench.report.text import report_text
from n3d_ros.engines.bench.samples import (
    AGAIN,
    ASK,
    EARLY,
    GROUND,
    STAGES,
    BenchSample,
    BenchScene,
    CpuTimes,
    TextCost,
    cost_between,
    cost_of,
)
from n3d_ros.engines.bench.steps import PASS_LENGTHS, StepSample
from n3d_ros.engines.bench.synthetic import QUERIES as SYNTHETIC_QUERIES
from n3d_ros.engines.bench.synthetic import noise_scenes, synthetic_folder
from n3d_ros.engines.synthetic.checkpoint import num_bytes, write_synthetic
from n3d_ros.errors import BadInputError, OutOfMemoryError
from n3d_ros.geometry import Intrinsics
from n3d_ros.model_folder.config import load_config
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.backends.factory import create_backend, default_model_dir
from n3d_ros.runtime.types import Timing


def sample(system="ort", query=ASK, total=100.0, boxes=50.0, ids=((1, 2), (3,)), first_token=None, **changes):
    """A sample of round numbers: 10 tokens in 5 passes of box text, 20 in 4 of reasoning."""
    values = {
        "system": system,
        "query": query,
        "seed": 1,
        "repetition": 0,
        "stages": {**dict.fromkeys(STAGES, 10.0), "total": total},
        "box": TextCost(10, 5, 4.0, 20.0),
        "reasoning": TextCost(20, 4, 4.0, 40.0) if query == ASK else None,
        "first_token_ms": first_token,
        "first_box_ms": 20.0,
        "boxes_ms": boxes,
        "num_boxes": 3,
        "ids": ids,
        "cpu": CpuTimes(total / 2, first_token and first_token / 2, boxes / 2),
    }
    return BenchSample(**{**values, **changes})


def recording(samples, systems=("ort", "torch", "huggingface"), steps=(), peaks=None):
    options = BenchOptions(model=default_model_dir(), systems=systems, num_scenes=1, repetitions=1)
    machine = {"gpu": [], "board": None, "processor": "a processor", "cores": 2, "load_average": 0.5}
    return Recording(
        options,
        machine,
        dict.fromkeys(systems, 8_000_000),
        samples=list(samples),
        steps=list(steps),
        copy_gb_s=[(10.0, 16.0), (12.0, 16.0)],
        peaks=peaks or {},
    )


def steps_of(**ms):
    return [StepSample(name, n, 100, ms_ * n, ms_ * n / 2) for name, ms_ in ms.items() for n in PASS_LENGTHS]


def full_recording():
    """Two questions a system, Hugging Face four times slower than ort."""
    samples = [
        sample(name, query, factor * 100.0, factor * 50.0, first_token=first_token * factor)
        for name, factor in (("ort", 1.0), ("torch", 2.0), ("huggingface", 4.0))
        for query, first_token in ((GROUND, 40.0), (AGAIN, 10.0), (ASK, None))
        if first_token is not None or query == ASK
        for first_token in [first_token or 0.0]
    ]
    return recording(samples, steps=steps_of(ort=1.0, torch=2.5), peaks={"ort": Peak(200.0, None)})


def test_a_speedup_is_the_median_over_pairs_not_the_ratio_of_medians():
    pairs = ((1.0, 9.0), (10.0, 20.0), (100.0, 300.0))  # 9, 2 and 3 times; medians: 2 times
    samples = [
        sample(name, total=total, repetition=number)
        for number, (ours, theirs) in enumerate(pairs)
        for name, total in (("ort", ours), ("huggingface", theirs))
    ]
    assert speedup(samples, "ort", "huggingface", *TOTALS["ask"][:2]) == 3.0


def test_a_speedup_needs_both_of_a_pair():
    assert speedup([sample("ort")], "ort", "huggingface", *TOTALS["ask"][:2]) is None


def test_passes_per_token_counts_the_prompts_pass_and_weighs_long_replies_more():
    assert passes_per_token([TextCost(10, 5, 0.0, 1.0), TextCost(30, 5, 0.0, 1.0)]) == 0.25
    assert passes_per_token([]) is None


def test_guesses_that_held_are_counted_over_all_replies():
    costs = [
        TextCost(9, 4, 0.0, 0.0, {"num_drafted_tokens": drafted, "num_accepted_tokens": accepted})
        for drafted, accepted in ((10, 1), (10, 8))
    ]
    assert guesses_held(costs) == 0.45
    assert guesses_held([TextCost(9, 10, 0.0, 0.0)]) is None


def test_tokens_per_second_leave_out_the_token_that_the_prompt_gives():
    assert tokens_per_s([TextCost(11, 11, 500.0, 100.0)]) == 100.0


def test_the_second_question_is_compared_with_the_first_of_its_own_frame():
    samples = [
        sample(query=query, first_token=ms, repetition=n)
        for n, (first, second) in enumerate(((100.0, 20.0), (10.0, 9.0), (100.0, 30.0)))
        for query, ms in ((GROUND, first), (AGAIN, second))
    ]
    assert within(samples, AGAIN, GROUND, lambda s: s.first_token_ms) == 0.3


def test_the_second_stage_is_what_both_cost_less_the_first():
    first = cost_of(Timing(prefill_ms=5.0, decode_ms=10.0, num_tokens=7, num_forward_passes=4))
    both = cost_of(Timing(prefill_ms=8.0, decode_ms=30.0, num_tokens=17, num_forward_passes=9))
    reasoning = cost_between(first, both)
    assert (reasoning.num_tokens, reasoning.num_forward_passes) == (10, 5)
    assert (reasoning.prefill_ms, reasoning.decode_ms) == (3.0, 20.0)
    assert reasoning.counts["num_reused_tokens"] == 0


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


def test_a_decode_step_reads_the_layers_the_norm_the_head_and_the_cache():
    folder = default_model_dir()
    text = load_config(folder).text
    attention = 2 * text.hidden**2 + 2 * text.hidden * text.kv_heads * text.head_dim
    biases = text.hidden + 2 * text.kv_heads * text.head_dim
    layer = attention + biases + 3 * text.hidden * text.mlp + 2 * text.hidden
    cache = 2 * text.layers * text.kv_heads * text.head_dim * 100
    expected = 4 * (text.layers * layer + text.hidden + text.vocab * text.hidden + cache)
    assert decode_bytes(folder, load_config(folder), 4, 100) == expected


def test_copying_is_faster_than_nothing():
    assert copy_gb_s(1 << 20, threads=2, rounds=1) > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"systems": ("ort", "ort")}, "systems: expected different ones"),
        ({"systems": ("llama",)}, "got llama"),
        ({"repetitions": 0}, "repetitions: expected a positive number, got 0"),
        ({"threads": -1}, "threads: expected a positive number, got -1"),
    ],
)
def test_options_that_cannot_be_run_are_named(options, message):
    with pytest.raises(BadInputError, match=message):
        BenchOptions(model=default_model_dir(), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repetitions", "0"], "repetitions: expected a positive number, got 0"),
        (["--max-tokens", "0"], "max_tokens: expected a positive number, got 0"),
        (["--synthetic", "7b", "--threads", "0"], "threads: expected a positive number, got 0"),
        (["--model", "/nowhere"], "expected a folder with manifest.json or config.json, got '/nowhere'"),
    ],
)
def test_bad_options_end_at_once_with_code_2(arguments, message, capsys):
    pytest.importorskip("n3d_ros.sim", exc_type=ImportError)
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err


def plain_scene():
    """A picture without anything to find: what the model says does not matter here."""
    rng = np.random.default_rng(0)
    intrinsics = Intrinsics(150.0, 150.0, 79.5, 59.5, 160, 120)
    observation = Observation(
        rgb=rng.integers(0, 255, (120, 160, 3), dtype=np.uint8),
        intrinsics=intrinsics,
        depth=rng.uniform(0.5, 1.5, (120, 160)).astype(np.float32),
    )
    question = "Which is closer to the red mug, the blue bowl or the green box?"
    return BenchScene(7, observation, question, "the red mug", "the blue bowl")


def test_a_scene_survives_the_way_to_another_process(tmp_path):
    scene = plain_scene()
    bench_memory.save_scene(scene, tmp_path / "scene.npz")
    loaded = bench_memory.load_scene(tmp_path / "scene.npz")
    assert (loaded.seed, loaded.question, loaded.first, loaded.second) == (
        scene.seed,
        scene.question,
        scene.first,
        scene.second,
    )
    assert (loaded.observation.rgb == scene.observation.rgb).all()
    assert (loaded.observation.depth == scene.observation.depth).all()
    assert loaded.observation.intrinsics == scene.observation.intrinsics


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


@pytest.fixture
def tiny(tmp_path):
    pytest.importorskip("torch")
    return write_synthetic(tmp_path / "tiny", "tiny")


def test_systems_of_one_backend_hold_its_weights_once(tiny):
    options = BenchOptions(tiny, ("torch", "torch-plain", "huggingface"), dtype="bf16")
    systems = []
    for name in options.systems:
        systems.append(open_system(name, options, systems))
    guessing, plain, huggingface = systems
    assert plain.pipeline.backend is guessing.pipeline.backend
    assert huggingface._model is guessing.pipeline.backend.model
    assert {str(weight.dtype) for weight in huggingface._model.parameters()} == {"torch.bfloat16"}
    alone = open_system("huggingface", options)
    assert str(next(alone._model.parameters()).dtype) == "torch.bfloat16"


def test_the_processes_that_measure_memory_find_this_one_without_weights(tiny, monkeypatch):
    held, found = [], []

    def create(*arguments):
        backend = create_backend(*arguments)
        held.append(weakref.ref(backend.model))
        return backend

    def peak(name, options, scene):
        found.append((name, [model() for model in held]))
        return Peak(1.0, None)

    monkeypatch.setattr(bench, "create_backend", create)
    monkeypatch.setattr(bench, "peak_memory", peak)
    systems = ("torch", "huggingface")
    options = BenchOptions(tiny, systems, SYNTHETIC_QUERIES, 1, 1, max_tokens=2)
    record(options, noise_scenes(), lambda _what: None)
    assert found == [("torch", [None]), ("huggingface", [None])]


def test_a_process_of_its_own_gets_all_options(tmp_path, monkeypatch):
    options = BenchOptions(tmp_path, ("torch",), (GROUND, AGAIN), threads=2, max_tokens=3, dtype="bf16")
    commands, opened = [], []
    monkeypatch.setattr(
        bench_memory.subprocess, "run", lambda command, **_: commands.append(command) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        bench_memory.peak_memory("torch", options, plain_scene())
    monkeypatch.setattr(bench, "open_system", lambda name, options: opened.append(options) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        bench_memory.main(*commands[0][3:])
    assert opened == [options]


@pytest.mark.parametrize(
    ("systems", "dtype", "needed"),
    [
        (("torch", "torch-plain", "huggingface"), "auto", 33.2),
        (("huggingface",), "bf16", 16.6),
        (("ort", "torch"), "bf16", 49.8),
    ],
)
def test_weights_that_cannot_fit_are_refused_before_they_are_loaded(systems, dtype, needed, monkeypatch):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    options = BenchOptions(default_model_dir(), systems, dtype=dtype)

    def bytes_of(size):
        return size * num_bytes("7b") // 2

    with pytest.raises(OutOfMemoryError, match=f"the weights need {needed} GB of memory, 16.0 GB are free"):
        check_weights_fit(options, bytes_of, 16.0)
    check_weights_fit(options, bytes_of, needed + 0.1)
    check_weights_fit(options, bytes_of, None)


def test_weights_are_not_written_where_they_would_not_fit(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    monkeypatch.setattr(bench_machine, "free_memory_gb", lambda: 0.001)
    folder = tmp_path / "tiny"
    assert main(["bench", "--synthetic", "tiny", "--folder", str(folder)]) == 2
    assert "the weights need 0.0 GB of memory" in capsys.readouterr().err and not folder.exists()


def test_a_decode_step_reads_half_as_much_in_sixteen_bits(monkeypatch):
    monkeypatch.setattr(bench, "has_cuda", lambda: False)
    folder = default_model_dir()
    options = BenchOptions(folder, ("torch", "ort"), dtype="bf16")
    read = bench._decode_bytes(options, load_config(folder))
    assert read["ort"] == 2 * read["torch"]


def test_an_unknown_type_is_named():
    with pytest.raises(BadInputError, match="dtype: expected auto or one of fp32, fp16, bf16, got 'int4'"):
        BenchOptions(default_model_dir(), dtype="int4")


def test_peak_memory_is_measured_in_a_process_of_its_own():
    options = BenchOptions(default_model_dir(), ("ort",), (GROUND,), max_tokens=2)
    peak = bench_memory.peak_memory("ort", options, plain_scene())
    assert peak.cuda_mb is None
    assert 50 < peak.rss_mb < 600  # far from this process's own, which may hold torch


def test_a_process_that_fails_says_why(tmp_path):
    options = BenchOptions(tmp_path, ("ort",), (GROUND,))
    with pytest.raises(
        ProcessFailed, match="memory of ort: its process ended with .*expected a manifest.json"
    ):
        bench_memory.peak_memory("ort", options, plain_scene())


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
