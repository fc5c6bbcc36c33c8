"""All questions of many pictures: none drifts from what the robot reads and answers."""

from collections import Counter

import pytest
from qa_sets import maker, questions, thing

from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.spatial import answer, check_answer, parse_question
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making.asking import Tally
from n3d_ros.training.qa.making.picture import questions_of
from n3d_ros.training.qa.records import CATEGORIES, SPATIAL


@pytest.fixture(scope="module")
def made():
    tally = Tally()
    return questions(60, tally=tally), tally


def test_every_spatial_question_is_read_and_answered_as_it_says(made):
    """From the text and the recorded boxes alone, with nothing of what made it."""
    asked = [one for one in made[0] if one.kind == SPATIAL]
    assert len(asked) > 800
    for question in asked:
        query = parse_question(question.text)
        assert query is not None, question.text
        boxes = [one.box for one in question.boxes]
        found, shown = answer(query, boxes), answer(query, [as_quoted(box) for box in boxes])
        assert (shown.answer, shown.reasoning) == (question.answer, question.reasoning), question.text
        assert found.verdict == question.verdict
        assert found.value == pytest.approx(question.value, abs=1e-6)
        assert query.facing == question.viewpoint
        assert check_answer(question.answer, shown) is True


def test_every_category_has_questions_and_verdicts_are_even(made):
    found, tally = made
    assert {question.category for question in found} == set(CATEGORIES)
    verdicts = Counter((one.category, one.verdict) for one in found if one.verdict is not None)
    for category in {category for category, _ in verdicts}:
        assert abs(verdicts[category, True] - verdicts[category, False]) <= 1, category
    assert sum(tally.forms.values()) == len(found)


def test_hours_are_spread_over_the_clock(made):
    hours = Counter(int(one.value) for one in made[0] if one.unit == "o'clock")
    assert set(hours) == set(range(1, 13))
    assert max(hours.values()) <= 2 * min(hours.values())


def test_ids_are_unique_and_nothing_is_asked_twice_of_a_picture(made):
    found = made[0]
    assert len({one.id for one in found}) == len(found)
    texts = Counter((one.picture.key, one.text.casefold(), one.drawn_px) for one in found)
    assert max(texts.values()) == 1


def test_the_same_seed_makes_the_same_questions(made):
    assert questions(60) == made[0]


def test_what_is_not_made_has_a_reason(made):
    _, tally = made
    assert tally.left_out["margin_narrow"] > 0
    assert all(reason == reason.lower() and " " not in reason for reason in tally.left_out)


def test_shares_of_nought_leave_a_category_out():
    only = QaConfig(shares={"counting": 1.0})
    assert {one.category for one in questions(10, only)} == {"counting"}


def test_wanted_numbers_replace_the_shares():
    made = maker(thing("Mug", (0.3, 0, 1)), thing("Bottle", (-0.3, 0.2, 1.5)), seed=3)
    found = questions_of(made, {"distance": 2, "depth_order": 2})
    assert [one.category for one in found] == ["distance", "distance"]


def test_a_picture_with_one_thing_is_asked_what_it_can_be_asked():
    found = questions_of(maker(thing("Mug", (0.3, 0, 1)), thing("Mug", (-0.3, 0, 1), annotation="2")))
    assert {one.category for one in found} <= {*CATEGORIES} - {"combined", "relative_distance"}
    assert found
