"""What is known of one picture, as questions need it.

In: a row of a lifted set (`training.lift.shards`). Out: `Scene`: its things with their names for this
picture, which of them a name alone tells apart, and what of the picture has no box. Frames: optical, metres.
It does not know questions.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.training.qa.making.names import Name, fits, is_understood, names_of
from n3d_ros.training.qa.records import KnownBox, PictureRef

Rectangle = tuple[float, float, float, float]


class NoScene(Exception):
    """A picture of which nothing can be asked; the message is the reason."""


@dataclass(frozen=True)
class Thing:
    """box: labelled as it is called in this picture. extent_px: of its mask. is_whole: it does not touch the
    picture's edge, so its box is no smaller than what can be seen of it from here.
    """

    name: Name
    box: Box3D
    annotation: str
    extent_px: Rectangle
    is_whole: bool

    @cached_property
    def quoted(self) -> Box3D:
        """The box as the prompt's evidence rounds it."""
        return as_quoted(self.box)

    @property
    def is_askable(self) -> bool:
        """Whether a question can hold its name."""
        return is_understood(self.name.singular)

    @property
    def known(self) -> KnownBox:
        """As a question records it."""
        return KnownBox(self.box.label, self.box.center, self.box.size, self.annotation)


@dataclass(frozen=True)
class Group:
    """All things that a name can mean, from left to right, none of them without a box."""

    name: Name
    members: tuple[Thing, ...]


@dataclass(frozen=True)
class Scene:
    """things: from left to right in the picture. hidden: names of what is there without a box."""

    index: int
    picture: PictureRef
    things: tuple[Thing, ...]
    hidden: tuple[str, ...]
    num_hidden: int

    @cached_property
    def unique(self) -> tuple[Thing, ...]:
        """Things that their name alone tells apart, in a question that the robot understands."""
        return tuple(one for one in self.things if one.is_askable and self._can_mean(one) == [one])

    @cached_property
    def whole(self) -> tuple[Thing, ...]:
        """Of these, the ones whose size can be seen."""
        return tuple(one for one in self.unique if one.is_whole)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Of every name that has a plural, where nothing that it could mean lacks a box."""
        first = {one.name.singular: one for one in self.things if one.name.plural}
        groups = (Group(one.name, tuple(self._can_mean(one))) for one in first.values())
        return tuple(group for group in groups if group.members)

    @cached_property
    def many(self) -> tuple[Group, ...]:
        """Groups of two or more with one name, which ids then tell apart."""
        return tuple(
            group
            for group in self.groups
            if len(group.members) > 1
            and group.members[0].is_askable
            and len({one.name for one in group.members}) == 1
        )

    @cached_property
    def whole_many(self) -> tuple[Group, ...]:
        """Of these, the ones whose sizes can all be seen."""
        return tuple(group for group in self.many if all(one.is_whole for one in group.members))

    def _can_mean(self, thing: Thing) -> list[Thing]:
        """Everything that the thing's name can mean; nothing where that might be without a box."""
        name = thing.name.singular
        if any(fits(name, name, other) for other in self.hidden):
            return []
        return [one for one in self.things if fits(name, name, one.name.singular)]


def scene_of_row(row: dict[str, Any], rng: random.Random, left_out: Counter[str]) -> Scene:
    """The scene. NoScene where there is none.

    left_out: counts objects that no question is about ("name_unusable", "box_missing", "behind_camera"), that
    only boxes are asked for ("name_not_understood"), and whose sizes are not asked for ("touches_edge").
    """
    if row["fault"]:
        raise NoScene("picture_rejected")
    if row["file"] is None or row["intrinsics"] is None:
        raise NoScene("camera_unknown")
    things, hidden = [], [one["label"] for one in row["rejected"]]
    called: dict[str, Name] = {}
    for one in row["objects"]:
        names = names_of(one["label"])
        fault = _fault(one, names)
        if fault:
            left_out[fault] += 1
            hidden.append(one["label"])
            continue
        name = called.setdefault(one["label"], rng.choice(names))
        left_out["name_not_understood"] += not is_understood(name.singular)
        left_out["touches_edge"] += bool(one["touches_edge"])
        things.append(_thing(one, name))
    if not things:
        raise NoScene("no_objects")
    things.sort(key=lambda one: (one.extent_px[0] + one.extent_px[2], one.annotation))
    unseen = tuple(dict.fromkeys(name.singular for label in hidden for name in names_of(label)))
    return Scene(row["index"], _picture(row), tuple(things), unseen, len(hidden))


def _fault(row: dict[str, Any], names: Sequence[Name]) -> str:
    """Why no question can be about an object, empty where one can."""
    if not names:
        return "name_unusable"
    if row["box"] is None or row["extent_px"] is None:
        return "box_missing"
    return "" if row["box"]["center_m"][2] > 0 else "behind_camera"


def _thing(row: dict[str, Any], name: Name) -> Thing:
    center, size = (tuple(row["box"][key]) for key in ("center_m", "size_m"))
    box = Box3D(name.singular, center, size)
    left, top, right, bottom = map(float, row["extent_px"])
    return Thing(name, box, row["annotation"], (left, top, right, bottom), not row["touches_edge"])


def _picture(row: dict[str, Any]) -> PictureRef:
    """Columns that older sets lack are None."""
    return PictureRef(
        key=row["picture"],
        file=row["file"],
        width=row["width"],
        height=row["height"],
        depth_file=row.get("depth_file"),
        depth_scale_m=row.get("depth_scale_m"),
        **row["intrinsics"],
        sha256=row.get("sha256"),
        look=row.get("look"),
    )
