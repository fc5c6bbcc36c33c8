"""The same object keeps its id from frame to frame.

In: the boxes of each result, metres, camera frame, and where tf knows it their centres in a frame that stands
still. Out: ids "<label>/<n>". It matches by label and nearest centre, in the still frame where both sightings
are known there, else as the camera saw them. It knows no ROS and reads no clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from n3d_ros.boxes import Box3D

# An object may move by its own longest side, and by this much at least, between two results.
REACH_M = 0.25
# What was not seen for so long is another one when it comes back; a stamp farther back is of a recording that
# starts again.
KEEP_NS = 10_000_000_000
Centre: TypeAlias = "tuple[float, float, float]"


@dataclass(frozen=True)
class _Sighting:
    """The newest one of an object. still: its centre in `frame`, None where tf did not know."""

    box: Box3D
    still: Centre | None
    stamp_ns: int
    frame: str

    def distance_m(self, other: _Sighting) -> float:
        if self.still is not None and other.still is not None and self.frame == other.frame:
            return math.dist(self.still, other.still)
        return math.dist(self.box.center, other.box.center)

    def reaches(self, other: _Sighting) -> bool:
        """Whether the object may have come so far."""
        return self.distance_m(other) <= max(REACH_M, *self.box.size)


def frame_name(identity: str) -> str:
    """An id, or its label, as the name of a tf frame."""
    return identity.replace(" ", "_")


class StableIds:
    """Remembers, per label, where its objects were seen last."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, _Sighting]] = {}
        # By the label as a tf frame has it: "red mug" and "red_mug" would share a frame.
        self._next: dict[str, int] = {}

    def assign(
        self,
        boxes: Sequence[Box3D],
        still: Sequence[Centre] | None = None,
        stamp_ns: int = 0,
        frame: str = "",
    ) -> list[str]:
        """Ids of `boxes`, in their order. still: their centres in the still frame, metres. stamp_ns: of the
        image. frame: the still one; centres in different ones say nothing of each other.
        """
        centres: Sequence[Centre | None] = [None] * len(boxes) if still is None else still
        sightings = [
            _Sighting(box, centre, stamp_ns, frame) for box, centre in zip(boxes, centres, strict=True)
        ]
        ids: dict[int, str] = {}
        for label in dict.fromkeys(box.label for box in boxes):
            places = [place for place, box in enumerate(boxes) if box.label == label]
            numbers = self._numbers(label, [sightings[place] for place in places])
            ids.update({place: f"{label}/{number}" for place, number in zip(places, numbers, strict=True)})
        return [ids[place] for place in range(len(boxes))]

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()
        self._next.clear()

    def _numbers(self, label: str, new: Sequence[_Sighting]) -> list[int]:
        """Numbers of one label's objects: nearest pairs first, then new numbers for the rest."""
        known = {
            number: old
            for number, old in self._seen.get(label, {}).items()
            if abs(new[0].stamp_ns - old.stamp_ns) <= KEEP_NS
        }
        pairs = sorted(
            (old.distance_m(one), number, place)
            for number, old in known.items()
            for place, one in enumerate(new)
            if old.reaches(one)
        )
        taken: dict[int, int] = {}
        for _, number, place in pairs:
            if place not in taken and number not in taken.values():
                taken[place] = number
        name = frame_name(label)
        for place in range(len(new)):
            if place not in taken:
                taken[place] = self._next.get(name, 0)
                self._next[name] = taken[place] + 1
        # Of a result that comes late a newer one has seen the objects already, and maybe elsewhere.
        newest = {
            number: max(new[place], known.get(number, new[place]), key=lambda one: one.stamp_ns)
            for place, number in taken.items()
        }
        self._seen[label] = {**known, **newest}
        return [taken[place] for place in range(len(new))]
