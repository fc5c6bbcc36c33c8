"""When a box or a reply is right, and what is typical without looking."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from n3d_ros.boxes import Box3D
from n3d_ros.training.claims.measure import computed_answer, is_right, mark_answer, mark_box
from n3d_ros.training.claims.questions import BOX, Asked, Posed
from n3d_ros.training.claims.typical import typical_marks

MUG = Box3D("red mug", (-0.1, 0.05, 0.8), (0.1, 0.12, 0.1))
BOWL = Box3D("blue bowl", (0.15, 0.0, 1.1), (0.2, 0.1, 0.2))
UNIQUE = Asked(BOX, "red mug", (0,), (MUG,))
DISTANCE = Asked("distance", "How far is the red mug from the blue bowl?", (0, 1), (MUG, BOWL), value_m=0.39)
DEPTH = Asked("front_behind", "Is the red mug in front of the blue bowl?", (0, 1), (MUG, BOWL), verdict=True)


def put(asked, number=0):
    return Posed(f"q{number}", 0, "s", asked)


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
    assert is_right(DISTANCE, f"The distance between red mug and blue bowl is {meters} meters.") is right


def test_a_number_in_the_trace_is_no_answer():
    assert is_right(DISTANCE, "<think> distance = 0.39. </think> It is 3.00 meters.") is False


def test_the_first_box_is_marked_against_the_one_asked_for():
    assert mark_box(put(UNIQUE), (MUG, BOWL)).iou == pytest.approx(1.0)
    moved = replace(MUG, center=(-0.1, 0.05, 1.1))
    assert mark_box(put(UNIQUE), (moved,)).center_error_m == pytest.approx(0.3)
    missing = mark_box(put(UNIQUE), ())
    assert (missing.iou, missing.center_error_m) == (0.0, None)


def test_an_answer_is_computed_from_boxes_and_empty_without_them():
    assert is_right(DISTANCE, computed_answer(DISTANCE.text, (MUG, BOWL)))
    assert computed_answer(DISTANCE.text, (MUG,)) == ""
    assert computed_answer(DISTANCE.text, ()) == ""


def test_an_answer_is_marked_as_said_and_as_computed_where_boxes_were_found_first():
    direct = mark_answer(put(DEPTH), "Yes, it is.")
    assert (direct.said, direct.computed) == (True, None)
    grounded = mark_answer(put(DEPTH), "", "Yes, it is.")
    assert (grounded.said, grounded.computed) == (False, True)


def test_what_is_typical_is_the_median_box_number_and_the_commoner_verdict():
    other = replace(UNIQUE, boxes=(BOWL,))
    no = replace(DEPTH, verdict=False)
    known = [UNIQUE, UNIQUE, other, DISTANCE, DEPTH, no, no]
    marks = list(typical_marks(known, [put(one) for one in (UNIQUE, DISTANCE, DEPTH, no)]))
    assert marks[0].iou == pytest.approx(1.0)
    assert [mark.said for mark in marks[1:]] == [True, False, True]
