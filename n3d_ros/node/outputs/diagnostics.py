"""The node's health as /diagnostics: inputs, pairing, engine, results.

In: plain numbers and names, and the queue before the engine. Out: a DiagnosticArray. It decides what is a
warning; it measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from n3d_ros.errors import N3DError
from n3d_ros.msg import Intrinsics
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.inputs.topic import Input
from n3d_ros.node.inputs.topics import CameraTopics
from n3d_ros.node.parameters.declared import OVERRIDE
from n3d_ros.node.plain.engine.worker import Worker
from n3d_ros.node.plain.inputs.arrivals import Arrivals
from n3d_ros.node.plain.inputs.state import InputState, Level, verdict
from n3d_ros.node.plain.transitions import ACTIVE, RESTART, SHUT_DOWN
from n3d_ros.node.transforms import LateTransformError
from n3d_ros.plain_text import one_line

PLACES_IN_K = {"fx": 0, "fy": 4, "cx": 2, "cy": 5}


def status(name: str, level: Level, message: str, values: Mapping[str, Any]) -> DiagnosticStatus:
    """One line; numbers are printed with three decimals, text of others on one line that ends."""
    texts = {
        key: f"{value:.3f}" if isinstance(value, float) else one_line(str(value))
        for key, value in values.items()
    }
    return DiagnosticStatus(
        name=name,
        level=bytes([level]),
        message=one_line(message),
        values=[KeyValue(key=key, value=text) for key, text in texts.items()],
    )


def input_status(node_name: str, one: Input, state: InputState, now_ns: int) -> DiagnosticStatus:
    """Level and sentence of `verdict`, with the figures. now_ns: ROS time."""
    values: dict[str, Any] = {
        "topic": state.topic,
        "publishers": state.num_publishers,
        "messages": state.num,
        "rate_hz": state.rate_hz,
        "silent_s": state.silent_s,
        "qos": str(one.quality),
        "frame_id": one.frame_id,
        "encoding": one.encoding,
    }
    if one.last_stamp_ns is not None:
        values["age_s"] = (now_ns - one.last_stamp_ns) / 1e9
    level, message = verdict(state)
    return status(f"{node_name}: {one.name}", level, message, values)


def sync_status(node_name: str, topics: CameraTopics, frames: Arrivals, now_s: float) -> DiagnosticStatus:
    """WARN when images come and do not pair.

    frames: arrivals of complete frames; now_s: on their clock.
    """
    sync, name = topics.sync, f"{node_name}: sync"
    skews_ms = np.asarray(sync.skews_ns, np.float64) / 1e6
    values: dict[str, Any] = {**sync.counts, "slop_ms": sync.slop_ns / 1e6, "rate_hz": frames.rate_hz(now_s)}
    if skews_ms.size:
        values["skew_p50_ms"], values["skew_p99_ms"] = np.percentile(skews_ms, [50, 99]).tolist()
    all_come = all(one.num and not one.is_late for one in topics.states() if one.is_needed)
    if all_come and (not frames.num or frames.is_late(now_s)):
        return status(name, Level.WARN, sync.why_no_frame(), values)
    if not all_come:
        return status(name, Level.WARN, f"no frame for {frames.silent_s(now_s):.1f} s", values)
    return status(name, Level.OK, f"{frames.rate_hz(now_s):.1f} Hz", values)


def alignment_status(
    node_name: str, frame: CameraFrame | None, mode: str, tf_timeout_s: float
) -> DiagnosticStatus:
    """ERROR where depth of another frame cannot be registered. frame: the newest. mode: of depth.align.
    tf_timeout_s: how long tf may be on its way.
    """
    name = f"{node_name}: alignment"
    if frame is None:
        return status(name, Level.OK, "no frame yet", {})
    messages = frame.messages
    frames = {"rgb": messages.rgb.header.frame_id, "depth": messages.depth.header.frame_id}
    try:
        camera = frame.alignment.depth_camera(messages.rgb, messages.depth, mode)
    except N3DError as error:
        is_late = isinstance(error.__cause__, LateTransformError)
        if is_late and frame.arrived_ago_s() <= tf_timeout_s:
            return status(name, Level.OK, "tf of the newest picture is still to come", frames)
        return status(name, Level.ERROR, error.message, frames)
    done = "taken as registered to colour" if camera is None else "registered to colour by this node"
    return status(name, Level.OK, f"depth is {done}", frames)


def intrinsics_status(
    node_name: str, override: str, frame: CameraFrame | None, used: Intrinsics | None
) -> DiagnosticStatus:
    """Whose K results rest on. override: of intrinsics.override. frame: the newest. used: by the newest
    result about a frame of the camera.
    """
    values = {OVERRIDE: override}
    if frame is not None:
        info = frame.messages.camera_info
        numbers = " ".join(f"{name}={info.k[at]:g}" for name, at in PLACES_IN_K.items())
        values["camera info"] = f"{numbers} size={info.width}x{info.height}"
    if used is not None:
        numbers = " ".join(f"{name}={getattr(used, name):g}" for name in PLACES_IN_K)
        values["newest result"] = f"{numbers} size={used.width}x{used.height}"
        values["newest result is overridden"] = used.is_overridden
    said = f"{OVERRIDE} in place of the camera info's K: {override}" if override else "K of the camera info"
    return status(f"{node_name}: intrinsics", Level.OK, said, values)


def name_status(node_name: str, num_nodes: int) -> DiagnosticStatus:
    """ERROR where several nodes have this name: they answer each other's requests."""
    level = Level.ERROR if num_nodes > 1 else Level.OK
    message = same_name(node_name, num_nodes) if num_nodes > 1 else "the name is this node's alone"
    return status(f"{node_name}: name", level, message, {"nodes": num_nodes})


def same_name(node_name: str, num_nodes: int) -> str:
    """What several nodes of one name mean, and what to do."""
    return (
        f"{num_nodes} nodes are named {node_name}: requests go to any of them and topics mix; start each "
        "with a name or namespace of its own (--ros-args -r __node:=NAME, or namespace:= of the launch file)"
    )


def life_status(node_name: str, life: str) -> DiagnosticStatus:
    """WARN while the node neither listens nor answers. life: 'active', 'inactive' or 'finalized'."""
    if life == ACTIVE:
        return status(f"{node_name}: lifecycle", Level.OK, "active", {})
    message = f"inactive: ros2 lifecycle set {node_name} activate"
    if life == SHUT_DOWN:
        message = f"it was shut down, for good: {RESTART}"
    return status(f"{node_name}: lifecycle", Level.WARN, message, {})


def engine_status(
    node_name: str,
    worker: Worker[Any],
    now_s: float,
    values: Mapping[str, Any],
) -> DiagnosticStatus:
    """ERROR when the model did not load, or not in time, or goes on with what should have ended. With whom it
    is shared. WARN when others gave it up: the process holds two.

    now_s: time.monotonic().
    """
    shared, others = ", ".join(worker.shared_with), ", ".join(worker.loaded_anew_by)
    values = {**values, "shared_with": shared, "loaded_anew_by": others}
    anew = (
        f"; {others} loaded it anew: clean this node up and configure it to share that one" if others else ""
    )
    hangs_s = worker.hangs_s(now_s)
    if hangs_s:
        whose = f" to {worker.held_up_by()}" if worker.held_up_by() else ""
        what = f"busy with a request{whose} that should have ended {hangs_s:.1f} s ago"
        return status(f"{node_name}: engine", Level.ERROR, f"{what}; requests wait or time out{anew}", values)
    if late := worker.loads_late(now_s):
        what = f"{late} (model.load_timeout_s): look at the disk or network that holds the model"
        return status(f"{node_name}: engine", Level.ERROR, f"{what}{anew}", values)
    level = {"loading": Level.WARN, "ready": Level.WARN if anew else Level.OK}.get(worker.state, Level.ERROR)
    message = f"{worker.state}, shared with {shared}" if shared else worker.state
    return status(f"{node_name}: engine", level, f"{message}{anew}", values)


def result_status(
    node_name: str, codes: Mapping[str, int], last_error: str, values: Mapping[str, Any]
) -> DiagnosticStatus:
    """WARN when the newest result was not OK, with its reason."""
    return status(
        f"{node_name}: results",
        Level.WARN if last_error else Level.OK,
        last_error or "ok",
        {**codes, **values},
    )


def array(stamp: Time, statuses: Sequence[DiagnosticStatus]) -> DiagnosticArray:
    """The message."""
    message = DiagnosticArray(status=list(statuses))
    message.header.stamp = stamp
    return message
