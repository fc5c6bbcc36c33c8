"""A recording read back: each result with the frame that it is about and what was said against it.

In: a folder of `parts`, or any rosbag2 with these topics. Out: `Recorded`s in the order of their results;
positions in metres. Frames are decoded as the node does. What cannot be used is returned with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D
from n3d_ros.cameras.used_camera import used_camera
from n3d_ros.errors import N3DError
from n3d_ros.node.conversions import observation, stamp_ns
from n3d_ros.node.desk.names import CUT
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.recording.moments import NEAR_NS
from n3d_ros.recording.parts import parts_of
from n3d_ros.recording.types import ANSWER, CAMERA, CORRECTION, RESULTS, message_store

WRONG, RIGHT, CORRECTED = 0, 1, 2
# Messages by topic and stamp.
Camera = dict[str, dict[int, Any]]
_DEPTH_SIGNS = ("16UC1", "32FC1", "mono16", "compressedDepth")


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
    """Every result of a recording. ValueError, OSError where it is none."""
    for part in parts_of(path) or [path]:
        yield from _read_part(part)


def _read_part(path: Path) -> Iterator[Recorded]:
    """Corrections come after their results, so a part is read twice: first for them, then frame by frame."""
    from rosbags.highlevel import AnyReader, AnyReaderError

    if not path.exists():
        raise FileNotFoundError(f"recording: expected a folder of `n3d record`, got '{path}' (nothing there)")
    try:
        reader = AnyReader([path], default_typestore=message_store())
        reader.open()
    except (AnyReaderError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"'{path}': expected a recording, got: {error}") from error
    try:
        corrections = dict(_corrections(reader))
        camera: Camera = {}
        kept = [one for one in reader.connections if one.msgtype in (*CAMERA, *RESULTS)]
        for connection, _, raw in reader.messages(kept) if kept else ():  # none would mean all
            message: Any = reader.deserialize(raw, connection.msgtype)
            if connection.msgtype in CAMERA:
                camera.setdefault(connection.topic, {})[stamp_ns(message.header.stamp)] = message
                forget_old(camera[connection.topic])
            else:
                yield recorded(message, connection.msgtype, camera, corrections)
    finally:
        reader.close()


def _corrections(reader: Any) -> Iterator[tuple[tuple[int, str], Correction]]:
    corrected = [one for one in reader.connections if one.msgtype == CORRECTION]
    for _, _, raw in reader.messages(corrected) if corrected else ():  # none would mean all
        message = reader.deserialize(raw, CORRECTION)
        key = (stamp_ns(message.header.stamp), message.words)
        right, names = _boxes(message.boxes), _box_words(message.boxes)
        yield key, Correction(int(message.verdict), right, message.answer, names)


def forget_old(messages: dict[int, Any], num_kept: int = 64) -> None:
    """Keep the newest messages of a topic: a result is about a frame of the last seconds."""
    while len(messages) > num_kept:
        del messages[min(messages)]


def recorded(
    message: Any, type_name: str, camera: Camera, corrections: dict[tuple[int, str], Correction]
) -> Recorded:
    """A Box3DArray or SpatialAnswer with its frame out of `camera`, whose topics hold a message each."""
    is_question = type_name == ANSWER
    stamp, words = stamp_ns(message.header.stamp), message.question if is_question else message.words
    # Recordings of before 2026-11-29 have results that do not say their camera.
    seen, fault, frame = frame_at(stamp, camera, getattr(message, "intrinsics", None))
    boxes = message.evidence if is_question else message.boxes
    return Recorded(
        stamp,
        words,
        is_question,
        _boxes(boxes),
        answer=message.answer if is_question else "",
        reasoning=message.reasoning if is_question else "",
        is_consistent={0: False, 1: True}.get(int(message.consistent)) if is_question else None,
        code=int(message.code),
        correction=corrections.get((stamp, words)),
        seen=seen,
        is_optical=frame in ("", message.header.frame_id),
        fault=fault,
        outcomes=tuple(map(_outcome, getattr(message, "outcomes", ()))),
        box_words=_box_words(boxes),
    )


def frame_at(stamp: int, camera: Camera, used: Any = None) -> tuple[Observation | None, str, str]:
    """The frame of a stamp, why there is none, and the colour image's tf frame. used: n3d_ros/Intrinsics of
    its result. It goes before the camera info that was recorded: the node's parameters had their say in it.
    """
    colour, depth, info = _messages_at(stamp, camera)
    try:
        known = None if used is None else used_camera(used)
    except ValueError as error:
        return None, f"the camera of the result: {error}", ""
    parts = {"colour image": colour, "depth image": depth, "camera info": known or info}
    absent = [name for name, part in parts.items() if part is None]
    if absent:
        return None, f"its {' and '.join(absent)} were not recorded", ""
    try:
        return observation(colour, depth, known or info), "", colour.header.frame_id
    except N3DError as error:
        return None, error.message, colour.header.frame_id


def _messages_at(stamp: int, camera: Camera) -> tuple[Any, Any, Any]:
    """Colour, depth and camera info of a stamp, None for what was not recorded."""
    colour: Any = None
    depth: Any = None
    info: Any = None
    for messages in camera.values():
        nearest = min(messages, key=lambda other: abs(other - stamp))
        found, near = messages[nearest], abs(nearest - stamp) <= NEAR_NS
        if hasattr(found, "distortion_model"):
            info = found
        elif near and _is_depth(found):
            depth = found
        elif near:
            colour = found
    return colour, depth, info


def _is_depth(message: Any) -> bool:
    said = getattr(message, "encoding", getattr(message, "format", ""))
    return any(sign in said for sign in _DEPTH_SIGNS)


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
