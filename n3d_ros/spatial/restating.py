"""A query in the one wording that is its own: what was understood, said back.

In: `Query`. Out: a question that `parse_question` reads as the same query. Messages and tests use it; the
words are the relations' own.
"""

from __future__ import annotations

from dataclasses import replace

from n3d_ros.spatial.language.units import BY_KEY
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.relations.base import Side
from n3d_ros.spatial.relations.places import OPPOSITE_SIDES
from n3d_ros.spatial.types import (
    CAMERA,
    LEFT,
    OBJECT,
    OPPOSITE,
    ORDER,
    RIGHT,
    SIDE,
    VALUE,
    WHICH,
    YES_NO,
    Query,
)

_RANKS = ("", "second ", "third ", "fourth ", "fifth ")


def restated(query: Query) -> str:
    """The canonical question, in small letters and without articles."""
    if query.facing:
        return _from_viewpoint(query)
    unit = "" if query.unit == "m" else f", in {BY_KEY[query.unit].plural}"
    return _question(query, _names(query)) + unit


def _from_viewpoint(query: Query) -> str:
    inside = replace(query, facing="", viewer="", faced="")
    if query.relation == "viewer_side" or query.relation == "direction" and query.viewer:
        what = f"where is {query.objects[-1]}" if query.relation == "direction" else _on_your_side(inside)
        return f"if you are at {query.viewer}, {_facing(query)}, {what}"
    if query.facing == OPPOSITE:
        return f"from opposite side of camera, {restated(inside)}"
    return f"from {query.viewer}'s point of view, {_facing(query)}, {restated(inside)}"


def _facing(query: Query) -> str:
    towards = {LEFT: "left", RIGHT: "right", CAMERA: "camera", OBJECT: query.faced}
    return f"facing {towards[query.facing]}"


def _on_your_side(query: Query) -> str:
    words = {
        "left": "on your left",
        "right": "on your right",
        "front": "in front of you",
        "behind": "behind you",
    }
    no = "not " if query.negated else ""
    either = f" or {words[OPPOSITE_SIDES[query.asks]]}" if query.form == SIDE else ""
    return f"is {query.objects[0]} {no}{words[query.asks]}{either}"


def _names(query: Query) -> list[str]:
    names = list(query.objects)
    for pick in query.picks:
        selector = BY_NAME[pick.relation].side(pick.asks).selector[0]
        names[pick.object] = f"{_RANKS[pick.rank - 1]}{selector} {names[pick.object]}"
    return names


def _question(query: Query, names: list[str]) -> str:
    relation = BY_NAME[query.relation]
    if query.relation == "combined":
        return _several(query)
    if query.relation == "viewer_side":
        return _beside_camera(query, names)
    if query.relation == "closer":
        return _closer(query, names)
    if relation.sides:
        return _by_side(query, names, relation.side(query.asks))
    if query.form == ORDER:
        ends = "near to far" if query.asks == "near" else "far to near"
        return f"order {' and '.join(names)} from {ends}"
    return _quantity(query, names)


def _quantity(query: Query, names: list[str]) -> str:
    """Where the camera is one end, the direction is from it and a distance to it."""
    relation = BY_NAME[query.relation]
    if len(names) == 2 and names[0] == names[1] and not query.picks:
        return f"distance between two {names[0]}"
    if len(names) < relation.fewest:
        names = ["camera", *names] if query.relation == "direction" else [*names, "camera"]
    what = relation.restated.format(**dict(zip("abc", names, strict=False)))
    if query.limit is not None:
        return f"is {what} {_not(query)}{_limit(query)}"
    return what if what.startswith(("how", "in ", "is there", "where")) else f"what is {what}"


def _by_side(query: Query, names: list[str], side: Side) -> str:
    a, b = names[0], names[-1]
    if query.form == WHICH and query.many:
        return f"which {names[0]} is {_not(query)}{side.selector[0]}"
    if query.form == WHICH:
        return f"which is {_not(query)}{side.comparative}, {' or '.join(names)}"
    if query.form == ORDER:
        other = BY_NAME[query.relation].other(side)
        return f"order {' and '.join(names)} from {side.end} to {other.end}"
    if query.form == SIDE:
        return f"is {a} {side.predicate} or {BY_NAME[query.relation].other(side).predicate} {b}"
    if query.form == YES_NO and query.limit is not None:
        return f"is {a} {_not(query)}{_limit(query)} {side.predicate} {b}"
    if query.form == YES_NO:
        return f"is {a} {_not(query)}{side.predicate} {b}"
    return (
        f"how far is {a} {side.predicate} {b}"
        if side.stem
        else f"how much {side.comparative} is {a} than {b}"
    )


def _closer(query: Query, names: list[str]) -> str:
    comparative = "closer to" if query.asks == "closer" else "farther from"
    a, others = names[0], names[1:]
    if query.form == VALUE:
        return f"how much {comparative} {a} is {others[0]} than {others[1]}"
    if query.form == YES_NO:
        return f"is {others[0]} {_not(query)}{comparative} {a} than {others[1]}"
    if query.many:
        nearest = "closest to" if query.asks == "closer" else "farthest from"
        return f"which {names[-1]} is {_not(query)}{nearest} {a}"
    return f"which is {_not(query)}{comparative} {a}, {' or '.join(others)}"


def _beside_camera(query: Query, names: list[str]) -> str:
    side = BY_NAME["viewer_side"].side(query.asks)
    if query.form == SIDE:
        other = BY_NAME["viewer_side"].side(OPPOSITE_SIDES[query.asks])
        return f"is {names[0]} {side.predicate} or {other.predicate} camera"
    return f"is {names[0]} {_not(query)}{side.predicate} camera"


def _several(query: Query) -> str:
    first = query.parts[0].objects[0]
    rest = [restated(part).removeprefix(f"is {part.objects[0]} ") for part in query.parts]
    if all(part.objects[0] == first for part in query.parts):
        return f"is {first} {f' {query.join} '.join(rest)}"
    subjects = " and ".join(part.objects[0] for part in query.parts)
    return f"are {subjects} {rest[0]}"


def _not(query: Query) -> str:
    return "not " if query.negated else ""


def _limit(query: Query) -> str:
    assert query.limit is not None
    return f"{query.limit.bound} {query.limit.metres!r} m"
