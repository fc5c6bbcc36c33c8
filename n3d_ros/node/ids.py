"""The same object keeps its id from frame to frame.

In: the boxes of one query in each frame, metres, one frame of reference. Out: ids "<words>/<n>". It matches
by label and nearest centre; it knows no ROS and no camera motion, so a jump of the camera gives new ids.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from n3d_ros.boxes import Box3D

# An object may move by its own longest side, and by this much at least, between two results.
REACH_M = 0.25


class StableIds:
    """Ids per words; forgets what the last result of those words no longer holds."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[int, Box3D]] = {}
        self._next: dict[str, int] = {}

    def assign(self, words: str, boxes: Sequence[Box3D]) -> list[str]:
        """Ids of `boxes` in their order; each known object goes to the nearest box of its label."""
        known = self._seen.get(words, {})
        reachable = sorted(
            (math.dist(old.center, box.center), number, index)
            for number, old in known.items()
            for index, box in enumerate(boxes)
            if old.label == box.label and math.dist(old.center, box.center) <= max(REACH_M, *old.size)
        )
        numbers: dict[int, int] = {}
        for _, number, index in reachable:
            if index not in numbers and number not in numbers.values():
                numbers[index] = number
        for index in range(len(boxes)):
            if index not in numbers:
                numbers[index] = self._next.get(words, 0)
                self._next[words] = numbers[index] + 1
        self._seen[words] = {numbers[index]: box for index, box in enumerate(boxes)}
        return [f"{words}/{numbers[index]}" for index in range(len(boxes))]

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()
        self._next.clear()
