"""What a relation is: its words and its rule in one entry.

In: nothing. Out: the types that entries are made of. A relation's patterns are in the language of
`language.patterns`, with the slots A, B, C (names; the camera where `takes_camera`), LIST, PAIR ("the two
mugs"), MANY (every thing of a name), BOUND and LIMIT ("more than", "2 m"). `is[A]` stands for "is A" in a
question and "A is" behind "tell me". Knows no sentence as a whole; `questions` puts entries together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from n3d_ros.spatial.quoting import NamedBox
from n3d_ros.spatial.types import VALUE, Query, SpatialAnswer

LOCATED = "(located | placed | positioned | situated | standing | sitting | lying)"
Rule = Callable[[Query, list[NamedBox]], SpatialAnswer]


@dataclass(frozen=True)
class Side:
    """One side of a comparison and its words.

    `predicate` goes between two names in a sentence ("A is <predicate> B"), `comparative` behind one ("A is
    <comparative>"). The others are patterns. `stem` and `tail`: between two names ("left" + "of"), empty
    where there are only comparatives. `more`: before "than"; `most`: the superlative. `end`: what an order
    runs from or to. `selector`: the one word that picks a thing ("leftmost mug"), and further ones.
    """

    asks: str
    predicate: str
    comparative: str
    more: str
    most: str
    end: str
    stem: str = ""
    tail: str = ""
    selector: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wording:
    """A pattern of a whole question, the side it asks for and the form of its answer."""

    pattern: str
    asks: str = ""
    form: str = VALUE


@dataclass(frozen=True)
class Relation:
    """One relation.

    `rule`: from the query and its things, in the query's order, to the exact answer; ValueError where there
    is none. `fewest` and `most` objects; where `takes_camera`, one name less means that the camera is the
    other end. `wordings`: whole questions. `nouns`: a quantity as a noun, asked for by "what is the",
    limited by "is the ... over 2 m". `limits`: (pattern, bound) of other yes/no questions about a length;
    bound '' where the slot BOUND says it. `sides`: of a comparison. `turns`: does the answer depend on who
    looks, so that another viewpoint can be asked for? `unit` of the value. `restated`: the one canonical
    wording of the quantity, with {a} and {b}; comparisons restate themselves by their sides. `templates`:
    what training asks.
    """

    name: str
    rule: Rule
    fewest: int = 2
    most: float = math.inf
    takes_camera: bool = False
    wordings: tuple[Wording, ...] = ()
    nouns: tuple[str, ...] = ()
    limits: tuple[tuple[str, str], ...] = ()
    sides: tuple[Side, ...] = ()
    turns: bool = False
    unit: str = "m"
    restated: str = ""
    templates: tuple[str, ...] = ()

    def side(self, asks: str) -> Side:
        """The side called so; ValueError naming those there are."""
        for side in self.sides:
            if side.asks == asks:
                return side
        sides = [side.asks for side in self.sides]
        raise ValueError(f"{self.name}: expected asks to be one of {sides}, got '{asks}'")

    def other(self, side: Side) -> Side:
        """The opposite side."""
        return self.sides[1] if side is self.sides[0] else self.sides[0]
