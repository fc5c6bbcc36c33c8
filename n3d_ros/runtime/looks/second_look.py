"""A second look at what was found: one more picture of the same model, and a box between both.

In: an observation and the objects found in it. Out: `Look`s, each an observation made of the first one and
the way back from its boxes; and the objects with what the second look says of them. It adds no object and
takes none away. It does not know models or prompts.

'mirrored' shows the whole picture as a mirror would, one picture for all objects: the model errs otherwise
there, and the mean errs less. 'closer' shows the part around each object at up to twice the resolution, with
the intrinsics of the crop; it needs a model that was trained on such parts. It knows better where an object
is, and worse how large it is. Objects that one part shows with room around them share it. What each brings
is in docs/log/training.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import GroundedObject

# Of the picture's width and height: what the closer look shows at least.
SHARE = 0.5
# An object must leave this much room around it, in its own widths, for its surroundings to be seen too.
ROOM = 1.5
# Beyond this share of the picture a closer look would hardly be closer than the first.
MAX_SHARE = 0.9
# Two boxes are of one object when their centres are nearer than this share of the first one's diagonal.
MAX_DISTANCE = 0.75
# The yaws of both looks may differ by this much, for a mean of their sizes to mean anything.
MAX_TURN_RAD = 0.05
# What the first look's size counts beside a closer one, of 1.
FIRST_SIZE_SHARE = 2 / 3

Part = tuple[int, int, int, int]


@dataclass(frozen=True)
class Look:
    """What is shown, for which objects, and the way back: a box in it -> the box in the first picture's
    frame. size_share: what the first look's size counts, of 1.
    """

    observation: Observation
    objects: tuple[GroundedObject, ...]
    back: Callable[[Box3D], Box3D]
    size_share: float = 0.5


def looks(mode: str, observation: Observation, objects: Sequence[GroundedObject]) -> list[Look]:
    """What to look at again; none where `mode` is off or the observation cannot be shown so."""
    if mode == "off" or not objects or observation.depth_is_turned:
        return []
    if mode == "mirrored":
        # a mirrored lens would need other coefficients
        has_lens = observation.intrinsics.distortion is not None
        return [] if has_lens else [Look(mirrored(observation), tuple(objects), mirrored_box)]
    shared = shared_parts(objects, observation.intrinsics)
    return [
        Look(cropped(observation, part), tuple(shown), lambda box: box, FIRST_SIZE_SHARE)
        for part, shown in shared.items()
    ]


def mirrored(observation: Observation) -> Observation:
    """The observation in a mirror: left is right."""
    k = observation.intrinsics
    maps: dict[str, Any] = {}
    if observation.depth is not None:
        maps["depth"] = np.ascontiguousarray(observation.depth[:, ::-1])
    if observation.point_map is not None:
        maps["point_map"] = observation.point_map[:, ::-1] * np.array([-1, 1, 1], np.float32)
    rgb = np.ascontiguousarray(observation.rgb[:, ::-1])
    return replace(observation, rgb=rgb, intrinsics=replace(k, cx=k.width - 1 - k.cx), **maps)


def mirrored_box(box: Box3D) -> Box3D:
    """The box in the mirror; twice is the box itself."""
    x, y, z = box.center
    return replace(box, center=(0.0 - x, y, z), yaw=0.0 - box.yaw)


def part_around(found: GroundedObject, intrinsics: Intrinsics) -> Part | None:
    """(left, top, width, height) px of the part to look at, inside the picture and of its shape; None where
    the object is not in it or fills it.
    """
    if found.box_2d_px is None:
        return None
    x0, y0, x1, y1 = found.box_2d_px
    size = intrinsics.width, intrinsics.height
    share = max(SHARE, ROOM * (x1 - x0) / size[0], ROOM * (y1 - y0) / size[1])
    if share > MAX_SHARE:
        return None
    width, height = round(share * size[0]), round(share * size[1])
    left = min(max(round((x0 + x1 - width) / 2), 0), size[0] - width)
    top = min(max(round((y0 + y1 - height) / 2), 0), size[1] - height)
    return left, top, width, height


def shared_parts(
    objects: Sequence[GroundedObject], intrinsics: Intrinsics
) -> dict[Part, list[GroundedObject]]:
    """The parts to look at, each with the objects that it is for: the first of them, in whose middle it lies,
    and others that it shows with room.
    """
    parts: dict[Part, list[GroundedObject]] = {}
    for found in objects:
        own = part_around(found, intrinsics)
        if own is not None:
            part = next((part for part in parts if has_room(part, found, intrinsics)), own)
            parts.setdefault(part, []).append(found)
    return parts


def has_room(part: Part, found: GroundedObject, intrinsics: Intrinsics) -> bool:
    """Whether `part` shows the object and what is around it, as far as the picture goes."""
    if found.box_2d_px is None:
        return False
    left, top, width, height = part
    x0, y0, x1, y1 = found.box_2d_px
    room_x, room_y = (ROOM - 1) / 2 * (x1 - x0), (ROOM - 1) / 2 * (y1 - y0)
    across = left <= max(x0 - room_x, 0) and min(x1 + room_x, intrinsics.width) <= left + width
    return across and top <= max(y0 - room_y, 0) and min(y1 + room_y, intrinsics.height) <= top + height


def cropped(observation: Observation, part: Part) -> Observation:
    """The observation of a part of the picture. Depth of another size is cut at the pixels that cover it."""
    left, top, width, height = part
    k = observation.intrinsics
    maps: dict[str, Any] = {}
    for name in ("depth", "point_map"):
        whole = getattr(observation, name)
        if whole is not None:
            rows, columns = whole.shape[0] / k.height, whole.shape[1] / k.width
            maps[name] = whole[
                round(top * rows) : round((top + height) * rows),
                round(left * columns) : round((left + width) * columns),
            ]
    rgb = np.ascontiguousarray(observation.rgb[top : top + height, left : left + width])
    return replace(observation, rgb=rgb, intrinsics=k.cropped(left, top, width, height), **maps)


def confirmed(look: Look, seen: Sequence[Box3D], intrinsics: Intrinsics) -> tuple[GroundedObject, ...]:
    """The look's objects, each with a box between its own and the nearest unclaimed one of the same name in
    `seen`; as they were where there is none near enough.
    """
    left, result = [look.back(box) for box in seen], []
    for found in look.objects:
        again = nearest(found.box, left)
        if again is not None:
            left.remove(again)
            box = mean_box(found.box, again, look.size_share)
            found = replace(found, box=box, box_2d_px=box_2d_px(box, intrinsics))
        result.append(found)
    return tuple(result)


def nearest(first: Box3D, seen: Sequence[Box3D]) -> Box3D | None:
    """The box of `seen` that is the same object, None where there is none."""
    named = [box for box in seen if box.label.casefold() == first.label.casefold()]
    alike = [box for box in named if abs(box.yaw - first.yaw) <= MAX_TURN_RAD]
    if not alike:
        return None
    found = min(alike, key=lambda box: math.dist(box.center, first.center))
    too_far = math.dist(found.center, first.center) > MAX_DISTANCE * math.hypot(*first.size)
    return None if too_far else found


def mean_box(a: Box3D, b: Box3D, size_share: float = 0.5) -> Box3D:
    """The box halfway between two; of its size `size_share` is the first one's."""
    x, y, z = (np.add(a.center, b.center) / 2).tolist()
    w, h, d = (size_share * np.array(a.size) + (1 - size_share) * np.array(b.size)).tolist()
    return Box3D(a.label, (x, y, z), (w, h, d), (a.yaw + b.yaw) / 2, (a.score + b.score) / 2)
