"""Guesses of what a model writes next, so that one forward pass can confirm several tokens.

In: token ids, of what was written and of what is expected. Out: token ids that may follow. A guess is never
taken on trust: `generate` keeps the tokens that the model itself would have written and drops the rest, so a
bad guess costs time and changes nothing. It knows no boxes, prompts or models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

# Engines are built for passes of 16 tokens: a guess and the token before it.
LONGEST_GUESS = 15

LONGEST_MATCH, SHORTEST_MATCH = 4, 2
# For a token in another's place where one is a number and the other is not: more likely one came between.
OTHER_KIND_COST = 1.5

# For going on anywhere else in the expected text: a sentence left out must not cost its length.
JUMP_COST = 3.0

# An expected text counts while it explains half of the last tokens.
WINDOW, MAX_RECENT_ERRORS = 12, 6

Kind = Callable[[int], int]


class Drafter(Protocol):
    """One per reply."""

    def draft(self, ids: Sequence[int], text: str, room: int) -> Sequence[int]:
        """At most `room` ids that may follow `ids`, which read `text`."""
        ...


class Alignment:
    """Where a text written so far stands in an expected one: edit distance, a token at a time.

    `expected`: (N,) ids. kind(id): tokens of one kind (numbers, words, marks) replace each other cheaply.
    `errors`: fewest insertions, deletions and replacements that explain what was written.
    """

    def __init__(self, expected: Sequence[int], kind: Kind) -> None:
        self.expected = np.asarray(expected, dtype=np.int64)
        self._kind = kind
        self._kinds = np.array([kind(token) for token in expected], dtype=np.int64)
        self._places = np.arange(len(expected) + 1, dtype=np.float64)
        self._cost = self._places.copy()

    @property
    def errors(self) -> float:
        return float(self._cost.min())

    @property
    def place(self) -> int:
        """Index of the token expected next; the furthest of several that explain the text equally well."""
        return int(len(self._cost) - 1 - self._cost[::-1].argmin())

    def push(self, token: int) -> None:
        """Take the next written token: one row of Levenshtein's table, with jumps of any length."""
        replaced = np.where(self._kinds == self._kind(token), 1.0, OTHER_KIND_COST)
        step = self._cost + 1.0
        np.minimum(step[1:], self._cost[:-1] + np.where(self.expected == token, 0.0, replaced), out=step[1:])
        cost = np.minimum.accumulate(step - self._places) + self._places
        self._cost = np.minimum(cost, cost.min() + JUMP_COST)


def lookup(history: Sequence[int], num: int) -> list[int]:
    """Up to `num` ids that followed the last place where `history` read as it ends now; none where it never
    did.
    """
    ids = np.asarray(history, dtype=np.int64)
    for size in range(min(LONGEST_MATCH, len(ids) - 1), SHORTEST_MATCH - 1, -1):
        starts = _occurrences(ids[:-1], ids[-size:])
        if len(starts):
            after = int(starts[-1]) + size
            return [int(token) for token in ids[after : after + num]]
    return []


def _occurrences(ids: npt.NDArray[np.int64], pattern: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Where `pattern` begins in `ids`."""
    count = max(len(ids) - len(pattern) + 1, 0)
    equal = np.ones(count, dtype=bool)
    for offset, token in enumerate(pattern):
        equal &= ids[offset : offset + count] == token
    return np.flatnonzero(equal)


class TextDrafter:
    """Follows an expected text as long as it explains what is written; else copies from what was read.

    expected: ids of the text, empty where none is known. read: ids of the prompt.
    """

    def __init__(self, expected: Sequence[int], read: Sequence[int], kind: Kind) -> None:
        self._alignment = Alignment(expected, kind)
        self._read = list(read)
        self._errors = [0.0]

    def draft(self, ids: Sequence[int], text: str, room: int) -> list[int]:
        """See `Drafter.draft`."""
        for token in ids[len(self._errors) - 1 :]:
            self._alignment.push(token)
            self._errors.append(self._alignment.errors)
        return self._expected(room) or lookup([*self._read, *ids], room)

    def _expected(self, num: int) -> list[int]:
        recent = self._errors[-1] - self._errors[-1 - WINDOW if len(self._errors) > WINDOW else 0]
        if recent > MAX_RECENT_ERRORS:
            return []
        place = self._alignment.place
        return [int(token) for token in self._alignment.expected[place : place + num]]
