"""What a node answers, as values that need no ROS: frozen, comparable, `dataclasses.asdict` makes JSON of
them.

Frames: `frame` names the tf frame that positions are in, metres; `stamp_ns` is that of the colour image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from n3d_ros.errors import N3DError, ResultCode
from n3d_ros.geometry import Intrinsics, Vector3


@dataclass(frozen=True)
class FoundBox:
    """One object. id: stable from frame to frame, empty while boxes are still being written. center: metres.
    size: full extents along the box's own axes, metres. orientation: unit quaternion x, y, z, w. score: 0
    to 1. words: that found it, as they were asked.
    """

    id: str
    label: str
    center: Vector3
    size: Vector3
    orientation: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0)
    score: float = 1.0
    words: str = ""

    @property
    def distance_m(self) -> float:
        """From the origin of its frame: from the camera, where the frame is the camera's."""
        return math.hypot(*self.center)


@dataclass(frozen=True)
class NameOutcome:
    """How the search for one name ended. code: OK where it was looked for to the end, and no boxes of these
    words then mean that nothing of it is there, unless the message says what was left out.
    """

    words: str
    code: ResultCode
    message: str = ""


@dataclass(frozen=True)
class Found:
    """What words found in one frame; no boxes means looked for and not there.

    outcomes: one for each name that was asked for, in its order.
    intrinsics: of the camera, as the boxes rest on them; is_overridden: whether their K is the node's
    parameter and not the camera info's. valid_ratio: share of depth pixels that were usable, 0 to 1.
    """

    words: str
    boxes: tuple[FoundBox, ...]
    frame: str
    stamp_ns: int
    depth_is_estimated: bool = False
    total_ms: float = 0.0
    raw_text: str = ""
    intrinsics: Intrinsics | None = None
    is_overridden: bool = False
    valid_ratio: float = 0.0
    outcomes: tuple[NameOutcome, ...] = ()

    def boxes_of(self, name: str) -> tuple[FoundBox, ...]:
        """Of one of the names that were asked for. KeyError for another one; RequestFailed for one that could
        not be looked for.
        """
        outcome = {one.words: one for one in self.outcomes}[name]
        boxes = tuple(box for box in self.boxes if box.words == name)
        if outcome.code != ResultCode.OK:
            raise RequestFailed(outcome.code, outcome.message, boxes, (outcome,))
        return boxes


@dataclass(frozen=True)
class Answer:
    """text: one sentence. reasoning: what leads to it. value with unit where the answer is a number, computed
    from the boxes. is_consistent: whether the model's own sentence agrees with them, None where that cannot
    be said. note: what the node adds, such as the model's own words where the sentence was computed.
    intrinsics, is_overridden, valid_ratio: as of `Found`.
    """

    question: str
    text: str
    reasoning: str
    relation: str
    value: float | None
    unit: str
    is_consistent: bool | None
    evidence: tuple[FoundBox, ...]
    frame: str
    stamp_ns: int
    depth_is_estimated: bool = False
    note: str = ""
    raw_text: str = ""
    intrinsics: Intrinsics | None = None
    is_overridden: bool = False
    valid_ratio: float = 0.0


@dataclass(frozen=True)
class RememberedBox:
    """One thing that was found before. center: the mean of the looks at it there, spread their standard
    deviation, metres, axes of the frame. words: that found it. gone_ns: when its place was found empty, None
    while it may be there.
    """

    id: int
    label: str
    words: tuple[str, ...]
    center: Vector3
    size: Vector3
    orientation: tuple[float, float, float, float]
    spread: Vector3
    num_looks: int
    first_seen_ns: int
    last_seen_ns: int
    gone_ns: int | None
    score: float = 1.0
    depth_is_estimated: bool = False


@dataclass(frozen=True)
class Recalled:
    """What the node remembers of the words; boxes: seen last first, none where nothing of that name is known.

    text: the same as sentences. stamp_ns: the node's clock when it answered. note: what may be missing.
    """

    words: str
    text: str
    boxes: tuple[RememberedBox, ...]
    frame: str
    stamp_ns: int
    note: str = ""


@dataclass(frozen=True)
class NodeInfo:
    """state: "loading", "ready" or "failed: <why>". memory: "on", "off" or "failed: <why>"; with "on" the tf
    frame of the places, the file ("" for none), how many things are remembered and how many of them are gone.
    shared_with: nodes of other cameras that use the same loaded engine.
    """

    version: str
    model: str
    backend: str
    state: str
    capabilities: tuple[str, ...]
    missing: tuple[str, ...]
    memory: str = "off"
    memory_frame: str = ""
    memory_file: str = ""
    num_remembered: int = 0
    num_gone: int = 0
    shared_with: tuple[str, ...] = ()


class RequestFailed(N3DError):
    """The node could not serve a request. code: why, as `ResultCode`. boxes: what was found until then.
    outcomes: of each name, where names were asked for and the node said.
    """

    def __init__(
        self,
        code: ResultCode,
        message: str,
        boxes: tuple[FoundBox, ...] = (),
        outcomes: tuple[NameOutcome, ...] = (),
    ) -> None:
        super().__init__(code, f"{code.name}: {message}" if message else code.name)
        self.boxes, self.outcomes = boxes, outcomes


class NoNodeError(N3DError):
    """No node offers what is asked for; the message names what was looked for and what is there."""

    def __init__(self, message: str) -> None:
        super().__init__(ResultCode.TIMEOUT, message)
