"""Raw samples -> what a person compares: figures by system, ratios to Hugging Face, and how the goals stand.

In: a `Recording`. Out: a `BenchReport` of plain numbers for table, JSON and plot. `figures` does the sums.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from n3d_ros.engines.bench.measure import Recording
from n3d_ros.engines.bench.options import HUGGING_FACE, PLAIN
from n3d_ros.engines.bench.report.figures import TOTALS, figures, same_ids, speedup, stages_ms, step_ms
from n3d_ros.engines.bench.samples import ASK, QUERIES
from n3d_ros.engines.bench.steps import PASS_LENGTHS

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Goal:
    """`value` must be at least (`at_least`) or at most `limit`. `cpu`: the same by processor time, None where
    that means nothing.
    """

    name: str
    value: float
    limit: float
    at_least: bool
    cpu: float | None = None

    @property
    def judged(self) -> float:
        """The worse of both: on a shared machine the clock can flatter."""
        values = [self.value] if self.cpu is None else [self.value, self.cpu]
        return min(values) if self.at_least else max(values)

    @property
    def met(self) -> bool:
        return self.judged >= self.limit if self.at_least else self.judged <= self.limit


@dataclass(frozen=True)
class BenchReport:
    """figures: by system, then by name (`FIGURES` says what they mean). stages_ms: by system, query, stage.
    passes_ms, passes_cpu_ms: by backend and tokens a pass. same_ids: by system, (answers equal to Hugging
    Face's, answers).
    """

    figures: dict[str, Figures]
    stages_ms: dict[str, dict[str, Figures]]
    passes_ms: dict[str, dict[int, float]]
    passes_cpu_ms: dict[str, dict[int, float]]
    same_ids: dict[str, tuple[int, int]]
    copy_gb_s: float
    copy_large_gb_s: float
    goals: list[Goal]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals]}


FIGURES = {
    "ground_ms": "one name, new frame",
    "again_ms": "one name, same frame",
    "early_ms": "one name, picture came early",
    "boxes_ms": "three boxes, new frame",
    "ask_ms": "three boxes and reasoning",
    "ground_first_token_ms": "first token, new frame",
    "again_first_token_ms": "first token, same frame",
    "early_first_token_ms": "first token, picture came early",
    "second_question": "first token, same / new frame",
    "second_question_cpu": "  by processor time",
    "early_vision": "vision left when the picture came early",
    "first_box_ms": "first of three boxes",
    "first_box_share": "first of three boxes / all three",
    "box_tokens_per_s": "tokens/s, box text",
    "reasoning_tokens_per_s": "tokens/s, reasoning text",
    "box_passes_per_token": "passes per token, box text",
    "reasoning_passes_per_token": "passes per token, reasoning text",
    "reasoning_tokens_per_pass": "tokens per pass after the prompt, reasoning",
    "box_guesses_held": "guesses that held, box text",
    "reasoning_guesses_held": "guesses that held, reasoning text",
    "boxes_per_s": "boxes/s, three boxes",
    "step_ms": "one decode step",
    "decode_mb": "MB that a decode step reads",
    "bandwidth_share": "share of the copy bandwidth",
    "bandwidth_share_cpu": "  by processor time",
    "peak_rss_mb": "peak memory, MB",
    "peak_cuda_mb": "peak GPU memory, MB",
    "ground_speedup": "x Hugging Face: one name",
    "ground_speedup_cpu": "  by processor time",
    "boxes_speedup": "x Hugging Face: three boxes",
    "boxes_speedup_cpu": "  by processor time",
    "ask_speedup": "x Hugging Face: boxes and reasoning",
    "ask_speedup_cpu": "  by processor time",
}

_FASTER = {
    "boxes_speedup": "three boxes: times faster than Hugging Face",
    "ask_speedup": "with reasoning: times faster than Hugging Face",
    "ground_speedup": "one name: times faster than Hugging Face",
}


def make_report(recording: Recording) -> BenchReport:
    """All figures of a recording."""
    names = recording.options.systems
    samples = {name: [sample for sample in recording.samples if sample.system == name] for name in names}
    theirs = samples.get(HUGGING_FACE, [])
    large, small = (median(pair[place] for pair in recording.copy_gb_s) for place in (0, 1))
    passes, cpu_passes = _passes(recording, "ms"), _passes(recording, "cpu_ms")
    by_system = {name: figures(samples[name]) for name in names}
    for name, values in by_system.items():
        backend = name.removesuffix(PLAIN)
        step = passes[backend][1] if backend in passes else step_ms(samples[name])
        values |= _speedups(recording, name)
        values |= _limits(recording, name, step, max(large, small))
        if backend in cpu_passes and recording.options.threads == 1 and not recording.machine["gpu"]:
            seconds = cpu_passes[backend][1] / 1e3
            values["bandwidth_share_cpu"] = recording.decode_bytes[name] / seconds / 1e9 / max(large, small)
    return BenchReport(
        figures=by_system,
        stages_ms={name: {query: stages_ms(samples[name], query) for query in QUERIES} for name in names},
        passes_ms=passes,
        passes_cpu_ms=cpu_passes,
        same_ids={name: same_ids(samples[name], theirs) for name in names},
        copy_gb_s=max(large, small),
        copy_large_gb_s=large,
        goals=_goals(recording, by_system[names[0]], passes, cpu_passes),
    )


def _speedups(recording: Recording, name: str) -> Figures:
    """Against Hugging Face, on the clock and by processor time."""
    found: Figures = {}
    for what, (query, clock, cpu) in TOTALS.items():
        for suffix, get in (("", clock), ("_cpu", cpu)):
            value = speedup(recording.samples, name, HUGGING_FACE, query, get)
            found[f"{what}_speedup{suffix}"] = value
    return found


def _limits(recording: Recording, name: str, step: float | None, copy_gb_s: float) -> Figures:
    """Bandwidth and memory. The share is of the faster of both copies, so it cannot flatter."""
    num_bytes, peak = recording.decode_bytes[name], recording.peaks.get(name)
    return {
        "step_ms": step,
        "decode_mb": num_bytes / 1e6,
        "bandwidth_share": num_bytes / (step * 1e6) / copy_gb_s if step else None,
        "peak_rss_mb": peak.rss_mb if peak else None,
        "peak_cuda_mb": peak.cuda_mb if peak else None,
    }


def _passes(recording: Recording, time: str) -> dict[str, dict[int, float]]:
    """Median of every pass length, by backend."""
    backends = dict.fromkeys(step.system for step in recording.steps)
    return {
        name: {
            length: median(
                getattr(step, time)
                for step in recording.steps
                if step.system == name and step.num_tokens == length
            )
            for length in PASS_LENGTHS
        }
        for name in backends
    }


def _goals(
    recording: Recording,
    ours: Figures,
    passes: dict[str, dict[int, float]],
    cpu_passes: dict[str, dict[int, float]],
) -> list[Goal]:
    """The project's goals for the first system, as far as they were measured; some are higher on a GPU."""
    backend = recording.options.systems[0].removesuffix(PLAIN)
    on_gpu = backend == "trt" or (bool(recording.machine["gpu"]) and backend != "ort")
    rows: list[tuple[str, float | None, float, bool, float | None]] = [
        (meaning, ours[name], 8.0 if on_gpu else 4.0, True, None if on_gpu else ours[f"{name}_cpu"])
        for name, meaning in _FASTER.items()
        if name != "ground_speedup" or ours["boxes_speedup"] is None  # the goal is about three boxes
    ]
    saves = ASK in recording.options.queries  # random weights write nothing that could be expected
    rows += [
        ("passes per token, box text", ours["box_passes_per_token"] if saves else None, 0.60, False, None),
        ("passes per token, reasoning text", ours["reasoning_passes_per_token"], 0.34, False, None),
        (FIGURES["second_question"], ours["second_question"], 0.30, False, ours["second_question_cpu"]),
    ]
    if on_gpu:
        rows.append(("decode: share of the copy bandwidth", ours["bandwidth_share"], 0.85, True, None))
    if backend == "ort" and {"torch", "ort"} <= passes.keys():
        clock, cpu = (times["torch"][1] / times["ort"][1] for times in (passes, cpu_passes))
        rows.append(("decode step: times faster than torch eager", clock, 2.0, True, cpu))
    return [
        Goal(name, value, limit, at_least, cpu)
        for name, value, limit, at_least, cpu in rows
        if value is not None
    ]
