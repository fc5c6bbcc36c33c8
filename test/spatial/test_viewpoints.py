"""The same things seen by somebody else: sides and hours turn with who looks, heights do not.

Optical frame (x right, z forward): A one metre left of B, at the same depth; C two metres behind both.
"""

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import answer, parse_question


def box(label, x, z):
    return Box3D(label, (x, 0.0, z), (0.1, 0.1, 0.1))


SCENE = [box("apple", -1.0, 3.0), box("ball", 0.0, 3.0), box("chair", 0.0, 5.0)]


def ask(question):
    return answer(parse_question(question), SCENE)


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        ("Is the apple left of the ball?", True),
        ("Is the apple left of the ball from the opposite side of the camera?", False),
        ("Is the chair behind the ball?", True),
        ("Is the chair behind the ball from the opposite side of the camera?", False),
        ("From the ball's point of view, facing left, is the chair to the right of the apple?", True),
        ("From the ball's point of view, facing the apple, is the chair to the right of the apple?", True),
        ("If you are at the ball facing the chair, is the apple on your left?", True),
        ("If you are at the ball facing the camera, is the apple on your left?", False),
        ("If you are at the ball facing the apple, is the apple in front of you?", True),
        ("If you are at the ball facing the apple, is the chair behind you?", False),
    ],
)
def test_sides_turn_with_who_looks(question, verdict):
    assert ask(question).verdict is verdict


@pytest.mark.parametrize(
    ("facing", "hour"),
    [
        ("", 12.0),
        (" facing left", 3.0),
        (" facing right", 9.0),
        (" facing the camera", 6.0),
        (" facing the apple", 3.0),
    ],
)
def test_the_clock_turns_with_who_looks(facing, hour):
    """From the ball the chair is straight away from the camera."""
    assert ask(f"If you are at the ball{facing}, where will you find the chair?").value == hour


def test_the_evidence_is_where_it_was_and_holds_whoever_looks():
    found = ask("From the ball's point of view, facing the camera, is the chair left of the apple?")
    assert found.evidence == (SCENE[2], SCENE[0], SCENE[1])
    assert found.answer.endswith(", seen by ball facing the camera.")
    assert found.reasoning.startswith("Seen by ball facing the camera: ")


@pytest.mark.parametrize(
    "question",
    [
        "From the ball's point of view, is the chair left of the apple?",
        "Is the apple taller than the ball from the opposite side of the camera?",
        "If you are at the ball facing the ball, where will you find the chair?",
        "If you are at the ball facing up, where will you find the chair?",
        "If you are at the ball facing away from the camera, where will you find the chair?",
        "How far is the apple from the ball from the opposite side of the camera?",
    ],
)
def test_where_the_facing_is_not_determined_or_does_not_matter_nothing_is_answered(question):
    assert parse_question(question) is None


@pytest.mark.parametrize(
    "place", [(0.31, 0.0, 1.7), (-1.93, 0.1, 0.77), (0.113, 0.0, 2.003), (1.1, 0.0, 3.3)]
)
def test_what_is_faced_is_straight_ahead_and_on_neither_side(place):
    """A turn by any angle leaves a rounding beside the axis, which would be 1 o'clock half of the time."""
    scene = [Box3D("mug", place, (0.1, 0.1, 0.1)), Box3D("box", (0.7, 0.0, 2.1), (0.1, 0.1, 0.1))]
    ahead = parse_question("If you are at the mug facing the box, where will you find the box?")
    assert answer(ahead, scene).value == 12.0
    side = parse_question("If you are at the mug facing the box, is the box to your left or right?")
    assert answer(side, scene).side == ""


def test_facing_something_at_the_same_place_is_no_direction():
    above = Box3D("lamp", (0.0, -1.0, 3.0), (0.1, 0.1, 0.1))
    query = parse_question("If you are at the ball facing the lamp, where will you find the chair?")
    with pytest.raises(ValueError, match="the facing is not determined"):
        answer(query, [*SCENE, above])
