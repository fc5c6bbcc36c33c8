"""When a box or a reply is right, and what is typical without looking."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from question_sets import BOWL, MUG, questions_about

from n3d_ros.training.claims.measure import computed_answer, is_right, mark_box
from n3d_ros.training.claims.typical import typical_marks
from n3d_ros.training.qa.records import PictureRef

PICTURE = PictureRef("p", "p.png", 64, 48, "p_depth.png", fx=60.0, fy=60.0, cx=31.5, cy=23.5)
UNIQUE, _, DISTANCE, DEPTH = questions_about(PICTURE)


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("Yes, red mug is in front of blue bowl.", True),
        ("<think> 0.80 is less. </think> Yes, red mug is in front of blue bowl.", True),
        ("No, it is not.", False),
        ("Perhaps.", False),
        ("", False),
        ("<think> Yes, but it was cut off", False),
    ],
)
def test_a_verdict_must_be_said_and_be_the_same(reply, right):
    assert is_right(DEPTH, reply) is right


@pytest.mark.parametrize(
    ("meters", "right"), [("0.39", True), ("0.50", False), ("0.30", True), ("0.29", False), ("none", False)]
)
def test_a_number_must_be_within_a_quarter_of_the_truth(meters, right):
    assert DISTANCE.value == pytest.approx(0.39, abs=0.005)
    assert is_right(DISTANCE, f"The distance between red mug and blue bowl is {meters} meters.") is right


def test_a_number_in_the_trace_is_no_answer():
    assert is_right(DISTANCE, "<think> distance = 0.39. </think> It is 3.00 meters.") is False


def test_the_first_box_is_marked_against_the_one_asked_for():
    assert mark_box(UNIQUE, (MUG.box, BOWL.box)).iou == pytest.approx(1.0)
    moved = replace(MUG.box, center=(-0.1, 0.05, 1.1))
    assert mark_box(UNIQUE, (moved,)).center_error_m == pytest.approx(0.3)
    missing = mark_box(UNIQUE, ())
    assert (missing.iou, missing.center_error_m) == (0.0, None)


def test_an_answer_is_computed_from_boxes_and_empty_without_them():
    assert is_right(DISTANCE, computed_answer(DISTANCE.text, (MUG.box, BOWL.box)))
    assert computed_answer(DISTANCE.text, (MUG.box,)) == ""
    assert computed_answer(DISTANCE.text, ()) == ""


def test_what_is_typical_is_the_median_box_number_and_the_commoner_verdict():
    other = replace(UNIQUE, boxes=(BOWL,))
    no = replace(DEPTH, verdict=False)
    marks = list(
        typical_marks([UNIQUE, UNIQUE, other, DISTANCE, DEPTH, no, no], [UNIQUE, DISTANCE, DEPTH, no])
    )
    assert marks[0].iou == pytest.approx(1.0)
    assert [mark.said for mark in marks[1:]] == [True, False, True]
