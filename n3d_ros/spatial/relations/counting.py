"""Questions about many: how many there are, and several statements at once."""

from __future__ import annotations

from collections.abc import Mapping

from n3d_ros.spatial.quoting import NamedBox, boxes_of, listed
from n3d_ros.spatial.relations.base import Relation, Rule, Wording
from n3d_ros.spatial.relations.results import counted
from n3d_ros.spatial.types import Query, SpatialAnswer


def _count(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
    names = listed([thing.name for thing in objects])
    trace = f"Found {'is' if len(objects) == 1 else 'are'} {names}."
    sentence = f"The number of {query.objects[0]} found is {len(objects)}."
    return counted(query, objects, float(len(objects)), "objects", sentence, trace)


COUNT = Relation(
    "count",
    _count,
    fewest=1,
    most=1,
    unit="objects",
    wordings=(
        Wording("how many MANY are there?"),
        Wording("how many MANY (do | can) you see"),
        Wording("count MANY"),
        Wording("(what is)? number of MANY"),
    ),
    restated="how many {a} are there",
)


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
