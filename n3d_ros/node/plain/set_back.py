"""What is of the time before the clock went back, and was still on its way.

In: how far it went, stamps, moments on a steady clock in seconds. Out: yes or no. It knows no ROS and reads
no clock.
"""

from __future__ import annotations

# What was on its way when the clock went back has come by then. A stamp that lies farther ahead is of neither
# time: its sender has another clock.
ON_ITS_WAY_S = 5.0


class SetBack:
    """Of one listener."""

    def __init__(self) -> None:
        self._back_ns, self._until_s = 0, float("-inf")

    def begin(self, back_ns: int, now_s: float) -> None:
        """The clock went back by so much now."""
        self._back_ns, self._until_s = back_ns, now_s + ON_ITS_WAY_S

    def is_of_before(self, ahead_ns: int, now_s: float) -> bool:
        """Whether a stamp so far ahead of the clock is of the time before: nearer to that than to now."""
        farthest_ns = self._back_ns + round(ON_ITS_WAY_S * 1e9)
        is_nearer = 0 < self._back_ns // 2 < ahead_ns <= farthest_ns
        return is_nearer and now_s < self._until_s
