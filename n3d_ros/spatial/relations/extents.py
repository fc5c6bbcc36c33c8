"""How large one thing is. Width, height and depth are the box's own x, y and z extents, as the evidence
quotes them. "How deep" is the third; "the depth of" a thing, or "how long" it is, can mean something else and
is left alone.
"""

from __future__ import annotations

from n3d_ros.spatial.quoting import DEPTH, HEIGHT, WIDTH, NamedBox, size_text
from n3d_ros.spatial.relations.base import Relation, Rule, Wording
from n3d_ros.spatial.relations.results import measured
from n3d_ros.spatial.types import LESS, MORE, Query, SpatialAnswer


def _extent(axis: int, noun: str, place: str) -> Rule:
    def rule(query: Query, objects: list[NamedBox]) -> SpatialAnswer:
        (a,) = objects
        value = a.exact[axis]
        trace = f"{size_text(a)} The {noun} is the {place} number, {value:.2f}."
        return measured(query, objects, value, (f"{a.name} is ", f" in {noun}."), trace)

    return rule


def _limits(adjective: str, more: str, less: str, noun: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"is[A] BOUND LIMIT (({adjective}) | in {noun})", ""),
        (f"is[A] ({more}) than LIMIT", MORE),
        (f"is[A] ({less}) than LIMIT", LESS),
    )


WIDTH_OF = Relation(
    "width",
    _extent(WIDTH, "width", "first"),
    fewest=1,
    most=1,
    wordings=(
        Wording("how (wide | broad) is[A]"),
        Wording("(which | what) width (does A have | has A)"),
    ),
    nouns=("(approximate | exact)? width of A", "A 's? width"),
    limits=_limits("wide | broad", "wider | broader", "narrower | thinner", "width"),
    restated="width of {a}",
    templates=("How wide is the {a}?", "What is the width of the {a}?"),
)
HEIGHT_OF = Relation(
    "height",
    _extent(HEIGHT, "height", "second"),
    fewest=1,
    most=1,
    wordings=(
        Wording("how (tall | high) is[A]"),
        Wording("(which | what) height (does A have | has A)"),
    ),
    nouns=("(approximate | exact)? height of A", "A 's? height"),
    limits=_limits("tall | high", "taller", "shorter", "height"),
    restated="height of {a}",
    templates=("How tall is the {a}?", "What is the height of the {a}?"),
)
DEPTH_OF = Relation(
    "depth",
    _extent(DEPTH, "depth", "third"),
    fewest=1,
    most=1,
    wordings=(Wording("how deep is[A]"),),
    nouns=("depth extent of A",),
    limits=_limits("deep", "deeper", "shallower", "depth"),
    restated="depth extent of {a}",
)

RELATIONS = (WIDTH_OF, HEIGHT_OF, DEPTH_OF)
