"""Which objects a scene holds: kinds and colours, chosen so that a name needs both.

In: a random generator. Out: (kind, colour) pairs. Most scenes hold objects that share their colour or their
kind with another; some hold two of the same name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHARE_KIND, SHARE_COLOR = 0.25, 0.25
Name = tuple[str, str]


def choose_names(
    rng: np.random.Generator, num: int, kinds: Sequence[str], colors: Sequence[str], duplicate_share: float
) -> list[Name]:
    """`num` pairs (kind, colour), all different, save for one repeated in `duplicate_share` of the calls."""
    if num > len(kinds) * len(colors):
        raise ValueError(f"{num} different names need more than {len(kinds)} kinds in {len(colors)} colours")
    names: list[Name] = []
    while len(names) < num:
        name = _distractor(rng, names, kinds, colors)
        if name not in names:
            names.append(name)
    if num > 1 and rng.random() < duplicate_share:
        names[-1] = names[int(rng.integers(num - 1))]
    return names


def _distractor(
    rng: np.random.Generator, names: Sequence[Name], kinds: Sequence[str], colors: Sequence[str]
) -> Name:
    """A new name; often with the kind or the colour of one that is there."""
    kind, color = kinds[int(rng.integers(len(kinds)))], colors[int(rng.integers(len(colors)))]
    if not names:
        return kind, color
    other, chance = names[int(rng.integers(len(names)))], rng.random()
    if chance < SHARE_KIND:
        return other[0], color
    return (kind, other[1]) if chance < SHARE_KIND + SHARE_COLOR else (kind, color)
