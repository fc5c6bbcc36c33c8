"""Every relation by its name. An entry in one of these files is all that a new one needs."""

from __future__ import annotations

from n3d_ros.spatial.relations import comparisons, counting, distances, extents, places
from n3d_ros.spatial.relations.base import Relation

_ALL = (
    *distances.RELATIONS,
    *extents.RELATIONS,
    *comparisons.RELATIONS,
    *places.RELATIONS,
    *counting.RELATIONS,
)

BY_NAME: dict[str, Relation] = {relation.name: relation for relation in _ALL}
BY_NAME["combined"] = counting.combined({relation.name: relation.rule for relation in _ALL})

RELATIONS = tuple(BY_NAME)

_TRAINED_NAMES = (
    "distance horizontal_distance vertical_distance width height left_right above_below front_behind closer "
    "bigger_smaller taller_shorter wider_thinner direction depth_order"
)
# The order in which training draws templates; another order would draw other questions from the same seed.
_TRAINED = _TRAINED_NAMES.split()

# Templates per relation, shared by training-data generation and the tests; {a}, {b}, {c} are names without
# article.
QUESTIONS: dict[str, tuple[str, ...]] = {name: BY_NAME[name].templates for name in _TRAINED} | {
    relation.name: relation.templates
    for relation in _ALL
    if relation.templates and relation.name not in _TRAINED
}
