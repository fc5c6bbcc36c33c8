"""What sentences say, and what they do not say for sure."""

import pytest

from n3d_ros.training.evaluation.judging import readings


@pytest.mark.parametrize(
    ("sentence", "metres"),
    [
        ("The mug is 0.35 meters tall.", 0.35),
        ("About 35 cm.", 0.35),
        ("It is 2 feet.", 0.6096),
        ("20.1 inches (0.51 meters)", 0.51054),
        ("0.5m", 0.5),
        ("They are 0.5 m apart, that is 1.5 m.", None),
        ("It is 0.5.", None),
        ("between 1 and 2 meters", None),
        ("1-2 meters", None),
        ("1,200 mm", None),
        ("12,345 m", None),
        ("It is not 0.5 meters.", None),
        ("It is tall.", None),
        ("-0.5 m", None),
        ("0.5 m/s", None),
        ("0.5 meters per second", None),
        ("0.5 m\u00b2", None),
        ("1m20", None),
    ],
)
def test_a_length_needs_its_unit_and_no_rival(sentence, metres):
    found = readings.length_m(sentence)
    assert found == (None if metres is None else pytest.approx(metres))


def test_a_volume_is_in_litres():
    assert readings.volume_l("It is 1.5 liters bigger.") == 1.5 and readings.volume_l("1.5 meters") is None


@pytest.mark.parametrize(
    ("sentence", "hour"),
    [
        ("thing will find thing around the 7 o'clock direction.", 7),
        ("At ten o'clock.", 10),
        ("at 12 o’clock", 12),
        ("3 o'clock or 4 o'clock", None),
        ("between 3 and 4 o'clock", None),
        ("13 o'clock", None),
        ("not at 3 o'clock", None),
        ("to the left", None),
    ],
)
def test_an_hour_is_one_of_twelve(sentence, hour):
    assert readings.hour(readings.sentence_of(sentence)) == hour


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("There are three.", 3),
        ("2 of them", 2),
        ("None.", 0),
        ("2 or 3", None),
        ("many", None),
        ("1,200 of them", None),
    ],
)
def test_a_count_is_one_number(sentence, number):
    assert readings.count(sentence) == number


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Yes, it is.", True),
        ("That is False.", False),
        ("No, it is not.", False),
        ("Yes, it is not.", None),
        ("Yes and no.", None),
        ("It is taller.", None),
        ("It is not false.", None),
        ("No, it is not.", False),
    ],
)
def test_a_verdict_needs_one_of_its_words(sentence, said):
    assert readings.verdict(sentence) is said


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("The box is closer.", "box"),
        ("(B)", "box lid"),
        ("B.", "box lid"),
        ("A) box", "box"),
        ("The box lid.", "box lid"),
        ("The box is closer than the box lid.", None),
        ("not the box", None),
        ("(C)", None),
        ("A thing is closer.", None),
    ],
)
def test_a_choice_is_named_alone_or_by_its_letter(sentence, said):
    assert readings.choice(sentence, ("box", "box lid")) == said


def test_a_comparison_picks_its_subject_when_it_says_what_was_asked():
    choices, asked = ("chair", "table"), "Which is closer to the camera, the chair or the table?"
    assert readings.choice("The table is closer to the camera than the chair.", choices, asked) == "table"
    assert readings.choice("Than the chair, the table is closer.", choices, asked) is None
    assert readings.choice("The table is farther from the camera than the chair.", choices, asked) is None


def test_reasoning_and_names_say_nothing():
    assert readings.sentence_of("<think> 0.4 m </think>  It is\n0.5 m.") == "It is 0.5 m."
    assert readings.without_names("4_mug is 0.5 m from the no entry sign", ["4_mug", "no entry sign"]) == (
        "thing is 0.5 m from the thing"
    )
