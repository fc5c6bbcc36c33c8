"""The frames that results still to come are about, as a recording is read.

In: the stamps of all results, then messages of the camera and results in the order of the recording. Out: of
each result's stamp the messages near it. What no result is about is not kept, nor what all its results have
had, so that memory does not grow with the recording.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Any

from n3d_ros.recording.moments import NEAR_NS

# Messages by topic and stamp.
Camera = dict[str, dict[int, Any]]
NUM_KEPT = 64


class Awaited:
    """stamps_ns: of each result of the recording, as often as it comes."""

    def __init__(self, stamps_ns: Iterable[int]) -> None:
        self._left = Counter(stamps_ns)
        self._stamps = sorted(self._left)
        self._images: Camera = {}
        self._infos: Camera = {}

    def is_awaited(self, stamp_ns: int) -> bool:
        """Whether a result still to come is about a frame of this stamp."""
        at = bisect_left(self._stamps, stamp_ns - NEAR_NS)
        while at < len(self._stamps) and self._stamps[at] <= stamp_ns + NEAR_NS:
            if self._left[self._stamps[at]] > 0:
                return True
            at += 1
        return False

    def add_image(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Keep an image; the oldest of a topic go where very many are awaited."""
        keep(self._images, topic, stamp_ns, message)

    def add_info(self, topic: str, stamp_ns: int, message: Any) -> None:
        """Keep a camera info; of a part even one whose stamp is far from all results may be the only one."""
        keep(self._infos, topic, stamp_ns, message)

    @property
    def camera(self) -> Camera:
        """What is kept; every topic holds a message."""
        return {**self._images, **self._infos}

    def had(self, stamp_ns: int) -> None:
        """A result of this stamp has come."""
        self._left[stamp_ns] -= 1
        if self._left[stamp_ns] <= 0:
            self._images = self._only_awaited(self._images)

    def next_part(self) -> None:
        """The part ends. Its camera infos go with it but for those of frames still awaited: the next part
        may have been recorded on another day, with another camera.
        """
        self._infos = self._only_awaited(self._infos)

    def _only_awaited(self, camera: Camera) -> Camera:
        kept = {
            topic: {stamp: one for stamp, one in messages.items() if self.is_awaited(stamp)}
            for topic, messages in camera.items()
        }
        return {topic: messages for topic, messages in kept.items() if messages}


def keep(camera: Camera, topic: str, stamp_ns: int, message: Any) -> None:
    """Add a message, the last of its topic's; those that came first go: a result is about a frame of the last
    seconds. Stamps tell no order: those of a simulation that starts anew come again.
    """
    messages = camera.setdefault(topic, {})
    messages.pop(stamp_ns, None)
    messages[stamp_ns] = message
    while len(messages) > NUM_KEPT:
        del messages[next(iter(messages))]
