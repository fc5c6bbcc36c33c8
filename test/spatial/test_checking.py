"""A model's sentence against the exact answer: agreed, contradicted, or it cannot be told.

Optical frame: the bowl is 0.3 m to the right of the mug, 0.1 m higher and 0.4 m farther away.
"""

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import Query, answer, check_answer, parse_question

MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.1, 0.12, 0.1))
BOWL = Box3D("blue bowl", (0.4, 0.1, 1.4), (0.2, 0.08, 0.2))
CAN = Box3D("green can", (-0.5, 0.2, 1.2), (0.07, 0.15, 0.07))


CHECKS = [
    ("How far is the red mug from the blue bowl?", "They are 0.55 m apart.", True),
    ("How far is the red mug from the blue bowl?", "About 51 centimeters.", True),
    ("How far is the red mug from the blue bowl?", "It is 20 inches.", True),
    ("How far is the red mug from the blue bowl?", "The distance is 0.6 meters.", False),
    ("How far is the red mug from the blue bowl?", "<think> 0.51 meters </think> It is 2 m.", False),
    ("How far is the red mug from the blue bowl?", "Not far.", None),
    ("How wide is the green can?", "green can is 0.08 meters in width.", True),
    ("How wide is the green can?", "green can is 0.09 meters in width.", False),
    ("In which clock direction is the blue bowl from the red mug?", "Roughly at 2 o'clock.", True),
    ("In which clock direction is the blue bowl from the red mug?", "At 11 o'clock.", False),
    ("In which clock direction is the blue bowl from the red mug?", "To the right.", None),
    ("Is the red mug to the left of the blue bowl?", "yes", True),
    ("Is the red mug to the left of the blue bowl?", "That is False.", False),
    ("Is the red mug to the left of the blue bowl?", "red mug is to the right of blue bowl.", False),
    ("Is the red mug to the left of the blue bowl?", "red mug is not to the right of blue bowl.", None),
    ("Is the red mug to the left of the blue bowl?", "I cannot tell.", None),
    ("Is the red mug above the blue bowl?", "The red mug is below the blue bowl.", True),
    ("Which is bigger, the red mug or the blue bowl?", "The Blue Bowl.", True),
    ("Which is bigger, the red mug or the blue bowl?", "red mug is bigger than blue bowl.", False),
    ("Which is bigger, the red mug or the blue bowl?", "the other one", None),
    (
        "Which is closer to the red mug, the blue bowl or the green can?",
        "green can is closer to red mug.",
        False,
    ),
    (
        "Order the red mug, the blue bowl and the green can from near to far.",
        "red mug < green can < blue bowl",
        True,
    ),
    (
        "Order the red mug, the blue bowl and the green can from near to far.",
        "blue bowl, red mug, green can",
        False,
    ),
    ("Order the red mug, the blue bowl and the green can from near to far.", "red mug", None),
    ("How tall is the red mug?", "", None),
    ("How far is the red mug from the blue bowl?", "They are not 0.51 m apart.", None),
    ("How far is the red mug from the blue bowl?", "It is 0.51 m or 3 m.", None),
    ("How far is the red mug from the blue bowl?", "It is 0.51 m and 3 m.", None),
    ("How far is the red mug from the blue bowl?", "The distance between red mug and lamp is 0.51 m.", None),
    ("How far is the red mug from the blue bowl?", "The gap is 0.51 m.", None),
    ("How far is the red mug from the blue bowl?", "It is 51.", None),
    ("How far is the red mug from the blue bowl?", "At least 0.51 m.", None),
    ("How far is the red mug from the blue bowl?", "Yes, 0.51 m.", None),
    ("How far is the red mug from the blue bowl?", "It is 0.51 m, that is 51 cm.", True),
    ("How far is the red mug left of the blue bowl?", "red mug is 0.3 m to the left of blue bowl.", True),
    ("How far is the red mug left of the blue bowl?", "blue bowl is 0.3 m to the left of red mug.", None),
    ("How far is the red mug left of the blue bowl?", "red mug is 0.3 m to the right of blue bowl.", None),
    ("How tall is the red mug?", "red mug is 0.12 meters in width.", None),
    ("In which clock direction is the blue bowl from the red mug?", "Not at 2 o'clock.", None),
    ("In which clock direction is the blue bowl from the red mug?", "At 2 or 3 o'clock.", None),
    (
        "In which clock direction is the blue bowl from the red mug?",
        "blue bowl will find red mug around the 2 o'clock direction.",
        None,
    ),
    ("Is the red mug to the left of the blue bowl?", "Yes, red mug is to the right of blue bowl.", None),
    ("Is the red mug to the left of the blue bowl?", "blue bowl is to the left of red mug.", None),
    ("Is the red mug to the left of the blue bowl?", "Yes, if the lamp is moved.", None),
    ("Is the red mug to the left of the blue bowl?", "Yes and no.", None),
    ("Is the red mug to the left of the blue bowl?", "blue bowl is on the left side of it.", None),
    ("Is the red mug to the left of the blue bowl?", "No, it is not.", False),
    ("Is the red mug to the left of the blue bowl?", "Yes, red mug is to the left of green can.", None),
    ("Is the red mug not to the left of the blue bowl?", "No.", None),
    ("Is the red mug not to the left of the blue bowl?", "No, red mug is to the left of blue bowl.", True),
    ("Is the red mug not to the left of the blue bowl?", "red mug is not to the left of blue bowl.", False),
    ("Which is bigger, the red mug or the blue bowl?", "red mug is smaller than blue bowl.", True),
    ("Which is bigger, the red mug or the blue bowl?", "blue bowl is not bigger.", None),
    ("Which is bigger, the red mug or the blue bowl?", "Either red mug or blue bowl.", None),
    ("Which is bigger, the red mug or the blue bowl?", "red mug, blue bowl.", None),
    ("Which is bigger, the red mug or the blue bowl?", "blue bowl is taller.", None),
    ("Is the red mug over 2 m from the blue bowl?", "No.", True),
    ("Is the red mug over 2 m from the blue bowl?", "No, the distance is 0.51 m.", True),
    ("Is the red mug over 2 m from the blue bowl?", "No, the distance is 3 m.", None),
    ("Is the red mug over 2 m from the blue bowl?", "Yes, it is.", False),
    ("Is the red mug left or right of the blue bowl?", "It is to the left of blue bowl.", None),
    ("Is the red mug left or right of the blue bowl?", "red mug is to the left of blue bowl.", True),
    ("Is the red mug left or right of the blue bowl?", "red mug is to the right of blue bowl.", False),
    ("Is the red mug left or right of the blue bowl?", "red mug is not to the left of blue bowl.", None),
    (
        "Order the red mug, the blue bowl and the green can from near to far.",
        "From far to near: red mug, green can, blue bowl.",
        None,
    ),
]
# What a careless reader would take for the opposite, or for an answer at all.
TRAPS = [
    ("Is the red mug to the left of the blue bowl?", "It is not false.", None),
    ("Is the red mug to the left of the blue bowl?", "Not no.", None),
    ("Is the red mug to the left of the blue bowl?", "No red mug.", None),
    ("Is the red mug to the left of the blue bowl?", "To the left of red mug is the blue bowl.", None),
    ("Is the red mug to the left of the blue bowl?", "Left of blue bowl is red mug.", None),
    ("Which is bigger, the red mug or the blue bowl?", "Bigger than the blue bowl is the red mug.", None),
    ("Which is bigger, the red mug or the blue bowl?", "Than the blue bowl the red mug is bigger.", None),
    ("How far is the red mug from the blue bowl?", "1 foot 8 inches.", None),
    ("How far is the red mug from the blue bowl?", "It is 1 foot 8 inches, that is 0.51 m.", None),
    ("How many green cans are there?", "1 m", None),
    ("How many green cans are there?", "1", True),
    ("Order the red mug, the blue bowl and the green can from near to far.",
     "red mug, green can, blue bowl, red mug", None),
    ("Order the red mug, the blue bowl and the green can from tallest to shortest.",
     "green can < red mug < blue bowl", None),
    ("Order the red mug, the blue bowl and the green can from tallest to shortest.",
     "green can, red mug, blue bowl", True),
    ("Order the red mug, the blue bowl and the green can from shortest to tallest.",
     "blue bowl < red mug < green can", True),
    ("Is the red mug to the left of the blue bowl?", "Yes, red mug is to the left of red mug.", None),
    ("Which is bigger, the red mug or the blue bowl?", "blue bowl is bigger than blue bowl.", None),
    ("How far is the red mug from the blue bowl?",
     "The distance between red mug and red mug is 0.51 m.", None),
    ("How far is the red mug from the blue bowl?", "The distance to blue bowl is 0.51 m.", None),
    ("Is the red mug over 2 m from the blue bowl?", "No, the distance to blue bowl is 0.51 m.", None),
    ("How far apart are the red mug and the blue bowl horizontally?", "The distance is 0.3 m.", None),
    ("How far apart are the red mug and the blue bowl horizontally?",
     "The horizontal distance is 0.3 m.", True),
    ("Which is closer to the red mug, the blue bowl or the green can?",
     "blue bowl is closer to green can.", None),
    ("Which is closer to the red mug, the blue bowl or the green can?",
     "blue bowl is closer to red mug.", True),
    ("Are the red mug and the blue bowl left of the green can?",
     "No, red mug is left of green can.", None),
    ("Are the red mug and the blue bowl left of the green can?", "No.", True),
]  # fmt: skip


@pytest.mark.parametrize(("question", "sentence", "expected"), CHECKS + TRAPS)
def test_a_models_sentence_is_checked_against_the_boxes(question, sentence, expected):
    exact = answer(parse_question(question), [MUG, BOWL, CAN])
    assert check_answer(sentence, exact) is expected


def test_numbers_inside_names_are_no_answer():
    boxes = [Box3D("mug", (0, 0, 1), (0.1, 0.1, 0.1)), Box3D("mug", (0, 0, 2), (0.2, 0.2, 0.2))]
    found = answer(Query("distance", ("0_mug", "1_mug")), boxes)
    assert check_answer("1_mug meters away", found) is None
    assert check_answer("0_mug and 1_mug are 1.0 m apart", found) is True
