"""One function per spatial relation: exact value, answer sentence, trace.

`spatial` states the rules and picks the function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from n3d_ros.boxes import Box3D
from n3d_ros.evidence import box_3d
from n3d_ros.spatial_types import YES_NO, Query, SpatialAnswer
from n3d_ros.spatial_words import SIDES, Side

_X, _Y, _Z, _WIDTH, _HEIGHT, _DEPTH, _LITERS = range(7)
_SIDE = {(side.relation, side.asks): side for side in SIDES}


@dataclass(frozen=True)
class Thing:
    """A box, its name, and seven numbers: centre in the checkpoint frame, size, volume in litres."""

    name: str
    box: Box3D

    @property
    def exact(self) -> tuple[float, ...]:
        x, y, z = self.box.center
        return (-x, -y, z, *self.box.size, self.box.volume * 1000.0)

    @property
    def shown(self) -> tuple[float, ...]:
        """The same rounded: the six numbers that the prompt's evidence gives, and the volume."""
        return (*box_3d(self.box), round(self.exact[_LITERS], 2))


Answerer = Callable[[Query, list[Thing]], SpatialAnswer]


def _distance(query: Query, objects: list[Thing]) -> SpatialAnswer:
    if len(objects) == 1:
        return _distance_from_camera(query, objects[0])
    a, b = objects
    value = _apart(a, b)
    trace = f"{_center_text(a)} {_center_text(b)} {_deltas(a, b)} distance = {_root(a, b)} = {value:.2f}."
    return _measured(
        query, objects, value, f"The distance between {a.name} and {b.name} is {value:.2f} meters.", trace
    )


def _distance_from_camera(query: Query, a: Thing) -> SpatialAnswer:
    value = math.hypot(*a.box.center)
    squares = " + ".join(f"{shown * shown:.2f}" for shown in a.shown[:3])
    trace = f"{_center_text(a)} distance = sqrt({squares}) = {value:.2f}."
    return _measured(query, [a], value, f"The distance to {a.name} is {value:.2f} meters.", trace)


def _axis_distance(axis: int, kind: str) -> Answerer:
    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        a, b = objects
        value = abs(a.exact[axis] - b.exact[axis])
        terms = f"{a.shown[axis]:.2f} - {_bracketed(b.shown[axis])}"
        trace = f"{_center_text(a)} {_center_text(b)} {kind} distance = |{terms}| = {value:.2f}."
        sentence = f"The {kind} distance between {a.name} and {b.name} is {value:.2f} meters."
        return _measured(query, objects, value, sentence, trace)

    return rule


def _extent(axis: int, noun: str, place: str) -> Answerer:
    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        (a,) = objects
        value = a.exact[axis]
        trace = f"{_size_text(a)} The {noun} is the {place} number, {value:.2f}."
        return _measured(query, objects, value, f"{a.name} is {value:.2f} meters in {noun}.", trace)

    return rule


def _comparison(axis: int, quantity: str, up: str, unit: str = "") -> Answerer:
    """A rule that compares one of the seven numbers; `up` is the side that larger ones are on."""
    facts_of = _center_text if axis <= _Z else _size_text

    def rule(query: Query, objects: list[Thing]) -> SpatialAnswer:
        side = _side(query)
        sign = 1.0 if side.asks == up else -1.0
        ranked = sorted(objects, key=lambda thing: sign * thing.exact[axis], reverse=True)
        winner, margin = ranked[0], abs(ranked[0].exact[axis] - ranked[1].exact[axis])
        if query.form == YES_NO and margin == 0:
            winner = objects[1]
        values = _listed([f"{thing.shown[axis]:.2f}" for thing in objects])
        extreme = "largest" if sign > 0 else "smallest"
        facts = " ".join(map(facts_of, objects))
        trace = f"{facts} The {quantity} values are {values}{unit}. The {extreme} is {winner.name}."
        if query.form == YES_NO:
            return _yes_no(query, objects, winner is objects[0], side.predicate, trace, margin)
        return _chosen(query, objects, winner, f"{winner.name} is {side.comparative}.", trace, margin)

    return rule


def _closer(query: Query, objects: list[Thing]) -> SpatialAnswer:
    a, b, c = objects
    to_b, to_c = _apart(a, b), _apart(a, c)
    sign, comparative = (1, "closer to") if query.asks == "closer" else (-1, "farther from")
    winner = b if sign * to_b < sign * to_c else c
    facts = " ".join(map(_center_text, objects))
    sums = " ".join(f"distance to {t.name} = {_root(a, t)} = {d:.2f}." for t, d in ((b, to_b), (c, to_c)))
    trace = f"{facts} {sums} The {'smallest' if sign > 0 else 'largest'} is {winner.name}."
    margin = abs(to_b - to_c)
    if query.form == YES_NO:
        return _yes_no(query, [b, a, c], winner is b, comparative, trace, margin, f"{a.name} than {c.name}")
    return _chosen(query, [b, c, a], winner, f"{winner.name} is {comparative} {a.name}.", trace, margin, 2)


def _direction(query: Query, objects: list[Thing]) -> SpatialAnswer:
    a, b = objects
    degrees = math.degrees(math.atan2(b.exact[_X] - a.exact[_X], b.exact[_Z] - a.exact[_Z])) % 360.0
    hour = (12 - int(degrees // 30)) or 12
    dx, dz = (b.shown[i] - a.shown[i] for i in (_X, _Z))
    trace = (
        f"{_center_text(a)} {_center_text(b)} dx = {dx:.2f}, dz = {dz:.2f}. "
        f"angle = atan2({dx:.2f}, {dz:.2f}) = "
        f"{degrees:.2f} degrees. clock = 12 - floor({degrees:.2f} / 30) = {hour}."
    )
    sentence = f"{a.name} will find {b.name} around the {hour} o'clock direction."
    margin = min(degrees % 30, 30 - degrees % 30)
    return _measured(query, objects, float(hour), sentence, trace, "o'clock", margin)


def _depth_order(query: Query, objects: list[Thing]) -> SpatialAnswer:
    ranked = sorted(objects, key=lambda thing: thing.exact[_Z], reverse=query.asks == "far")
    names = [thing.name for thing in ranked]
    depths = _listed([f"{thing.shown[_Z]:.2f}" for thing in ranked])
    facts = " ".join(map(_center_text, objects))
    direction = "far to near" if query.asks == "far" else "near to far"
    trace = f"{facts} The z values from {direction} are {depths}."
    margin = min(_along_z(a, b) for a, b in zip(ranked, ranked[1:]))
    sentence = f"From {direction}: {', '.join(names)}."
    return SpatialAnswer(
        None,
        "",
        sentence,
        trace,
        query,
        _boxes(objects),
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
    return SpatialAnswer(value, unit, sentence, trace, query, _boxes(objects), among=names, margin=margin)


def _yes_no(
    query: Query, objects: list[Thing], verdict: bool, predicate: str, trace: str, margin: float, of: str = ""
) -> SpatialAnswer:
    yes, no = ("Yes", "") if verdict else ("No", "not ")
    sentence = f"{yes}, {objects[0].name} is {no}{predicate} {of or objects[1].name}."
    names = tuple(thing.name for thing in objects)
    return SpatialAnswer(
        None, "", sentence, trace, query, _boxes(objects), verdict=verdict, among=names, margin=margin
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
        None, "", sentence, trace, query, _boxes(objects), names=(winner.name,), among=among, margin=margin
    )


def _side(query: Query) -> Side:
    side = _SIDE.get((query.relation, query.asks))
    if side is None:
        sides = [asks for relation, asks in _SIDE if relation == query.relation]
        raise ValueError(f"{query.relation}: expected asks to be one of {sides}, got '{query.asks}'")
    return side


def _center_text(thing: Thing) -> str:
    return f"The center of {thing.name} is {_list(thing.shown[:3])}."


def _size_text(thing: Thing) -> str:
    return f"The size of {thing.name} is {_list(thing.shown[3:6])}."


def _deltas(a: Thing, b: Thing) -> str:
    return ", ".join(f"d{axis} = {abs(a.shown[i] - b.shown[i]):.2f}" for i, axis in enumerate("xyz")) + "."


def _along_z(a: Thing, b: Thing) -> float:
    return abs(a.exact[_Z] - b.exact[_Z])


def _apart(a: Thing, b: Thing) -> float:
    return math.dist(a.box.center, b.box.center)


def _root(a: Thing, b: Thing) -> str:
    squares = ((a.shown[i] - b.shown[i]) ** 2 for i in range(3))
    return f"sqrt({' + '.join(f'{square:.2f}' for square in squares)})"


def _boxes(objects: list[Thing]) -> tuple[Box3D, ...]:
    return tuple(thing.box for thing in objects)


def _list(values: Sequence[float]) -> str:
    return f"[{', '.join(f'{value:.2f}' for value in values)}]"


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _bracketed(value: float) -> str:
    return f"({value:.2f})" if value < 0 else f"{value:.2f}"


RULES: dict[str, Answerer] = {
    "distance": _distance,
    "horizontal_distance": _axis_distance(_X, "horizontal"),
    "vertical_distance": _axis_distance(_Y, "vertical"),
    "width": _extent(_WIDTH, "width", "first"),
    "height": _extent(_HEIGHT, "height", "second"),
    "left_right": _comparison(_X, "x", up="left"),
    "above_below": _comparison(_Y, "y", up="above"),
    "front_behind": _comparison(_Z, "z", up="behind"),
    "closer": _closer,
    "bigger_smaller": _comparison(_LITERS, "volume", up="bigger", unit=" liters"),
    "taller_shorter": _comparison(_HEIGHT, "height", up="taller"),
    "wider_thinner": _comparison(_WIDTH, "width", up="wider"),
    "direction": _direction,
    "depth_order": _depth_order,
}
"""The rule of every relation."""
