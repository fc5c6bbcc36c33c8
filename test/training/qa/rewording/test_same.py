"""Does a rewording still ask the same? Nothing in it is trusted."""

import pytest

from n3d_ros.training.qa.records import SPATIAL, KnownBox, PictureRef, Question
from n3d_ros.training.qa.rewording.same import Verdict, verdict_of

PICTURE = PictureRef("p", "p.png", 640, 480)
BOXES = tuple(KnownBox(label, (0.0, 0.0, 1.0), (0.1, 0.1, 0.1)) for label in ("coffee mug", "mug"))


def verdict(text, question="How far is the coffee mug from the mug?"):
    return verdict_of(Question("1", SPATIAL, "distance", "f", question, PICTURE, BOXES), text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the distance between the coffee mug and the mug?", Verdict.SAME),
        ("Please tell me how far the Coffee Mug is from the MUG.", Verdict.SAME),
        ("I wonder what stretch of table parts the coffee mug and the mug?", Verdict.FREE),
        ("how far is the coffee mug from the mug?", Verdict.UNCHANGED),
        ("", Verdict.EMPTY),
        ("How far is the coffee mug\nfrom the mug?", Verdict.EMPTY),
        ("How far is the coffee mug from the mug" + " really" * 60, Verdict.EMPTY),
        ("<think>easy</think> How far is the coffee mug from the mug?", Verdict.MARKS),
        ("<|im_end|> the coffee mug and the mug", Verdict.MARKS),
        ("How far is the coffee mug from the cup?", Verdict.NAMES),
        ("How far apart are the two coffee mugs?", Verdict.NAMES),
        ("How far is the coffee mug from the mug and the mug?", Verdict.NAMES),
        ("How many of 2 steps part the coffee mug from the mug?", Verdict.NUMBERS),
        ("How tall is the coffee mug and how tall the mug, 5.5?", Verdict.NUMBERS),
        ("Is the coffee mug left of the mug?", Verdict.MEANING),
        ("What is the horizontal distance between the coffee mug and the mug?", Verdict.MEANING),
    ],
)
def test_names_numbers_and_meaning_survive_or_it_is_refused(text, expected):
    assert verdict(text) == expected


def test_another_side_is_another_meaning():
    question = "Is the coffee mug left of the mug?"
    assert verdict("Is the coffee mug to the left of the mug?", question) == Verdict.SAME
    assert verdict("Is the coffee mug to the right of the mug?", question) == Verdict.MEANING
    assert verdict("Is the mug to the left of the coffee mug?", question) == Verdict.MEANING


def test_limits_and_ids_survive_letter_for_letter():
    limit = "Is the coffee mug more than 1.5 meters away from the mug?"
    assert verdict("Is the coffee mug over 1.5 m from the mug?", limit) == Verdict.SAME
    assert verdict("Is the coffee mug over 2.5 m from the mug?", limit) == Verdict.NUMBERS
    assert verdict("Is the coffee mug over 15 m from the mug?", limit) == Verdict.NUMBERS
    ids = "Is 0_coffee mug above 1_mug?"
    assert verdict("Tell me if 0_coffee mug is above 1_mug.", ids) == Verdict.SAME
    assert verdict("Tell me if 1_coffee mug is above 0_mug.", ids) == Verdict.NAMES
    assert verdict("Tell me if the coffee mug is above the mug.", ids) == Verdict.NAMES
