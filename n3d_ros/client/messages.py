"""Messages of the node -> values of `results`. Imports the generated messages' shapes by their fields
alone.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.cameras.used_camera import used_camera
from n3d_ros.client.arguments import numbers, stamp, text
from n3d_ros.client.results import (
    Answer,
    Found,
    FoundBox,
    NameOutcome,
    NodeInfo,
    Recalled,
    RememberedBox,
    RequestFailed,
)
from n3d_ros.errors import ResultCode
from n3d_ros.plain_text import shown

_CONSISTENT = {0: False, 1: True}
# Of the whole request, whichever name it came at.
_STOPS = (ResultCode.CANCELED, ResultCode.TIMEOUT, ResultCode.SUPERSEDED)


def found_box(message: Any) -> FoundBox:
    """Of a GroundedObject."""
    at, turned, size = message.pose.position, message.pose.orientation, message.size
    return FoundBox(
        message.id,
        message.label,
        center=(at.x, at.y, at.z),
        size=(size.x, size.y, size.z),
        orientation=(turned.x, turned.y, turned.z, turned.w),
        score=message.score,
        words=message.words,
    )


def found(result: Any, every_name: bool = True) -> Found:
    """Of Ground's result; RequestFailed unless its code is OK.

    every_name: False where it is enough that one of the names could be looked for.
    """
    message = result.boxes
    boxes, outcomes = found_until(result)
    if every_name or not _is_partly_answered(result.code, outcomes):
        _require_ok(result, boxes, outcomes)
    return Found(
        message.words,
        boxes,
        message.header.frame_id,
        stamp_ns=stamp_ns(message.header),
        depth_is_estimated=message.depth_is_estimated,
        total_ms=result.timing.total_ms,
        raw_text=result.raw_text,
        intrinsics=used_camera(message.intrinsics),
        is_overridden=message.intrinsics.is_overridden,
        valid_ratio=message.valid_ratio,
        outcomes=outcomes,
    )


def found_until(result: Any) -> tuple[tuple[FoundBox, ...], tuple[NameOutcome, ...]]:
    """Boxes, and outcomes of names, of Ground's or Ask's result, whatever its code."""
    if hasattr(result, "answer"):
        return tuple(found_box(one) for one in result.answer.evidence), ()
    said = result.boxes.outcomes
    outcomes = tuple(NameOutcome(one.words, ResultCode(one.code), one.message) for one in said)
    return tuple(found_box(one) for one in result.boxes.boxes), outcomes


def _is_partly_answered(code: int, outcomes: tuple[NameOutcome, ...]) -> bool:
    """Whether the code is that of a name among others that were answered: not of a stop, of the frame or of
    tf, which is of all of them.
    """
    codes = {one.code for one in outcomes}
    return ResultCode.OK in codes and code in codes and code not in _STOPS


def answer(result: Any) -> Answer:
    """Of Ask's result; RequestFailed unless its code is OK."""
    message = result.answer
    evidence, _ = found_until(result)
    _require_ok(result, evidence)
    return Answer(
        message.question,
        message.answer,
        message.reasoning,
        message.relation,
        value=message.value if message.has_value else None,
        unit=message.unit,
        is_consistent=_CONSISTENT.get(message.consistent),
        evidence=evidence,
        frame=message.header.frame_id,
        stamp_ns=stamp_ns(message.header),
        depth_is_estimated=message.depth_is_estimated,
        note=result.message or message.message,
        raw_text=result.raw_text,
        intrinsics=used_camera(message.intrinsics),
        is_overridden=message.intrinsics.is_overridden,
        valid_ratio=message.valid_ratio,
    )


def recalled(words: str, response: Any) -> Recalled:
    """Of Recall's response; RequestFailed unless its code is OK."""
    _require_ok(response, ())
    return Recalled(
        words,
        response.answer,
        tuple(_remembered(one) for one in response.objects),
        response.header.frame_id,
        stamp_ns=stamp_ns(response.header),
        note=response.message,
    )


def _remembered(message: Any) -> RememberedBox:
    at, turned, size, spread = message.pose.position, message.pose.orientation, message.size, message.spread
    return RememberedBox(
        message.id,
        message.label,
        words=tuple(message.words),
        center=(at.x, at.y, at.z),
        size=(size.x, size.y, size.z),
        orientation=(turned.x, turned.y, turned.z, turned.w),
        spread=(spread.x, spread.y, spread.z),
        num_looks=message.num_looks,
        first_seen_ns=_time_ns(message.first_seen),
        last_seen_ns=_time_ns(message.last_seen),
        gone_ns=_time_ns(message.gone_since) if message.state == message.GONE else None,
        score=message.score,
        depth_is_estimated=message.depth_is_estimated,
    )


def node_info(response: Any) -> NodeInfo:
    """Of GetInfo's response."""
    return NodeInfo(
        response.version,
        response.model,
        response.backend,
        response.state,
        capabilities=tuple(response.capabilities),
        missing=tuple(response.missing),
        memory=response.memory,
        memory_frame=response.memory_frame,
        memory_file=response.memory_file,
        num_remembered=response.num_remembered,
        num_gone=response.num_gone,
        shared_with=tuple(response.shared_with),
    )


def fill_correction(message: Any, result: Found | Answer) -> Any:
    """Say in a Correction which result it is about, and return it."""
    message.header.stamp.sec, message.header.stamp.nanosec = stamp("stamp_ns", result.stamp_ns)
    message.header.frame_id = text("frame", result.frame)
    message.words = text("words", result.words if isinstance(result, Found) else result.question)
    return message


def fill_box(message: Any, box: FoundBox) -> Any:
    """Write a box into a GroundedObject and return it. ValueError, TypeError for one that cannot be."""
    at, turned, size = message.pose.position, message.pose.orientation, message.size
    for name in ("id", "label", "words"):
        setattr(message, name, text(name, getattr(box, name)))
    [message.score] = numbers("score", [box.score], 1)
    at.x, at.y, at.z = numbers("center", box.center, 3)
    size.x, size.y, size.z = numbers("size", box.size, 3)
    turned.x, turned.y, turned.z, turned.w = numbers("orientation", box.orientation, 4)
    if min(size.x, size.y, size.z) < 0:
        raise ValueError(f"size: expected no negative number, got {shown(box.size)}")
    return message


def stamp_ns(header: Any) -> int:
    """Nanoseconds since the epoch of the node's clock."""
    return _time_ns(header.stamp)


def _time_ns(time: Any) -> int:
    return int(time.sec) * 10**9 + int(time.nanosec)


def _require_ok(result: Any, boxes: tuple[FoundBox, ...], outcomes: tuple[NameOutcome, ...] = ()) -> None:
    if result.code != ResultCode.OK:
        raise RequestFailed(ResultCode(result.code), result.message, boxes, outcomes)
