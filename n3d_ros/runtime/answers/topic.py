"""Which of the found objects a question is about, and the evidence its prompt gets.

In: a question and `GroundedObject`s. Out: a `Topic`. Two ways: all that was just located for the question, or
those that a follow-up question mentions. It does not know models. Source:
docs/specification/prompts.md 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError
from n3d_ros.geometry import Intrinsics
from n3d_ros.protocol.evidence import (
    Evidence,
    box_2d,
    box_3d,
    evidence_for_mentions,
    evidence_from_boxes,
    mentioned,
)
from n3d_ros.protocol.prompts import IMAGE_MARKER
from n3d_ros.runtime.types import GroundedObject
from n3d_ros.spatial import Query, parse_question
from n3d_ros.spatial.matching import fitting

ANY_ID = re.compile(r"(?<!\w)\d+_[^\W\d]\w*")


@dataclass(frozen=True)
class Topic:
    """A question with its objects, each once. `boxes` are theirs, labelled as the question calls them;
    `query` is None where the question asks for no known spatial relation.
    """

    question: str
    query: Query | None
    objects: tuple[GroundedObject, ...]
    boxes: tuple[Box3D, ...]
    evidence: tuple[Evidence, ...]


def located(
    question: str,
    objects: Sequence[GroundedObject],
    intrinsics: Intrinsics,
    query: Query | None = None,
) -> Topic:
    """Everything that was located for this question, which asks `query`."""
    boxes = tuple(thing.box for thing in objects)
    evidence = evidence_from_boxes(boxes, intrinsics, [thing.number for thing in objects])
    return Topic(question, query, tuple(objects), boxes, evidence)


def mentioned_topic(
    question: str,
    objects: Sequence[GroundedObject],
    intrinsics: Intrinsics,
    rule: str = "exact_names",
    query: Query | None = None,
) -> Topic:
    """The objects that a follow-up question mentions, by id ("4_mug") or by a label that only one has.

    rule 'upstream': ids only, by the release's pattern, and no objects where it matches none (quirks W2, W4).
    With 'exact_names' BadInputError for an id that is none of theirs, for a label that several share, and for
    a question that mentions none, naming those at hand.
    """
    if rule == "upstream":
        return _upstream_topic(question, objects, intrinsics, query)
    names = [thing.id for thing in objects] + [thing.box.label for thing in objects]
    order = mentioned(question, names)
    _check(question, objects, [names[index] for index in order])
    evidence = tuple(
        Evidence(names[index], box_3d(box), box_2d(box, intrinsics))
        for index in order
        for box in [objects[index % len(objects)].box]
    )
    called = {index % len(objects): names[index] for index in order}
    boxes = tuple(replace(objects[index].box, label=name) for index, name in called.items())
    return Topic(question, query, tuple(objects[index] for index in called), boxes, evidence)


def spatial_query(question: str) -> Query | None:
    """The spatial relation that a question asks for, markers aside."""
    return parse_question(" ".join(question.replace(IMAGE_MARKER, " ").split()))


def named_in(query: Query, objects: Sequence[GroundedObject]) -> dict[str, list[int]]:
    """Each name that a query needs -> the places of the objects that it fits."""
    boxes, ids = [thing.box for thing in objects], [thing.id for thing in objects]
    return {name: fitting(name, boxes, ids, plural=True) for name in query.names}


def _upstream_topic(
    question: str, objects: Sequence[GroundedObject], intrinsics: Intrinsics, query: Query | None
) -> Topic:
    boxes, numbers = [thing.box for thing in objects], [thing.number for thing in objects]
    evidence = evidence_for_mentions(question, boxes, intrinsics, numbers, "upstream")
    names = {item.name for item in evidence}
    chosen = tuple(thing for thing in objects if thing.id in names)
    labelled = tuple(replace(thing.box, label=thing.id) for thing in chosen)
    return Topic(question, query, chosen, labelled, evidence)


def _check(question: str, objects: Sequence[GroundedObject], names: Sequence[str]) -> None:
    """BadInputError where an object would be lost or confused silently."""
    at_hand = ", ".join(thing.id for thing in objects) or "none"
    rest = " ".join(question.split())
    for name in sorted(names, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", rest, flags=re.IGNORECASE)
    strange = ANY_ID.search(rest)
    if strange:
        raise BadInputError(f"question: {strange.group()!r} is none of the objects found: {at_hand}")
    for name in names:
        owners = [thing.id for thing in objects if thing.box.label.casefold() == name.casefold()]
        if len(owners) > 1:
            raise BadInputError(f"question: '{name}' could be {' or '.join(owners)}; say which")
    if not names:
        raise BadInputError(f"question: expected a mention of an object found before ({at_hand}), got none")
