"""Which of the messages near a result's stamp are its colour image, its depth image and its camera info.

In: messages by topic and stamp, as any recorder kept them: `ros2 bag record -a` keeps other cameras too, and
pictures that a node drew its boxes into. Out: one of each, None where none was recorded. Of several that
may be meant none is guessed: BadInputError names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from n3d_ros.errors import BadInputError
from n3d_ros.recording.awaited import Camera
from n3d_ros.recording.moments import NEAR_NS

_DEPTH_SIGNS = ("16UC1", "32FC1", "compressedDepth")
# Depth of some drivers, and the colour of some cameras.
_EITHER = "mono16"
_TRANSPORTS = ("/compressed", "/compressedDepth")
# Where every node publishes the picture with its boxes, with the stamp and frame of the colour image.
_DRAWN = "/debug/image"
_OF_INFO = ("width", "height", "distortion_model", "d", "k", "r", "p")
_OF_IMAGE = ("height", "width", "encoding", "format", "data")


@dataclass(frozen=True)
class Found:
    """One message of a topic, away_ns from the stamp."""

    topic: str
    away_ns: int
    message: Any

    @property
    def frame_id(self) -> str:
        """Without the slash of ROS 1."""
        return str(self.message.header.frame_id).lstrip("/")

    @property
    def is_info(self) -> bool:
        """Is it a camera info, whose stamp matters little?"""
        return hasattr(self.message, "distortion_model")

    @property
    def name(self) -> str:
        """Of the image, however it is transported."""
        return next(
            (self.topic.removesuffix(one) for one in _TRANSPORTS if self.topic.endswith(one)), self.topic
        )


def nearest(stamp_ns: int, camera: Camera) -> list[Found]:
    """Of each topic the message nearest to the stamp; of images those that are near, and none with boxes."""
    found = []
    for topic, messages in camera.items():
        at = min(messages, key=lambda other: abs(other - stamp_ns))
        found.append(Found(topic, abs(at - stamp_ns), messages[at]))
    images = [one for one in found if not one.is_info and one.away_ns <= NEAR_NS]
    infos = [one for one in found if one.is_info]
    return [one for one in images if not one.name.endswith(_DRAWN)] + infos


def colour_and_depth(found: Sequence[Found], frame_id: str = "") -> tuple[Found | None, Found | None]:
    """The images of a result in `frame_id`. An image that may be either is depth where no other one is. Depth
    is that in colour's frame, where there is one.
    """
    images = [one for one in found if not one.is_info]
    depth = [one for one in images if any(sign in _said(one.message) for sign in _DEPTH_SIGNS)]
    depth = depth or [one for one in images if _EITHER in _said(one.message)]
    # A result has the very stamp of its colour image.
    of_result = (_is_in(frame_id), lambda one: one.away_ns == 0)
    colour = _one("colour image", [one for one in images if one not in depth], of_result, _OF_IMAGE)
    near = () if colour is None else (_is_in(colour.frame_id),)
    return colour, _one("depth image", depth, near, _OF_IMAGE)


def info_of(found: Sequence[Found], colour: Found | None) -> Any:
    """The camera info of the colour image: that beside its topic, or in its frame; None where none came."""
    infos = [one for one in found if one.is_info]
    if colour is None:
        return infos[-1].message if infos else None
    beside = colour.name.rpartition("/")[0]
    wanted = (lambda one: one.topic.rpartition("/")[0] == beside, _is_in(colour.frame_id))
    chosen = _one("camera info", infos, wanted, _OF_INFO)
    return None if chosen is None else chosen.message


def _one(
    what: str, found: Sequence[Found], wanted: Sequence[Callable[[Found], bool]], fields: Sequence[str]
) -> Found | None:
    """That which is as wanted, as far as one is. One image is transported in two ways: raw goes first."""
    for is_wanted in wanted:
        found = [one for one in found if is_wanted(one)] or found
    found = sorted(found, key=lambda one: len(one.topic))
    if others := [
        one for one in found[1:] if one.name != found[0].name and not _alike(one, found[0], fields)
    ]:
        topics = ", ".join(sorted({found[0].topic, *(one.topic for one in others)}))
        raise BadInputError(
            f"its {what}: expected one of its instant, got {topics}: record the node with `n3d record`"
        )
    return found[0] if found else None


def _is_in(frame_id: str) -> Callable[[Found], bool]:
    return lambda one: one.frame_id == frame_id.lstrip("/")


def _alike(one: Found, other: Found, fields: Sequence[str]) -> bool:
    """The same message on two topics, such as a relayed one."""
    return all(_value(one.message, name) == _value(other.message, name) for name in fields)


def _value(message: Any, name: str) -> Any:
    """Comparable, also where it is an array."""
    value: Any = getattr(message, name, None)
    return value.tobytes() if hasattr(value, "tobytes") else value


def _said(image: Any) -> str:
    return str(getattr(image, "encoding", getattr(image, "format", "")))
