"""One function per spatial relation: exact value, answer sentence, trace.

`spatial` states the rules and picks the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from n3d_ros.spatial.quoting import (
    HEIGHT,
    LITRES,
    WIDTH,
    Thing,
    X,
    Y,
    Z,
    along_z,
    apart,
    boxes_of,
    bracketed,
    center_text,
    deltas_text,
    of_each,
    root_text,
    size_text,
)
from n3d_ros.spatial.types import YES_NO, Query, SpatialAnswer
from n3d_ros.spatial.words import SIDES, Side

_SIDE = {(side.relation, side.asks): side for side in SIDES}
Answerer = Callable[[Query, list[Thing]], SpatialAnswer]


def _distance(query: Query, objects: list[Thing]) -> SpatialAnswer:
    if len(objects) == 1:
        return _distance_from_camera(query, objects[0])
    a, b = objects
    value = apart(a, b)
    result = f"distance = {root_text(a, b)} = {value:.2f}."
    trace = f"{center_text(a)} {center_text(b)} {deltas_text(a, b)} {result}"
    sentence = f"The distance between {a.name} and {b.name} is {value:.2f} meters."
    return _measured(query, objects, value, sentence, trace)


def _distance_from_camera(query: Query, a: Thing) -> SpatialAnswer:
    value = math.hypot(*a.box.center)
    squares = " + ".join(f"{shown * shown:.2f}" for shown in a.shown[:3])
    trace = f"{center_text(a)} distance = sqrt({squares}) = {value:.2f}."
    return _measured(query, [a], value, f"The distance to {a.name} is {value:.2f} meters.", trace)


def _axis_distance(axis: int, kind: str) -> Answerer:
    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        a, b = objects
        value = abs(a.exact[axis] - b.exact[axis])
        terms = f"{a.shown[axis]:.2f} - {bracketed(b.shown[axis])}"
        trace = f"{center_text(a)} {center_text(b)} {kind} distance = |{terms}| = {value:.2f}."
        sentence = f"The {kind} distance between {a.name} and {b.name} is {value:.2f} meters."
        return _measured(query, objects, value, sentence, trace)

    return rule


def _extent(axis: int, noun: str, place: str) -> Answerer:
    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        (a,) = objects
        value = a.exact[axis]
        trace = f"{size_text(a)} The {noun} is the {place} number, {value:.2f}."
        return _measured(query, objects, value, f"{a.name} is {value:.2f} meters in {noun}.", trace)

    return rule


def _comparison(axis: int, quantity: str, up: str, unit: str = "") -> Answerer:
    """A rule that compares one of the seven numbers; `up` is the side that larger ones are on."""
    facts_of = center_text if axis <= Z else size_text

    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        side = _side(query)
        sign = 1.0 if side.asks == up else -1.0
        ranked = sorted(objects, key=lambda thing: sign * thing.exact[axis], reverse=True)
        winner, margin = ranked[0], abs(ranked[0].exact[axis] - ranked[1].exact[axis])
        if query.form == YES_NO and margin == 0:
            winner = objects[1]
        values = of_each(objects, [thing.shown[axis] for thing in objects], unit)
        extreme = f"The {'largest' if sign > 0 else 'smallest'} is"
        facts = " ".join(map(facts_of, objects))
        best = of_each([winner], [winner.shown[axis]], unit)
        trace = f"{facts} The {quantity} values are {values}. {extreme} {best}."
        if query.form == YES_NO:
            return _yes_no(query, objects, winner is objects[0], side.predicate, trace, margin)
        return _chosen(query, objects, winner, f"{winner.name} is {side.comparative}.", trace, margin)

    return rule


def _closer(query: Query, objects: list[Thing]) -> SpatialAnswer:
    a, b, c = objects
    to_b, to_c = apart(a, b), apart(a, c)
    sign, comparative = (1, "closer to") if query.asks == "closer" else (-1, "farther from")
    winner, best = (b, to_b) if sign * to_b < sign * to_c else (c, to_c)
    facts = " ".join(map(center_text, objects))
    sums = " ".join(f"distance to {t.name} = {root_text(a, t)} = {d:.2f}." for t, d in ((b, to_b), (c, to_c)))
    values = f"The distance values are {of_each([b, c], [to_b, to_c])}."
    extreme = f"The {'smallest' if sign > 0 else 'largest'} is {of_each([winner], [best])}."
    trace = f"{facts} {sums} {values} {extreme}"
    margin = abs(to_b - to_c)
    if query.form == YES_NO:
        return _yes_no(
            query, [b, a, c], winner is b, comparative, trace, margin, of=f"{a.name} than {c.name}"
        )
    return _chosen(
        query, [b, c, a], winner, f"{winner.name} is {comparative} {a.name}.", trace, margin, choices=2
    )


def _direction(query: Query, objects: list[Thing]) -> SpatialAnswer:
    a, b = objects
    degrees = math.degrees(math.atan2(b.exact[X] - a.exact[X], b.exact[Z] - a.exact[Z])) % 360.0
    hour = (12 - int(degrees // 30)) or 12
    dx, dz = (b.shown[i] - a.shown[i] for i in (X, Z))
    trace = (
        f"{center_text(a)} {center_text(b)} dx = {dx:.2f}, dz = {dz:.2f}. "
        f"angle = atan2({dx:.2f}, {dz:.2f}) = "
        f"{int(degrees)} degrees. clock = 12 - floor({int(degrees)} / 30) = {hour}."
    )
    sentence = f"{a.name} will find {b.name} around the {hour} o'clock direction."
    margin = min(degrees % 30, 30 - degrees % 30)
    return _measured(query, objects, float(hour), sentence, trace, unit="o'clock", margin=margin)


def _depth_order(query: Query, objects: list[Thing]) -> SpatialAnswer:
    ranked = sorted(objects, key=lambda thing: thing.exact[Z], reverse=query.asks == "far")
    names = [thing.name for thing in ranked]
    given, sorted_ones = (of_each(order, [thing.shown[Z] for thing in order]) for order in (objects, ranked))
    facts = " ".join(map(center_text, objects))
    direction = "far to near" if query.asks == "far" else "near to far"
    trace = f"{facts} The z values are {given}. From {direction} they are {sorted_ones}."
    margin = min(along_z(a, b) for a, b in pairwise(ranked))
    sentence = f"From {direction}: {', '.join(names)}."
    return SpatialAnswer(
        None,
        "",
        sentence,
        trace,
        query,
        boxes_of(objects),
        names=tuple(names),
        among=tuple(names),
        margin=margin,
    )


def _measured(
    query: Query,
    objects: list[Thing],
    value: float,
    sentence: str,
    trace: str,
    unit: str = "m",
    margin: float = math.inf,
) -> SpatialAnswer:
    names = tuple(thing.name for thing in objects)
    return SpatialAnswer(value, unit, sentence, trace, query, boxes_of(objects), among=names, margin=margin)


def _yes_no(
    query: Query, objects: list[Thing], verdict: bool, predicate: str, trace: str, margin: float, of: str = ""
) -> SpatialAnswer:
    yes, no = ("Yes", "") if verdict else ("No", "not ")
    sentence = f"{yes}, {objects[0].name} is {no}{predicate} {of or objects[1].name}."
    names = tuple(thing.name for thing in objects)
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), verdict=verdict, among=names, margin=margin
    )


def _chosen(
    query: Query,
    objects: list[Thing],
    winner: Thing,
    sentence: str,
    trace: str,
    margin: float,
    choices: int | None = None,
) -> SpatialAnswer:
    among = tuple(thing.name for thing in objects[:choices])
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), names=(winner.name,), among=among, margin=margin
    )


def _side(query: Query) -> Side:
    side = _SIDE.get((query.relation, query.asks))
    if side is None:
        sides = [asks for relation, asks in _SIDE if relation == query.relation]
        raise ValueError(f"{query.relation}: expected asks to be one of {sides}, got '{query.asks}'")
    return side


RULES: dict[str, Answerer] = {
    "distance": _distance,
    "horizontal_distance": _axis_distance(X, "horizontal"),
    "vertical_distance": _axis_distance(Y, "vertical"),
    "width": _extent(WIDTH, "width", "first"),
    "height": _extent(HEIGHT, "height", "second"),
    "left_right": _comparison(X, "x", up="left"),
    "above_below": _comparison(Y, "y", up="above"),
    "front_behind": _comparison(Z, "z", up="behind"),
    "closer": _closer,
    "bigger_smaller": _comparison(LITRES, "volume", up="bigger", unit=" liters"),
    "taller_shorter": _comparison(HEIGHT, "height", up="taller"),
    "wider_thinner": _comparison(WIDTH, "width", up="wider"),
    "direction": _direction,
    "depth_order": _depth_order,
}
"""The rule of every relation."""
