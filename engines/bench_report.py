"""Raw samples -> the figures that a person compares: medians, ratios of paired samples, shares, goals.

In: a `Recording`. Out: a `Report` of plain numbers for table, JSON and plot. Arithmetic only. A ratio is the
median over pairs of the same question, scene and repetition, so that noise that both saw cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from n3d_ros.engines.bench import HUGGING_FACE, PLAIN, Recording
from n3d_ros.engines.bench_samples import AGAIN, ASK, EARLY, GROUND, QUERIES, STAGES, Sample, TextCost
from n3d_ros.engines.bench_steps import PASS_LENGTHS


@dataclass(frozen=True)
class Goal:
    """`value` must be at least (`at_least`) or at most `limit`; None where it was not measured."""

    name: str
    value: float | None
    limit: float
    at_least: bool

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(frozen=True)
class Report:
    """figures: by system, then by name (`FIGURES` says what they mean). stages_ms: by system, query, stage.
    passes_ms: by system and tokens a pass. same_ids: by system, (answers equal to Hugging Face's, answers).
    """

    figures: dict[str, dict[str, float | None]]
    stages_ms: dict[str, dict[str, dict[str, float | None]]]
    passes_ms: dict[str, dict[int, float]]
    same_ids: dict[str, tuple[int, int]]
    copy_gb_s: float
    copy_large_gb_s: float
    goals: list[Goal]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "goals": [{**asdict(goal), "met": goal.met} for goal in self.goals]}


FIGURES = {
    "ground_ms": "one name, new frame",
    "again_ms": "one name, same frame",
    "early_ms": "one name, new frame, picture came early",
    "boxes_ms": "three boxes, new frame",
    "ask_ms": "three boxes and reasoning",
    "first_token_ms": "first token, new frame",
    "again_first_token_ms": "first token, same frame",
    "second_question": "second / first question, to first token",
    "early_first_token_ms": "first token, new frame, picture came early",
    "first_box_ms": "first of three boxes",
    "first_box_share": "first of three boxes / all three",
    "box_tokens_per_s": "tokens/s, box text",
    "reasoning_tokens_per_s": "tokens/s, reasoning text",
    "box_passes_per_token": "passes per token, box text",
    "reasoning_passes_per_token": "passes per token, reasoning text",
    "accepted_per_pass": "tokens per pass after the prompt, reasoning",
    "boxes_per_s": "boxes/s, three boxes",
    "step_ms": "one decode step",
    "decode_mb": "MB a decode step reads",
    "bandwidth_share": "share of the copy bandwidth",
    "peak_rss_mb": "peak memory, MB",
    "peak_cuda_mb": "peak GPU memory, MB",
}


def make_report(recording: Recording) -> Report:
    """All figures of a recording."""
    names = recording.options.systems
    samples = {name: [sample for sample in recording.samples if sample.system == name] for name in names}
    copy = max(median(pair[1] for pair in recording.copy_gb_s), median(p[0] for p in recording.copy_gb_s))
    passes = {name: _passes_ms(recording, name.removesuffix(PLAIN)) for name in names if name != HUGGING_FACE}
    figures = {name: _figures(samples[name]) for name in names}
    for name, values in figures.items():
        step = passes[name][1] if name in passes else _step_ms(samples[name])
        values["step_ms"] = step
        values["decode_mb"] = recording.decode_bytes[name] / 1e6
        values["bandwidth_share"] = recording.decode_bytes[name] / (step * 1e6) / copy if step else None
        peak = recording.peaks.get(name)
        values["peak_rss_mb"] = peak.rss_mb if peak else None
        values["peak_cuda_mb"] = peak.cuda_mb if peak else None
        for query, figure in ((GROUND, "ground_ms"), (ASK, "boxes_ms"), (ASK, "ask_ms")):
            ratio = speedup(recording.samples, name, HUGGING_FACE, query, figure)
            values[f"{figure[:-3]}_speedup"] = ratio
    return Report(
        figures,
        {name: {query: _stages(samples[name], query) for query in QUERIES} for name in names},
        passes,
        {name: _same_ids(samples[name], samples.get(HUGGING_FACE, [])) for name in names},
        copy,
        median(pair[0] for pair in recording.copy_gb_s),
        _goals(names[0], figures, passes),
    )


def value_ms(sample: Sample, figure: str) -> float:
    """Milliseconds that a sample took, in total or until the boxes."""
    total = sample.boxes_ms if figure == "boxes_ms" else sample.stages["total"]
    assert total is not None
    return total


def speedup(samples: Iterable[Sample], name: str, baseline: str, query: str, figure: str) -> float | None:
    """Median of baseline / system over pairs of the same scene and repetition; None without pairs."""
    times: dict[tuple[int, int], dict[str, float]] = {}
    for sample in samples:
        if sample.query == query:
            times.setdefault((sample.seed, sample.repetition), {})[sample.system] = value_ms(sample, figure)
    ratios = [pair[baseline] / pair[name] for pair in times.values() if name in pair and baseline in pair]
    return median(ratios) if ratios else None


def _figures(samples: list[Sample]) -> dict[str, float | None]:
    by_query = {query: [sample for sample in samples if sample.query == query] for query in QUERIES}
    asks = by_query[ASK]
    reasoning = [sample.reasoning for sample in asks if sample.reasoning is not None]
    boxes = [sample.box for sample in samples]
    return {
        "ground_ms": _median(by_query[GROUND], lambda s: s.stages["total"]),
        "again_ms": _median(by_query[AGAIN], lambda s: s.stages["total"]),
        "early_ms": _median(by_query[EARLY], lambda s: s.stages["total"]),
        "boxes_ms": _median(asks, lambda s: s.boxes_ms),
        "ask_ms": _median(asks, lambda s: s.stages["total"]),
        "first_token_ms": _median(by_query[GROUND], lambda s: s.first_token_ms),
        "again_first_token_ms": _median(by_query[AGAIN], lambda s: s.first_token_ms),
        "early_first_token_ms": _median(by_query[EARLY], lambda s: s.first_token_ms),
        "second_question": second_question(samples),
        "first_box_ms": _median(asks, lambda s: s.first_box_ms),
        "first_box_share": _median(
            asks, lambda s: None if s.first_box_ms is None else s.first_box_ms / s.boxes_ms
        ),
        "box_tokens_per_s": tokens_per_s(boxes),
        "reasoning_tokens_per_s": tokens_per_s(reasoning),
        "box_passes_per_token": passes_per_token(boxes),
        "reasoning_passes_per_token": passes_per_token(reasoning),
        "accepted_per_pass": accepted_per_pass(reasoning),
        "boxes_per_s": _ratio(sum(s.num_boxes for s in asks), sum(s.boxes_ms for s in asks) / 1e3),
    }


def second_question(samples: Iterable[Sample]) -> float | None:
    """Median of (time to first token of the second question on a frame / of the first)."""
    times: dict[tuple[int, int], dict[str, float]] = {}
    for sample in samples:
        if sample.first_token_ms is not None:
            times.setdefault((sample.seed, sample.repetition), {})[sample.query] = sample.first_token_ms
    ratios = [pair[AGAIN] / pair[GROUND] for pair in times.values() if AGAIN in pair and GROUND in pair]
    return median(ratios) if ratios else None


def passes_per_token(costs: list[TextCost]) -> float | None:
    """Decoder passes, the prompt's included, over tokens written."""
    return _ratio(sum(c.num_forward_passes for c in costs), sum(c.num_tokens for c in costs))


def tokens_per_s(costs: list[TextCost]) -> float | None:
    """Tokens over the time of decoding, without the prompt's pass (which gives the first token)."""
    return _ratio(sum(c.num_tokens - 1 for c in costs), sum(c.decode_ms for c in costs) / 1e3)


def accepted_per_pass(costs: list[TextCost]) -> float | None:
    """Tokens that each pass after the prompt's wrote, the stop token among them: 1 without drafting."""
    return _ratio(sum(c.num_tokens for c in costs), sum(c.num_forward_passes - 1 for c in costs))


def _step_ms(samples: list[Sample]) -> float | None:
    """Decoding time over passes, for a system whose passes cannot be timed alone."""
    costs = [sample.box for sample in samples if sample.box.num_forward_passes > 1]
    return median(c.decode_ms / (c.num_forward_passes - 1) for c in costs) if costs else None


def _passes_ms(recording: Recording, name: str) -> dict[int, float]:
    steps = [step for step in recording.steps if step.system == name]
    return {n: median(step.ms for step in steps if step.num_tokens == n) for n in PASS_LENGTHS}


def _stages(samples: list[Sample], query: str) -> dict[str, float | None]:
    chosen = [sample for sample in samples if sample.query == query]
    return {stage: _median(chosen, lambda s, stage=stage: s.stages[stage]) for stage in STAGES}


def _same_ids(samples: list[Sample], baseline: list[Sample]) -> tuple[int, int]:
    """(answers whose tokens all equal the baseline's, answers compared), each question counted once."""
    theirs = {(sample.query, sample.seed): sample.ids for sample in baseline}
    ours = {(sample.query, sample.seed): sample.ids for sample in samples}
    shared = ours.keys() & theirs.keys()
    return sum(ours[key] == theirs[key] for key in shared), len(shared)


def _goals(
    name: str, figures: dict[str, dict[str, float | None]], passes: dict[str, dict[int, float]]
) -> list[Goal]:
    """The project's goals for the first system; which apply depends on what else ran."""
    ours = figures[name]
    per_token = passes["torch"][1] / passes[name][1] if {"torch", name} <= passes.keys() else None
    return [
        Goal("three boxes: times faster than Hugging Face generate", ours["boxes_speedup"], 4.0, True),
        Goal("boxes and reasoning: times faster than Hugging Face", ours["ask_speedup"], 4.0, True),
        Goal("decode step: times faster than torch eager", per_token if name != "torch" else None, 2.0, True),
        Goal("passes per token, box text", ours["box_passes_per_token"], 0.60, False),
        Goal("passes per token, reasoning text", ours["reasoning_passes_per_token"], 0.34, False),
        Goal("second question / first, time to first token", ours["second_question"], 0.30, False),
        Goal("first of three boxes / all three", ours["first_box_share"], 0.40, False),
    ]


def _median(samples: Iterable[Sample], get: Callable[[Sample], float | None]) -> float | None:
    values = [value for value in map(get, samples) if value is not None]
    return median(values) if values else None


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None
