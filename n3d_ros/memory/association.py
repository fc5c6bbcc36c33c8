"""Which of the boxes just seen are things that are known already, and which of those stand still.

In: labels and centres of both, in one frame, and where the camera is. Out: for each box the place of its
thing, or None. The closest pair goes first, each thing and box once. A thing is taken for another of the same
name only within the gate: half of its longest side, three times its spread or what its centre moves though it
stands still, seen from here or from where it was found, whichever is most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.memory.places import Place, Remembered

# What a box's centre moves from look to look though nothing moved: a depth camera's and a small model's error
# close by, and far off the 2 % of the distance that depth cameras are off, twice.
MIN_GATE_M, GATE_SHARE = 0.06, 0.04


def associate(
    labels: Sequence[str], places: Sequence[Place], known: Sequence[Remembered], camera: Array
) -> list[int | None]:
    """For each box the index in `known` of what it is, None for something new. camera: (3,), fixed frame."""
    found: list[int | None] = [None] * len(places)
    if not places or not known:
        return found
    costs = _costs(labels, places, known, camera)
    while np.isfinite(costs).any():
        box, thing = np.unravel_index(int(np.argmin(costs)), costs.shape)
        found[int(box)] = int(thing)
        costs[box, :] = costs[:, thing] = np.inf
    return found


def _costs(
    labels: Sequence[str], places: Sequence[Place], known: Sequence[Remembered], camera: Array
) -> Array:
    """(boxes, things) distance in gates, and one more for what is gone, so that what may be there goes
    first; infinite beyond one gate, or where the names differ.
    """
    centers = np.array([place.center for place in places])
    things = np.array([one.place.center for one in known])
    distance = np.linalg.norm(centers[:, None] - things[None], axis=2)
    gates = np.array([gate_m(one, camera) for one in known])
    same = np.array([[a.casefold() == b.label.casefold() for b in known] for a in labels])
    is_gone = np.array([one.gone_ns is not None for one in known])
    costs: Array = np.where(same & (distance <= gates), distance / gates + is_gone, np.inf)
    return costs


def gate_m(thing: Remembered, camera: Array) -> float:
    """How far off its place a thing is still taken for itself, metres."""
    found_m = GATE_SHARE * thing.near_m
    return max(still_m(thing.place, camera), found_m, max(thing.place.size) / 2, 3 * max(thing.spread_m))


def still_m(place: Place, camera: Array) -> float:
    """How far off a place a thing may be seen that stands still there, metres."""
    return max(MIN_GATE_M, GATE_SHARE * float(np.linalg.norm(np.array(place.center) - camera)))
