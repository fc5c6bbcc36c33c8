"""What a camera's inputs do, judged: fine, late, dead, and what would mend it.

In: figures about each topic. Out: levels and sentences for diagnostics and log, and the reason why a request
got no frame. Each names the topic. It knows no ROS and reads no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from n3d_ros.errors import ResultCode

# An input that is expected and silent for so long is an ERROR; later its figures are only memories.
DEAD_S = 5.0
STALE_S = 30.0
# A camera may be started after the node.
FIRST_MESSAGE_S = 10.0
# A simulated clock lags behind its pictures by less; a stamp farther ahead tells no age.
AHEAD_S = 0.5


class Level(IntEnum):
    """The numbers of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


# Of an input without which there is no answer; the first that is absent counts.
CODES = {
    "rgb": ResultCode.NO_FRAME,
    "rgbd": ResultCode.NO_FRAME,
    "camera_info": ResultCode.NO_CAMERA_INFO,
    "depth": ResultCode.NO_DEPTH,
}


@dataclass(frozen=True)
class InputState:
    """One topic now. name: 'rgb', 'camera_info', 'depth', 'depth_info' or 'rgbd'. topic: its full name;
    remap: what to remap.

    num: messages so far. silent_s: since the newest, or since the node began. is_late: it came and has fallen
    silent. ahead_s: how far the newest stamp was ahead of the node's clock when it came. incompatible: a QoS
    problem in words. missed: why what was sent before is not heard. unreadable: why the newest message was
    dropped. is_optional: frames come without it too.
    """

    name: str
    topic: str
    remap: str
    num: int = 0
    rate_hz: float = 0.0
    silent_s: float = 0.0
    is_late: bool = False
    ahead_s: float = 0.0
    num_publishers: int = 0
    incompatible: str = ""
    missed: str = ""
    unreadable: str = ""
    is_optional: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether there is no frame without it."""
        return self.name in CODES and not self.is_optional

    @property
    def is_ahead(self) -> bool:
        """Whether its stamps cannot be ages."""
        return self.num > 0 and self.ahead_s > AHEAD_S

    @property
    def is_lost(self) -> bool:
        """Whether somebody should look after it."""
        never_came = not self.num and self.silent_s > FIRST_MESSAGE_S and not self.is_optional
        return bool(self.incompatible) or self.is_late or never_came


@dataclass(frozen=True)
class FrameState:
    """The newest complete frame. age_s: by its stamp, or by arrival where that is ahead. arrived_s: ago.
    is_repeated: other pictures with its stamp came since.
    """

    age_s: float
    arrived_s: float
    is_fresh: bool
    is_repeated: bool = False


def verdict(one: InputState) -> tuple[Level, str]:
    """Level and sentence of one input."""
    if one.incompatible:
        return Level.ERROR, one.incompatible
    if not one.num and one.is_optional:
        return Level.OK, f"no message on {one.topic}, and none is needed with intrinsics.override"
    if not one.num:
        level = Level.ERROR if one.is_lost else Level.WARN
        return level, f"no message on {one.topic} for {one.silent_s:.1f} s; {remedy(one)}"
    if one.is_late:
        level = (
            Level.WARN if one.silent_s < DEAD_S else Level.ERROR if one.silent_s < STALE_S else Level.STALE
        )
        return level, f"nothing on {one.topic} for {one.silent_s:.1f} s; {remedy(one)}"
    if one.is_ahead:
        return Level.WARN, (
            f"{one.topic}: stamps are {one.ahead_s:.1f} s ahead of the node's clock, so ages count from "
            "arrival; synchronise the clocks, or set use_sim_time for a recording or a simulator"
        )
    return Level.OK, f"{one.rate_hz:.1f} Hz"


def remedy(one: InputState) -> str:
    """What to do about a silent topic."""
    if not one.num_publishers:
        return f"nobody publishes it: start the driver, or remap {one.remap} (ros2 topic list)"
    if one.unreadable:
        return f"what its publisher sends cannot be read: {one.unreadable}"
    if one.missed and not one.num:
        return one.missed
    return f"its publisher sends nothing: look at the driver and its log (ros2 topic hz {one.topic})"


def why_no_frame(
    inputs: Sequence[InputState],
    newest: FrameState | None,
    *,
    pairing: str,
    max_age_s: float,
    waited_s: float,
    awaited: str = "newer frame",
) -> tuple[ResultCode, str]:
    """Why a request that waited `waited_s` for a frame got none. pairing: why what comes gives no frame.
    awaited: which frame, in words.
    """
    for is_absent in (lambda one: not one.num, lambda one: one.is_late):
        absent = [one for one in inputs if one.is_needed and is_absent(one)]
        if absent:
            code = next(code for name, code in CODES.items() if name in {one.name for one in absent})
            return code, "; ".join(verdict(one)[1] for one in absent)
    if newest is None:
        return ResultCode.NO_FRAME, pairing
    if newest.is_repeated:
        return ResultCode.BAD_INPUT, pairing
    if newest.is_fresh:
        return ResultCode.NO_FRAME, (
            f"no {awaited} came within {waited_s:g} s; the newest is {newest.age_s:.1f} s old"
        )
    return ResultCode.STALE, (
        f"the newest frame is {newest.age_s:.1f} s old, max_frame_age_s is {max_age_s:g}; it arrived "
        f"{newest.arrived_s:.1f} s ago" + _blame(inputs, newest, pairing)
    )


def _blame(inputs: Sequence[InputState], newest: FrameState, pairing: str) -> str:
    """The clock only where frames arrive; else the input that others wait for, where there is one."""
    if newest.arrived_s < newest.age_s / 2:
        return ", so the clocks differ: a recording needs use_sim_time"
    slowest = max(inputs, key=lambda one: one.silent_s if one.name != "camera_info" else 0.0)
    if slowest.silent_s < newest.arrived_s / 2:
        return f": {pairing}"
    return f", and {slowest.topic} is silent for {slowest.silent_s:.1f} s"


class Watch:
    """What is worth a line in the log: each change once."""

    def __init__(self) -> None:
        self._bad: dict[str, str] = {}

    def changes(self, inputs: Sequence[InputState]) -> list[tuple[Level, str]]:
        """Since the last call: what broke, and what came back."""
        said: list[tuple[Level, str]] = []
        for one in inputs:
            trouble = "lost" if one.is_lost else "ahead" if one.is_ahead else ""
            before = self._bad.get(one.name, "")
            if trouble and trouble != before:
                said.append(verdict(one))
            elif before and not trouble:
                said.append((Level.OK, f"{one.topic}: all right again"))
            self._bad[one.name] = trouble
        return said
