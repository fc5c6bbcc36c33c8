"""Two things or more on one scale: left and right, above and below, sizes.

"Left" is larger checkpoint x, "above" larger y; "front" and "closer to the camera" compare the depth of the
centres, not their distances (docs/specification/spatial.md 1). Height and width are
the box's own extents, "bigger" is its volume.
"""

from __future__ import annotations

from itertools import pairwise

from n3d_ros.spatial.language.units import length_text
from n3d_ros.spatial.quoting import (
    HEIGHT,
    LITRES,
    WIDTH,
    NamedBox,
    X,
    Y,
    Z,
    boxes_of,
    bracketed,
    center_text,
    of_each,
    settled,
    size_text,
)
from n3d_ros.spatial.relations.base import Relation, Rule, Side
from n3d_ros.spatial.relations.results import chosen, counted, measured, yes_no
from n3d_ros.spatial.types import ORDER, SIDE, WHICH, YES_NO, Query, SpatialAnswer


def compared(axis: int, quantity: str, sides: tuple[Side, Side], unit: str = "") -> Rule:
    """A rule that compares one of the seven numbers of `quoting`; larger ones are on the first side."""
    facts_of = center_text if axis <= Z else size_text

    def rule(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
        side = next((side for side in sides if side.asks == query.asks), None)
        if side is None:
            asked = [side.asks for side in sides]
            raise ValueError(f"{query.relation}: expected asks to be one of {asked}, got '{query.asks}'")
        facts = " ".join(map(facts_of, objects))
        values = of_each(objects, [thing.quoted[axis] for thing in objects], unit)
        trace = f"{facts} The {quantity} values are {values}."
        sign = 1.0 if side is sides[0] else -1.0
        ranked = sorted(objects, key=lambda thing: sign * thing.exact[axis], reverse=True)
        if query.form == ORDER:
            return _order(query, objects, ranked, sides if side is sides[0] else sides[::-1], axis, trace)
        if query.form == WHICH:
            return _which(
                query, objects, ranked=ranked, side=side, axis=axis, trace=trace, unit=unit, sign=sign
            )
        lead = settled(sign * (objects[0].exact[axis] - objects[1].exact[axis]))
        if query.form == YES_NO and query.limit is None:
            margin, best = abs(lead), objects[0] if lead > 0 else objects[1]
            trace += _extreme(best, sign, axis, unit)
            return yes_no(query, objects, lead > 0, side.predicate, trace, margin)
        other = sides[1] if side is sides[0] else sides[0]
        if query.form == SIDE:
            return _one_of_two(query, objects, lead, side, other, trace)
        return _how_much(query, objects, lead=lead, side=side, other=other, axis=axis, trace=trace)

    return rule


def _which(
    query: Query,
    objects: list[NamedBox],
    ranked: list[NamedBox],
    side: Side,
    axis: int,
    trace: str,
    unit: str,
    sign: float,
) -> SpatialAnswer:
    margin = abs(ranked[0].exact[axis] - ranked[1].exact[axis])
    trace += _extreme(ranked[0], sign, axis, unit)
    return chosen(query, objects, ranked, side.comparative, trace, margin)


def _extreme(best: NamedBox, sign: float, axis: int, unit: str) -> str:
    word = "largest" if sign > 0 else "smallest"
    return f" The {word} is {of_each([best], [best.quoted[axis]], unit)}."


def _order(
    query: Query,
    objects: list[NamedBox],
    ranked: list[NamedBox],
    sides: tuple[Side, ...],
    axis: int,
    trace: str,
) -> SpatialAnswer:
    words = f"{sides[0].end} to {sides[1].end}"
    names = tuple(thing.name for thing in ranked)
    margin = min(abs(a.exact[axis] - b.exact[axis]) for a, b in pairwise(ranked))
    trace += f" From {words} they are {of_each(ranked, [thing.quoted[axis] for thing in ranked])}."
    sentence = f"From {words}: {', '.join(names)}."
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), names=names, among=names, margin=margin
    )


def _one_of_two(
    query: Query, objects: list[NamedBox], lead: float, side: Side, other: Side, trace: str
) -> SpatialAnswer:
    """Which of two opposite sides holds, or neither where the two are equal."""
    a, b = objects
    true = side if lead > 0 else other
    predicate = true.predicate if lead else f"neither {side.predicate} nor {other.predicate}"
    sentence = f"{a.name} is {predicate} {b.name}."
    return SpatialAnswer(
        None,
        "",
        sentence,
        trace,
        query,
        boxes_of(objects),
        among=(a.name, b.name),
        side=true.asks if lead else "",
        margin=abs(lead),
    )


def _how_much(
    query: Query, objects: list[NamedBox], lead: float, side: Side, other: Side, axis: int, trace: str
) -> SpatialAnswer:
    """How far the first thing is to the side asked for; no value where it is not there at all."""
    a, b = objects
    terms = f"{a.quoted[axis]:.2f} - {bracketed(b.quoted[axis])}"
    trace += f" The difference is |{terms}| = {abs(lead):.2f}."
    litres = axis == LITRES
    if lead > 0:
        if litres:
            said = f"{a.name} is {lead:.2f} liters {side.predicate} {b.name}."
            return counted(query, objects, value=lead, unit="l", sentence=said, trace=trace, margin=lead)
        return measured(query, objects, lead, (f"{a.name} is ", f" {side.predicate} {b.name}."), trace)
    amount = f"{-lead:.2f} liters" if litres else length_text(-lead, query.unit)
    there = f"it is {amount} {other.predicate} it" if lead else "the two are equal there"
    no = "" if query.limit is None else "Yes, " if query.negated else "No, "
    sentence = f"{no}{a.name} is not {side.predicate} {b.name}: {there}."
    verdict = None if query.limit is None else query.negated
    names = (a.name, b.name)
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), verdict=verdict, among=names, margin=abs(lead)
    )


def _compare(
    name: str,
    axis: int,
    quantity: str,
    sides: tuple[Side, Side],
    templates: tuple[str, ...],
    *,
    turns: bool = False,
    unit: str = "",
) -> Relation:
    rule = compared(axis, quantity, sides, f" {unit}" if unit else "")
    return Relation(name, rule, sides=sides, turns=turns, unit="l" if unit else "m", templates=templates)


_FAR = "(farther | further)"
_NAMED = "(camera | me | viewer | observer)"


def _hand(word: str) -> Side:
    return Side(
        word,
        f"to the {word} of",
        f"further {word}",
        more=f"((farther | further | more) to? {word})",
        most=f"(farthest {word} | furthest {word} | {word}most | {word}-most)",
        end=word,
        stem=f"(to | on | at | towards)? ({word} | {word}-hand | {word} hand) side?",
        tail="of",
        selector=(f"{word}most", f"{word}-most"),
    )


RELATIONS = (
    _compare(
        "left_right",
        X,
        "x",
        (_hand("left"), _hand("right")),
        (
            "Is the {a} to the left of the {b}?",
            "Is the {a} to the right of the {b}?",
            "Which is further left, the {a} or the {b}?",
            "Which is further right, the {a} or the {b}?",
        ),
        turns=True,
    ),
    _compare(
        "above_below",
        Y,
        "y",
        (
            Side(
                "above",
                "above",
                comparative="higher",
                more="higher up?",
                most="highest",
                end="top",
                stem="(above | over)",
                tail="",
                selector=("highest", "topmost"),
            ),
            Side(
                "below",
                "below",
                comparative="lower",
                more="lower down?",
                most="lowest",
                end="bottom",
                stem="(below | under | underneath | beneath)",
                tail="",
                selector=("lowest",),
            ),
        ),
        (
            "Is the {a} above the {b}?",
            "Is the {a} below the {b}?",
            "Which is higher, the {a} or the {b}?",
            "Which is lower, the {a} or the {b}?",
        ),
        turns=True,
    ),
    _compare(
        "front_behind",
        Z,
        "z",
        (
            Side(
                "behind",
                "behind",
                comparative="farther from the camera",
                more=f"{_FAR} away? (from {_NAMED})?",
                most=f"(farthest | furthest) away? (from {_NAMED})?",
                end="far",
                stem="(behind | in back of)",
                tail="",
                selector=("farthest", "furthest"),
            ),
            Side(
                "front",
                "in front of",
                comparative="closer to the camera",
                more=f"(closer | nearer) (to {_NAMED})?",
                most=f"(closest | nearest) (to {_NAMED})?",
                end="near",
                stem="in front",
                tail="of",
                selector=("nearest", "closest"),
            ),
        ),
        (
            "Is the {a} in front of the {b}?",
            "Is the {a} behind the {b}?",
            "Which is closer to the camera, the {a} or the {b}?",
            "Which is farther from the camera, the {a} or the {b}?",
        ),
        turns=True,
    ),
    _compare(
        "bigger_smaller",
        LITRES,
        "volume",
        (
            Side(
                "bigger",
                "bigger than",
                "bigger",
                "(bigger | larger)",
                "(biggest | largest)",
                "biggest",
                selector=("biggest", "largest"),
            ),
            Side(
                "smaller",
                "smaller than",
                "smaller",
                "smaller",
                "smallest",
                "smallest",
                selector=("smallest",),
            ),
        ),
        (
            "Is the {a} bigger than the {b}?",
            "Is the {a} smaller than the {b}?",
            "Which is bigger, the {a} or the {b}?",
            "Which is smaller, the {a} or the {b}?",
        ),
        unit="liters",
    ),
    _compare(
        "taller_shorter",
        HEIGHT,
        "height",
        (
            Side("taller", "taller than", "taller", "taller", "tallest", "tallest", selector=("tallest",)),
            Side(
                "shorter",
                "shorter than",
                "shorter",
                "shorter",
                "shortest",
                "shortest",
                selector=("shortest",),
            ),
        ),
        (
            "Is the {a} taller than the {b}?",
            "Is the {a} shorter than the {b}?",
            "Which is taller, the {a} or the {b}?",
            "Which is shorter, the {a} or the {b}?",
        ),
    ),
    _compare(
        "wider_thinner",
        WIDTH,
        "width",
        (
            Side(
                "wider",
                "wider than",
                "wider",
                "(wider | broader)",
                "(widest | broadest)",
                "widest",
                selector=("widest", "broadest"),
            ),
            Side(
                "thinner",
                "thinner than",
                "thinner",
                "(thinner | narrower)",
                "(thinnest | narrowest)",
                "thinnest",
                selector=("thinnest", "narrowest"),
            ),
        ),
        (
            "Is the {a} wider than the {b}?",
            "Is the {a} thinner than the {b}?",
            "Which is wider, the {a} or the {b}?",
            "Which is thinner, the {a} or the {b}?",
        ),
    ),
)
