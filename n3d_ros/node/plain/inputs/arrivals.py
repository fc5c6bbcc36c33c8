"""When the messages of one topic came: rate, silence, and whether it has fallen silent.

In: moments on a steady clock, seconds. Out: figures that decay when nothing comes any more. It knows no ROS
and reads no clock.
"""

from __future__ import annotations

from collections import deque

NUM_KEPT = 31
# A stream is late after this many of its own periods, and never sooner than this.
LATE_PERIODS = 3.0
LATE_S = 1.0
# Before a period is known, after one message.
FIRST_LATE_S = 3.0


class Arrivals:
    """began_s: when listening began."""

    def __init__(self, began_s: float) -> None:
        self.num = 0
        self._began_s = began_s
        self._times_s: deque[float] = deque(maxlen=NUM_KEPT)

    def add(self, now_s: float) -> None:
        """A message came."""
        self.num += 1
        self._times_s.append(now_s)

    def silent_s(self, now_s: float) -> float:
        """Since the newest message, or since listening began."""
        return now_s - (self._times_s[-1] if self._times_s else self._began_s)

    def period_s(self) -> float | None:
        """Mean over the newest messages, None until two came."""
        span_s = self._times_s[-1] - self._times_s[0] if self._times_s else 0.0
        return span_s / (len(self._times_s) - 1) if span_s else None

    def rate_hz(self, now_s: float) -> float:
        """Messages a second: what the newest showed, and no more than the silence since allows."""
        period_s = self.period_s()
        return 0.0 if period_s is None else 1.0 / max(period_s, self.silent_s(now_s))

    def late_after_s(self) -> float:
        """The silence that is no longer an ordinary gap."""
        period_s = self.period_s()
        return FIRST_LATE_S if period_s is None else max(LATE_S, LATE_PERIODS * period_s)

    def is_late(self, now_s: float) -> bool:
        """Whether it came and has fallen silent."""
        return self.num > 0 and self.silent_s(now_s) > self.late_after_s()
