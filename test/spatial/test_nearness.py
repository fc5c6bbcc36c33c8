"""Nearer by depth and nearer by distance are two things where one stands to the side."""

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import answer, parse_question


def box(label, x, z):
    return Box3D(label, (x, 0.0, z), (0.1, 0.1, 0.1))


# The chair is ahead by less, 0.90 m, and away by more, 2.66 m.
CHAIR, PERSON, STOOL = box("chair", 2.5, 0.9), box("person", 0.1, 1.3), box("bar chair", -1.0, 2.0)
SCENE = [CHAIR, PERSON, STOOL]
UNDETERMINED = [
    "Which is closer to the camera, the chair or the person?",
    "Which is not closer to the camera, the chair or the person?",
    "Is the chair nearer than the person?",
    "Is the person closer to me than the chair?",
    "Is the chair at least 10 cm closer than the person?",
    "How much closer is the chair than the person?",
    "How far is the nearest chair?",
    "How tall is the second nearest chair?",
    "Which object is the nearest?",
    "Order the chair and the person from near to far.",
    "Are the chair and the person closer than the bar chair?",
]
DETERMINED = {
    "Is the chair in front of the person?": True,
    "Is the person behind the chair?": True,
    "How far is the chair in front of the person?": 0.4,
    "Which is farther away, the bar chair or the person?": ("bar chair",),
    "Order the chair and the person from front to back.": ("chair", "person"),
    "Is the person nearer than the bar chair?": True,
    "Is the chair further right than the person?": True,
    "Which is closer to the bar chair, the chair or the person?": ("person",),
}


def asked(question, boxes=SCENE):
    query = parse_question(question)
    assert query is not None, question
    found = answer(query, boxes)
    value = None if found.value is None else round(found.value, 4)
    return value if found.verdict is None and not found.names else found.names or found.verdict


@pytest.mark.parametrize("question", UNDETERMINED)
def test_who_is_nearer_has_no_answer_where_depth_and_distance_differ(question):
    with pytest.raises(ValueError, match=r"0\.90 m ahead and 2\.66 m away"):
        asked(question)


@pytest.mark.parametrize("question", DETERMINED)
def test_what_depth_alone_decides_or_both_agree_on_is_answered(question):
    assert asked(question) == DETERMINED[question]


def test_equally_far_ahead_and_not_equally_far_away_is_not_equal():
    with pytest.raises(ValueError, match="which is nearer is not determined"):
        asked("Is the chair nearer than the person?", [box("chair", 0.0, 1.0), box("person", 1.0, 1.0)])
