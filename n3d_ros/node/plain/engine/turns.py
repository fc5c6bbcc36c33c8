"""Whose turn it is.

In: members, each as urgent as its most urgent work, or with none. Out: the most urgent of them; of equals the
one that was served longest ago. It knows no thread and no work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Member = TypeVar("Member")


class Turns(Generic[Member]):
    """A new member stands behind all others. urgency_of: None where a member has nothing to do."""

    def __init__(self, urgency_of: Callable[[Member], float | None]) -> None:
        self._urgency_of = urgency_of
        self.members: list[Member] = []
        """Who was served longest ago comes first."""

    def join(self, member: Member) -> None:
        """Take part from now on."""
        self.members = [*self.members, member]

    def leave(self, member: Member) -> None:
        """Take part no longer; nothing where it did not."""
        self.members = [one for one in self.members if one is not member]

    def is_anybody_waiting(self) -> bool:
        """Whether a member has something to do."""
        return any(self._urgency_of(one) is not None for one in self.members)

    def next(self) -> Member | None:
        """Who is served now, and so stands behind all others; None where nobody has anything to do."""
        urgencies = [(one, self._urgency_of(one)) for one in self.members]
        waiting = [(one, urgency) for one, urgency in urgencies if urgency is not None]
        if not waiting:
            return None
        # of equals max gives the first
        chosen, _ = max(waiting, key=lambda pair: pair[1])
        self.served(chosen)
        return chosen

    def served(self, member: Member) -> None:
        """It had its turn. Who looks on from another thread always finds it among the members."""
        self.members = [*(one for one in self.members if one is not member), member]
