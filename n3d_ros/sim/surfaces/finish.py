"""What one object is painted with: a pattern in a second colour, gloss, and the material of its accents.

In: a random generator, a set of patterns, the object's colour. Out: `Finish`. The second colour is a shade of
the first, or a black, grey or white that covers less than half: the colour's name stays true.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from n3d_ros.geometry import Array, Vector3
from n3d_ros.sim.shapes import DARK, METAL, PAPER
from n3d_ros.sim.surfaces.sets import TextureSet

WOOD: Vector3 = (0.50, 0.36, 0.22)
BRASS: Vector3 = (0.60, 0.50, 0.28)
NEUTRAL: tuple[Vector3, ...] = ((0.9, 0.9, 0.88), (0.5, 0.5, 0.5), (0.09, 0.09, 0.1))
# Whose light comes back as from a mirror.
SHINY = (METAL, BRASS)
# What an accent may be made of instead. What is of paper, such as pages, stays so.
ACCENTS: dict[Vector3, tuple[Vector3, ...]] = {METAL: (METAL, METAL, BRASS), DARK: (DARK, WOOD, METAL, PAPER)}
PATTERNED_SHARE, SHINY_SHARE, SHADE_SHARE = 0.7, 0.2, 0.6
# Side of the pattern's picture, metres.
TILE_M = (0.04, 0.10)
# A second colour nearer than this to the first, in the sum of three channels, would not be seen.
MIN_CONTRAST = 0.3


@dataclass(frozen=True)
class Finish:
    """picture: (S, S, 3) uint8 that covers the body, `tile_m` metres wide and repeated; None: one colour.

    shiny: the body mirrors light. accents: the colour of accents by the colour that they have of their own.
    """

    picture: Array | None = None
    tile_m: float = TILE_M[0]
    shiny: bool = False
    accents: dict[Vector3, Vector3] = field(default_factory=dict)


ONE_COLOR = Finish()


def choose_finish(rng: np.random.Generator, textures: TextureSet, color: Vector3) -> Finish:
    """A random finish for a body of this colour; ONE_COLOR where the set has no patterns for objects."""
    if not textures.objects:
        return ONE_COLOR
    picture = None
    if rng.random() < PATTERNED_SHARE:
        name = str(rng.choice(list(textures.objects)))
        second = second_color(rng, color)
        picture = painted(textures.objects[name](rng), color, second)
    return Finish(
        picture,
        float(rng.uniform(*TILE_M)),
        bool(rng.random() < SHINY_SHARE),
        {own: others[int(rng.integers(len(others)))] for own, others in ACCENTS.items()},
    )


def second_color(rng: np.random.Generator, color: Vector3) -> Vector3:
    """A shade of `color`, darker unless that is nearly black, or a neutral that differs from it."""
    first = np.array(color)
    neutral = [one for one in NEUTRAL if np.abs(first - one).sum() > MIN_CONTRAST]
    if rng.random() >= SHADE_SHARE:
        return neutral[int(rng.integers(len(neutral)))]
    shade = first * rng.uniform(0.5, 0.7) if first.max() > 0.3 else first + rng.uniform(0.12, 0.2)
    return float(shade[0]), float(shade[1]), float(shade[2])


def painted(mask: Array, color: Vector3, second: Vector3) -> Array:
    """(S, S, 3) uint8: `color` where the mask is 0, `second` where it is 1."""
    share = mask[:, :, None]
    return np.asarray(np.rint(255 * ((1 - share) * color + share * np.array(second))), np.uint8)


def brightness(color: Vector3) -> float:
    """Relative luminance of linear components (ITU-R BT.709), taken for how much light a surface returns."""
    return float(np.dot((0.2126, 0.7152, 0.0722), color))
