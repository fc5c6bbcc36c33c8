"""Colour, depth and camera info -> complete frames whose parts belong to the same instant.

In: messages with their stamps, in any order. Out: `Frame`s, each newer than the one before. It knows no ROS,
no clock and no thread; a message is whatever the caller hands over.

Rule: a pair's skew stays below half of the shorter measured period (at most `max_slop_ns`), so the partner is
the nearest one there can be; a wider window pairs a third of the frames wrongly at 5 % loss
(docs/specification/ros.md 2). A frame has the camera info of its colour image where the camera sends one with
each, and waits for it (`camera_infos.py`).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from n3d_ros.node.plain.inputs.camera_infos import CameraInfos, Info

Message = TypeVar("Message")

MAX_SLOP_NS = 20_000_000
# Before two stamps of a stream are known: half a period at 60 Hz.
FIRST_SLOP_NS = 8_000_000
# A stamp this much older than the newest frame is a restarted recording, not a late message.
RESTART_NS = 1_000_000_000
STAMP_EACH = "have the driver stamp each image"
# Stamps of messages that fell out of a queue, to say how long it should have been.
MOST_GONE = 64


@dataclass(frozen=True)
class Frame(Generic[Message, Info]):
    """One instant. stamp_ns: of the colour image; skew_ns: depth stamp minus colour stamp."""

    rgb: Message
    depth: Message
    camera_info: Info
    stamp_ns: int
    skew_ns: int


@dataclass(frozen=True)
class _Pair(Generic[Message]):
    """Colour and depth of one instant, whose camera info is to come."""

    rgb: Message
    depth: Message
    stamp_ns: int
    skew_ns: int


@dataclass
class _Stream(Generic[Message]):
    """The newest messages of one topic, by stamp. gone_ns: stamps of those that fell out of the queue."""

    queue_size: int
    waiting: dict[int, Message] = field(default_factory=dict)
    gone_ns: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_GONE))
    periods_ns: deque[int] = field(default_factory=lambda: deque(maxlen=20))
    newest_ns: int | None = None

    def add(self, stamp_ns: int, message: Message) -> int:
        """Store; the number of messages that fell out of the queue."""
        if self.newest_ns is not None and stamp_ns > self.newest_ns:
            self.periods_ns.append(stamp_ns - self.newest_ns)
        self.newest_ns = max(stamp_ns, self.newest_ns or stamp_ns)
        self.waiting[stamp_ns] = message
        overflow = sorted(self.waiting)[: -self.queue_size]
        for stamp in overflow:
            del self.waiting[stamp]
        self.gone_ns.extend(overflow)
        return len(overflow)

    def period_ns(self) -> int | None:
        """Lower quartile of the stamp differences: losses lengthen some of them, never shorten one. The
        newest difference where that is shorter: a camera has become faster.
        """
        ordered = sorted(self.periods_ns)
        return min(ordered[len(ordered) // 4], self.periods_ns[-1]) if ordered else None

    def nearest(self, stamp_ns: int) -> int | None:
        return min(self.waiting, key=lambda stamp: abs(stamp - stamp_ns), default=None)

    def needed_size(self, stamp_ns: int, slop_ns: int) -> int:
        """How long the queue should have been to still hold the partner of stamp_ns; 0: it is long enough."""
        gone_ns = min(self.gone_ns, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        nearest_ns = self.nearest(stamp_ns)
        if gone_ns is None or abs(gone_ns - stamp_ns) > slop_ns:
            return 0
        if nearest_ns is not None and abs(nearest_ns - stamp_ns) <= slop_ns:
            return 0
        return sum(stamp >= gone_ns for stamp in (*self.gone_ns, *self.waiting))

    def drop_until(self, stamp_ns: int) -> int:
        """Forget everything up to and including stamp_ns; how many messages went before it, unused."""
        old = [stamp for stamp in self.waiting if stamp <= stamp_ns]
        for stamp in old:
            del self.waiting[stamp]
        return sum(stamp < stamp_ns for stamp in old)


class Synchroniser(Generic[Message, Info]):
    """Feed it every message; it returns a `Frame` whenever a newer complete one exists."""

    def __init__(self, max_slop_ns: int = MAX_SLOP_NS, queue_size: int = 5) -> None:
        if max_slop_ns < 0 or queue_size < 2:
            raise ValueError(
                f"expected max_slop_ns >= 0 and queue_size >= 2, got {max_slop_ns} and {queue_size}"
            )
        self.max_slop_ns = max_slop_ns
        self.counts: Counter[str] = Counter()
        self.skews_ns: deque[int] = deque(maxlen=300)
        self._infos: CameraInfos[Info] = CameraInfos()
        # What frames carry until a camera info comes; None: there is no frame without one.
        self.stand_in: Info | None = None
        self._queue_size = queue_size
        self.restart()

    def restart(self) -> None:
        """Forget every image; camera info and counts stay."""
        self._rgb: _Stream[Message] = _Stream(self._queue_size)
        self._depth: _Stream[Message] = _Stream(self._queue_size)
        self._infos.restart()
        self._last_ns: int | None = None
        self._last_rgb: Message | None = None
        # Complete but for its own camera info.
        self._pair: _Pair[Message] | None = None
        self.repeated_ns: int | None = None
        """The stamp that colour images have again and again, None where stamps advance."""
        self.needed_queue_size = 0
        """What would hold the partners of what came late; 0: enough does."""

    def set_camera_info(self, info: Info, stamp_ns: int | None = None) -> Frame[Message, Info] | None:
        """A camera info came. Without a stamp it describes the lens, whatever the instant."""
        self._infos.add(info, stamp_ns)
        pair = self._pair
        if pair is None or stamp_ns is None or stamp_ns < pair.stamp_ns:
            return None
        self._pair = None
        if stamp_ns == pair.stamp_ns:
            return self._complete(pair, info)
        self.counts["rgb_without_info"] += 1
        return None

    def missing(self) -> tuple[str, ...]:
        """Inputs that never came: of 'rgb', 'depth', 'camera_info'."""
        never = {
            "rgb": self._rgb.newest_ns is None,
            "depth": self._depth.newest_ns is None,
            "camera_info": self._infos.newest is None and self.stand_in is None,
        }
        return tuple(name for name, absent in never.items() if absent)

    def fault(self) -> tuple[str, str] | None:
        """What is wrong with what came last, and what mends it; None: nothing that is known."""
        if self.repeated_ns is not None:
            return (
                f"colour images come with one stamp again and again, {self.repeated_ns / 1e9:.9f} s, so "
                "which depth is theirs is unknown",
                STAMP_EACH,
            )
        if self.needed_queue_size:
            return (
                "colour and depth of one instant come so far apart that one is gone when the other comes",
                f"set sync.queue_size to {self.needed_queue_size} or more, it is {self._queue_size}",
            )
        return None

    def why_no_frame(self) -> str:
        """Why messages that come do not become frames."""
        if absent := [name for name in self.missing() if name != "camera_info"]:
            return f"nothing of {' and '.join(absent)} has come since the clock or the stamps went back"
        apart = f"colour and depth come, but not within {self.slop_ns / 1e6:.1f} ms of each other"
        if self._half_period_ns() > self.max_slop_ns:
            apart += "; at their rate sync.max_slop_ms may be larger"
        return "; ".join(self.fault() or (apart,))

    @property
    def slop_ns(self) -> int:
        """Largest skew that a pair may have now."""
        return min(self._half_period_ns(), self.max_slop_ns)

    def _half_period_ns(self) -> int:
        """Of the faster stream."""
        periods = [period for period in (self._rgb.period_ns(), self._depth.period_ns()) if period]
        return min(periods) // 2 if periods else FIRST_SLOP_NS

    def add_rgb(self, stamp_ns: int, message: Message) -> Frame[Message, Info] | None:
        """A colour image came."""
        return self._add(self._rgb, "rgb", stamp_ns, message)

    def add_depth(self, stamp_ns: int, message: Message) -> Frame[Message, Info] | None:
        """A depth image came."""
        return self._add(self._depth, "depth", stamp_ns, message)

    def add_pair(
        self, rgb_ns: int, depth_ns: int, rgb: Message, depth: Message
    ) -> Frame[Message, Info] | None:
        """Colour and depth came as one message: whoever sent it has paired them."""
        self._restart_before(self._rgb, rgb_ns)
        self._notice_repeated(rgb_ns, rgb)
        if self._last_ns is not None and rgb_ns <= self._last_ns:
            self.counts["rgb_out_of_order"] += 1
            return None
        self._rgb.add(rgb_ns, rgb)
        self._depth.add(depth_ns, depth)
        return self._emit(rgb_ns, depth_ns)

    def awaits_depth(self, stamp_ns: int) -> bool:
        """Whether the colour image of this stamp is the newest and may still get its depth."""
        is_newer = self._last_ns is None or stamp_ns > self._last_ns
        return is_newer and stamp_ns in self._rgb.waiting and stamp_ns == self._rgb.newest_ns

    def _add(
        self, stream: _Stream[Message], name: str, stamp_ns: int, message: Message
    ) -> Frame[Message, Info] | None:
        if self._restart_before(stream, stamp_ns):
            stream = self._rgb if name == "rgb" else self._depth
        if self._last_ns is not None and stamp_ns < self._last_ns - self.slop_ns:
            self.counts[f"{name}_out_of_order"] += 1
            return None
        if stream is self._rgb:
            self._notice_repeated(stamp_ns, message)
        self._notice_gone(self._depth if stream is self._rgb else self._rgb, stamp_ns)
        self.counts[f"{name}_unpaired"] += stream.add(stamp_ns, message)
        return self._newest_pair()

    def _notice_repeated(self, stamp_ns: int, message: Message) -> None:
        """The same picture again is no fault, another one of its stamp is."""
        if stamp_ns == self._last_ns and message != self._last_rgb:
            self.counts["rgb_repeated"] += 1
            self.repeated_ns = stamp_ns

    def _notice_gone(self, partners: _Stream[Message], stamp_ns: int) -> None:
        is_past = self._last_ns is not None and stamp_ns <= self._last_ns + self.slop_ns
        needed = 0 if is_past else partners.needed_size(stamp_ns, self.slop_ns)
        if needed:
            self.counts["partner_gone"] += 1
            self.needed_queue_size = max(self.needed_queue_size, needed)

    def _restart_before(self, stream: _Stream[Message], stamp_ns: int) -> bool:
        """Begin anew where a stamp is that of a recording played again."""
        is_again = stream.newest_ns is not None and stamp_ns < stream.newest_ns - RESTART_NS
        if is_again:
            self.counts["restart"] += 1
            self.restart()
        return is_again

    def _newest_pair(self) -> Frame[Message, Info] | None:
        for rgb_ns in sorted(self._rgb.waiting, reverse=True):
            depth_ns = self._depth.nearest(rgb_ns)
            if depth_ns is None:
                return None
            if abs(depth_ns - rgb_ns) <= self.slop_ns and (self._last_ns is None or rgb_ns > self._last_ns):
                return self._emit(rgb_ns, depth_ns)
        return None

    def _emit(self, rgb_ns: int, depth_ns: int) -> Frame[Message, Info] | None:
        rgb, depth = self._rgb.waiting[rgb_ns], self._depth.waiting[depth_ns]
        self.counts["rgb_unpaired"] += self._rgb.drop_until(rgb_ns)
        self.counts["depth_unpaired"] += self._depth.drop_until(depth_ns)
        if self._last_ns is not None:
            self._infos.picture_is_past(self._last_ns)
        self.counts["rgb_without_info"] += self._pair is not None
        self._pair, self.repeated_ns, self.needed_queue_size = None, None, 0
        self._last_ns, self._last_rgb = rgb_ns, rgb
        return self._with_info(_Pair(rgb, depth, rgb_ns, depth_ns - rgb_ns))

    def _with_info(self, pair: _Pair[Message]) -> Frame[Message, Info] | None:
        """The frame, or None while its camera info is waited for."""
        info = self._infos.own(pair.stamp_ns)
        if info is None and self._infos.come_with_pictures:
            self._pair = pair
            return None
        others = (one for one in (info, self._infos.newest, self.stand_in) if one is not None)
        info = next(others, None)
        if info is None:
            self.counts["no_camera_info"] += 1
            return None
        return self._complete(pair, info)

    def _complete(self, pair: _Pair[Message], info: Info) -> Frame[Message, Info]:
        self.counts["paired"] += 1
        self.skews_ns.append(abs(pair.skew_ns))
        return Frame(pair.rgb, pair.depth, info, pair.stamp_ns, pair.skew_ns)
