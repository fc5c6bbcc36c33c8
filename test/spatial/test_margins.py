"""How far an answer is from being another one, in the unit of what was compared."""

import math

import pytest

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import answer, parse_question


def box(label, x, z):
    return Box3D(label, (x, 0.0, z), (0.1, 0.1, 0.1))


def at_degrees(degrees):
    """Two boxes, the second that many degrees clockwise from straight ahead, seen from the first."""
    angle = math.radians(degrees)
    return [box("mug", 0.0, 2.0), box("box", math.sin(angle), 2.0 + math.cos(angle))]


CLOCK = "In which clock direction is the box from the mug?"
ORDER = "Order the mug, the box and the ball from near to far."


def margin_of(question, boxes):
    query = parse_question(question)
    assert query is not None, question
    return answer(query, boxes).margin


@pytest.mark.parametrize(("degrees", "margin"), [(45, 15), (35, 5), (55, 5), (31, 1), (59, 1), (200, 10)])
def test_a_clock_direction_is_as_safe_as_the_nearer_edge_of_its_hour_is_far(degrees, margin):
    assert margin_of(CLOCK, at_degrees(degrees)) == pytest.approx(margin, abs=1e-6)


@pytest.mark.parametrize(
    ("depths", "margin"), [((1.0, 1.5, 3.0), 0.5), ((1.0, 2.9, 3.0), 0.1), ((3.0, 1.0, 1.2), 0.2)]
)
def test_an_order_is_as_safe_as_its_closest_neighbours(depths, margin):
    boxes = [box(name, 0.0, z) for name, z in zip(("mug", "box", "ball"), depths, strict=True)]
    assert margin_of(ORDER, boxes) == pytest.approx(margin)
