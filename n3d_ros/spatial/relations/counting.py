"""Questions about whatever has a name: whether there is one, how many, and where; and several statements at
once.

What is "found" in these answers is what was looked for and located. A name stands for every box that it fits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from n3d_ros.spatial.language.units import length_text
from n3d_ros.spatial.quoting import NamedBox, boxes_of, center_text, listed
from n3d_ros.spatial.relations.base import Relation, Rule, Wording
from n3d_ros.spatial.relations.results import counted
from n3d_ros.spatial.types import YES_NO, Query, SpatialAnswer

_SEEN = "(here | there | visible | present | in (picture | image | photo | scene | view))"
_HERE = f"({_SEEN} | in front of (me | you))?"


def _found(objects: list[NamedBox]) -> str:
    if not objects:
        return "Nothing was found by that name."
    return f"Found {'is' if len(objects) == 1 else 'are'} {listed([thing.name for thing in objects])}."


def _exists(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    names = tuple(thing.name for thing in objects)
    sentence = f"Yes, found {listed(names)}." if names else f"No, found no {query.objects[0]}."
    return SpatialAnswer(
        None,
        "",
        sentence,
        _found(objects),
        query,
        boxes_of(objects),
        verdict=bool(names),
        among=names,
    )


EXISTS = Relation(
    "exists",
    _exists,
    fewest=1,
    most=1,
    unit="",
    wordings=tuple(
        Wording(pattern, form=YES_NO)
        for pattern in (
            f"(is | are) there (any | some)? MANY {_HERE}",
            f"(do you)? (see | detect) (any | some)? MANY {_HERE}",
            f"is[MANY] {_SEEN}",
        )
    ),
    restated="is there {a}",
)


def _where(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    places = [_place(thing) for thing in objects]
    facts = " ".join(center_text(thing) for thing in objects)
    sentence = f"{'; '.join(places)}."
    return SpatialAnswer(
        None, "", sentence, facts, query, boxes_of(objects), among=tuple(thing.name for thing in objects)
    )


def _place(thing: NamedBox) -> str:
    """Its distance, and each part of it, from the camera."""
    left, up, ahead = thing.exact[:3]
    sides = ((left, "left", "right"), (up, "above", "below"))
    parts = [f"{length_text(abs(way), 'm')} {more if way > 0 else less}" for way, more, less in sides]
    away = length_text(math.hypot(left, up, ahead), "m")
    ahead_text = length_text(ahead, "m")
    return f"{thing.name} is {away} from the camera: {ahead_text} ahead, {parts[0]}, {parts[1]}"


WHERE = Relation(
    "where",
    _where,
    fewest=1,
    most=1,
    unit="",
    wordings=(
        Wording(f"where is[MANY] (located | placed | standing | lying)? ({_SEEN})?"),
        Wording("where (can | do) (i | you) (see | find) MANY"),
        Wording("(what is)? (position | location) of MANY"),
    ),
    restated="where is {a}",
)


def _count(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    trace = _found(objects)
    sentence = f"The number of {query.objects[0]} found is {len(objects)}."
    return counted(query, objects, float(len(objects)), "objects", sentence, trace)


COUNT = Relation(
    "count",
    _count,
    fewest=1,
    most=1,
    unit="objects",
    wordings=(
        Wording(f"how many MANY (are there?)? {_HERE}"),
        Wording(f"how many MANY there are {_HERE}"),
        Wording(f"how many MANY (do | can) (you | i | we) (see | find | detect | count) {_HERE}"),
        Wording(f"how many MANY can be seen {_HERE}"),
        Wording(f"count all? MANY {_HERE}"),
        Wording("(what is | count)? number of MANY"),
    ),
    restated="how many {a} are there",
)

RELATIONS = (COUNT, EXISTS, WHERE)
OF_ONE_NAME = tuple(relation.name for relation in RELATIONS)


def combined(rules: Mapping[str, Rule]) -> Relation:
    """Several yes/no statements joined by "and" or "or", each by its own rule of `rules`."""

    def rule(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
        called = dict(zip(query.objects, objects, strict=True))
        found = [rules[part.relation](part, [called[name] for name in part.objects]) for part in query.parts]
        verdicts = [one.verdict is True for one in found]
        verdict = all(verdicts) if query.join == "and" else any(verdicts)
        claims = " and ".join(one.answer.split(", ", 1)[1].rstrip(".") for one in found)
        return SpatialAnswer(
            None,
            "",
            f"{'Yes' if verdict else 'No'}, {claims}.",
            " ".join(one.reasoning for one in found),
            query,
            boxes_of(objects),
            verdict=verdict,
            among=tuple(thing.name for thing in objects),
            margin=min(one.margin for one in found),
        )

    return Relation("combined", rule, fewest=2)
