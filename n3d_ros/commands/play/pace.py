"""When each message of a recording is due, and how its stamps are moved where one of its clocks leaps.

In: when messages were received and the stamps of pictures, in the order of reception. Out: times of one clock
that never goes back, that of the stamps, and stamps that fit it. It reads no messages.
"""

from __future__ import annotations

NS = 1_000_000_000
# A picture whose stamp is farther from its reception has a clock of its own, such as a simulator's. Stamps
# that go on by less are of a simulator that was slow or paused; by more, or back, they begin anew.
SAME_CLOCK_NS = 10 * NS
# A simulator gains or loses less from one picture to the next.
DRIFT_NS = 1 * NS
# Nobody waits longer for a message: the machine's clock was set, or recording was.
SILENCE_NS = 3600 * NS
# What is left of such a leap.
BETWEEN_NS = 100_000_000


class Pace:
    """ahead_ns: how far the clock of the first picture is ahead of that of reception; 0 where it is the same.

    The stamps of one topic tell of leaps: cameras may have clocks of their own.
    """

    def __init__(self, ahead_ns: int) -> None:
        self._ahead_ns, self._skipped_ns = ahead_ns, 0
        self._moved_ns = self._moved_before_ns = 0
        self._received_ns: int | None = None
        self._at_ns: int | None = None
        self._topic, self._stamp_ns = "", 0

    def received(self, received_ns: int) -> int:
        """A message was received; the nanoseconds that were skipped before it, 0 where none were."""
        silent_ns = 0 if self._received_ns is None else received_ns - self._received_ns
        self._received_ns = received_ns
        if silent_ns <= SILENCE_NS:
            return 0
        self._skipped_ns += silent_ns - BETWEEN_NS
        return silent_ns

    def saw_picture(self, topic: str, stamp_ns: int) -> int:
        """The message was a picture with this stamp, 0 for none; by how much its clock leapt, mostly 0."""
        if not stamp_ns:
            return 0
        self._topic = self._topic or topic
        before_ns = self._stamp_ns
        if topic == self._topic:
            self._stamp_ns = stamp_ns
        drift_ns = stamp_ns - self._reached_ns
        if abs(drift_ns) < (DRIFT_NS if self._ahead_ns else SAME_CLOCK_NS):
            self._ahead_ns += drift_ns if self._ahead_ns else 0
            return 0
        if topic != self._topic:
            return 0
        self._ahead_ns += drift_ns
        if 0 <= stamp_ns - before_ns < SAME_CLOCK_NS:
            return 0
        self._moved_before_ns, self._moved_ns = self._moved_ns, self._moved_ns - drift_ns
        return drift_ns

    def due_ns(self) -> int:
        """When that message is due."""
        at_ns = self._reached_ns + self._moved_ns
        self._at_ns = at_ns if self._at_ns is None else max(at_ns, self._at_ns)
        return self._at_ns

    @property
    def moves_stamps(self) -> bool:
        """Whether a clock has leapt."""
        return self._moved_ns != self._moved_before_ns

    def moved(self, stamp_ns: int) -> int:
        """A stamp of that message, which may be of before the last leap."""
        either = (stamp_ns + self._moved_ns, stamp_ns + self._moved_before_ns)
        return min(either, key=lambda one: abs(one - self.due_ns()))

    @property
    def _reached_ns(self) -> int:
        """What the clock of the stamps showed when the message was received, had it gone on."""
        assert self._received_ns is not None
        return self._received_ns - self._skipped_ns + self._ahead_ns
