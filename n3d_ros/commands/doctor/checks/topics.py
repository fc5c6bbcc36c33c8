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
    if seen.state.is_optional and not seen.state.num:
        return fine(INPUTS, seen.state.name, verdict(seen.state)[1])
    for check in (_publisher, _type, _quality, _silence, _losses):
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
    level = Level.ERROR if state.is_needed else Level.WARN
    what, (why, mend) = f"nobody publishes {state.topic}", _instead(seen, graph)
    return Finding(INPUTS, state.name, level, what, why, mend)


def _instead(seen: TopicSeen, graph: GraphSeen) -> tuple[str, str]:
    """What is published in its place, and the command that makes the node take it."""
    state, names = seen.state, NAMES[seen.state.name]
    if seen.compressed:
        return f"{seen.compressed} is", f"start the node with -p {state.name}.transport:=compressed"
    if graph.presets:
        preset = graph.presets[0]
        why = f"every topic of the camera preset '{preset}' is"
        return why, f"ros2 launch n3d_ros n3d.launch.py camera:={preset}"
    alike = nearest(state.topic, seen.others, state.name.startswith("depth"))
    if not alike:
        return (
            f"no {seen.type_name} with a name like it is published either",
            "start the camera's driver; ros2 topic list",
        )
    if names.launch:
        mend = f"ros2 launch n3d_ros n3d.launch.py {names.launch}:={alike}"
    else:
        mend = f"ros2 run n3d_ros n3d_node --ros-args -r {names.remap}:={alike}"
    return f"{alike} is, and of the same type", mend


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
    if not state.num and seen.num_by_node and _is_info(seen):
        return fine(INPUTS, state.name, f"{state.topic}: the node has it from before")
    level = Level.ERROR if state.is_needed else Level.WARN
    what = f"nothing on {state.topic} for {state.silent_s:.1f} s"
    why = f"{state.num_publishers} publishers are there and send nothing"
    mend = f"look at the driver's log; ros2 topic hz {state.topic}"
    return Finding(INPUTS, state.name, level, what, why, mend)


def _is_info(seen: TopicSeen) -> bool:
    """Sent once is enough: it describes the lens, and is as old as it is."""
    return seen.state.name.endswith("info")


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
    mend = "qos:=auto, and room for whole images: docs/interface.md, 'Images that never arrive'"
    return Finding(INPUTS, state.name, Level.WARN, what, why, mend)


def check_stamps(graph: GraphSeen) -> Finding | None:
    """Of all images together: the clocks of a camera differ for all of its topics. None where nothing came,
    and where the clock itself stands still.
    """
    images = [one for one in graph.topics if one.state.num and not _is_info(one)]
    if not images or (graph.use_sim_time and not graph.num_clocks):
        return None
    oldest, newest = max(images, key=_age_s), min(images, key=_age_s)
    limit_s = graph.parameters.max_frame_age_s if graph.parameters else 0.0
    if newest.state.is_ahead:
        level, what = verdict(newest.state)
        return Finding(INPUTS, "stamps", level, what, "the clocks differ", _mend_clock(graph))
    if limit_s and oldest.age_s > limit_s:
        what = f"{oldest.state.topic}: stamps are {oldest.age_s:.1f} s behind the node's clock"
        why = f"max_frame_age_s is {limit_s:g}: every frame is STALE"
        return Finding(INPUTS, "stamps", Level.ERROR, what, why, _mend_clock(graph))
    return fine(INPUTS, "stamps", f"at most {1000 * oldest.age_s:.0f} ms old when they come")


def _age_s(seen: TopicSeen) -> float:
    return seen.age_s


def _mend_clock(graph: GraphSeen) -> str:
    if graph.num_clocks and not graph.use_sim_time:
        return f"ros2 param set {graph.node} use_sim_time true"
    return (
        "synchronise the clocks (chronyc tracking); a recording: ros2 bag play --clock, and "
        "use_sim_time:=true"
    )


def _figures(seen: TopicSeen) -> str:
    return f"{seen.state.rate_hz:.1f} Hz, {seen.wanted}"
