"""Query and boxes -> the exact answer.

In: a `Query` and boxes in the optical frame, metres. Out: `SpatialAnswer`; ValueError for a query that cannot
be, a name without a box or with several. Finds what the names mean and hands over to the relation's rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from n3d_ros.boxes import Box3D
from n3d_ros.spatial.matching import check_camera, find, fitting, ids_of
from n3d_ros.spatial.nearness import check_nearness, check_nearness_at
from n3d_ros.spatial.quoting import NamedBox, boxes_of
from n3d_ros.spatial.relations import BY_NAME, RELATIONS
from n3d_ros.spatial.relations.counting import OF_ONE_NAME
from n3d_ros.spatial.types import FACINGS, FORMS, NANOMETRE, ORDER, Pick, Query, SpatialAnswer
from n3d_ros.spatial.viewpoints import seen_by, words_for

# Where nothing was located at all, that is an answer. Boxes that the name does not fit are none: "red boxes"
# may be among those called "box".
NONE_IS_ENOUGH = ("exists", "count")


def answer(query: Query, boxes: Sequence[Box3D], ids: Sequence[str] | None = None) -> SpatialAnswer:
    """The exact answer.

    ids: how boxes are called where their labels do not tell them apart; `<position>_<label>` when None.
    ValueError when a named object has no box or could be several ("ambiguous", naming their ids), two names
    mean the same box, or the query cannot be.
    """
    check(query)
    ids = ids_of(boxes) if ids is None else ids
    check_camera(query, boxes, ids)
    chosen, extras = _chosen(query, boxes, ids), _extras(query, boxes, ids)
    places = [*chosen, *extras]
    things = {place: _thing(place, places, query, boxes, ids) for place in places}
    core, extra = [things[place] for place in chosen], [things[place] for place in extras]
    check_nearness(query, core)
    viewer, faced = (extra.pop(0) if query.viewer else None, extra.pop(0) if query.faced else None)
    return _seen(query, core, viewer, faced)


def answer_in_order(query: Query, boxes: Sequence[Box3D]) -> SpatialAnswer:
    """The answer if boxes[i] were query.names[i], whatever its label; the text calls each by its label.

    ValueError unless there is one box per name.
    """
    check(query)
    if not query.is_plain or len(boxes) != len(query.names):
        raise ValueError(f"expected {len(query.names)} boxes, one per object, got {len(boxes)}")
    called = {name: NamedBox(box.label, box) for name, box in zip(query.names, boxes, strict=True)}
    core = [called[name] for name in query.objects]
    return _seen(query, core, called.get(query.viewer), called.get(query.faced))


def check(query: Query) -> None:
    """ValueError for an unknown relation, form or facing and for a wrong number of objects."""
    if query.relation not in BY_NAME:
        raise ValueError(f"query: expected a relation of {RELATIONS}, got '{query.relation}'")
    if query.form not in FORMS:
        raise ValueError(f"query: expected a form of {FORMS}, got '{query.form}'")
    if query.facing not in FACINGS:
        raise ValueError(f"query: expected a facing of {FACINGS}, got '{query.facing}'")
    relation = BY_NAME[query.relation]
    fewest = relation.fewest - relation.takes_camera
    if not query.many and not fewest <= len(query.objects) <= relation.most:
        raise ValueError(
            f"{query.relation}: expected {fewest} to {relation.most} objects, got {query.objects}"
        )


def _seen(
    query: Query, core: list[NamedBox], viewer: NamedBox | None, faced: NamedBox | None
) -> SpatialAnswer:
    """The rule's answer, with the things as they are seen from the query's viewpoint."""
    relation = BY_NAME[query.relation]
    if not query.facing and viewer is None:
        return relation.rule(query, core)
    if not relation.turns:
        raise ValueError(f"{query.relation}: expected no viewpoint, since the answer is the same from any")
    found = relation.rule(query, seen_by(query, core, viewer, faced))
    words = words_for(query, faced)
    evidence = boxes_of(list(dict.fromkeys([*core, *(one for one in (viewer, faced) if one is not None)])))
    return replace(
        found,
        answer=f"{found.answer[:-1]}, {words}." if words else found.answer,
        reasoning=f"{words[:1].upper()}{words[1:]}: {found.reasoning}" if words else found.reasoning,
        evidence=evidence,
    )


def _chosen(query: Query, boxes: Sequence[Box3D], ids: Sequence[str]) -> list[int]:
    """The places of the boxes that the query's objects mean."""
    picks = {pick.object: pick for pick in query.picks}
    single = query.objects[:-1] if query.many else query.objects
    plain = [name for index, name in enumerate(single) if index not in picks]
    found = iter(find(plain, boxes, ids))
    chosen = [
        _picked(name, picks[index], boxes, ids) if index in picks else next(found)
        for index, name in enumerate(single)
    ]
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"expected different boxes for {list(single)}, got {[ids[i] for i in chosen]}")
    if query.many:
        group = [i for i in fitting(query.objects[-1], boxes, ids, plural=True) if i not in chosen]
        least = 1 if query.relation in OF_ONE_NAME else 2  # the others compare
        if query.relation in NONE_IS_ENOUGH and not boxes:
            least = 0
        if len(group) < least:
            raise ValueError(
                f"expected {least} boxes or more for '{query.objects[-1]}', got boxes for "
                f"{[box.label for box in boxes]}"
            )
        chosen += group
    return chosen


def _picked(name: str, pick: Pick, boxes: Sequence[Box3D], ids: Sequence[str]) -> int:
    """The box of that rank among all that the name fits; ValueError where there are too few or two are
    equal.
    """
    fit = fitting(name, boxes, ids, plural=True)
    if len(fit) < pick.rank:
        raise ValueError(f"expected {pick.rank} boxes or more for '{name}', got {[ids[i] for i in fit]}")
    if len(fit) == 1:
        return fit[0]
    things = [NamedBox(ids[index], boxes[index]) for index in fit]
    ranking = Query(pick.relation, tuple(ids), pick.asks, ORDER)
    order = BY_NAME[pick.relation].rule(ranking, things)
    if order.margin < NANOMETRE:
        raise ValueError(f"'{name}' is ambiguous: of {', '.join(order.names)} two are equal")
    check_nearness_at(pick.rank - 1, ranking, things)
    return ids.index(order.names[pick.rank - 1])


def _extras(query: Query, boxes: Sequence[Box3D], ids: Sequence[str]) -> list[int]:
    return find([name for name in (query.viewer, query.faced) if name], boxes, ids)


def _thing(
    place: int, places: Sequence[int], query: Query, boxes: Sequence[Box3D], ids: Sequence[str]
) -> NamedBox:
    """A box by its label; by the question's name or its id where others here are called the same."""
    label = boxes[place].label
    labels = [boxes[other].label for other in set(places)]
    if labels.count(label) == 1:
        return NamedBox(label, boxes[place])
    return NamedBox(ids[place], boxes[place])
