"""Where things are for somebody: closer to a third thing, on the clock, to the side of who looks, by depth.

The clock at A has 12 straight away from the camera and runs 12 - floor(degrees / 30), degrees from there
towards the left (docs/specification/spatial.md 2).
"""

from __future__ import annotations

import math
from itertools import pairwise

from n3d_ros.spatial.language.units import length_text
from n3d_ros.spatial.quoting import (
    NamedBox,
    X,
    Y,
    Z,
    along_z,
    apart,
    boxes_of,
    center_text,
    of_each,
    root_text,
    settled,
)
from n3d_ros.spatial.relations.base import Relation, Side, Wording
from n3d_ros.spatial.relations.results import chosen, counted, measured, yes_no
from n3d_ros.spatial.types import VALUE, WHICH, YES_NO, Query, SpatialAnswer


def _closer(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    a, others = objects[0], objects[1:]
    ways = [apart(a, other) for other in others]
    sign, comparative = (1, "closer to") if query.asks == "closer" else (-1, "farther from")
    ranked = sorted(zip(ways, range(len(ways)), strict=True), key=lambda way: sign * way[0])
    # Of two equal ways the later thing comes first, as in the text that was trained.
    ranked = [*ranked[1::-1], *ranked[2:]] if ranked[0][0] == ranked[1][0] else ranked
    winner, best = others[ranked[0][1]], ranked[0][0]
    facts = " ".join(map(center_text, objects))
    sums = " ".join(
        f"distance to {other.name} = {root_text(a, other)} = {way:.2f}."
        for other, way in zip(others, ways, strict=True)
    )
    extreme = f"The {'smallest' if sign > 0 else 'largest'} is {of_each([winner], [best])}."
    trace = f"{facts} {sums} The distance values are {of_each(others, ways)}. {extreme}"
    margin = settled(abs(ranked[1][0] - ranked[0][0]))
    if query.form == VALUE:
        return _how_much_closer(query, objects, settled(sign * (ways[1] - ways[0])), comparative, trace)
    if query.form == YES_NO:
        b, c = others
        claim = winner is b and margin > 0
        return yes_no(
            query,
            [b, a, c],
            claim=claim,
            predicate=comparative,
            trace=trace,
            margin=margin,
            of=f"{a.name} than {c.name}",
        )
    in_order = [others[index] for _, index in ranked]
    return chosen(
        query,
        [*others, a],
        ranked=in_order,
        predicate=f"{comparative} {a.name}",
        trace=trace,
        margin=margin,
        choices=len(others),
    )


def _how_much_closer(
    query: Query, objects: list[NamedBox], lead: float, comparative: str, trace: str
) -> SpatialAnswer:
    a, b, c = objects
    trace += f" The difference is {abs(lead):.2f}."
    if lead > 0:
        return measured(
            query, objects, lead, (f"{b.name} is ", f" {comparative} {a.name} than {c.name}."), trace
        )
    instead = f": {c.name} is, by {length_text(-lead, query.unit)}" if lead else ": the two are equally far"
    sentence = f"{b.name} is not {comparative} {a.name} than {c.name}{instead}."
    names = tuple(thing.name for thing in objects)
    return SpatialAnswer(None, "", sentence, trace, query, boxes_of(objects), among=names, margin=abs(lead))


def _direction(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    b = objects[-1]
    # From the camera itself everything is measured from the origin.
    from_x, from_z = (objects[0].exact[i] if len(objects) == 2 else 0.0 for i in (X, Z))
    shown_x, shown_z = (objects[0].quoted[i] if len(objects) == 2 else 0.0 for i in (X, Z))
    if (from_x, from_z) == (b.exact[X], b.exact[Z]):
        raise ValueError(f"direction: {' and '.join(one.name for one in objects)} are above each other")
    # Straight ahead is 12, not 1, whatever rounding left beside it.
    degrees = round(math.degrees(math.atan2(b.exact[X] - from_x, b.exact[Z] - from_z)), 9) % 360.0
    hour = (12 - int(degrees // 30)) or 12
    dx, dz = b.quoted[X] - shown_x, b.quoted[Z] - shown_z
    trace = (
        f"{' '.join(map(center_text, objects))} dx = {dx:.2f}, dz = {dz:.2f}. "
        f"angle = atan2({dx:.2f}, {dz:.2f}) = "
        f"{int(degrees)} degrees. clock = 12 - floor({int(degrees)} / 30) = {hour}."
    )
    a = objects[0].name if len(objects) == 2 else "The camera"
    sentence = f"{a} will find {b.name} around the {hour} o'clock direction."
    margin = min(degrees % 30, 30 - degrees % 30)
    return counted(
        query, objects, value=float(hour), unit="o'clock", sentence=sentence, trace=trace, margin=margin
    )


def _viewer_side(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    """On which side of whoever looks a thing is. `spatial` has put the viewer at the origin, looking along
    z.
    """
    (a,) = objects
    axis, sign = _AXES[query.asks]
    place = settled(a.exact[axis] * sign)
    who = query.viewer or "the camera"
    trace = f"{center_text(a)} Seen from {who}, its {'xyz'[axis]} is {a.exact[axis]:.2f}."
    if query.form == YES_NO:
        predicate = VIEWER_SIDE.side(query.asks).predicate
        return yes_no(
            query, [a], claim=place > 0, predicate=predicate, trace=trace, margin=abs(place), of=who
        )
    other = VIEWER_SIDE.side(OPPOSITE_SIDES[query.asks])
    true = VIEWER_SIDE.side(query.asks) if place > 0 else other
    neither = f"neither {VIEWER_SIDE.side(query.asks).predicate} nor {other.predicate}"
    sentence = f"{a.name} is {true.predicate if place else neither} {who}."
    side = true.asks if place else ""
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), among=(a.name,), side=side, margin=abs(place)
    )


_AXES = {
    "left": (X, 1),
    "right": (X, -1),
    "above": (Y, 1),
    "below": (Y, -1),
    "front": (Z, 1),
    "behind": (Z, -1),
}
OPPOSITE_SIDES = {
    "left": "right",
    "right": "left",
    "above": "below",
    "below": "above",
    "front": "behind",
    "behind": "front",
}


def _depth_order(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    ranked = sorted(objects, key=lambda thing: thing.exact[Z], reverse=query.asks == "far")
    names = tuple(thing.name for thing in ranked)
    given, sorted_ones = (of_each(order, [thing.quoted[Z] for thing in order]) for order in (objects, ranked))
    facts = " ".join(map(center_text, objects))
    direction = "far to near" if query.asks == "far" else "near to far"
    trace = f"{facts} The z values are {given}. From {direction} they are {sorted_ones}."
    margin = min(along_z(a, b) for a, b in pairwise(ranked))
    sentence = f"From {direction}: {', '.join(names)}."
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), names=names, among=names, margin=margin
    )


def _viewer(asks: str, predicate: str, stem: str, tail: str) -> Side:
    return Side(asks, predicate, comparative=predicate, more="", most="", end="", stem=stem, tail=tail)


_CLOSER = "(closer | nearer | closest | nearest) to"
_FARTHER = "(farther | further | farthest | furthest) away? from"


def _closer_wordings() -> tuple[Wording, ...]:
    found = []
    which = "(which | what | who) (one | object | thing | item)? (of them | of these)? is NOT?"
    for asks, near in (("closer", _CLOSER), ("farther", _FARTHER)):
        far = near.replace(" | closest | nearest", "").replace(" | farthest | furthest", "")
        alone, preposition = near.rsplit(" ", 1)
        found += [
            Wording(f"is[B] NOT? {far} A than C", asks, YES_NO),
            Wording(f"is[A] NOT? {far} B than {preposition} C", asks, YES_NO),
            Wording(f"{which} {near} A , LIST", asks, WHICH),
            Wording(f"{which} {alone} , LIST , {preposition} A", asks, WHICH),
            Wording(f"which (one)? of LIST is NOT? {near} A", asks, WHICH),
            Wording(f"(between | of)? LIST , which (one | object | thing)? is NOT? {near} A", asks, WHICH),
            Wording(f"(is | are) either? ORLIST NOT? {near} A", asks, WHICH),
            Wording(f"is[A] NOT? {far} ORLIST", asks, WHICH),
            Wording(f"is[A] NOT? {far} B or {preposition} C", asks, WHICH),
            Wording(f"how much {far} A is[B] than C", asks),
            Wording(
                f"how much {alone.replace(' | closest | nearest', '').replace(' | farthest | furthest', '')} "
                f"is[B] {preposition} A than C",
                asks,
            ),
            Wording(f"(which | what) MANY is NOT? {near} A", asks, WHICH),
            Wording(f"(which | what) is {alone} MANY {preposition} A", asks, WHICH),
        ]
    which_near = f"{which} (closer | nearer | closest | nearest)"
    found.append(Wording(f"{which_near} A COMMA ORLIST", "closer", WHICH))
    return tuple(found)


CLOSER = Relation(
    "closer",
    _closer,
    fewest=3,
    wordings=_closer_wordings(),
    templates=(
        "Which is closer to the {a}, the {b} or the {c}?",
        "Which is farther from the {a}, the {b} or the {c}?",
        "Is the {b} or the {c} closer to the {a}?",
    ),
)

_CLOCK = "(in | at)? (which | what) (clock direction | clock position | direction | o'clock direction?)"
_FROM = "(seen | as seen | viewed)? (from | relative to | with respect to | wrt | in relation to)"
_AT = "((if | when) (you are | i am | you stand | i stand))? (standing | located)? at A"

DIRECTION = Relation(
    "direction",
    _direction,
    fewest=2,
    most=2,
    takes_camera=True,
    turns=True,
    unit="o'clock",
    wordings=(
        Wording(f"{_CLOCK} is[B] {_FROM} A"),
        Wording(f"{_CLOCK} from A is[B]"),
        Wording(f"{_CLOCK} of A is[B]"),
        Wording(f"from A , {_CLOCK} is[B]"),
        Wording("(what is)? clock? direction (of B from A | from A to B)"),
        Wording(f"{_AT} , where (will | can | would | do | should) (you | i) find B"),
        Wording(f"{_AT} , (where | {_CLOCK}) is[B]"),
    ),
    restated="in which clock direction is {b} from {a}",
    templates=(
        "If you are at the {a}, where will you find the {b}?",
        "In which clock direction is the {b} from the {a}?",
    ),
)

VIEWER_SIDE = Relation(
    "viewer_side",
    _viewer_side,
    fewest=1,
    most=1,
    turns=True,
    sides=(
        _viewer("left", "to the left of", "(to | on | at) left side?", "of"),
        _viewer("right", "to the right of", "(to | on | at) right side?", "of"),
        _viewer("above", "above", "above", ""),
        _viewer("below", "below", "below", ""),
        _viewer("front", "in front of", "in front", "of"),
        _viewer("behind", "behind", "behind", ""),
    ),
)

DEPTH_ORDER = Relation(
    "depth_order",
    _depth_order,
    fewest=2,
    templates=(
        "Order the {a}, the {b} and the {c} from near to far.",
        "Order the {a}, the {b} and the {c} from far to near.",
    ),
)

RELATIONS = (CLOSER, DIRECTION, DEPTH_ORDER, VIEWER_SIDE)
