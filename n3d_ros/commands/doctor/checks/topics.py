"""Whether messages come on each input, and if not, why: name, publisher, type, quality of service, stamps.

In: `TopicSeen`s. Out: one finding each. Levels and sentences are `node.plain.input_state`'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from n3d_ros.commands.doctor.finding import INPUTS, Finding, fine
from n3d_ros.commands.doctor.inputs import INPUTS as NAMES
from n3d_ros.commands.doctor.seen import GraphSeen, TopicSeen
from n3d_ros.node.plain.input_state import Level, verdict

# Names farther from each other than this have nothing in common (difflib's ratio, 1 = equal).
MIN_LIKENESS = 0.3
# The node hears less than this share of what doctor hears of the same topic: messages are lost on the way.
MIN_HEARD_SHARE = 0.5
MIN_COUNTED = 10


def check_topic(seen: TopicSeen, graph: GraphSeen) -> Finding:
    """The first thing that is wrong with one input."""
    for check in (_publisher, _type, _quality, _silence, _stamps, _losses):
        found = check(seen, graph)
        if found is not None:
            return found
    return fine(INPUTS, seen.state.name, f"{seen.state.topic}: {_figures(seen)}")


def nearest(topic: str, others: Sequence[str], is_depth: bool) -> str:
    """The published topic whose name is most like `topic`; depth is never offered for colour, nor colour for
    depth; '' where none is alike.
    """
    fitting = [other for other in others if ("depth" in other.lower()) == is_depth]
    found = difflib.get_close_matches(topic, fitting, 1, MIN_LIKENESS)
    return found[0] if found else ""


def _publisher(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    if state.num_publishers or state.num:
        return None
    alike = nearest(state.topic, seen.others, state.name.startswith("depth"))
    level = Level.ERROR if state.is_needed else Level.WARN
    if alike:
        why, mend = f"{alike} is published and of the same type", remap(seen, alike, graph)
    else:
        why = f"no {seen.type_name} with a name like it is published either"
        mend = "start the camera's driver; ros2 topic list"
    return Finding(INPUTS, state.name, level, f"nobody publishes {state.topic}", why, mend)


def remap(seen: TopicSeen, topic: str, graph: GraphSeen) -> str:
    """The command that gives the node another topic, or a preset whose topics are all there."""
    if graph.presets:
        return f"ros2 launch n3d_ros n3d.launch.py camera:={graph.presets[0]}"
    names = NAMES[seen.state.name]
    if names.launch:
        return f"ros2 launch n3d_ros n3d.launch.py {names.launch}:={topic}"
    return f"ros2 run n3d_ros n3d_node --ros-args -r {names.remap}:={topic}"


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
        "remap the node to a topic of that type, or set rgb.transport, depth.transport; ros2 topic list -t",
    )


def _quality(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    if not seen.state.incompatible:
        return None
    return Finding(
        INPUTS,
        seen.state.name,
        Level.ERROR,
        seen.state.incompatible,
        "quality of service: a publisher has to offer at least what is asked for",
        f"ros2 launch n3d_ros n3d.launch.py qos:=auto (or -p {NAMES[seen.state.name].qos}:=auto)",
    )


def _silence(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    if state.num and not state.is_late:
        return None
    if not state.num and seen.num_by_node and state.name.endswith("info"):
        return fine(INPUTS, state.name, f"{state.topic}: the node has it from before")
    level = Level.ERROR if state.is_needed else Level.WARN
    look = f"look at the driver's log; ros2 topic hz {state.topic}"
    return Finding(INPUTS, state.name, level, verdict(state)[1], "its publisher is silent", look)


def _stamps(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    limit_s = graph.parameters.max_frame_age_s if graph.parameters else 0.0
    if seen.state.is_ahead:
        level, what = verdict(seen.state)
        return Finding(INPUTS, seen.state.name, level, what, "clocks differ", _mend_clock(graph))
    # Camera info that was sent once is as old as it is: it describes the lens.
    if seen.state.name.endswith("info") or not limit_s or seen.age_s <= limit_s:
        return None
    return Finding(
        INPUTS,
        seen.state.name,
        Level.ERROR,
        f"{seen.state.topic}: stamps are {seen.age_s:.1f} s behind the node's clock",
        f"max_frame_age_s is {limit_s:g}: every frame is STALE",
        _mend_clock(graph),
    )


def _mend_clock(graph: GraphSeen) -> str:
    if graph.num_clocks and not graph.use_sim_time:
        return f"ros2 param set {graph.node} use_sim_time true"
    return (
        "synchronise the clocks (chronyc tracking); a recording: ros2 bag play --clock and use_sim_time:=true"
    )


def _losses(seen: TopicSeen, graph: GraphSeen) -> Finding | None:
    state = seen.state
    counted = min(state.num, seen.num_by_node) >= MIN_COUNTED
    if not counted or seen.rate_by_node_hz >= MIN_HEARD_SHARE * state.rate_hz:
        return None
    return Finding(
        INPUTS,
        state.name,
        Level.WARN,
        f"{state.topic}: the node hears {seen.rate_by_node_hz:.1f} of {state.rate_hz:.1f} Hz",
        "large images lose fragments on the way, or the node's machine is busy",
        "qos:=auto, and room for whole images: docs/interface.md, 'Images that never arrive'",
    )


def _figures(seen: TopicSeen) -> str:
    return f"{seen.state.rate_hz:.1f} Hz, {seen.wanted}, {1000 * seen.age_s:.0f} ms old"
