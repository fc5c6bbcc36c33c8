"""The node's health as /diagnostics: inputs, pairing, engine, results.

In: plain numbers and names. Out: a DiagnosticArray. It decides what is a warning; it measures nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from n3d_ros.node.inputs.topics import CameraTopics, Input

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)


def status(name: str, level: bytes, message: str, values: Mapping[str, Any]) -> DiagnosticStatus:
    """One line; numbers are printed with three decimals."""
    shown = {key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in values.items()}
    return DiagnosticStatus(
        name=name,
        level=level,
        message=message,
        values=[KeyValue(key=key, value=value) for key, value in shown.items()],
    )


def input_status(node_name: str, topics: CameraTopics, one: Input, now_ns: int) -> DiagnosticStatus:
    """WARN when nothing came, ERROR when QoS cannot match."""
    topic = topics.resolved(one)
    values: dict[str, Any] = {
        "topic": topic,
        "messages": one.count,
        "rate_hz": one.rate_hz(),
        "qos": "reliable" if one.reliable else "sensor_data",
        "frame_id": one.frame_id,
        "encoding": one.encoding,
    }
    if one.incompatible:
        return status(f"{node_name}: {one.name}", ERROR, one.incompatible, values)
    if one.last_stamp_ns is None:
        return status(
            f"{node_name}: {one.name}", WARN, f"no message on {topic} yet; remap {one.topic}", values
        )
    values["age_s"] = (now_ns - one.last_stamp_ns) / 1e9
    return status(f"{node_name}: {one.name}", OK, f"{one.rate_hz():.1f} Hz", values)


def sync_status(node_name: str, topics: CameraTopics) -> DiagnosticStatus:
    """WARN when images come and never pair, or the depth's frame is not the colour's."""
    skews_ms = np.asarray(topics.sync.skews_ns, np.float64) / 1e6
    values: dict[str, Any] = {**topics.sync.counts, "slop_ms": topics.sync.slop_ns / 1e6}
    if skews_ms.size:
        values["skew_p50_ms"], values["skew_p99_ms"] = np.percentile(skews_ms, [50, 99]).tolist()
    frames = {one.name: one.frame_id for one in topics.inputs}
    if frames["rgb"] and frames["depth"] and frames["rgb"] != frames["depth"]:
        return status(
            f"{node_name}: sync",
            WARN,
            f"depth is in '{frames['depth']}', colour in '{frames['rgb']}': "
            "switch on the driver's alignment of depth to colour",
            values,
        )
    if not topics.sync.counts["paired"] and not topics.missing():
        return status(f"{node_name}: sync", WARN, "colour and depth come, but never within the slop", values)
    return status(f"{node_name}: sync", OK, f"{topics.sync.counts['paired']} frames", values)


def engine_status(node_name: str, state: str, values: Mapping[str, Any]) -> DiagnosticStatus:
    """ERROR when the model did not load."""
    level = {"loading": WARN, "ready": OK}.get(state, ERROR)
    return status(f"{node_name}: engine", level, state, values)


def result_status(
    node_name: str, codes: Mapping[str, int], last_error: str, values: Mapping[str, Any]
) -> DiagnosticStatus:
    """WARN when the newest result was not OK, with its reason."""
    return status(
        f"{node_name}: results", WARN if last_error else OK, last_error or "ok", {**codes, **values}
    )


def array(stamp: Time, statuses: Sequence[DiagnosticStatus]) -> DiagnosticArray:
    """The message."""
    message = DiagnosticArray(status=list(statuses))
    message.header.stamp = stamp
    return message
