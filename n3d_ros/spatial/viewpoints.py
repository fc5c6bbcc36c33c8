"""Another pair of eyes: the same things as somebody else sees them.

In: things, and who looks where. Out: the same things with turned centres, the words for it. A turn is about
the vertical axis; sizes stay what the boxes say, so only places are asked for from elsewhere. Facing
something means the horizontal way from the viewer's centre to it.
"""

from __future__ import annotations

import math
from dataclasses import replace

from n3d_ros.spatial.quoting import NamedBox, X, Z
from n3d_ros.spatial.types import CAMERA, LEFT, OBJECT, OPPOSITE, RIGHT, Query

# Horizontal direction (x left, z forward) of each facing that is the camera's own or parallel to its axes.
_FORWARD = {"": (0.0, 1.0), OPPOSITE: (0.0, -1.0), LEFT: (1.0, 0.0), RIGHT: (-1.0, 0.0)}


def seen_by(
    query: Query, things: list[NamedBox], viewer: NamedBox | None, faced: NamedBox | None
) -> list[NamedBox]:
    """The things with their places as whoever looks sees them: from its own place where the query asks about
    the viewer's sides, else only turned.

    ValueError where the way that the viewer faces is not determined.
    """
    ahead = _forward(query, viewer, faced)
    origin = viewer.box.center if viewer is not None and query.relation == "viewer_side" else (0.0, 0.0, 0.0)
    return [replace(thing, box=replace(thing.box, center=_turned(thing, ahead, origin))) for thing in things]


def words_for(query: Query, faced: NamedBox | None) -> str:
    """How the answer calls the viewpoint; empty for the camera's."""
    who = query.viewer
    return {
        "": "",
        OPPOSITE: "seen from the opposite side",
        LEFT: f"seen by {who} facing left",
        RIGHT: f"seen by {who} facing right",
        CAMERA: f"seen by {who} facing the camera",
        OBJECT: f"seen by {who} facing {faced.name if faced else ''}",
    }[query.facing]


def _forward(query: Query, viewer: NamedBox | None, faced: NamedBox | None) -> tuple[float, float]:
    """Unit vector (x left, z forward) in which the viewer looks."""
    if query.facing in _FORWARD:
        return _FORWARD[query.facing]
    if viewer is None or (query.facing == OBJECT and faced is None):
        raise ValueError(f"facing '{query.facing}': expected a viewer and what it faces")
    to_x, to_z = (faced.exact[X], faced.exact[Z]) if faced is not None else (0.0, 0.0)
    x, z = to_x - viewer.exact[X], to_z - viewer.exact[Z]
    length = math.hypot(x, z)
    if length == 0:
        raise ValueError(
            f"{viewer.name} and what it faces are at the same place: the facing is not determined"
        )
    return x / length, z / length


def _turned(
    thing: NamedBox, ahead: tuple[float, float], origin: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The centre in the optical frame of somebody at `origin` (optical) who looks `ahead`."""
    x, y, z = (value - at for value, at in zip(thing.box.center, origin, strict=True))
    left, forward = -x, z
    # The left of (fx, fz) is (fz, -fx) where x points left.
    turned_left = left * ahead[1] - forward * ahead[0]
    return -turned_left, y, left * ahead[0] + forward * ahead[1]
