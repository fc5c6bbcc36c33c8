"""Boxes for RViz and Foxglove that neither blink nor leave ghosts.

In: `Box3DArray`s, each in a named slot ("continuous", "asked"). Out: one MarkerArray per result that adds
everything shown and deletes what vanished lately. Never a DELETEALL (a late viewer would see an empty scene
until the next result), never an id that depends on the place in a list.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from visualization_msgs.msg import Marker, MarkerArray

from n3d_ros.geometry import BOX_EDGES, box_corners
from n3d_ros.msg import Box3DArray, GroundedObject
from n3d_ros.node.conversions import NANOSECONDS
from n3d_ros.node.transforms import rotated

LINE_WIDTH_M = 0.006
LABEL_GAP_M = 0.03
# A model may write a box without thickness, and RViz warns of a scale of 0.
THINNEST_M = 0.001
# What vanished is deleted in all messages of so long: slow and distant viewers miss some of them.
DELETED_S = 10.0
COLOURS = (
    (1.0, 0.84, 0.04),
    (0.19, 0.82, 0.35),
    (1.0, 0.41, 0.71),
    (0.39, 0.82, 1.0),
    (1.0, 0.58, 0.0),
    (0.75, 0.35, 0.95),
)


@dataclass(frozen=True)
class MarkerStyle:
    """solid: filled boxes instead of edges. alpha 0..1. label_height_m: letters. lifetime_s: 0 = forever."""

    solid: bool = False
    alpha: float = 0.8
    label_height_m: float = 0.05
    lifetime_s: float = 0.0


@dataclass(frozen=True)
class _Shown:
    """An object that viewers were told to show, by the slot that saw it last, and how long, on the steady
    clock.
    """

    slot: str
    box: GroundedObject
    result: Box3DArray
    markers: tuple[Marker, Marker]
    since_s: float
    until_s: float

    def anew(self, now_s: float) -> tuple[Marker, Marker]:
        """Its markers, told again: a viewer counts their lifetime from when they come."""
        if math.isfinite(self.until_s):
            for marker in self.markers:
                marker.lifetime = _duration(self.until_s - now_s)
        return self.markers


class MarkerTracker:
    """Remembers what viewers were told to show. An object belongs to the slot that saw it last."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._numbers: dict[str, int] = {}
        self._shown: dict[str, _Shown] = {}
        self._results: dict[str, Box3DArray] = {}
        # By number, each with when that was, on the steady clock.
        self._deleted: dict[int, tuple[list[Marker], float]] = {}

    def show(self, slot: str, result: Box3DArray, style: MarkerStyle) -> MarkerArray:
        """Replace what `slot` shows. What it looked for again and did not find is shown by no slot."""
        before = self._results.get(slot)
        missed = {box.id for box in before.boxes} if before and before.words == result.words else set()
        others = {
            identity: one
            for identity, one in self._shown.items()
            if one.slot != slot and identity not in missed
        }
        self._results[slot] = result
        now_s = time.monotonic()
        made = {box.id: self._made(slot, box, result, style, now_s) for box in result.boxes}
        return self._change({**others, **made}, now_s)

    def restyle(self, style: MarkerStyle) -> MarkerArray:
        """Everything shown, in another style."""
        return self._change(
            {
                identity: self._made(one.slot, one.box, one.result, style, one.since_s)
                for identity, one in self._shown.items()
            },
            time.monotonic(),
        )

    def clear(self) -> MarkerArray:
        """Delete everything."""
        self._results.clear()
        return self._change({}, time.monotonic())

    def clear_slot(self, slot: str) -> MarkerArray:
        """Delete what `slot` shows."""
        self._results.pop(slot, None)
        others = {identity: one for identity, one in self._shown.items() if one.slot != slot}
        return self._change(others, time.monotonic())

    def _change(self, shown: dict[str, _Shown], now_s: float) -> MarkerArray:
        """Show these alone, unless their lifetime is over, and delete what else viewers have, or may have."""
        shown = {identity: one for identity, one in shown.items() if one.until_s > now_s}
        vanished = [one for identity, one in self._shown.items() if identity not in shown]
        self._shown = shown
        self._numbers = {identity: number for identity, number in self._numbers.items() if identity in shown}
        added = [marker for one in shown.values() for marker in one.anew(now_s)]
        return MarkerArray(markers=[*added, *self._deletions(vanished, now_s)])

    def _deletions(self, vanished: list[_Shown], now_s: float) -> list[Marker]:
        """Of these, and of what vanished lately, unless its number is another one's now."""
        for one in vanished:
            self._deleted[one.markers[0].id] = [_deletion(marker) for marker in one.markers], now_s
        in_use = set(self._numbers.values())
        self._deleted = {
            number: (markers, since_s)
            for number, (markers, since_s) in self._deleted.items()
            if number not in in_use and now_s - since_s < DELETED_S
        }
        return [marker for markers, _ in self._deleted.values() for marker in markers]

    def _made(
        self, slot: str, box: GroundedObject, result: Box3DArray, style: MarkerStyle, since_s: float
    ) -> _Shown:
        until_s = since_s + style.lifetime_s if style.lifetime_s else math.inf
        return _Shown(slot, box, result, self._markers(box, result, style), since_s, until_s)

    def _number(self, identity: str) -> int:
        """The marker number of an object: kept while it is shown, else the smallest free one."""
        if identity not in self._numbers:
            in_use = set(self._numbers.values())
            self._numbers[identity] = next(number for number in itertools.count() if number not in in_use)
        return self._numbers[identity]

    def _markers(self, box: GroundedObject, result: Box3DArray, style: MarkerStyle) -> tuple[Marker, Marker]:
        number = self._number(box.id)
        colour = COLOURS[number % len(COLOURS)]
        shape = _solid(box) if style.solid else _edges(box)
        label = _label(box, style.label_height_m)
        for marker, kind in ((shape, "box"), (label, "label")):
            marker.header = result.header
            marker.ns, marker.id, marker.action = f"{self._camera}/{kind}", number, Marker.ADD
            marker.color.r, marker.color.g, marker.color.b = colour
            marker.color.a = float(style.alpha)
        return shape, label


def _duration(seconds: float) -> Duration:
    sec, nanosec = divmod(round(seconds * NANOSECONDS), NANOSECONDS)
    return Duration(sec=sec, nanosec=nanosec)


def _deletion(marker: Marker) -> Marker:
    return Marker(header=marker.header, ns=marker.ns, id=marker.id, action=Marker.DELETE)


def _edges(box: GroundedObject) -> Marker:
    marker = Marker(type=Marker.LINE_LIST, pose=box.pose)
    marker.scale.x = LINE_WIDTH_M
    corners = box_corners((0, 0, 0), (box.size.x, box.size.y, box.size.z))
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners[np.asarray(BOX_EDGES).ravel()].tolist()]
    return marker


def _solid(box: GroundedObject) -> Marker:
    x, y, z = (max(side, THINNEST_M) for side in (box.size.x, box.size.y, box.size.z))
    return Marker(type=Marker.CUBE, pose=box.pose, scale=Vector3(x=x, y=y, z=z))


def _label(box: GroundedObject, height_m: float) -> Marker:
    """Text above the box: along its own -y, which is up for the camera that found it, whatever the frame."""
    marker = Marker(type=Marker.TEXT_VIEW_FACING, text=box.label, pose=Pose(orientation=box.pose.orientation))
    centre = box.pose.position
    x, y, z = rotated(box.pose.orientation, (0.0, -box.size.y / 2 - LABEL_GAP_M, 0.0))
    marker.pose.position = Point(x=centre.x + x, y=centre.y + y, z=centre.z + z)
    marker.scale.z = height_m
    return marker
