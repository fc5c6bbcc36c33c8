"""Whether messages come on each input, and if not, why: name, publisher, type, quality of service, rate.

In: `TopicSeen`s. Out: one finding each. Levels and sentences are `node.plain.inputs.state`'s.
"""

from __future__ import annotations

from n3d_ros.commands.doctor.checks.command import (
    alike,
    command,
    first_of_all,
    is_mended,
    mend_anew,
    preset_instead,
    takes_compressed,
)
from n3d_ros.commands.doctor.checks.frame import ALIGN
from n3d_ros.commands.doctor.finding import INPUTS, Finding, fine
from n3d_ros.commands.doctor.inputs import INPUTS as NAMES
from n3d_ros.commands.doctor.seen import GraphSeen, TopicSeen
from n3d_ros.node.plain.inputs.arrivals import LATE_PERIODS
from n3d_ros.node.plain.inputs.state import Level, verdict

# The node hears less than this share of what doctor hears of the same topic: messages are lost on the way.
MIN_HEARD_SHARE = 0.5
MIN_COUNTED = 10
ROOM = "qos:=auto, and room for whole images: docs/interface.md, 'Images that never arrive'"


def check_topic(seen: TopicSeen, graph: GraphSeen) -> Finding:
    """The first thing that is wrong with one input."""
    if seen.state.is_optional and not seen.state.num:
        return fine(INPUTS, seen.state.name, verdict(seen.state)[1])
    for check in (_publisher, _type, _quality, _slowness, _silence, _losses):
        found = check(seen, graph)
        if found is not None:
            return found
    return fine(INPUTS, seen.state.name, f"{seen.state.topic}: {_figures(seen)}")


def _publisher(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    if not seen.is_absent:
        return None
    level = Level.ERROR if state.is_needed else Level.WARN
    what, (why, mend) = f"nobody publishes {state.topic}", _instead(seen, graph)
    return Finding(INPUTS, state.name, level, what, why, mend)


def _instead(seen: TopicSeen, graph: GraphSeen) -> tuple[str, str]:
    """What is published in its place, and what makes the node take it."""
    if not is_mended(seen, graph):
        but = f", but for what {', '.join(graph.others)} may take" if graph.others else ""
        why = f"no {seen.type_name} with a name like it is published either{but}"
        return why, _mend_stream(seen, graph)
    if takes_compressed(seen, graph):
        return f"{seen.compressed or alike(seen)} is", mend_anew(seen, graph)
    if preset := preset_instead(graph):
        return f"every topic of the camera preset '{preset}' is", mend_anew(seen, graph)
    return f"{alike(seen)} is, and of the same type", mend_anew(seen, graph)


def _mend_stream(seen: TopicSeen, graph: GraphSeen) -> str:
    """A driver that sends other things runs."""
    if seen.state.name == "depth_info":
        return ALIGN
    if any(one.state.num for one in graph.topics):
        remap = NAMES[seen.state.name].remap
        return f"switch it on in the camera's driver, which runs, or remap {remap} to it; ros2 topic list"
    return "start the camera's driver; ros2 topic list"


def _type(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    wrong = sorted(set(seen.types) - {seen.type_name})
    if not wrong:
        return None
    return Finding(
        INPUTS,
        seen.state.name,
        Level.ERROR,
        f"{seen.state.topic} is published as {', '.join(wrong)}",
        f"the node takes {seen.type_name}",
        "start the node on a topic of that type, or with the rgb_transport or depth_transport of this one; "
        "ros2 topic list -t",
    )


def _quality(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    if not seen.needs_auto:
        return None
    what, why = seen.state.incompatible, "quality of service: a publisher has to offer what is asked for"
    if not what:
        what, why = f"the node has nothing of {seen.state.topic}", seen.state.missed
    return Finding(INPUTS, seen.state.name, Level.ERROR, what, why, mend_anew(seen, graph))


def _slowness(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    """The node has listened for longer than doctor, and knows a slow camera from a silent one."""
    said = next((one for one in graph.statuses if one.name == seen.state.name), None)
    is_alive = seen.state.num > 0 or (said is not None and said.level == Level.OK)
    wait_s = graph.parameters.frame_timeout_s if graph.parameters else 0.0
    rate_hz = max(seen.state.rate_hz, seen.rate_by_node_hz)
    if seen.is_info or not is_alive or not rate_hz or rate_hz * wait_s >= 1 or not wait_s:
        return None
    what = f"{seen.state.topic}: a message every {1 / rate_hz:.1f} s"
    why = f"slower than a request waits for a new frame (frame_timeout_s {wait_s:g}), so it may get none"
    mend = f"a faster rate in the driver, or ros2 param set {graph.node} frame_timeout_s {1.5 / rate_hz:.1f}"
    return Finding(INPUTS, seen.state.name, Level.WARN, what, why, mend)


def _silence(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    if state.num and not state.is_late:
        return None
    if not state.num and seen.num_by_node and seen.is_info:
        return fine(INPUTS, state.name, f"{state.topic}: the node has it from before")
    if heard := _heard_by_node(seen, graph):
        return heard
    level = Level.ERROR if state.is_needed else Level.WARN
    what = f"nothing on {state.topic} for {state.silent_s:.1f} s"
    num = state.num_publishers
    why = (
        "1 publisher is there and sends nothing"
        if num == 1
        else f"{num} publishers are there and send nothing"
    )
    mend = f"look at the driver's log; ros2 topic hz {state.topic}"
    if seen.compressed and not state.num:
        anew = f"{first_of_all(graph)} {command(graph, [state.name])}"
        mend += f"; where ros2 topic hz {seen.compressed} shows messages: {anew}"
    return Finding(INPUTS, state.name, level, what, why, mend)


def _heard_by_node(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    """What the node says it hears, and doctor, who has listened for a moment, does not."""
    said = next((one for one in graph.statuses if one.name == seen.state.name), None)
    rate_hz, state = seen.rate_by_node_hz, seen.state
    if said is None or said.level != Level.OK or not rate_hz:
        return None
    if state.silent_s <= LATE_PERIODS / rate_hz:
        what = f"{state.topic}: the node hears a message every {1 / rate_hz:.1f} s"
        return fine(INPUTS, state.name, what)
    if state.num:
        return None
    what = f"nothing on {state.topic} here for {state.silent_s:.1f} s, and the node hears {rate_hz:.1f} Hz"
    why = "it is lost on the way to doctor, as large images are, and was not looked at"
    return Finding(INPUTS, state.name, Level.WARN, what, why, ROOM)


def _losses(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    is_counted = state.num >= MIN_COUNTED
    if not is_counted or seen.rate_by_node_hz >= MIN_HEARD_SHARE * state.rate_hz:
        return None
    what = f"{state.topic}: the node hears {seen.rate_by_node_hz:.1f} of {state.rate_hz:.1f} Hz"
    if not seen.num_by_node:
        why = "doctor hears it here, so it is lost between this process and the node's"
        mend = "one RMW_IMPLEMENTATION and user for both; a container: docker run --net=host --ipc=host"
        return Finding(INPUTS, state.name, Level.ERROR, what, why, mend)
    why = "large images lose fragments on the way, or the node's machine is busy"
    return Finding(INPUTS, state.name, Level.WARN, what, why, ROOM)


def _figures(seen: TopicSeen) -> str:
    rate = f"{seen.state.rate_hz:.1f} Hz" if seen.state.rate_hz else "one message"
    return f"{rate}, {seen.wanted}"
