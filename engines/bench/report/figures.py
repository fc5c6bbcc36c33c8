"""The arithmetic of a benchmark's figures: medians, ratios of paired samples, rates.

In: samples. Out: numbers, None where nothing was measured. A ratio is the median over pairs of the same scene
and repetition, so that noise that both saw cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

from n3d_ros.engines.bench.samples import AGAIN, ASK, EARLY, GROUND, QUERIES, STAGES, BenchSample, TextCost

Get = Callable[[BenchSample], float | None]

# What is compared between systems: the query, its time on the clock and its processor time. The last but one
# counts until the last box, so that both are about the same work.
TOTALS: dict[str, tuple[str, Get, Get]] = {
    "ground": (GROUND, lambda s: s.stages["total"], lambda s: s.cpu.total_ms),
    "boxes": (ASK, lambda s: s.boxes_ms, lambda s: s.cpu.boxes_ms),
    "ask": (ASK, lambda s: s.stages["total"], lambda s: s.cpu.total_ms),
}


def figures(samples: list[BenchSample]) -> dict[str, float | None]:
    """Everything about one system that needs no other."""
    by_query = {query: [sample for sample in samples if sample.query == query] for query in QUERIES}
    asks = by_query[ASK]
    reasoning = [sample.reasoning for sample in asks if sample.reasoning is not None]
    boxes = [sample.box for sample in samples]
    totals = {f"{query}_ms": of(by_query[query], lambda s: s.stages["total"]) for query in QUERIES}
    first = {f"{query}_first_token_ms": of(by_query[query], lambda s: s.first_token_ms) for query in QUERIES}
    return {
        **totals,
        **first,
        "boxes_ms": of(asks, lambda s: s.boxes_ms),
        "second_question": within(samples, AGAIN, GROUND, lambda s: s.first_token_ms),
        "second_question_cpu": within(samples, AGAIN, GROUND, lambda s: s.cpu.first_token_ms),
        "early_vision": within(samples, EARLY, GROUND, lambda s: s.stages["vision"]),
        "first_box_ms": of(asks, lambda s: s.first_box_ms),
        "first_box_share": of(asks, lambda s: s.first_box_ms and s.first_box_ms / s.boxes_ms),
        "box_tokens_per_s": tokens_per_s(boxes),
        "reasoning_tokens_per_s": tokens_per_s(reasoning),
        "box_passes_per_token": passes_per_token(boxes),
        "reasoning_passes_per_token": passes_per_token(reasoning),
        "reasoning_tokens_per_pass": tokens_per_pass(reasoning),
        "box_guesses_held": guesses_held(boxes),
        "reasoning_guesses_held": guesses_held(reasoning),
        "boxes_per_s": ratio(sum(s.num_boxes for s in asks), sum(s.boxes_ms for s in asks) / 1e3),
    }


def speedup(samples: Iterable[BenchSample], name: str, baseline: str, query: str, get: Get) -> float | None:
    """Median of baseline / system over pairs of the same scene and repetition; None without pairs."""
    times: dict[tuple[int, int], dict[str, float]] = {}
    for sample in samples:
        value = get(sample)
        if sample.query == query and value is not None:
            times.setdefault((sample.seed, sample.repetition), {})[sample.system] = value
    ratios = [pair[baseline] / pair[name] for pair in times.values() if name in pair and baseline in pair]
    return median(ratios) if ratios else None


def within(samples: Iterable[BenchSample], query: str, base: str, get: Get) -> float | None:
    """Median of one query / another of the same system, scene and repetition; None without pairs."""
    times: dict[tuple[int, int], dict[str, float]] = {}
    for sample in samples:
        value = get(sample)
        if value is not None:
            times.setdefault((sample.seed, sample.repetition), {})[sample.query] = value
    ratios = [pair[query] / pair[base] for pair in times.values() if query in pair and pair.get(base)]
    return median(ratios) if ratios else None


def passes_per_token(costs: list[TextCost]) -> float | None:
    """Decoder passes, the prompt's included, over tokens written."""
    return ratio(sum(c.num_forward_passes for c in costs), sum(c.num_tokens for c in costs))


def tokens_per_s(costs: list[TextCost]) -> float | None:
    """Tokens over the time of decoding, without the token that the prompt's pass gives."""
    return ratio(sum(c.num_tokens - 1 for c in costs), sum(c.decode_ms for c in costs) / 1e3)


def tokens_per_pass(costs: list[TextCost]) -> float | None:
    """Tokens, with the stop token, that each pass after the prompt's wrote: 1 without drafting."""
    return ratio(sum(c.num_tokens for c in costs), sum(c.num_forward_passes - 1 for c in costs))


def guesses_held(costs: list[TextCost]) -> float | None:
    """Share of the guessed tokens that the model wrote."""
    accepted, drafted = (
        sum(c.counts.get(f"num_{kind}_tokens", 0) for c in costs) for kind in ("accepted", "drafted")
    )
    return ratio(accepted, drafted)


def step_ms(samples: list[BenchSample]) -> float | None:
    """Decoding time over passes, for a system whose passes cannot be timed alone."""
    costs = [sample.box for sample in samples if sample.box.num_forward_passes > 1]
    return median(c.decode_ms / (c.num_forward_passes - 1) for c in costs) if costs else None


def stages_ms(samples: list[BenchSample], query: str) -> dict[str, float | None]:
    """Median of every stage of one query."""
    chosen = [sample for sample in samples if sample.query == query]
    return {stage: of(chosen, _stage(stage)) for stage in STAGES}


def _stage(name: str) -> Get:
    return lambda sample: sample.stages[name]


def same_ids(samples: list[BenchSample], baseline: list[BenchSample]) -> tuple[int, int]:
    """(answers whose tokens all equal the baseline's, answers compared), each question counted once."""
    theirs = {(sample.query, sample.seed): sample.ids for sample in baseline}
    ours = {(sample.query, sample.seed): sample.ids for sample in samples}
    shared = ours.keys() & theirs.keys()
    return sum(ours[key] == theirs[key] for key in shared), len(shared)


def of(samples: Iterable[BenchSample], get: Get) -> float | None:
    """Median of what there is."""
    values = [value for value in map(get, samples) if value is not None]
    return median(values) if values else None


def ratio(numerator: float, denominator: float) -> float | None:
    """None for nothing by nothing."""
    return numerator / denominator if denominator else None
