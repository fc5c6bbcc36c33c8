"""Regions are drawn in colours that the words name, or written as numbers."""

from dataclasses import replace

import pytest

from n3d_ros.training.evaluation.asking.regions import with_regions
from n3d_ros.training.qa.records import PictureRef, Question

QUESTION = Question(
    "q",
    "spatial",
    "left_right",
    "left_choice",
    "Which is more to the left, Region [0] or Region [1]?",
    PictureRef("a", "a.png", 64, 48),
    answer="Region [1] is more to the left.",
    choices=("Region [0]", "Region [1]"),
    choice="Region [1]",
    drawn_px=((1.4, 2.0, 10.0, 20.0), (30.0, 2.0, 40.0, 20.0)),
)


def test_drawn_regions_are_named_by_their_colours():
    drawn = with_regions(QUESTION, "drawn")
    assert (
        drawn.text == "Which is more to the left, the object in the red box or the object in the green box?"
    )
    assert drawn.choice == drawn.choices[1] == "the object in the green box"
    assert drawn.answer.startswith("the object in the green box") and drawn.drawn_px == QUESTION.drawn_px


def test_written_regions_leave_the_picture_as_it_is():
    written = with_regions(QUESTION, "text")
    assert "the object at [1, 2, 10, 20] or the object at [30, 2, 40, 20]" in written.text
    assert written.drawn_px == () and written.choice == "the object at [30, 2, 40, 20]"


def test_a_question_without_regions_stays_as_it_is():
    plain = replace(QUESTION, text="How tall is the mug?")
    assert with_regions(plain, "text") is plain


def test_a_region_without_a_rectangle_or_a_colour_is_refused():
    with pytest.raises(ValueError, match=r"rectangle for Region \[1\], got 1"):
        with_regions(replace(QUESTION, drawn_px=QUESTION.drawn_px[:1]), "drawn")
    with pytest.raises(ValueError, match="at most 4 regions to draw, got 5"):
        with_regions(replace(QUESTION, drawn_px=QUESTION.drawn_px[:1] * 5), "drawn")
    with pytest.raises(ValueError, match="got 'both'"):
        with_regions(QUESTION, "both")
