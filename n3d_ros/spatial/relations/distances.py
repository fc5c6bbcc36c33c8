"""Lengths between two things, and between a thing and the camera.

Distances are centre to centre (docs/specification/spatial.md 1): Euclidean, |dx| or |dy|. A
gap is between surfaces: on each axis on which the boxes do not overlap the room between the facing sides, and
of these the Euclidean length, which is the shortest way from surface to surface; 0 where boxes touch.
"""

from __future__ import annotations

import math

from n3d_ros.spatial.quoting import (
    WIDTH,
    NamedBox,
    X,
    Y,
    apart,
    bracketed,
    center_text,
    deltas_text,
    root_text,
    size_text,
)
from n3d_ros.spatial.relations.base import LOCATED, Relation, Rule, Wording
from n3d_ros.spatial.relations.results import measured
from n3d_ros.spatial.types import AT_MOST, LESS, MORE, Query, SpatialAnswer


def _distance(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    if len(objects) == 1:
        return _distance_from_camera(query, objects[0])
    a, b = objects
    value = apart(a, b)
    result = f"distance = {root_text(a, b)} = {value:.2f}."
    trace = f"{center_text(a)} {center_text(b)} {deltas_text(a, b)} {result}"
    return measured(query, objects, value, (f"The distance between {a.name} and {b.name} is ", "."), trace)


def _distance_from_camera(query: Query, a: NamedBox) -> SpatialAnswer:
    value = math.hypot(*a.box.center)
    squares = " + ".join(f"{shown * shown:.2f}" for shown in a.quoted[:3])
    trace = f"{center_text(a)} distance = sqrt({squares}) = {value:.2f}."
    return measured(query, [a], value, (f"The distance to {a.name} is ", "."), trace)


def _axis_distance(axis: int, kind: str) -> Rule:
    def rule(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
        a, b = objects
        value = abs(a.exact[axis] - b.exact[axis])
        terms = f"{a.quoted[axis]:.2f} - {bracketed(b.quoted[axis])}"
        trace = f"{center_text(a)} {center_text(b)} {kind} distance = |{terms}| = {value:.2f}."
        sentence = (f"The {kind} distance between {a.name} and {b.name} is ", ".")
        return measured(query, objects, value, sentence, trace)

    return rule


def _gap(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    a, b = objects
    if a.box.yaw or b.box.yaw:
        raise ValueError(f"gap: expected boxes that are not turned, got yaw {a.box.yaw} and {b.box.yaw} rad")
    rooms = [_room(a.exact, b.exact, axis) for axis in range(3)]
    shown = [_room(a.quoted, b.quoted, axis) for axis in range(3)]
    value = math.hypot(*rooms)
    facts = f"{center_text(a)} {size_text(a)} {center_text(b)} {size_text(b)}"
    each = ", ".join(f"gap {axis} = {room:.2f}" for axis, room in zip("xyz", shown, strict=True))
    squares = " + ".join(f"{room * room:.2f}" for room in shown)
    trace = f"{facts} {each}. gap = sqrt({squares}) = {value:.2f}."
    return measured(query, objects, value, (f"The gap between {a.name} and {b.name} is ", "."), trace)


def _room(a: tuple[float, ...], b: tuple[float, ...], axis: int) -> float:
    """Metres between the facing sides on one axis, 0 where the two overlap there."""
    return max(abs(a[axis] - b[axis]) - (a[WIDTH + axis] + b[WIDTH + axis]) / 2, 0.0)


_ENDS = "(between A and B | from A (to | and) B | of A (from | to) B | to A from B)"
_SHORTEST = "(shortest | minimum | minimal | smallest | closest)"


def _along(name: str, rule: Rule, adjective: str, adverb: str, templates: tuple[str, ...]) -> Relation:
    return Relation(
        name,
        rule,
        fewest=2,
        most=2,
        nouns=(f"{adjective} (distance | separation) {_ENDS}", f"(distance | separation) {_ENDS} {adverb}"),
        wordings=(
            Wording(f"how far {adverb} is[A] away? from B"),
            Wording(f"how far away? is[A] away? from B {adverb}"),
            Wording(f"how far apart? {adverb} are[A and B] (apart | from each other)?"),
            Wording(f"how far apart are[A and B] {adverb}"),
            Wording(f"how far are[A and B] (apart | from each other) {adverb}"),
            Wording(f"how far (is it | it is) from A to B {adverb}"),
        ),
        restated=f"{adjective} distance between {{a}} and {{b}}",
        templates=templates,
    )


DISTANCE = Relation(
    "distance",
    _distance,
    fewest=2,
    most=2,
    takes_camera=True,
    nouns=(
        f"(direct | straight-line | straight line | total | euclidean | approximate | exact | estimated "
        f"| current | 3d | centre to centre | center to center)? (distance | separation) {_ENDS}",
        "distance separating A and B",
        "A to B (distance | separation)",
        "distance to A",
        "A 's distance ((from | to) B)?",
        "distance measurement between A and B",
    ),
    wordings=(
        Wording("how (far | close | near | distant) (away | apart | off)? is[A] (away | off)? (from | to) B"),
        Wording("how far (away | off)? from B is[A]"),
        Wording("how far (away | off)? is[A] (away | off)?"),
        Wording("how (distant | close | near) is[A]"),
        Wording(f"how far is[A] {LOCATED} from B"),
        Wording("from A , how far (away | off)? is[B]"),
        Wording("from A to B , how far is it"),
        Wording("at (which | what) distance is[A]"),
        Wording("(which | what) distance is[A] at"),
        Wording("how (far apart | close) are[(A and B | PAIR)]"),
        Wording("how far (are | is) there? between (A and B | PAIR)"),
        Wording("(how far | what distance) (separate | separates) (A (and | from) B | PAIR)"),
        Wording("how (far | close) are[(A and B | PAIR)] (apart | away? from each other | to each other)"),
        Wording("how far (is it | it is) (from A to B | between A and B | to B from A | to A)"),
        Wording(f"how (far | great | big | large | long | much) is[distance {_ENDS}]"),
        Wording("(which | what) distance (is | lies) there? between (A and B | PAIR)"),
        Wording("at? (which | what) distance is[A] from B"),
        Wording("at? (which | what) distance from B is[A]"),
        Wording("how far (away | off)? does A (stand | lie | sit) (away | off)? from B"),
        Wording("(what is)? distance between PAIR"),
        Wording("how much distance (is there | is | lies) between (A and B | PAIR)"),
    ),
    limits=(
        ("is[A] BOUND LIMIT (away | off)? from B", ""),
        ("is[A] BOUND LIMIT (away | off)", ""),
        ("is[A] (farther | further) away? than LIMIT away? (from B)?", MORE),
        ("is[A] (closer | nearer) than LIMIT (away? from B | to B)?", LESS),
        ("is[A] (closer | nearer) to B than LIMIT", LESS),
        ("is[A] (farther | further) away? from B than LIMIT", MORE),
        ("is[A] within LIMIT (of | from) B", AT_MOST),
        ("is[A] within LIMIT", AT_MOST),
        ("are[A and B] BOUND LIMIT (apart | from each other | away from each other)", ""),
        ("are[A and B] (farther | further) apart than LIMIT", MORE),
        ("are[A and B] closer together than LIMIT", LESS),
        ("are[A and B] closer than LIMIT to each other", LESS),
        ("are[A and B] within LIMIT of each other", AT_MOST),
    ),
    restated="distance between {a} and {b}",
    templates=(
        "What is the distance between the {a} and the {b}?",
        "How far is the {a} from the {b}?",
        "How far apart are the {a} and the {b}?",
    ),
)

GAP = Relation(
    "gap",
    _gap,
    fewest=2,
    most=2,
    nouns=(
        f"(width of | size of)? (gap | clearance | empty? space | free space) {_ENDS}",
        f"{_SHORTEST} distance {_ENDS}",
    ),
    wordings=(
        Wording(
            "how (wide | big | large | small | narrow) is[(gap | empty? space | clearance) between A and B]"
        ),
        Wording("how much (empty | free)? (space | room | clearance) (is there | is | lies) between A and B"),
        Wording("how much (empty | free)? (space | room | clearance) there is between A and B"),
    ),
    restated="gap between {a} and {b}",
)

RELATIONS = (
    DISTANCE,
    _along(
        "horizontal_distance",
        _axis_distance(X, "horizontal"),
        "horizontal",
        "horizontally",
        (
            "What is the horizontal distance between the {a} and the {b}?",
            "How far apart are the {a} and the {b} horizontally?",
        ),
    ),
    _along(
        "vertical_distance",
        _axis_distance(Y, "vertical"),
        "vertical",
        "vertically",
        (
            "What is the vertical distance between the {a} and the {b}?",
            "How far apart are the {a} and the {b} vertically?",
        ),
    ),
    GAP,
)
