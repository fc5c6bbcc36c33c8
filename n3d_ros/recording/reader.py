"""A recording read back: each result with the frame that it is about and what was said against it.

In: a folder of `parts`, or any rosbag2 with these topics. Out: `Recorded`s in the order of their results;
positions in metres. Frames are decoded as the node does. What cannot be used is returned with its reason.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.cameras.used_camera import used_camera
from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.node.conversions import observation, stamp_ns
from n3d_ros.node.desk.names import CUT
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.recording.awaited import Awaited, Camera
from n3d_ros.recording.bags import Message, each_message, open_bag
from n3d_ros.recording.depth_reading import DEPTH_PARAMETERS, DepthReading, depth_reading
from n3d_ros.recording.moments import NEAR_NS, stamp_of
from n3d_ros.recording.parts import losses, parts_of
from n3d_ros.recording.types import (
    ANSWER,
    CAMERA,
    CORRECTION,
    INFO,
    PARAMETERS,
    RESULTS,
    message_store,
)

_log = logging.getLogger(__name__)

WRONG, RIGHT, CORRECTED = 0, 1, 2
_DEPTH_SIGNS = ("16UC1", "32FC1", "compressedDepth")
# Depth of some drivers, and the colour of some cameras.
_EITHER = "mono16"


@dataclass(frozen=True)
class Correction:
    """verdict: WRONG, RIGHT or CORRECTED; boxes and answer are what would have been right. box_words: of each
    box the name that it is of, empty where nobody said.
    """

    verdict: int
    boxes: tuple[Box3D, ...] = ()
    answer: str = ""
    box_words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How the search for one of the names ended. code: 0 where it was looked for to the end. is_cut: whether
    the request's limit left boxes of it out.
    """

    words: str
    code: int
    is_cut: bool = False


@dataclass(frozen=True)
class Recorded:
    """One result. is_question: an answer, else boxes that words found. boxes: the result's, or an answer's
    evidence. seen: its frame, None with `fault` where it was not recorded or cannot be used. is_optical:
    whether boxes are in the camera's optical frame, as training needs them. outcomes: one for each name;
    none in recordings of earlier releases. box_words: of each box the name that found it.
    """

    stamp_ns: int
    words: str
    is_question: bool
    boxes: tuple[Box3D, ...]
    answer: str = ""
    reasoning: str = ""
    is_consistent: bool | None = None
    code: int = 0
    correction: Correction | None = None
    seen: Observation | None = None
    is_optical: bool = True
    fault: str = ""
    outcomes: tuple[Outcome, ...] = ()
    box_words: tuple[str, ...] = ()


def read_recording(path: Path) -> Iterator[Recorded]:
    """Every result of a recording. ValueError, OSError where it is none. What is said of a result holds for
    each of its stamp and words, and the last that was said.

    Parts are read twice, since a correction comes after its result, in its part or in a later one. A result
    may also be parted from its frame, so frames go on from part to part.
    """
    if not path.exists():
        raise FileNotFoundError(f"recording: expected a folder of `n3d record`, got '{path}' (nothing there)")
    for loss in losses(path):
        _log.warning("'%s': %s", path, loss)
    parts = parts_of(path) or [path]
    corrections: dict[tuple[int, str], Correction] = {}
    stamps_ns: list[int] = []
    for part in parts:
        _read_verdicts(part, corrections, stamps_ns)
    awaited = Awaited(stamps_ns)
    for part in parts:
        yield from _read_results(part, awaited, corrections)
        awaited.next_part()


def _read_verdicts(part: Path, corrections: dict[tuple[int, str], Correction], stamps_ns: list[int]) -> None:
    """Add what was said of results, and the stamps of results."""
    with closing(open_bag(part, message_store(), "a recording")) as reader:
        for one in _messages_of(part, reader, (CORRECTION, *RESULTS)):
            if one.connection.msgtype != CORRECTION:
                stamps_ns.append(one.decoded(stamp_of))
                continue
            message = _decoded(one, reader)
            corrections[stamp_ns(message.header.stamp), message.words] = _correction(message, part)


def _correction(message: Any, part: Path) -> Correction:
    """With boxes that cannot be it still says that the result was wrong."""
    names = _box_words(message.boxes)
    try:
        return Correction(int(message.verdict), _boxes(message.boxes), message.answer, names)
    except ValueError as error:
        _log.warning("'%s': a correction says no more than that its result is wrong: %s", part, error)
        return Correction(WRONG)


def _read_results(
    part: Path, awaited: Awaited, corrections: dict[tuple[int, str], Correction]
) -> Iterator[Recorded]:
    reading = DepthReading()
    with closing(open_bag(part, message_store(), "a recording")) as reader:
        for one in _messages_of(part, reader, (*CAMERA, *RESULTS, PARAMETERS)):
            kind, at = one.connection.msgtype, one.decoded(stamp_of)
            if kind in RESULTS:
                yield recorded(_decoded(one, reader), kind, awaited.camera, corrections, reading)
                awaited.had(at)
            elif kind == PARAMETERS:
                if one.connection.topic.endswith(DEPTH_PARAMETERS):
                    reading = depth_reading(_decoded(one, reader))
            elif kind == INFO:
                awaited.add_info(one.connection.topic, at, _decoded(one, reader))
            elif awaited.is_awaited(at):
                awaited.add_image(one.connection.topic, at, _decoded(one, reader))


def _messages_of(part: Path, reader: Any, kinds: tuple[str, ...]) -> Iterator[Message]:
    return each_message(part, reader, [one for one in reader.connections if one.msgtype in kinds])


def _decoded(one: Message, reader: Any) -> Any:
    return one.decoded(lambda data: reader.deserialize(data, one.connection.msgtype))


def recorded(
    message: Any,
    type_name: str,
    camera: Camera,
    corrections: dict[tuple[int, str], Correction],
    reading: DepthReading,
) -> Recorded:
    """A Box3DArray or SpatialAnswer with its frame out of `camera`, whose topics hold a message each, read as
    `reading` says. One with a box that cannot be has the code PARSE, and neither boxes nor a frame.
    """
    is_question = type_name == ANSWER
    stamp, words = stamp_ns(message.header.stamp), message.question if is_question else message.words
    # Recordings of before 2026-11-29 have results that do not say their camera.
    used, is_estimated = getattr(message, "intrinsics", None), bool(message.depth_is_estimated)
    seen, fault, frame = frame_at(stamp, camera, reading, used, is_estimated)
    boxes = message.evidence if is_question else message.boxes
    try:
        found, code = _boxes(boxes), int(message.code)
    except ValueError as error:
        boxes, found, code, seen, fault = [], (), int(ResultCode.PARSE), None, str(error)
    return Recorded(
        stamp,
        words,
        is_question,
        found,
        answer=message.answer if is_question else "",
        reasoning=message.reasoning if is_question else "",
        is_consistent={0: False, 1: True}.get(int(message.consistent)) if is_question else None,
        code=code,
        correction=corrections.get((stamp, words)),
        seen=seen,
        is_optical=frame in ("", message.header.frame_id),
        fault=fault,
        outcomes=tuple(map(_outcome, getattr(message, "outcomes", ()))),
        box_words=_box_words(boxes),
    )


def frame_at(
    stamp: int, camera: Camera, reading: DepthReading, used: Any = None, is_estimated: bool = False
) -> tuple[Observation | None, str, str]:
    """The frame of a stamp, why there is none, and the colour image's tf frame. used: n3d_ros/Intrinsics of
    its result. It goes before the camera info that was recorded: the node's parameters had their say in it.
    is_estimated: whether its result says so of depth.
    """
    colour, depth, info = _messages_at(stamp, camera)
    try:
        known = None if used is None else used_camera(used)
    except ValueError as error:
        return None, f"the camera of the result: {error}", ""
    parts = {"colour image": colour, "depth image": depth, "camera info": known or info}
    absent = [name for name, part in parts.items() if part is None]
    if absent:
        were = "was" if len(absent) == 1 else "were"
        return None, f"its {' and '.join(absent)} {were} not recorded", ""
    try:
        reading.require_registered(colour, depth)
        limits = reading.scale_m, reading.min_m, reading.max_m
        return observation(colour, depth, known or info, *limits, is_estimated), "", colour.header.frame_id
    except N3DError as error:
        return None, error.message, colour.header.frame_id


def _messages_at(stamp: int, camera: Camera) -> tuple[Any, Any, Any]:
    """Colour, depth and camera info of a stamp, None for what was not recorded."""
    info: Any = None
    images: list[Any] = []
    for messages in camera.values():
        nearest = min(messages, key=lambda other: abs(other - stamp))
        found, near = messages[nearest], abs(nearest - stamp) <= NEAR_NS
        if hasattr(found, "distortion_model"):
            info = found
        elif near:
            images.append(found)
    return *_colour_and_depth(images), info


def _colour_and_depth(images: list[Any]) -> tuple[Any, Any]:
    """An image that may be either is depth where no other one is."""
    depth = [one for one in images if any(sign in _said(one) for sign in _DEPTH_SIGNS)]
    depth = depth or [one for one in images if _EITHER in _said(one)]
    colour = [one for one in images if all(one is not other for other in depth)]
    return (colour or [None])[-1], (depth or [None])[-1]


def _said(image: Any) -> str:
    return str(getattr(image, "encoding", getattr(image, "format", "")))


def _outcome(message: Any) -> Outcome:
    return Outcome(message.words, int(message.code), CUT in message.message)


def _box_words(messages: Any) -> tuple[str, ...]:
    """Empty ones in recordings of earlier releases."""
    return tuple(getattr(one, "words", "") for one in messages)


def _boxes(messages: Any) -> tuple[Box3D, ...]:
    return tuple(box_of(one) for one in messages)


def box_of(message: Any) -> Box3D:
    """Of a GroundedObject, with the yaw of its turn about y; other turns are those of frames that are not
    optical, where `is_optical` is False.
    """
    at, turned, size = message.pose.position, message.pose.orientation, message.size
    yaw = 2 * math.atan2(turned.y, turned.w)
    return Box3D(
        message.label, (at.x, at.y, at.z), (size.x, size.y, size.z), yaw=yaw, score=float(message.score)
    )
