"""Answers that are right, wrong, near, silent or not understood."""

from dataclasses import replace

import pytest
from known_answers import HEIGHT_OF_MUG, LEFT, TALLER, WHERE, WHICH, picture, spatial

from n3d_ros.training.evaluation.judging.judgement import BOXES, LENGTH, SENTENCE, VERDICT, Judgement, wanted
from n3d_ros.training.evaluation.judging.rules import RuleJudge
from n3d_ros.training.qa.records import Question


@pytest.fixture
def shown(tmp_path):
    return picture(tmp_path)


def outcome(question, text):
    return RuleJudge().judge(question, text).outcome


def test_a_length_is_right_within_a_quarter(shown):
    question = spatial(HEIGHT_OF_MUG, shown, "size")
    assert question.value == pytest.approx(0.2)
    said = [outcome(question, text) for text in ("0.25 meters", "0.26 m", "0.25", "", "tall")]
    assert said == ["right", "wrong", "unparsed", "silent", "unparsed"]


def test_an_hour_is_right_or_near(shown):
    question = spatial(WHERE, shown, "direction")
    assert question.value == 2
    right, near, far = (
        RuleJudge().judge(question, f"red mug will find blue bowl around the {hour} o'clock direction.")
        for hour in (2, 1, 12)
    )
    assert (right.outcome, right.is_near, right.said) == ("right", True, 2)
    assert (near.outcome, near.is_near) == ("wrong", True)
    assert (far.outcome, far.is_near) == ("wrong", False)


def test_a_verdict_may_be_a_claim_and_a_contradiction_is_none(shown):
    question = spatial(TALLER, shown, "tall_short")
    assert question.verdict is True
    answers = {
        "Yes, red mug is taller than blue bowl.": "right",
        "The red mug is taller than the blue bowl.": "right",
        "No.": "wrong",
        "Yes, red mug is not taller than blue bowl.": "unparsed",
        "Perhaps.": "unparsed",
    }
    assert {text: outcome(question, text) for text in answers} == answers


def test_a_choice_follows_the_comparison(shown):
    question = spatial(WHICH, shown, "tall_short")
    answers = {
        "red mug is taller.": "right",
        "The blue bowl is shorter than the red mug.": "right",
        "blue bowl is taller.": "wrong",
        "Both.": "unparsed",
    }
    assert {text: outcome(question, text) for text in answers} == answers


def test_a_question_that_the_parser_does_not_know_is_read_word_by_word(shown):
    foreign = replace(spatial(TALLER, shown, "tall_short"), text="Would the mug tower over the bowl?")
    assert [outcome(foreign, text) for text in ("Yes.", "No, it is not.", "Sure.")] == [
        "right",
        "wrong",
        "unparsed",
    ]
    chosen = replace(spatial(WHICH, shown, "tall_short"), text="Which towers over the other?")
    assert [outcome(chosen, text) for text in ("The red mug.", "(B)")] == ["right", "wrong"]


def test_a_truth_that_the_boxes_contradict_is_still_the_truth(shown):
    """A set's own answer counts, whatever its boxes would give."""
    question = replace(spatial(LEFT, shown, "left_right"), verdict=False, answer="No.")
    assert outcome(question, "No.") == "right" and outcome(question, "Yes.") == "wrong"


def test_what_is_wanted(shown):
    assert wanted(spatial(HEIGHT_OF_MUG, shown, "size")) == LENGTH
    assert wanted(replace(spatial(TALLER, shown, "tall_short"), value=0.3, unit="m")) == VERDICT
    assert wanted(replace(spatial(TALLER, shown, "tall_short"), verdict=None)) == SENTENCE
    assert wanted(Question("q", "ground", "grounding", "", "Find it.", shown)) == BOXES
    with pytest.raises(ValueError, match="got 'good'"):
        Judgement("good")
