"""The last seconds of the camera, so that the frame of a result can still be kept when the result comes.

In: serialised messages by topic, their stamp read from the bytes. Out: those of one stamp. Nothing is
decoded.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass

# CDR begins with four bytes, of which the second says the byte order; a message's header begins with its
# stamp.
_HEAD = 4
# Depth and colour of one instant are closer than this, and two frames of one camera farther apart.
NEAR_NS = 20_000_000
NS = 1_000_000_000
# No stamp is earlier.
BEFORE_ALL_NS = -(1 << 63)


@dataclass(frozen=True)
class Moment:
    """One serialised message. received_ns: when it came."""

    topic: str
    stamp_ns: int
    received_ns: int
    data: bytes


class Moments:
    """The newest messages of each topic, up to max_bytes in all."""

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes: expected at least 1, got {max_bytes}")
        self._max_bytes, self._num_bytes = max_bytes, 0
        self._kept: OrderedDict[tuple[str, int], Moment] = OrderedDict()
        self._first: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        self._began_anew_ns = 0
        self._forgotten_ns: int | None = None

    def add(self, moment: Moment) -> None:
        """Keep it; the oldest go, and one of its stamp: of a simulation that starts anew they come again."""
        key = (moment.topic, moment.stamp_ns)
        self._follow(moment)
        if (before := self._kept.pop(key, None)) is not None:
            self._num_bytes -= len(before.data)
        self._kept[key] = moment
        self._num_bytes += len(moment.data)
        while self._num_bytes > self._max_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._num_bytes -= len(oldest.data)
            if oldest.received_ns >= self._began_anew_ns:
                self._forgotten_ns = oldest.stamp_ns

    def _follow(self, moment: Moment) -> None:
        """Where stamps go back, as those of a simulation that starts anew, what came before says nothing of
        why one is missing.
        """
        newest_ns = self._newest.get(moment.topic, moment.stamp_ns)
        if moment.stamp_ns < newest_ns - NS:
            self._began_anew_ns, self._forgotten_ns = moment.received_ns, None
            self._first = dict.fromkeys(self._first, BEFORE_ALL_NS)
            newest_ns = moment.stamp_ns
        self._first.setdefault(moment.topic, moment.stamp_ns)
        self._newest[moment.topic] = max(moment.stamp_ns, newest_ns)

    def began_after(self, stamp_ns: int) -> bool:
        """Whether a topic's first message is of a later stamp, or none has come."""
        return max(self._first.values(), default=stamp_ns + NEAR_NS + 1) > stamp_ns + NEAR_NS

    def forgot(self, stamp_ns: int) -> bool:
        """Whether what was of this stamp is gone: the newest that went is not older."""
        return self._forgotten_ns is not None and stamp_ns <= self._forgotten_ns + NEAR_NS

    def of(self, stamp_ns: int) -> list[Moment]:
        """Of each topic the message nearest to the stamp, where one is near, by time of arrival."""
        nearest: dict[str, Moment] = {}
        for moment in self._kept.values():
            distance = abs(moment.stamp_ns - stamp_ns)
            before = nearest.get(moment.topic)
            if distance <= NEAR_NS and (before is None or distance < abs(before.stamp_ns - stamp_ns)):
                nearest[moment.topic] = moment
        return sorted(nearest.values(), key=lambda moment: moment.received_ns)


def stamp_of(data: bytes) -> int:
    """Nanoseconds in the header that a serialised message begins with. ValueError where it is too short."""
    if len(data) < _HEAD + 8:
        raise ValueError(f"expected a serialised message with a header, got {len(data)} bytes")
    order = "<" if data[1] & 1 else ">"
    sec, nanosec = struct.unpack_from(f"{order}iI", data, _HEAD)
    return int(sec) * NS + int(nanosec)
