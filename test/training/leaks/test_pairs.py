"""Near hashes: exactly those that comparing each with each finds."""

import numpy as np
import pytest

from n3d_ros.training.leaks import pairs
from n3d_ros.training.leaks.pairs import MOST_BITS, distance, near_pairs, num_ones


def hashes(rng, number):
    return rng.integers(0, 1 << 63, number, dtype=np.uint64) * np.uint64(2) + rng.integers(
        0, 2, number, dtype=np.uint64
    )


def with_flips(rng, hashes, most):
    """Each hash with 0 to `most` bits changed, wherever they are."""
    changed = hashes.copy()
    for place in range(len(changed)):
        for bit in rng.permutation(64)[: rng.integers(0, most + 1)]:
            changed[place] ^= np.uint64(1 << int(bit))
    return changed


def each_with_each(a, b, most_bits):
    far = np.array([[bin(int(x) ^ int(y)).count("1") for x in a] for y in b])
    at_b, at_a = np.nonzero(far <= most_bits)
    return at_a.tolist(), at_b.tolist(), far[at_b, at_a].tolist()


@pytest.mark.parametrize("most_bits", [0, 1, 3, 4, 6, 11, MOST_BITS])
@pytest.mark.parametrize("chunk", [1, 1 << 20])
def test_all_near_pairs_are_found_and_no_other(most_bits, chunk, monkeypatch):
    monkeypatch.setattr(pairs, "CHUNK", chunk)
    rng = np.random.default_rng(most_bits)
    a = np.concatenate([hashes(rng, 60), np.zeros(3, np.uint64)])
    b = np.concatenate([with_flips(rng, a, 18), hashes(rng, 20)])
    if chunk == 1:
        a, b = a[-12:], b[40:70]
    found = tuple(values.tolist() for values in near_pairs(a, b, most_bits))
    assert found == each_with_each(a, b, most_bits)


def test_bits_are_counted():
    ones = np.array([0, 1, (1 << 64) - 1, 0x8000_0001_0001_0001], np.uint64)
    assert num_ones(ones).tolist() == [0, 1, 64, 4]
    assert distance(ones[:2], ones[2:]).tolist() == [64, 3]


def test_empty_sets_share_nothing():
    none, one = np.zeros(0, np.uint64), np.zeros(1, np.uint64)
    assert [len(values) for values in near_pairs(none, one, 6)] == [0, 0, 0]
    assert [len(values) for values in near_pairs(one, none, 6)] == [0, 0, 0]


@pytest.mark.parametrize("bits", [-1, 16])
def test_too_many_bits_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits: expected 0 to 15, got {bits}"):
        near_pairs(np.zeros(1, np.uint64), np.zeros(1, np.uint64), bits)
