"""Evaluation counts what the pipeline returns against the truth of the scene."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("n3d_ros.sim", exc_type=ImportError)

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError
from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.evaluation.report.tables import as_text
from n3d_ros.training.evaluation.simulated.answers import (
    BY_ID,
    Answered,
    Premise,
    Refusal,
    marked,
    summarise_questions,
    try_absent,
    try_follow_up,
    try_opposite,
    try_premise,
    try_question,
)
from n3d_ros.training.evaluation.simulated.details import chance, detail_tables, details
from n3d_ros.training.evaluation.simulated.grounding import run_trial, score, summarise
from n3d_ros.training.evaluation.simulated.naming import (
    BESIDE,
    CAPITALS,
    GROUP,
    NAME,
    Named,
    group_words,
    named,
    try_beside,
    try_capitals,
    try_group,
)

MUG = Box3D("red mug", (-0.2, 0.1, 0.6), (0.1, 0.2, 0.1))
BOWL = Box3D("blue bowl", (0.2, -0.1, 1.0), (0.2, 0.1, 0.2))


def reply(sentence, confirmed=True):
    timing = SimpleNamespace(num_answer_tokens=20, num_answer_forward_passes=5)
    return SimpleNamespace(answer=sentence, consistent=confirmed, raw_text=sentence, timing=timing)


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
    shifted = [try_question(ShiftedPipeline(2.0), None, (MUG, BOWL), [0, 1], rng) for _ in range(40)]
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


def test_a_question_about_something_absent_names_it_and_is_best_left_unanswered():
    class Silent:
        def ask(self, observation, question):
            return SimpleNamespace(answer="" if "green can" in question else "guessed")

    names = [MUG.label, BOWL.label]
    for seed in range(40):
        premise = try_premise(Silent(), None, names, [0, 1], "green can", np.random.default_rng(seed))
        assert "green can" in premise.question and premise.answer == ""
    assert try_premise(Silent(), None, names, [], "green can", np.random.default_rng(0)).question


def test_shares_are_over_all_prompts():
    answered = [Answered("q", "a", True, True, False, "", 40, 9), Answered("q", "", False, False, False, "")]
    premises = [Premise("q", ""), Premise("q", ""), Premise("q", "It is 3 m."), Premise("q", "")]
    summary = summarise_questions([Refusal("x", 0), Refusal("y", 2)], answered, premises)
    assert summary.share_unanswered == 0.75
    assert (summary.share_refused, summary.share_answered, summary.share_right, summary.share_confirmed) == (
        0.5, 0.5, 0.5, 0.0,
    )  # fmt: skip
    assert summary.passes_per_token == 9 / 40
    assert summarise_questions([Refusal("x", 0)], answered).share_unanswered is None
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


PLATE = Box3D("blue plate", (0.3, -0.1, 0.8), (0.2, 0.02, 0.2))
FAR_MUG = Box3D("green mug", (0.4, 0.1, 0.6), (0.1, 0.2, 0.1))


def finding(*boxes):
    """A pipeline that finds these boxes whatever is asked for; a list of what was."""
    asked = []

    def ground(observation, words):
        asked.append(words)
        return SimpleNamespace(
            objects=tuple(SimpleNamespace(box=box, id=f"{i}_{box.label}") for i, box in enumerate(boxes))
        )

    return SimpleNamespace(ground=ground), asked


def test_a_group_is_all_of_a_kind_or_colour_and_can_be_seen_whole():
    boxes = (MUG, BOWL, PLATE, FAR_MUG)
    rng = np.random.default_rng(0)
    asked = dict(group_words(boxes, [0, 1, 2, 3], rng) for _ in range(40))
    assert asked == {"all the mugs": [0, 3], "all the blue things": [1, 2]}
    assert dict(group_words(boxes, [0, 1, 2], rng) for _ in range(40)) == {"all the blue things": [1, 2]}
    assert group_words((MUG, BOWL), [0, 1], rng) is None, "one of each"


def test_a_box_too_few_or_too_many_of_a_group_is_counted():
    for found, counts in (
        ((BOWL, PLATE), (2, 2, 2)),
        ((BOWL,), (2, 1, 1)),
        ((BOWL, BOWL, PLATE, MUG), (2, 4, 2)),
    ):
        pipeline, asked = finding(*found)
        one, _ = try_group(pipeline, None, (MUG, BOWL, PLATE), [0, 1, 2], np.random.default_rng(0))
        assert asked == ["all the blue things"] and one == Named(GROUP, asked[0], *counts)


def test_a_place_beside_another_thing_wants_what_is_there():
    pipeline, asked = finding(MUG)
    rng = np.random.default_rng(0)
    results = [try_beside(pipeline, None, (MUG, BOWL, FAR_MUG), [0, 1, 2], rng) for _ in range(200)]
    found = {one.words: one for one in results if one is not None}
    assert found["mug to the left of the blue bowl"] == Named(
        BESIDE, "mug to the left of the blue bowl", 1, 1, 1
    )
    assert found["mug right of the blue bowl"].num_right == 0 and found["mug right of the blue bowl"].num_true
    assert set(asked) == {f"the {words}" for words in found}


def test_capitals_are_asked_for_in_capitals():
    pipeline, asked = finding(MUG)
    assert try_capitals(pipeline, None, MUG) == Named(CAPITALS, "THE RED MUG", 1, 1, 1)
    assert asked == ["THE RED MUG"]


def test_f1_counts_boxes_of_all_prompts_together():
    trials = [
        replace(score(1, MUG, [], 0, 5.0), named=(named(NAME, "x", [], [MUG]), Named(GROUP, "y", 3, 2, 2))),
        replace(score(2, MUG, [MUG, BOWL], 0, 5.0), named=(named(NAME, "x", [MUG, BOWL], [MUG]),)),
    ]
    trials = [replace(t, refusal=Refusal("z", 0), answered=marked(HEIGHT, reply(""), [MUG])) for t in trials]
    found = details(trials)
    one, several = found["names_by_way"][NAME], found["names_by_way"][GROUP]
    assert (one["precision"], one["recall"], one["f1"]["value"]) == (0.5, 0.5, 0.5)
    assert one["f1"]["low"] == 0.0 and one["f1"]["high"] == pytest.approx(2 / 3)
    assert one["exact"]["value"] == 0.0 and several["f1"]["value"] == pytest.approx(0.8)
    assert "all the ..." in as_text(detail_tables(found))


HEIGHT = "How tall is the red mug?"


@pytest.mark.parametrize(
    ("sentence", "right", "within"),
    [
        ("red mug is 0.20 meters in height.", True, True),
        ("red mug is 0.25 meters in height.", False, True),
        ("red mug is 0.15 meters in height.", False, True),
        ("red mug is 0.14 meters in height.", False, False),
        ("red mug is tall.", False, False),
        ("", False, False),
    ],
)
def test_a_length_may_be_a_quarter_off_in_a_figure_of_its_own(sentence, right, within):
    one = marked(HEIGHT, reply(sentence), [MUG])
    assert (one.right, one.within_25, one.true_m, one.num_choices) == (right, within, 0.2, 0)


def test_only_lengths_have_that_figure():
    is_taller = "Is the red mug taller than the blue bowl?"
    answered = [
        marked(HEIGHT, reply("red mug is 0.25 meters in height."), [MUG]),
        marked(is_taller, reply("Yes."), [MUG, BOWL]),
    ]
    assert answered[1].within_25 is None and answered[1].true_m is None
    summary = summarise_questions([Refusal("x", 0)], answered)
    assert (summary.share_within_25, summary.share_right) == (1.0, 0.5)
    assert summarise_questions([Refusal("x", 0)], answered[1:]).share_within_25 is None


@pytest.mark.parametrize(
    ("question", "num"),
    [
        ("Is the red mug taller than the blue bowl?", 2),
        ("Which is taller, the red mug or the blue bowl?", 2),
        ("Which is closer to the red mug, the blue bowl or the blue plate?", 2),
        ("Order the red mug, the blue bowl and the blue plate from near to far.", 6),
        ("In which clock direction is the red mug from the blue bowl?", 12),
    ],
)
def test_an_answer_by_chance_is_one_of_those_there_could_be(question, num):
    assert marked(question, reply(""), [MUG, BOWL, PLATE]).num_choices == num


def test_chance_of_lengths_is_the_one_that_fits_most_often():
    """0.20 m fits 0.20 and 0.21 m, within a centimetre; 0.5 m alone."""
    lengths = [
        marked(HEIGHT, reply(""), [replace(MUG, size=(0.1, height, 0.1))]) for height in (0.2, 0.21, 0.5)
    ]
    taller = marked("Is the red mug taller than the blue bowl?", reply(""), [MUG, BOWL])
    assert chance(lengths) == pytest.approx(2 / 3) and chance([]) is None
    assert chance([*lengths, taller]) == pytest.approx(2.5 / 4)


def test_from_the_opposite_side_left_is_right():
    asked = []

    def ask(observation, question):
        asked.append(question)
        return reply(answer(parse_question(question), (MUG, BOWL)).text)

    rng = np.random.default_rng(0)
    found = [try_opposite(SimpleNamespace(ask=ask), None, (MUG, BOWL), [0, 1], rng) for _ in range(20)]
    assert all(one.right for one in found) and all("opposite side" in question for question in asked)
    assert try_opposite(SimpleNamespace(ask=ask), None, (MUG,), [0], rng) is None


def test_words_that_a_model_was_not_taught_are_no_answer():
    def ask(observation, question):
        raise BadInputError("expected words that this model knows, got 'opposite'")

    rng = np.random.default_rng(0)
    one = try_opposite(SimpleNamespace(ask=ask), None, (MUG, BOWL), [0, 1], rng)
    assert not one.found and not one.right and not one.confirmed


def test_a_follow_up_calls_things_by_id_and_is_right_only_about_things_that_are_there():
    nowhere = Box3D("blue bowl", (3.0, 3.0, 3.0), BOWL.size)
    for found, is_real in (((MUG, BOWL), True), ((MUG, nowhere), False)):
        pipeline, _ = finding(*found)
        ground, asked = pipeline.ground(None, ""), []

        def ask_about(observation, question, ground, asked=asked):
            asked.append(question)
            called = [replace(thing.box, label=thing.id) for thing in ground.objects]
            return reply(answer(parse_question(question), called).text)

        pipeline.ask_about, rng = ask_about, np.random.default_rng(0)
        every = [try_follow_up(pipeline, None, ground, (MUG, BOWL), rng) for _ in range(60)]
        about_bowl = [one for one, question in zip(every, asked, strict=True) if "1_blue bowl" in question]
        about_mug = [one for one, question in zip(every, asked, strict=True) if "bowl" not in question]
        assert about_bowl and all(one.right == is_real for one in about_bowl)
        assert about_mug and all(one.right and one.confirmed for one in about_mug)
        assert {one.within_25 for one in about_bowl} <= {None, is_real}

    # a model that writes two boxes at one place: no direction leads from one to the other
    pipeline, _ = finding(nowhere, replace(nowhere, label="red mug"))
    ground, pipeline.ask_about = pipeline.ground(None, ""), lambda *_: reply("At 3 o'clock.")
    every = [try_follow_up(pipeline, None, ground, (MUG, BOWL), rng) for _ in range(60)]
    assert any("clock" in one.question or "direction" in one.question for one in every)
    assert not any(one.right for one in every)

    def unknown(observation, question, ground):
        raise BadInputError("expected words that this model knows, got '1_blackblack'")

    pipeline.ask_about = unknown
    one = try_follow_up(pipeline, None, ground, (MUG, BOWL), rng)
    assert one.way == BY_ID and not one.found and not one.right, "a name that the model made up"
    nothing, _ = finding()
    assert try_follow_up(nothing, None, nothing.ground(None, ""), (MUG,), rng) is None


def test_other_ways_of_asking_change_no_other_figure():
    class Asker(ShiftedPipeline):
        def ground(self, observation, words):
            return SimpleNamespace(objects=(), malformed=(), timing=SimpleNamespace(total_ms=1.0))

        def ask(self, observation, question):
            return reply("", False)

    for seed in range(90000, 90004):
        plain, more = (run_trial(Asker(), seed, with_ways=ways) for ways in (False, True))
        assert plain is not None and more is not None
        assert replace(more, named=plain.named, further=()) == plain
        assert more.named[0] == plain.named[0] and plain.named[0].way == NAME


def test_nothing_found_where_nothing_is_meant_is_right():
    trial = replace(score(1, MUG, [], 0, 5.0), named=(Named(BESIDE, "x", 0, 0, 0),))
    row = details([trial])["names_by_way"][BESIDE]
    assert row["f1"]["value"] == row["exact"]["value"] == 1.0 and row["precision"] is None
