"""What is remembered -> this package's messages, and the line of /diagnostics.

In: `Remembered` things, the keeper's `State`. Out: messages. Nothing is decided here but what is a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Vector3

from n3d_ros.memory import Remembered
from n3d_ros.msg import Remembered as RememberedMessage
from n3d_ros.msg import RememberedArray
from n3d_ros.node.conversions import NANOSECONDS
from n3d_ros.node.memory.keeper import State
from n3d_ros.node.outputs.diagnostics import status
from n3d_ros.node.outputs.messages import header
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.node.transforms import quaternion


def array(state: State) -> RememberedArray:
    """Everything that is remembered."""
    return RememberedArray(header=header(state.stamp_ns, state.frame), objects=messages(state.things))


def messages(things: Sequence[Remembered]) -> list[RememberedMessage]:
    """One a thing."""
    return [_message(one) for one in things]


def _message(thing: Remembered) -> RememberedMessage:
    message = RememberedMessage(
        id=thing.id,
        label=thing.label,
        words=list(thing.words),
        score=float(thing.score),
        size=_vector(thing.place.size),
        spread=_vector(thing.spread_m),
        num_looks=thing.num_looks,
        depth_is_estimated=thing.depth_is_estimated,
        first_seen=_time(thing.first_ns),
        last_seen=_time(thing.last_ns),
        state=RememberedMessage.THERE if thing.gone_ns is None else RememberedMessage.GONE,
        gone_since=_time(thing.gone_ns or 0),
    )
    position = message.pose.position
    position.x, position.y, position.z = thing.place.center
    message.pose.orientation = quaternion(thing.place.rotation)
    return message


def memory_status(node_name: str, state: State, num_left_out: int, file: str) -> DiagnosticStatus:
    """WARN while looks are not remembered, or not written."""
    gone = _num_gone(state)
    values: dict[str, Any] = {
        "frame": state.frame,
        "things": len(state.things),
        "gone": gone,
        "looks": state.num_looks,
        "left_out": num_left_out,
        "file": file,
    }
    name = f"{node_name}: memory"
    if state.problem:
        return status(name, Level.WARN, f"the newest look was not remembered: {state.problem}", values)
    if state.file_problem:
        return status(name, Level.WARN, f"memory.file is not written: {state.file_problem}", values)
    return status(name, Level.OK, f"{len(state.things)} things, {gone} of them gone", values)


def fill_info(response: Any, state: State, file: str) -> Any:
    """GetInfo's lines about a memory that is on."""
    response.memory, response.memory_frame, response.memory_file = "on", state.frame, file
    response.num_remembered, response.num_gone = len(state.things), _num_gone(state)
    return response


def off_status(node_name: str, why: str) -> DiagnosticStatus:
    """ERROR: the memory is wanted and off."""
    return status(f"{node_name}: memory", Level.ERROR, f"nothing is remembered: {why}", {})


def _num_gone(state: State) -> int:
    return sum(one.gone_ns is not None for one in state.things)


def _vector(values: Sequence[float]) -> Vector3:
    x, y, z = values
    return Vector3(x=x, y=y, z=z)


def _time(stamp_ns: int) -> Time:
    sec, nanosec = divmod(stamp_ns, NANOSECONDS)
    return Time(sec=sec, nanosec=nanosec)
