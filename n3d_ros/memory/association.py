"""Which of the boxes just seen are things that are known already.

In: labels and centres of both, in one frame. Out: for each box the place of its thing, or None. The closest
pair goes first, each thing and box once. A thing is taken for another of the same name only within the gate:
half of its longest side, or three times its spread, whichever is more, and never less than `MIN_GATE_M`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.memory.places import Place, Remembered

# What a box's centre moves from look to look though nothing moved: a depth camera's and a small model's
# error.
MIN_GATE_M = 0.06


def associate(
    labels: Sequence[str], places: Sequence[Place], known: Sequence[Remembered]
) -> list[int | None]:
    """For each box the index in `known` of what it is, None for something new."""
    found: list[int | None] = [None] * len(places)
    if not places or not known:
        return found
    costs = _costs(labels, places, known)
    while np.isfinite(costs).any():
        box, thing = np.unravel_index(int(np.argmin(costs)), costs.shape)
        found[int(box)] = int(thing)
        costs[box, :] = costs[:, thing] = np.inf
    return found


def _costs(labels: Sequence[str], places: Sequence[Place], known: Sequence[Remembered]) -> Array:
    """(boxes, things) distance in gates; infinite beyond one, or where the names differ."""
    centers = np.array([place.center for place in places])
    things = np.array([one.place.center for one in known])
    distance = np.linalg.norm(centers[:, None] - things[None], axis=2)
    gates = np.array([gate_m(one) for one in known])
    same = np.array([[a.casefold() == b.label.casefold() for b in known] for a in labels])
    costs: Array = np.where(same & (distance <= gates), distance / gates, np.inf)
    return costs


def gate_m(thing: Remembered) -> float:
    """How far off its place a thing is still taken for itself, metres."""
    return max(MIN_GATE_M, max(thing.place.size) / 2, 3 * max(thing.spread_m))
