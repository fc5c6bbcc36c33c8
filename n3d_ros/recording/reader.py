"""A recording read back: each result with the frame that it is about and what was said against it.

In: a folder of `parts`, or any rosbag2 with these topics. Out: `Recorded`s in the order of their results;
positions in metres. Frames are decoded as the node does. What cannot be used is returned with its reason.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
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
from n3d_ros.recording.choice import colour_and_depth, info_of, nearest
from n3d_ros.recording.depth_reading import DEPTH_PARAMETERS, DepthReading, depth_reading
from n3d_ros.recording.moments import NS, stamp_of
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
    each of its node, stamp and words, and the last that was said.

    Parts are read twice, since a correction comes after its result, in its part or in a later one. A result
    may also be parted from its frame, so frames go on from part to part.
    """
    if not path.exists():
        raise FileNotFoundError(f"recording: expected a folder of `n3d record`, got '{path}' (nothing there)")
    for loss in losses(path):
        _log.warning("'%s': %s", path, loss)
    parts = parts_of(path) or [path]
    verdicts, run = _Verdicts(), _Run()
    stamps_ns: list[int] = []
    for part in parts:
        _read_verdicts(part, run, verdicts, stamps_ns)
    awaited, run = Awaited(stamps_ns), _Run()
    for part in parts:
        yield from _read_results(part, run, awaited, verdicts)
        awaited.next_part()


class _Run:
    """Counts how often the clock of the camera has gone back, as that of a simulator that starts anew: stamps
    of one run come again in the next.
    """

    def __init__(self) -> None:
        self.number = 0
        self._topic, self._newest_ns = "", 0

    def saw_info(self, topic: str, stamp: int) -> None:
        """A camera info came; those of one topic tell."""
        self._topic = self._topic or topic
        if topic != self._topic:
            return
        if stamp < self._newest_ns - NS:
            self.number, self._newest_ns = self.number + 1, stamp
        self._newest_ns = max(self._newest_ns, stamp)


class _Verdicts:
    """What was said of the results of each node and run: several may have seen one stamp and been asked the
    same.
    """

    def __init__(self) -> None:
        self._nodes: set[str] = set()
        self._runs: dict[tuple[int, str], int] = {}
        self._said: dict[tuple[int, int, str], dict[str, Correction]] = {}

    def add_result(self, topic: str, run: int, stamp: int, words: str) -> None:
        """A node published it there."""
        self._nodes.add(_above(topic))
        self._runs[stamp, words] = run

    def add(self, topic: str, stamp: int, words: str, correction: Correction) -> None:
        """What came on a topic of corrections, about the last such result; the last holds."""
        run = self._runs.get((stamp, words), 0)
        said = self._said.setdefault((run, stamp, words), {})
        said.pop(_above(topic), None)
        said[_above(topic)] = correction

    def of(self, topic: str, run: int, result: Recorded) -> Correction | None:
        """Of a result on this topic: what was said beside it, or where no node has its results."""
        said = self._said.get((run, result.stamp_ns, result.words), {})
        own = [said[node] for node in said if node == _above(topic) or node not in self._nodes]
        return own[-1] if own else None


def _above(topic: str) -> str:
    return topic.rpartition("/")[0]


def _read_verdicts(part: Path, run: _Run, verdicts: _Verdicts, stamps_ns: list[int]) -> None:
    """Add what was said of results, and the stamps of results."""
    with closing(open_bag(part, message_store(), "a recording")) as reader:
        for one in _messages_of(part, reader, (CORRECTION, INFO, *RESULTS)):
            topic, kind, stamp = one.connection.topic, one.connection.msgtype, one.decoded(stamp_of)
            if kind == INFO:
                run.saw_info(topic, stamp)
                continue
            message = _decoded(one, reader)
            if kind == CORRECTION:
                verdicts.add(topic, stamp, message.words, _correction(message, part))
                continue
            stamps_ns.append(stamp)
            verdicts.add_result(topic, run.number, stamp, _words_of(message, kind))


def _words_of(result: Any, type_name: str) -> str:
    return str(result.question if type_name == ANSWER else result.words)


def _correction(message: Any, part: Path) -> Correction:
    """With boxes that cannot be it still says that the result was wrong."""
    names = _box_words(message.boxes)
    try:
        return Correction(int(message.verdict), _boxes(message.boxes), message.answer, names)
    except ValueError as error:
        _log.warning("'%s': a correction says no more than that its result is wrong: %s", part, error)
        return Correction(WRONG)


def _read_results(part: Path, run: _Run, awaited: Awaited, verdicts: _Verdicts) -> Iterator[Recorded]:
    reading = DepthReading()
    with closing(open_bag(part, message_store(), "a recording")) as reader:
        for one in _messages_of(part, reader, (*CAMERA, *RESULTS, PARAMETERS)):
            kind, at = one.connection.msgtype, one.decoded(stamp_of)
            if kind in RESULTS:
                result = recorded(_decoded(one, reader), kind, awaited.camera, reading)
                yield replace(result, correction=verdicts.of(one.connection.topic, run.number, result))
                awaited.had(at)
            elif kind == PARAMETERS:
                if one.connection.topic.endswith(DEPTH_PARAMETERS):
                    reading = depth_reading(_decoded(one, reader))
            elif kind == INFO:
                run.saw_info(one.connection.topic, at)
                awaited.add_info(one.connection.topic, at, _decoded(one, reader))
            elif awaited.is_awaited(at):
                awaited.add_image(one.connection.topic, at, _decoded(one, reader))


def _messages_of(part: Path, reader: Any, kinds: tuple[str, ...]) -> Iterator[Message]:
    return each_message(part, reader, [one for one in reader.connections if one.msgtype in kinds])


def _decoded(one: Message, reader: Any) -> Any:
    return one.decoded(lambda data: reader.deserialize(data, one.connection.msgtype))


def recorded(message: Any, type_name: str, camera: Camera, reading: DepthReading) -> Recorded:
    """A Box3DArray or SpatialAnswer with its frame out of `camera`, whose topics hold a message each, read as
    `reading` says. One with a box that cannot be has the code PARSE, and neither boxes nor a frame.
    """
    is_question = type_name == ANSWER
    stamp, words = stamp_ns(message.header.stamp), _words_of(message, type_name)
    # Recordings of before 2026-11-29 have results that do not say their camera.
    used, is_estimated = getattr(message, "intrinsics", None), bool(message.depth_is_estimated)
    of_result = message.header.frame_id
    seen, fault, frame = frame_at(stamp, camera, reading, used, is_estimated, of_result)
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
        seen=seen,
        is_optical=frame in ("", of_result),
        fault=fault,
        outcomes=tuple(map(_outcome, getattr(message, "outcomes", ()))),
        box_words=_box_words(boxes),
    )


def frame_at(
    stamp: int,
    camera: Camera,
    reading: DepthReading,
    used: Any = None,
    is_estimated: bool = False,
    of_result: str = "",
) -> tuple[Observation | None, str, str]:
    """The frame of a stamp, why there is none, and the colour image's tf frame. used: n3d_ros/Intrinsics of
    its result. It goes before the camera info that was recorded: the node's parameters had their say in it.
    is_estimated: whether its result says so of depth. of_result: the tf frame of the result.
    """
    try:
        known = None if used is None else used_camera(used)
    except ValueError as error:
        return None, f"the camera of the result: {error}", ""
    frame = ""
    try:
        found = nearest(stamp, camera)
        colour, depth = colour_and_depth(found, of_result)
        info = known or info_of(found, colour)
        if absent := _absent({"colour image": colour, "depth image": depth, "camera info": info}):
            return None, absent, ""
        assert colour is not None and depth is not None
        frame = colour.message.header.frame_id
        reading.require_known()
        reading.require_registered(colour.message, depth.message)
        limits = reading.scale_m, reading.min_m, reading.max_m
        return observation(colour.message, depth.message, info, *limits, is_estimated), "", frame
    except N3DError as error:
        return None, error.message, frame


def _absent(parts: dict[str, Any]) -> str:
    """Which of them are None, as a sentence; empty where none is."""
    absent = [name for name, part in parts.items() if part is None]
    were = "was" if len(absent) == 1 else "were"
    return f"its {' and '.join(absent)} {were} not recorded" if absent else ""


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
