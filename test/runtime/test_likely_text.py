"""What a model probably writes about the boxes it found, whatever it called them: no answer."""

from dataclasses import replace

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.runtime.answers.likely_text import by_mention, likely_text
from n3d_ros.runtime.answers.results import exact_answer
from n3d_ros.runtime.answers.topic import located
from n3d_ros.runtime.types import GroundedObject
from n3d_ros.spatial import QUESTIONS, Query, answer, answer_in_order, parse_question

CAMERA = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
MUG = Box3D("red mug", (-0.15, 0.05, 1.1), (0.09, 0.1, 0.08))
BOWL = Box3D("blue bowl", (0.2, 0.11, 1.3), (0.2, 0.12, 0.2))
CAN = Box3D("green can", (0.02, -0.07, 0.9), (0.07, 0.13, 0.07))
CLOSER = "Is the red mug or the blue bowl closer to the green can?"


def topic_of(question, *boxes):
    things = [GroundedObject(f"{n}_{box.label}", box, None, "", n) for n, box in enumerate(boxes)]
    return located(question, things, CAMERA, parse_question(question))


def test_it_is_computed_from_the_numbers_that_the_prompt_shows():
    far, near = replace(MUG, center=(0.1, 0.1, 1.0151)), replace(BOWL, center=(0.1, 0.1, 1.0049))
    text = likely_text(topic_of("How far apart are the red mug and the blue bowl?", far, near))
    assert "[-0.10, -0.10, 1.02]" in text and "[-0.10, -0.10, 1.00]" in text
    assert text.endswith("The distance between red mug and blue bowl is 0.02 meters."), "0.01 unrounded"


def test_boxes_under_other_names_are_reasoned_about_in_the_order_of_mention():
    plate = replace(BOWL, label="black plate")
    topic = topic_of(CLOSER, MUG, plate, CAN)
    exact, problem = exact_answer(topic.query, topic.boxes)
    assert exact is None and "blue bowl" in problem
    asked = Query("closer", ("green can", "red mug", "black plate"), "closer", "which")
    assert likely_text(topic) == answer(asked, [MUG, plate, CAN]).text


def test_boxes_under_one_name_keep_it():
    topic = topic_of("How far apart are the red mug and the blue bowl?", MUG, replace(BOWL, label="red mug"))
    text = likely_text(topic)
    assert text.startswith("<think> The center of red mug is [0.15, -0.05, 1.10].")
    assert "The center of red mug is [-0.20, -0.11, 1.30]." in text


@pytest.mark.parametrize(
    ("question", "boxes"),
    [
        ("How far apart are the red mug and the blue bowl?", (MUG,)),
        ("How wide is the red mug?", (BOWL, CAN)),
        ("What color is the red mug?", (MUG,)),
    ],
)
def test_nothing_is_expected_without_one_box_per_object_of_a_known_question(question, boxes):
    assert likely_text(topic_of(question, *boxes)) == ""


@pytest.mark.parametrize("question", [form for forms in QUESTIONS.values() for form in forms])
def test_every_known_question_has_a_likely_text(question):
    """And where names fit and numbers have two decimals, it is the exact answer's."""
    question = question.format(a="red mug", b="blue bowl", c="green can")
    names = {box.label: box for box in (MUG, BOWL, CAN)}
    boxes = [names[name] for name in sorted(names, key=question.find) if name in question]
    topic = topic_of(question, *boxes)
    exact, _ = exact_answer(topic.query, topic.boxes)
    assert likely_text(topic) == exact.text


@pytest.mark.parametrize(
    ("question", "order"),
    [("Is the redmug like the red or the mug?", [MUG, BOWL]), ("the redmug, the mug, the red", [BOWL, MUG])],
)
def test_a_name_inside_another_is_not_its_mention(question, order):
    assert by_mention(question, ["red", "mug"], [MUG, BOWL]) == order


def test_an_answer_in_order_needs_one_box_per_object():
    with pytest.raises(ValueError, match="expected 2 boxes, one per object, got 1"):
        answer_in_order(Query("distance", ("a", "b")), [MUG])
