"""The one command that starts the node as it should be, for all of its inputs at once.

In: `GraphSeen`. Out: a command with the node's own namespace and name, and with every topic: what is not said
is the launch file's preset, and not what the node has now.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from n3d_ros.commands.doctor.inputs import INPUTS
from n3d_ros.commands.doctor.seen import GraphSeen, TopicSeen

LAUNCH = "ros2 launch n3d_ros n3d.launch.py"
RUN = "ros2 run n3d_ros n3d_node --ros-args"
# What a depth picture's name has in it; the latter is depthai_ros_driver's, which says no "depth".
OF_DEPTH = ("depth", "/stereo/image_raw")
# Names farther from each other than this have nothing in common (difflib's ratio, 1 = equal).
MIN_LIKENESS = 0.3


def launch(graph: GraphSeen) -> str:
    """For a node that is not there: with a camera preset where the graph has all of one."""
    preset = _preset(graph)
    camera = [f"camera:={preset}"] if preset else []
    return " ".join([LAUNCH, *_place(graph.node), *camera, *_time(graph)])


def mend_anew(seen: TopicSeen, graph: GraphSeen) -> str:
    """What mends this input together with all others; the command stands at the first of them."""
    first = next(one for one in graph.topics if is_mended(one, graph))
    if first is not seen:
        return f"the command at {first.state.name} mends it too"
    return f"{first_of_all(graph)} {command(graph)}"


def first_of_all(graph: GraphSeen) -> str:
    """Two nodes of one name answer each other's requests. Those that share its engine end with it."""
    others = graph.info.get("shared_with", "")
    also = f" (and with it {others}, of the same process; n3d_node --camera starts both)" if others else ""
    return f"stop the node{also}, then, with what else it was given:"


def command(graph: GraphSeen, compressed: Sequence[str] = ()) -> str:
    """compressed: inputs to be taken in that form, beside those that are published in no other."""
    compressed = [*compressed, *(one.state.name for one in graph.topics if takes_compressed(one, graph))]
    is_auto = any(one.needs_auto for one in graph.topics)
    if _is_rgbd(graph):
        return _run(graph, is_auto)
    transports = [f"{name}_transport:=compressed" for name in compressed]
    topics = _topics(graph) if not (preset := preset_instead(graph)) else [f"camera:={preset}"]
    qos = ["qos:=auto"] if is_auto else []
    return " ".join([LAUNCH, *_place(graph.node), *topics, *transports, *qos, *_time(graph)])


def is_mended(seen: TopicSeen, graph: GraphSeen) -> bool:
    """Whether starting the node anew, with other arguments, helps this input."""
    is_elsewhere = bool(seen.compressed) or bool(preset_instead(graph)) or bool(alike(seen))
    return seen.needs_auto or (seen.is_absent and is_elsewhere)


def takes_compressed(seen: TopicSeen, graph: GraphSeen) -> bool:
    """Whether it, or what is to be taken in its place, is published in its compressed form alone."""
    is_packed = not preset_instead(graph) and alike(seen) in seen.packed
    return seen.is_absent and (bool(seen.compressed) or is_packed)


def preset_instead(graph: GraphSeen) -> str:
    """The camera preset to be taken where an input is absent; '' where there is none, as for all in one."""
    is_absent = any(one.is_absent and not one.compressed for one in graph.topics)
    return "" if _is_rgbd(graph) or not is_absent else _preset(graph)


def alike(seen: TopicSeen) -> str:
    """The topic to be taken in place of an absent one, else its compressed form; '' where none is like it."""
    is_depth = seen.state.name.startswith("depth")
    found = (nearest(seen.state.topic, topics, is_depth) for topics in (seen.others, seen.packed))
    return next(filter(None, found), "")


def nearest(topic: str, others: Sequence[str], is_depth: bool) -> str:
    """The published topic whose name is most like `topic`; depth is never offered for colour, nor colour for
    depth; '' where none is alike.
    """
    fitting = [other for other in others if any(word in other.lower() for word in OF_DEPTH) == is_depth]
    found = difflib.get_close_matches(topic, fitting, 1, MIN_LIKENESS)
    return found[0] if found else ""


def _preset(graph: GraphSeen) -> str:
    """The first with all inputs, and with every topic that comes already: another one is another camera's."""
    right = {one.state.topic for one in graph.topics if not one.is_absent}
    fits = (
        name
        for name, topics in graph.presets.items()
        if right <= set(topics) and len(topics) >= len(graph.topics)
    )
    return next(fits, "")


def _is_rgbd(graph: GraphSeen) -> bool:
    return any(one.state.name == "rgbd" for one in graph.topics)


def _place(node: str) -> list[str]:
    namespace, _, name = node.rpartition("/")
    given = {"namespace": namespace, "name": "" if name == "n3d" else name}
    return [f"{argument}:={value}" for argument, value in given.items() if value]


def _time(graph: GraphSeen) -> list[str]:
    """Simulated where there is a clock of it, unless the node hears a camera by the machine's."""
    is_heard = any(one.state.num for one in graph.topics)
    is_simulated = graph.num_clocks and (graph.use_sim_time or not is_heard)
    return ["use_sim_time:=true"] if is_simulated else []


def _topics(graph: GraphSeen) -> list[str]:
    return [f"{INPUTS[one.state.name].launch}:={_taken(one)}" for one in graph.topics]


def _taken(seen: TopicSeen) -> str:
    """Arguments name the raw topic, also where its compressed form is taken."""
    is_elsewhere = seen.is_absent and not seen.compressed
    topic = (alike(seen) if is_elsewhere else "") or seen.state.topic
    if topic in seen.packed:
        return topic.rpartition("/")[0]
    return topic.removesuffix(f"/{seen.suffix}") if seen.suffix else topic


def _run(graph: GraphSeen, is_auto: bool) -> str:
    """The launch file has no argument for all in one message."""
    namespace, _, name = graph.node.rpartition("/")
    place = [
        *([f"-r __ns:={namespace}"] if namespace else []),
        *([f"-r __node:={name}"] if name != "n3d" else []),
    ]
    topics = [f"-r {INPUTS[one.state.name].remap}:={_taken(one)}" for one in graph.topics]
    more = [*(["-p qos.rgb:=auto"] if is_auto else []), *(f"-p {one}" for one in _time(graph))]
    return " ".join([RUN, *place, "-p rgbd.enabled:=true", *topics, *more])
