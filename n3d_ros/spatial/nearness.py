"""Where "nearer" has no answer: to the side of the picture a thing may be ahead by less and away by more.

In: a query and its things. Out: nothing, or a ValueError. "In front of", the nearest of many and the order
from near to far compare depth (docs/specification/spatial.md 1), and who asks for the nearer thing may mean
the distance from the camera as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from n3d_ros.spatial.quoting import NamedBox, Z, settled
from n3d_ros.spatial.types import WHICH, Query

BY_DEPTH = ("front_behind", "depth_order")
_FAR_FIRST = ("behind", "far")


def check_nearness(query: Query, things: Sequence[NamedBox]) -> None:
    """ValueError where the answer to who is nearer is another one by distance than by depth."""
    if not query.says_nearness:
        return
    for part in query.parts or (query,):
        if part.relation in BY_DEPTH:
            of_part = things
            if query.parts:
                named = zip(query.objects, things, strict=True)
                of_part = [thing for name, thing in named if name in part.objects]
            ranked = _ranked(part, of_part)
            first = [(ranked[0], other) for other in ranked[1:]]
            _check_pairs(first if part.form == WHICH else list(pairwise(ranked)))


def check_nearness_at(place: int, ranking: Query, things: Sequence[NamedBox]) -> None:
    """The same for the one that stands at a place of the ranking, such as the second nearest."""
    if ranking.relation in BY_DEPTH:
        ranked = _ranked(ranking, things)
        _check_pairs([(ranked[place], other) for other in ranked if other is not ranked[place]])


def _ranked(query: Query, things: Sequence[NamedBox]) -> list[NamedBox]:
    return sorted(things, key=lambda thing: thing.exact[Z], reverse=query.asks in _FAR_FIRST)


def _check_pairs(pairs: Sequence[tuple[NamedBox, NamedBox]]) -> None:
    for a, b in pairs:
        depth, distance = settled(a.exact[Z] - b.exact[Z]), settled(_away(a) - _away(b))
        if depth * distance <= 0 and (depth or distance):
            lies = " and ".join(
                f"{one.name} is {one.exact[Z]:.2f} m ahead and {_away(one):.2f} m away" for one in (a, b)
            )
            raise ValueError(f"which is nearer is not determined: {lies}")


def _away(thing: NamedBox) -> float:
    return math.hypot(*thing.box.center)
