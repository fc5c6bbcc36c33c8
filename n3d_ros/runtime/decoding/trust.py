"""How many of a drafter's guesses go out: as many as its last ones would have held.

In: a drafter and how far it is trusted at first. Out: the beginning of its guesses, nothing while they keep
failing. A guess that did not go out costs no pass and is compared with what was written all the same: that is
how a drafter whose text becomes predictable again is noticed. It does not know what is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from n3d_ros.runtime.decoding.drafting import LONGEST_GUESS, Drafter

# Share of tokens that hold, to begin with: of a text that is expected, and of copies from what was read.
EXPECTED, COPIED = 0.95, 0.5

# Of one token in the share, and of one that broke a guess at its first token. After a single wrong token the
# next guess has its full length, after 11 in a row there is none.
WEIGHT, WEIGHT_AT_ONCE = 0.1, 0.2

# A token goes out while it holds with this chance, together with all before it. A drafted token costs a
# fifteenth of a pass with n3d-nano on a CPU and next to nothing on a GPU.
LEAST_CHANCE = 0.1


class TrustedDrafter:
    """Guesses what `drafter` guesses, at most `longest` tokens of it; see `Drafter`. share_held: above 0."""

    def __init__(self, drafter: Drafter, share_held: float, longest: int = LONGEST_GUESS) -> None:
        self._drafter, self._longest = drafter, longest
        self._share_held = share_held
        self._guess: Sequence[int] = ()
        self._at = 0

    def draft(self, ids: Sequence[int], text: str, room: int) -> list[int]:
        """See `Drafter.draft`."""
        self._compare(ids[self._at :])
        self._guess, self._at = self._drafter.draft(ids, text, room), len(ids)
        return list(self._guess[: self._num_trusted()])

    def _compare(self, written: Sequence[int]) -> None:
        """Learn from the last guess; a pass ends with the first token that was guessed otherwise."""
        for place, (guessed, token) in enumerate(zip(self._guess, written, strict=False)):
            held = guessed == token
            weight = WEIGHT if held or place else WEIGHT_AT_ONCE
            self._share_held += weight * (held - self._share_held)

    def _num_trusted(self) -> int:
        """How many tokens in a row hold with at least the least chance."""
        if self._share_held**self._longest >= LEAST_CHANCE:
            return self._longest
        return int(math.log(LEAST_CHANCE) / math.log(self._share_held))
