"""Which patterns go onto objects and which onto rooms: named sets.

Plain data. "plain" is what n3d-nano was trained on: objects of one colour, rooms of `room`'s five faint
patterns. "held_out" shares no pattern with "seen", so that a model trained on the latter can be measured on
surfaces that it never saw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.surfaces import patterns

Pattern = Callable[[np.random.Generator], Array]
PLAIN = "plain"


@dataclass(frozen=True)
class TextureSet:
    """Patterns by name; an empty part leaves objects or room plain."""

    objects: dict[str, Pattern]
    room: dict[str, Pattern]


def _named(*functions: Pattern) -> dict[str, Pattern]:
    return {function.__name__: function for function in functions}


TEXTURES = {
    PLAIN: TextureSet({}, {}),
    "seen": TextureSet(
        _named(patterns.stripes, patterns.dots, patterns.checks, patterns.blotches),
        _named(patterns.wood, patterns.tiles, patterns.cloth),
    ),
    "held_out": TextureSet(
        _named(patterns.zigzag, patterns.honeycomb, patterns.circles, patterns.crosses),
        _named(patterns.bricks, patterns.marble, patterns.terrazzo, patterns.diamonds),
    ),
}
