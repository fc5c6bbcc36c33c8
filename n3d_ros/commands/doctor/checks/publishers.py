"""Whether one camera sends, or several on the same topics.

In: `GraphSeen`. Out: one finding for all topics that have more than one publisher. Several may be in order:
one of them may be silent, or have ended without saying so. What came decides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from n3d_ros.commands.doctor.finding import INPUTS, Finding
from n3d_ros.commands.doctor.seen import GraphSeen, TopicSeen
from n3d_ros.node.plain.inputs.state import Level


def check_publishers(graph: GraphSeen) -> Finding | None:
    """WRONG where messages of several cameras came, to look at where they may come."""
    shared = [one for one in graph.topics if len(one.publishers) > 1]
    if not shared:
        return None
    level, why = _judged(shared)
    return Finding(INPUTS, "publishers", level, _who(shared), why, _mend(shared[0]))


def _who(shared: Sequence[TopicSeen]) -> str:
    """The same nodes are named once for all of their topics."""
    topics = defaultdict[str, list[str]](list)
    for one in shared:
        topics[f"{len(one.publishers)} publishers on {{}}: {_names(one)}"].append(one.state.topic)
    return "; ".join(words.format(", ".join(ones)) for words, ones in topics.items())


def _judged(shared: Sequence[TopicSeen]) -> tuple[Level, str]:
    mixed = [one.state.topic for one in shared if one.is_mixed]
    if not mixed:
        return Level.WARN, "where more than one of them sends, pictures and K of several cameras mix"
    why = f"frame, size or K change to and fro on {', '.join(mixed)}: pictures and K of several cameras mix"
    return Level.ERROR, f"{why}; until that is mended the frame is not judged"


def _names(seen: TopicSeen) -> str:
    """A driver that was started twice is named twice."""
    counted = Counter(seen.publishers)
    return ", ".join(name if num == 1 else f"{name} ({num} times)" for name, num in counted.items())


def _mend(seen: TopicSeen) -> str:
    return (
        "stop all but one of them, or start each camera in a namespace of its own and a node for each (ros2 "
        "launch n3d_ros multi_camera.launch.py cameras:=front,left); who they are: ros2 topic info -v "
        f"{seen.state.topic}"
    )
