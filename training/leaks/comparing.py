"""Two sets -> the pictures that they share.

In: `Prints` of both. Out: `Leak`s: pictures of the second set that are in the first, byte for byte or by
their look. It does not know where sets lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from n3d_ros.training.leaks.pairs import near_pairs
from n3d_ros.training.leaks.prints import Prints


@dataclass(frozen=True)
class Leak:
    """a, b: the picture's place in either set. bits: of the look that differ, None for the same bytes."""

    a: int
    b: int
    bits: int | None


def leaks(a: Prints, b: Prints, most_bits: int) -> list[Leak]:
    """Each picture of b once, by its nearest one of a, in b's order."""
    found = {leak.b: leak for leak in _by_look(a, b, most_bits)}
    found |= {leak.b: leak for leak in _by_bytes(a, b)}
    return [found[place] for place in sorted(found)]


def _by_bytes(a: Prints, b: Prints) -> list[Leak]:
    # a null would be found in every set with a null
    places = pc.index_in(b.sha256, value_set=a.sha256.drop_null()).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(a.sha256.is_valid().to_numpy(zero_copy_only=False))
    is_known = b.sha256.is_valid().to_numpy(zero_copy_only=False)
    shared = np.flatnonzero(is_known & ~np.isnan(places.astype(np.float64)))
    return [Leak(int(known[int(places[place])]), int(place), None) for place in shared]


def _by_look(a: Prints, b: Prints, most_bits: int) -> list[Leak]:
    at_a, at_b = np.flatnonzero(a.has_look), np.flatnonzero(b.has_look)
    first, second, bits = near_pairs(a.looks[at_a], b.looks[at_b], most_bits)
    nearest = np.lexsort((bits, second))
    _, begins = np.unique(second[nearest], return_index=True)
    return [Leak(int(at_a[first[i]]), int(at_b[second[i]]), int(bits[i])) for i in nearest[begins]]
