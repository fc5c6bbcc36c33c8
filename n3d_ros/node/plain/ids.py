"""The same object keeps its id from frame to frame.

In: the boxes of each result, metres, camera frame. Out: ids "<label>/<n>". It matches by label and nearest
centre; it knows no ROS and no camera motion, so a jump of the camera gives new ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from n3d_ros.boxes import Box3D

# An object may move by its own longest side, and by this much at least, between two results.
REACH_M = 0.25


class StableIds:
    """Remembers, per label, where the newest result that held it had seen its objects."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, Box3D]] = {}
        self._next: dict[str, int] = {}

    def assign(self, boxes: Sequence[Box3D]) -> list[str]:
        """Ids of `boxes`, in their order."""
        ids: dict[int, str] = {}
        for label in dict.fromkeys(box.label for box in boxes):
            places = [place for place, box in enumerate(boxes) if box.label == label]
            numbers = self._numbers(label, [boxes[place] for place in places])
            ids.update({place: f"{label}/{number}" for place, number in zip(places, numbers, strict=True)})
        return [ids[place] for place in range(len(boxes))]

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()
        self._next.clear()

    def _numbers(self, label: str, boxes: Sequence[Box3D]) -> list[int]:
        """Numbers of one label's boxes: nearest pairs first, then new numbers for the rest."""
        reachable = sorted(
            (math.dist(old.center, box.center), number, place)
            for number, old in self._seen.get(label, {}).items()
            for place, box in enumerate(boxes)
            if math.dist(old.center, box.center) <= max(REACH_M, *old.size)
        )
        taken: dict[int, int] = {}
        for _, number, place in reachable:
            if place not in taken and number not in taken.values():
                taken[place] = number
        for place in range(len(boxes)):
            if place not in taken:
                taken[place] = self._next.get(label, 0)
                self._next[label] = taken[place] + 1
        self._seen[label] = {taken[place]: box for place, box in enumerate(boxes)}
        return [taken[place] for place in range(len(boxes))]
