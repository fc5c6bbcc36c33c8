"""Evaluation counts what the pipeline returns against the truth of the scene."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.evaluation.report.tables import as_text
from n3d_ros.training.evaluation.simulated.answers import (
    Answered,
    Refusal,
    summarise_questions,
    try_absent,
    try_question,
)
from n3d_ros.training.evaluation.simulated.details import detail_tables, details
from n3d_ros.training.evaluation.simulated.grounding import run_trial, score, summarise

MUG = Box3D("red mug", (-0.2, 0.1, 0.6), (0.1, 0.2, 0.1))
BOWL = Box3D("blue bowl", (0.2, -0.1, 1.0), (0.2, 0.1, 0.2))


class ShiftedPipeline:
    """Answers exactly, from boxes that lie `shift_m` beside the truth; finds what it is told to find."""

    def __init__(self, shift_m: float = 0.0, found: tuple[Box3D, ...] = ()) -> None:
        x, y, z = BOWL.center
        self.boxes = (MUG, Box3D(BOWL.label, (x + shift_m, y, z + shift_m), BOWL.size))
        self.found, self.asked = found, ""

    def ground(self, observation, words):
        self.asked = words
        return SimpleNamespace(objects=self.found)

    def ask(self, observation, question):
        said = answer(parse_question(question), self.boxes)
        timing = SimpleNamespace(num_answer_tokens=20, num_answer_forward_passes=5)
        return SimpleNamespace(answer=said.answer, consistent=True, raw_text=said.text, timing=timing)


def test_an_answer_from_true_boxes_is_right_and_one_from_far_ones_is_not():
    rng = np.random.default_rng(0)
    exact = [try_question(ShiftedPipeline(), None, (MUG, BOWL), [0, 1], rng) for _ in range(40)]
    assert all(one.right and one.found and one.confirmed for one in exact)
    rng = np.random.default_rng(0)
    shifted = [try_question(ShiftedPipeline(-2.0), None, (MUG, BOWL), [0, 1], rng) for _ in range(40)]
    assert 0 < sum(one.right for one in shifted) < 40, "sizes stay right, places do not"


def test_a_view_without_nameable_objects_has_no_question():
    assert try_question(ShiftedPipeline(), None, (MUG, BOWL), [], np.random.default_rng(0)) is None


def test_an_absent_thing_is_never_one_of_the_scene():
    present = [("red", "mug"), ("blue", "bowl")]
    for seed in range(50):
        pipeline = ShiftedPipeline(found=(MUG,))
        refusal = try_absent(pipeline, None, present, np.random.default_rng(seed))
        assert refusal.words not in ("red mug", "blue bowl") and pipeline.asked == f"the {refusal.words}"
        assert refusal.num_found == 1


def test_shares_are_over_all_prompts():
    answered = [Answered("q", "a", True, True, False, "", 40, 9), Answered("q", "", False, False, False, "")]
    summary = summarise_questions([Refusal("x", 0), Refusal("y", 2)], answered)
    assert (summary.share_refused, summary.share_answered, summary.share_right, summary.share_confirmed) == (
        0.5, 0.5, 0.5, 0.0,
    )  # fmt: skip
    assert summary.passes_per_token == 9 / 40
    with pytest.raises(ValueError, match="got 0 and 2"):
        summarise_questions([], answered)


def test_a_prompt_that_found_nothing_counts_as_a_miss():
    near = Box3D("red mug", (-0.19, 0.1, 0.6), (0.1, 0.2, 0.1))
    trials = [score(1, MUG, [near], 0, 5.0), score(2, MUG, [], 0, 7.0), score(3, MUG, [MUG], 1, 9.0)]
    summary = summarise(trials)
    assert summary.share_iou_25 == pytest.approx(2 / 3) and summary.malformed == 1
    assert summary.median_center_error_m == pytest.approx(0.01) and summary.median_ms == 7.0


def test_details_sort_by_kind_and_relation():
    near = Box3D("red mug", (-0.19, 0.1, 0.6), (0.1, 0.2, 0.1))
    asked = Answered("Is the red mug taller than the blue bowl?", "Yes.", True, True, False, "")
    odd = Answered("Why?", "", False, False, False, "")
    trials = [
        replace(score(1, MUG, [near], 0, 5.0), refusal=Refusal("x", 0), answered=asked),
        replace(score(2, BOWL, [], 0, 7.0), refusal=Refusal("y", 2), answered=odd),
    ]
    found = details(trials)
    assert set(found["boxes_by_kind"]) == {"mug", "bowl"} and found["boxes"]["found"]["value"] == 0.5
    assert found["boxes_by_kind"]["bowl"]["center_error_m"]["value"] is None, "nothing found has no bound"
    assert set(found["answers_by_relation"]) == {"taller_shorter", "not understood"}
    assert found["answers_by_form"]["yes_no"]["right"]["value"] == 1.0 and found["refused"]["value"] == 0.5
    text = as_text(detail_tables(found))
    assert "taller_shorter" in text and "no bound" in text


def test_noise_changes_depth_and_nothing_else():
    class Watcher(ShiftedPipeline):
        def ground(self, observation, words):
            seen.append((observation, words))
            timing = SimpleNamespace(total_ms=1.0)
            return SimpleNamespace(objects=(), malformed=(), timing=timing)

        def ask(self, observation, question):
            timing = SimpleNamespace(num_answer_tokens=1, num_answer_forward_passes=1)
            return SimpleNamespace(answer="", consistent=None, raw_text="", timing=timing)

    seen = []
    exact, noisy = (run_trial(Watcher(), 90000, with_noise) for with_noise in (False, True))
    assert exact.words == noisy.words and exact.refusal == noisy.refusal and exact.answered == noisy.answered
    (first, _), *_, (last, _) = seen
    assert np.array_equal(first.rgb, last.rgb) and not np.array_equal(first.depth, last.depth)
    both = np.isfinite(last.depth) & np.isfinite(first.depth)
    assert 0 < np.abs(first.depth - last.depth)[both].mean() < 0.02
