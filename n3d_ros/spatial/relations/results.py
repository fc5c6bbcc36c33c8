"""The ways in which rules end: a length, a verdict, a choice.

In: what a rule found. Out: `SpatialAnswer` with its sentence. Knows no relation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from n3d_ros.spatial.language.units import length_text
from n3d_ros.spatial.quoting import NamedBox, boxes_of, listed
from n3d_ros.spatial.types import Query, SpatialAnswer


def measured(
    query: Query, objects: list[NamedBox], value_m: float, sentence: tuple[str, str], trace: str
) -> SpatialAnswer:
    """A length; `sentence` is what stands before and behind it. With a limit, whether the length keeps to
    it.
    """
    said = length_text(value_m, query.unit).join(sentence)
    names = tuple(thing.name for thing in objects)
    if query.limit is None:
        return SpatialAnswer(value_m, "m", said, trace, query, boxes_of(objects), among=names)
    limit, holds = query.limit, query.limit.holds(value_m)
    trace += f" {value_m:.2f} is {'' if holds else 'not '}{limit.bound} {limit.metres:.2f}."
    verdict = holds != query.negated
    lower_case = f"{said[:1].lower()}{said[1:]}" if said.startswith("The ") else said
    return SpatialAnswer(
        value_m,
        "m",
        f"{'Yes' if verdict else 'No'}, {lower_case}",
        trace,
        query,
        boxes_of(objects),
        verdict=verdict,
        among=names,
        margin=abs(value_m - limit.metres),
    )


def counted(
    query: Query,
    objects: list[NamedBox],
    value: float,
    unit: str,
    sentence: str,
    trace: str,
    margin: float = math.inf,
) -> SpatialAnswer:
    """A number that is no length."""
    among = tuple(thing.name for thing in objects)
    return SpatialAnswer(value, unit, sentence, trace, query, boxes_of(objects), among=among, margin=margin)


def yes_no(
    query: Query,
    objects: list[NamedBox],
    claim: bool,
    predicate: str,
    trace: str,
    margin: float,
    of: str = "",
) -> SpatialAnswer:
    """Whether the first object is `predicate` the second, or `of`; "not" in the question turns it round."""
    verdict = claim != query.negated
    yes, no = "Yes" if verdict else "No", "" if claim else "not "
    sentence = f"{yes}, {objects[0].name} is {no}{predicate} {of or objects[1].name}."
    names = tuple(thing.name for thing in objects)
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), verdict=verdict, among=names, margin=margin
    )


def chosen(
    query: Query,
    objects: list[NamedBox],
    ranked: Sequence[NamedBox],
    predicate: str,
    trace: str,
    margin: float,
    choices: int | None = None,
) -> SpatialAnswer:
    """The first of the ranked, who "is `predicate`"; with "not" in the question all others."""
    winners = list(ranked[1:] if query.negated else ranked[:1])
    verb = f"{'is' if len(winners) == 1 else 'are'}{' not' if query.negated else ''}"
    sentence = f"{listed([thing.name for thing in winners])} {verb} {predicate}."
    names, among = tuple(thing.name for thing in winners), tuple(thing.name for thing in objects[:choices])
    return SpatialAnswer(
        None, "", sentence, trace, query, boxes_of(objects), names=names, among=among, margin=margin
    )
