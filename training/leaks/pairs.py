"""Which of many 64-bit hashes lie within a few bits of each other.

In: two arrays of hashes. Out: pairs of indices with their distances, all of them and none twice. It does not
know what a hash is of.

A hash is cut into four bands of 16 bits. Of two hashes that differ in n bits, some band differs in n // 4 or
fewer, so only hashes that are so near in some band are compared (multi-index hashing, Norouzi, Punjani and
Fleet, CVPR 2012). A million against a hundred thousand takes seconds; each with each would be 10^11.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

BAND_BITS, NUM_BANDS = 16, 4
NUM_BITS = BAND_BITS * NUM_BANDS
# A quarter of all bits and more is no resemblance, and bands help no more.
MOST_BITS = 15
# Pairs compared at a time: some ten MB.
CHUNK = 1 << 20

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]
_NUM_ONES = np.array([bin(value).count("1") for value in range(1 << BAND_BITS)], np.uint8)


def near_pairs(a: Hashes, b: Hashes, most_bits: int) -> tuple[Indices, Indices, Indices]:
    """(indices in a, indices in b, bits that differ), sorted by b, then a. ValueError beyond MOST_BITS."""
    if not 0 <= most_bits <= MOST_BITS:
        raise ValueError(f"bits: expected 0 to {MOST_BITS}, got {most_bits}")
    found = [part for band in range(NUM_BANDS) for part in _of_band(a, b, band, most_bits)]
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *found])
    pairs = np.unique(pairs[:, ::-1], axis=0)[:, ::-1]  # a pair may share several bands
    return pairs[:, 0], pairs[:, 1], distance(a[pairs[:, 0]], b[pairs[:, 1]])


def distance(a: Hashes, b: Hashes) -> Indices:
    """Bits in which hashes differ, one by one."""
    return num_ones(a ^ b)


def num_ones(hashes: Hashes) -> Indices:
    """Bits that are set. numpy has `bitwise_count` only from 2.0 on."""
    halves = np.ascontiguousarray(hashes).view(np.uint16).reshape(len(hashes), NUM_BANDS)
    ones: Indices = _NUM_ONES[halves].sum(axis=1, dtype=np.int64)
    return ones


def _of_band(a: Hashes, b: Hashes, band: int, most_bits: int) -> Iterator[Indices]:
    """(N, 2) pairs that are near and whose band differs in few bits."""
    keys_a, keys_b = _keys(a, band), _keys(b, band)
    order = np.argsort(keys_a, kind="stable")
    # where each of the 2^16 values begins among the sorted ones
    starts = np.searchsorted(keys_a[order], np.arange((1 << BAND_BITS) + 1))
    for flip in _flips(most_bits // NUM_BANDS):
        wanted = keys_b ^ flip
        counts = starts[wanted + 1] - starts[wanted]
        yield from _compared(a, b, order, (starts[wanted], counts), most_bits)


def _compared(
    a: Hashes, b: Hashes, order: Indices, runs: tuple[Indices, Indices], most_bits: int
) -> Iterator[Indices]:
    """runs: for each of b, where its candidates begin in `order`, and how many they are."""
    starts, counts = runs
    rows = np.flatnonzero(counts)
    ends = np.cumsum(counts[rows])
    first = 0
    while first < len(rows):
        # as many rows as make up a chunk of candidates, at least one
        before = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, before + CHUNK, side="right")), first + 1)
        chosen = rows[first:last]
        at_b = np.repeat(chosen, counts[chosen])
        # 0, 1, 2, ... within each row's run, from its start on
        within = np.arange(len(at_b)) - np.repeat(np.cumsum(counts[chosen]) - counts[chosen], counts[chosen])
        at_a = order[np.repeat(starts[chosen], counts[chosen]) + within]
        near = distance(a[at_a], b[at_b]) <= most_bits
        yield np.stack([at_a[near], at_b[near]], axis=1)
        first = last


def _keys(hashes: Hashes, band: int) -> Indices:
    return ((hashes >> np.uint64(band * BAND_BITS)) & np.uint64((1 << BAND_BITS) - 1)).astype(np.int64)


def _flips(most: int) -> Iterator[int]:
    """Every way to change at most so many bits of a band."""
    for number in range(most + 1):
        for bits in combinations(range(BAND_BITS), number):
            yield sum(1 << bit for bit in bits)
