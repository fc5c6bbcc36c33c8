"""Medians, ratios of pairs, rates."""

from bench_recording import sample

from n3d_ros.engines.bench.report.figures import (
    TOTALS,
    guesses_held,
    passes_per_token,
    speedup,
    tokens_per_s,
    within,
)
from n3d_ros.engines.bench.samples import (
    AGAIN,
    GROUND,
    TextCost,
    cost_between,
    cost_of,
)
from n3d_ros.runtime.types import Timing


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
