"""Spatial questions, their exact answers on three hand-made boxes, and the check of a model's own sentence.

Optical frame: the bowl is 0.3 m to the right of the mug, 0.1 m higher and 0.4 m farther away.
"""

import math
from dataclasses import replace

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.evidence import as_quoted, box_3d
from n3d_ros.spatial import QUESTIONS, RELATIONS, Query, answer, check_answer, parse_question

MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.1, 0.12, 0.1))
BOWL = Box3D("blue bowl", (0.4, 0.1, 1.4), (0.2, 0.08, 0.2))
CAN = Box3D("green can", (-0.5, 0.2, 1.2), (0.07, 0.15, 0.07))
SCENE = (MUG, BOWL, CAN)
NAMES = {"a": "red mug", "b": "blue bowl", "c": "green can"}
TEMPLATES = [(relation, template) for relation, templates in QUESTIONS.items() for template in templates]


def ask(question, boxes=SCENE):
    query = parse_question(question)
    assert query is not None, question
    return answer(query, boxes)


@pytest.mark.parametrize(("relation", "template"), TEMPLATES)
def test_every_template_is_understood(relation, template):
    query = parse_question(template.format(**NAMES))
    assert query is not None
    assert query.relation == relation
    assert query.objects == tuple(name for slot, name in NAMES.items() if f"{{{slot}}}" in template)


@pytest.mark.parametrize(("relation", "template"), TEMPLATES)
def test_every_template_is_answered_and_its_answer_agrees_with_itself(relation, template):
    found = ask(template.format(**NAMES))
    assert found.relation == relation
    assert found.text == f"<think> {found.reasoning} </think> {found.answer}"
    assert check_answer(found.text, found) is True


@pytest.mark.parametrize(("relation", "template"), TEMPLATES)
def test_swapping_the_objects_never_leaves_a_stale_answer_right(relation, template):
    """Answers that depend on a side disagree with the answer for the mirrored scene, all others agree."""
    mirrored = [Box3D(b.label, tuple(-v for v in b.center[:2]) + (3 - b.center[2],), b.size) for b in SCENE]
    before, after = ask(template.format(**NAMES)), ask(template.format(**NAMES), mirrored)
    changes = relation in ("left_right", "above_below", "front_behind", "direction", "depth_order")
    assert check_answer(before.text, after) is not changes


def test_templates_keep_the_order_from_which_training_draws():
    assert list(QUESTIONS)[:3] == ["distance", "horizontal_distance", "vertical_distance"]
    assert list(QUESTIONS)[-1] == "depth_order" and set(QUESTIONS) < set(RELATIONS)


PARAPHRASES = {
    "how far is the red mug from the blue bowl?": Query("distance", ("red mug", "blue bowl")),
    "what is the distance between the chair and the door?": Query("distance", ("chair", "door")),
    "Please tell me how far apart a chair and a door are": Query("distance", ("chair", "door")),
    "Could you tell me the distance from the chair to the door?": Query("distance", ("chair", "door")),
    "How far away is the chair from me?": Query("distance", ("chair",)),
    "how far is the chair": Query("distance", ("chair",)),
    "What is the distance to the chair?": Query("distance", ("chair",)),
    "how far horizontally is the mug from the bowl?": Query("horizontal_distance", ("mug", "bowl")),
    "How much higher is the lamp than the table?": Query("above_below", ("lamp", "table"), "above"),
    "how tall is the bottle?": Query("height", ("bottle",)),
    "How  high is\nthe bottle? I need to know.": Query("height", ("bottle",)),
    "is the red mug left of the blue bowl?": Query("left_right", ("red mug", "blue bowl"), "left", "yes_no"),
    "Is the mug on the right side of the bowl?": Query("left_right", ("mug", "bowl"), "right", "yes_no"),
    "Is the lamp higher than the table?": Query("above_below", ("lamp", "table"), "above", "yes_no"),
    "Is the ball under the table?": Query("above_below", ("ball", "table"), "below", "yes_no"),
    "is the mug in front of the bowl?": Query("front_behind", ("mug", "bowl"), "front", "yes_no"),
    "Which is nearer, the mug or the bowl?": Query("front_behind", ("mug", "bowl"), "front", "which"),
    "Is the mug or the bowl closer to the camera?": Query("front_behind", ("mug", "bowl"), "front", "which"),
    "which is closer to the red mug, the blue bowl or the green can?": Query(
        "closer", ("red mug", "blue bowl", "green can"), "closer", "which"
    ),
    "Is the bowl closer to the mug than the can?": Query(
        "closer", ("mug", "bowl", "can"), "closer", "yes_no"
    ),
    "Which of the mug and the bowl is larger?": Query("bigger_smaller", ("mug", "bowl"), "bigger", "which"),
    "Which object is the tallest, the mug, the bowl, or the can?": Query(
        "taller_shorter", ("mug", "bowl", "can"), "taller", "which"
    ),
    "Is the mug narrower than the bowl?": Query("wider_thinner", ("mug", "bowl"), "thinner", "yes_no"),
    "Standing at the chair, in which direction is the door?": Query("direction", ("chair", "door")),
    "sort the mug, bowl, and can from nearest to farthest": Query(
        "depth_order", ("mug", "bowl", "can"), "near", "order"
    ),
    "What colour is the mug?": None,
    "Where is the mug?": Query("where", ("mug",), many=True),
    "where are my red mugs": Query("where", ("red mugs",), many=True),
    "Tell me where the mug is.": Query("where", ("mug",), many=True),
    "What is the position of the mug?": Query("where", ("mug",), many=True),
    "Where is the mug relative to the bowl?": None,
    "Where are you?": None,
    "Is there a mug?": Query("exists", ("mug",), form="yes_no", many=True),
    "Are there any red mugs in the picture?": Query("exists", ("red mugs",), form="yes_no", many=True),
    "Can you see the mug?": Query("exists", ("mug",), form="yes_no", many=True),
    "Is the mug visible?": Query("exists", ("mug",), form="yes_no", many=True),
    "Is there a mug on the table?": None,
    "Is there no mug?": None,
    "Is there a mug and a bowl?": None,
    "How many mugs are there in the picture?": Query("count", ("mugs",), many=True),
    "How many mugs are there?": Query("count", ("mugs",), many=True),
    "Is the children's chair left of the mug?": Query(
        "left_right", ("children's chair", "mug"), "left", "yes_no"
    ),
    "Which is taller, the mug?": None,
    "": None,
    "?": None,
    "椅子在哪里？": None,
}


@pytest.mark.parametrize("question", PARAPHRASES)
def test_what_people_write_is_understood_or_left_alone(question):
    assert parse_question(question) == PARAPHRASES[question]


def test_a_page_of_text_is_no_spatial_question():
    assert parse_question(f"Is the {'very ' * 5000}red mug above the blue bowl?") is None


EXACT = {
    "How far is the red mug from the blue bowl?": (math.sqrt(0.09 + 0.01 + 0.16), "m"),
    "How far is the red mug?": (math.sqrt(0.01 + 0.04 + 1.0), "m"),
    "What is the horizontal distance between the red mug and the blue bowl?": (0.3, "m"),
    "What is the vertical distance between the red mug and the blue bowl?": (0.1, "m"),
    "How wide is the blue bowl?": (0.2, "m"),
    "How tall is the green can?": (0.15, "m"),
    "In which clock direction is the blue bowl from the red mug?": (2.0, "o'clock"),
    "In which clock direction is the green can from the red mug?": (10.0, "o'clock"),
}


@pytest.mark.parametrize("question", EXACT)
def test_numbers_are_exact(question):
    found = ask(question)
    assert (found.value, found.unit) == (pytest.approx(EXACT[question][0], rel=1e-12), EXACT[question][1])


@pytest.mark.parametrize(
    ("degrees", "hour"), [(0, 12), (29, 12), (31, 11), (90.5, 9), (150.64, 7), (181, 6), (271, 3), (359, 1)]
)
def test_the_clock_runs_from_straight_away_towards_the_left(degrees, hour):
    """12 is away from the camera, 9 to the left, 6 toward the camera; an hour is [h, h+30) degrees."""
    turn = math.radians(degrees)
    there = Box3D("there", (-math.sin(turn), 0.0, 5.0 + math.cos(turn)), (0.1, 0.1, 0.1))
    here = Box3D("here", (0.0, 0.0, 5.0), (0.1, 0.1, 0.1))
    assert answer(Query("direction", ("here", "there")), [here, there]).value == hour


def test_a_direction_a_hair_right_of_straight_away_is_no_hour_zero():
    here, there = Box3D("here", (0.0, 0.0, 1.0), (1, 1, 1)), Box3D("there", (1e-18, 0.0, 2.0), (1, 1, 1))
    assert answer(Query("direction", ("here", "there")), [here, there]).value in (1.0, 12.0)


SENTENCES = {
    "Is the red mug to the left of the blue bowl?": "Yes, red mug is to the left of blue bowl.",
    "Is the red mug above the blue bowl?": "No, red mug is not above blue bowl.",
    "Is the red mug in front of the blue bowl?": "Yes, red mug is in front of blue bowl.",
    "Which is farther from the camera, the mug or the bowl?": "blue bowl is farther from the camera.",
    "Which is closer to the red mug, the blue bowl or the green can?": "blue bowl is closer to red mug.",
    "Is the can closer to the mug than the bowl?": "No, green can is not closer to red mug than blue bowl.",
    "Which is bigger, the red mug or the blue bowl?": "blue bowl is bigger.",
    "Which is the thinnest, the red mug, the blue bowl or the green can?": "green can is thinner.",
    "Is the red mug taller than the green can?": "No, red mug is not taller than green can.",
    "Order the red mug, the blue bowl and the green can from near to far.": (
        "From near to far: red mug, green can, blue bowl."
    ),
    "How far is the mug from the bowl?": "The distance between red mug and blue bowl is 0.51 meters.",
    "How tall is the red mug?": "red mug is 0.12 meters in height.",
    "Is there a mug?": "Yes, found red mug.",
    "Are there any things?": "Yes, found red mug, blue bowl and green can.",
    "Where is the mug?": (
        "red mug is 1.02 meters from the camera: 1.00 meters ahead, 0.10 meters right, 0.20 meters below."
    ),
}


@pytest.mark.parametrize("question", SENTENCES)
def test_answer_sentences(question):
    assert ask(question).answer == SENTENCES[question]


def test_nothing_is_a_count_and_no_place():
    assert answer(Query("exists", ("mug",), form="yes_no", many=True), []).answer == "No, found no mug."
    assert answer(Query("count", ("mugs",), many=True), []).value == 0
    with pytest.raises(ValueError, match="expected 1 boxes or more for 'mug'"):
        answer(Query("where", ("mug",), many=True), [])


def test_whether_a_thing_of_another_name_is_meant_is_not_guessed():
    for relation, form in (("exists", "yes_no"), ("count", "value"), ("where", "value")):
        with pytest.raises(ValueError, match="for 'blue mugs'"):
            answer(Query(relation, ("blue mugs",), form=form, many=True), [replace(MUG, label="mug")])


def test_two_of_a_name_have_two_places():
    said = answer(Query("where", ("mugs",), many=True), [MUG, replace(MUG, label="blue mug")]).answer
    assert said.count("1.02 meters from the camera") == 2 and "; blue mug is" in said


def test_a_trace_quotes_the_evidence_and_ends_with_the_answer():
    found = ask("How far is the red mug from the blue bowl?")
    assert found.reasoning == (
        "The center of red mug is [-0.10, -0.20, 1.00]. The center of blue bowl is [-0.40, -0.10, 1.40]. "
        "dx = 0.30, dy = 0.10, dz = 0.40. distance = sqrt(0.09 + 0.01 + 0.16) = 0.51."
    )
    assert box_3d(BOWL)[:3] == (-0.4, -0.1, 1.4)


TRACE_ENDS = {
    "Is the red mug to the left of the blue bowl?": (
        "The x values are -0.10 for red mug and -0.40 for blue bowl. The largest is -0.10 for red mug."
    ),
    "Which is smaller, the red mug or the blue bowl?": (
        "The volume values are 1.20 liters for red mug and 3.20 liters for blue bowl. "
        "The smallest is 1.20 liters for red mug."
    ),
    "Which is farther from the red mug, the blue bowl or the green can?": (
        "distance to blue bowl = sqrt(0.09 + 0.01 + 0.16) = 0.51. "
        "distance to green can = sqrt(0.36 + 0.00 + 0.04) = 0.63. "
        "The distance values are 0.51 for blue bowl and 0.63 for green can. "
        "The largest is 0.63 for green can."
    ),
    "Order the blue bowl, the green can and the red mug from near to far.": (
        "The z values are 1.40 for blue bowl, 1.20 for green can and 1.00 for red mug. "
        "From near to far they are 1.00 for red mug, 1.20 for green can and 1.40 for blue bowl."
    ),
    "If you are at the red mug, where will you find the blue bowl?": (
        "angle = atan2(-0.30, 0.40) = 323 degrees. clock = 12 - floor(323 / 30) = 2."
    ),
}


@pytest.mark.parametrize("question", TRACE_ENDS)
def test_a_trace_names_the_owner_of_every_value_that_it_compares(question):
    assert ask(question).reasoning.endswith(TRACE_ENDS[question])


def test_from_boxes_as_shown_a_result_follows_from_what_the_trace_quotes():
    a = Box3D("a", (0.0, 0.0, 1.0049), (0.104, 0.106, 1))
    b = Box3D("b", (0.0, 0.0, 1.0151), (1, 1, 1))
    shown = as_quoted(a)
    assert shown.center == (0.0, 0.0, 1.0) and shown.size == (0.1, 0.11, 1.0)
    found = answer(Query("distance", ("a", "b")), [as_quoted(a), as_quoted(b)])
    assert found.answer == "The distance between a and b is 0.02 meters."
    assert box_3d(as_quoted(b)) == box_3d(b)


def test_results_come_from_unrounded_boxes():
    a, b = Box3D("a", (0.0, 0.0, 1.0049), (1, 1, 1)), Box3D("b", (0.0, 0.0, 1.0151), (1, 1, 1))
    found = answer(Query("distance", ("a", "b")), [a, b])
    assert "1.00" in found.reasoning
    assert "1.02" in found.reasoning
    assert found.answer == "The distance between a and b is 0.01 meters."


@pytest.mark.parametrize(
    ("question", "margin"),
    [
        ("Is the red mug to the left of the blue bowl?", 0.3),
        ("Which is bigger, the red mug or the blue bowl?", 2.0),
        ("Order the red mug, the blue bowl and the green can from near to far.", 0.2),
        ("How tall is the red mug?", math.inf),
    ],
)
def test_the_margin_says_how_clear_cut_an_answer_is(question, margin):
    assert ask(question).margin == pytest.approx(margin)


def test_equal_things_are_not_bigger_than_each_other():
    twins = [Box3D("a", (0, 0, 1), (1, 1, 1)), Box3D("b", (0, 0, 1), (1, 1, 1))]
    for side in ("bigger", "smaller"):
        assert answer(Query("bigger_smaller", ("a", "b"), side, "yes_no"), twins).verdict is False


def test_two_boxes_of_one_label_keep_the_names_of_the_question():
    boxes = [Box3D("mug", (0, 0, 1), (1, 1, 1)), Box3D("mug", (0, 0, 2), (1, 2, 1))]
    found = answer(Query("taller_shorter", ("0_mug", "1_mug"), "taller", "which"), boxes)
    assert found.answer == "1_mug is taller."


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("colour", ("a",)), "expected a relation"),
        (("distance", ("a", "b", "c")), "distance: expected 1 to 2 objects"),
        (("closer", ("a", "b")), "closer: expected 3 to inf objects"),
        (("width", ("a",), "", "song"), "expected a form"),
    ],
)
def test_impossible_queries_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        answer(Query(*values), SCENE)


def test_an_unknown_side_is_refused():
    with pytest.raises(
        ValueError, match=r"left_right: expected asks to be one of \['left', 'right'\], got 'up'"
    ):
        answer(Query("left_right", ("red mug", "blue bowl"), "up", "yes_no"), SCENE)
