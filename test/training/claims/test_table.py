"""Marks become figures with intervals, and figures become what can be said of a claim."""

import pytest

pytest.importorskip("torch")

from n3d_ros.training.claims.measure import Mark
from n3d_ros.training.claims.table import (
    box_error_m,
    box_iou,
    box_right,
    difference,
    figure,
    number_right,
    open_right,
    table,
    verdict,
    verdicts,
)


def boxes(*ious):
    return [Mark(f"q{n}", f"s{n}", "box", iou=iou, center_error_m=0.1) for n, iou in enumerate(ious)]


def answers(relation, *said):
    return [Mark(f"q{n}", f"s{n}", relation, said=one, computed=True) for n, one in enumerate(said)]


def test_a_figure_is_the_mean_over_all_seeds_with_each_seeds_own():
    found = figure([boxes(0.0, 0.25, 0.9), boxes(0.1, 0.2, 0.24)], box_right)
    assert found.mean == pytest.approx(2 / 6)
    assert found.by_seed == (pytest.approx(2 / 3), 0.0) and found.num_questions == 6


def test_an_interval_holds_the_mean_and_narrows_with_more_scenes():
    few, many = (figure([boxes(*[0.0, 1.0] * count)], box_right) for count in (5, 200))
    assert few.low < 0.5 < few.high and many.low < 0.5 < many.high
    assert many.high - many.low < (few.high - few.low) / 3


def test_questions_about_one_scene_are_drawn_together():
    same = [Mark(f"q{n}", f"s{n // 20}", "box", iou=float(n < 100)) for n in range(200)]
    apart = [Mark(f"q{n}", f"s{n}", "box", iou=float(n < 100)) for n in range(200)]
    wide, narrow = (figure([one], box_right) for one in (same, apart))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    nothing = [Mark(f"q{n}", "s", "box", iou=0.0) for n in range(200)]
    together, alone = (difference([one], [nothing], box_right) for one in (same, apart))
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_what_was_not_asked_has_no_figure():
    assert figure([answers("height", True)], box_right) is None
    assert figure([], box_right) is None
    assert "-" in table({"grounding first": [answers("height", True)]})


def test_verdicts_and_numbers_are_counted_apart():
    marks = [answers("left_right", True, False), answers("height", True, True)]
    assert figure(marks, open_right).mean == 0.5
    assert figure(marks, number_right).mean == 1.0


def test_a_box_that_was_not_found_has_no_centre_error_but_counts_as_wrong():
    marks = [Mark("q", "s", "box", iou=0.0), *boxes(0.5)]
    assert figure([marks], box_error_m).num_questions == 1
    assert figure([marks], box_right).mean == 0.5


def test_a_clear_difference_holds_or_contradicts_and_a_slight_one_says_nothing():
    good, bad, middling = boxes(*[0.9] * 50), boxes(*[0.1] * 50), boxes(*[0.9, 0.1] * 25)
    assert verdict(difference([good], [bad], box_right), "mean IoU").startswith("holds")
    assert verdict(difference([bad], [good], box_right), "mean IoU").startswith("contradicted")
    assert verdict(difference([middling], [middling], box_right), "mean IoU").startswith("not to be told")


def test_two_variants_are_compared_question_by_question_whatever_their_order():
    """Scores that differ widely from question to question, but by as much: the same question decides."""
    hard_and_easy = [0.1, 0.9] * 20
    ahead = boxes(*(iou + 0.05 for iou in hard_and_easy))
    low, high = difference([ahead], [boxes(*hard_and_easy)[::-1]], box_iou)
    assert low == pytest.approx(0.05) and high == pytest.approx(0.05)


def test_only_questions_that_both_have_a_value_for_are_compared():
    first, second = boxes(0.9, 0.9), [Mark("q0", "s0", "box", iou=0.0), *boxes(0.9, 0.9)[1:]]
    assert difference([first], [second], box_error_m) == (0.0, 0.0)
    assert difference([first], [second[:1]], box_error_m) is None


def test_what_has_one_seed_is_compared_with_every_seed_of_the_other():
    low, high = difference([boxes(0.5, 0.5), boxes(0.7, 0.7)], [boxes(0.1, 0.1)], box_iou)
    assert low == pytest.approx(0.5) and high == pytest.approx(0.5)


def test_a_smaller_error_is_the_better_one():
    assert verdict((-0.2, -0.1), "centre error, m").startswith("holds")
    assert verdict((0.1, 0.2), "centre error, m").startswith("contradicted")


def test_what_finds_boxes_first_has_a_row_for_the_answers_computed_from_them():
    marks = [Mark("q", "s", "height", said=False, computed=True)]
    rows = table({"grounding first": [marks], "answers directly": [marks]}).splitlines()
    assert [row.split("  ")[0] for row in rows[1:]] == [
        "grounding first",
        "grounding first, computed",
        "answers directly",
    ]
    assert [row.split()[-3:] for row in rows[1:3]] == [
        ["0.00", "[0.00,", "0.00]"],
        ["1.00", "[1.00,", "1.00]"],
    ]


def test_a_line_for_each_claim_that_was_measured():
    results = {
        "typical answers": [boxes(*[0.05] * 20)],
        "u, v, z with depth": [boxes(*[0.9] * 20)],
        "no depth": [boxes(*[0.1] * 20)],
    }
    lines = verdicts(results)
    assert [line.split(":")[0] for line in lines] == [
        "depth beats none (3D IoU >= 0.25)",
        "depth beats none (mean IoU)",
        "depth beats none (centre error, m)",
    ]
    assert "holds" in lines[0]


def test_models_that_learned_nothing_contradict_nothing():
    results = {
        "typical answers": [answers("height", *[True] * 15, *[False] * 5)],
        "grounding first": [answers("height", *[False] * 20)],
        "answers directly": [answers("height", *[True] * 10, *[False] * 10)],
    }
    expected = "not decided, neither beats typical answers"
    assert verdicts(results)[0].split(": ")[1] == expected
    learned = results | {"answers directly": [answers("height", *[True] * 20)]}
    assert "contradicted" in verdicts(learned)[0]
