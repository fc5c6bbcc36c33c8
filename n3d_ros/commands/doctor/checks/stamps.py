"""Whether the images' stamps tell when they were taken.

In: `GraphSeen`. Out: one finding on all images together: the clocks of a camera differ for all of its topics.
"""

from __future__ import annotations

from collections.abc import Sequence

from n3d_ros.commands.doctor.finding import INPUTS, Finding, fine
from n3d_ros.commands.doctor.seen import GraphSeen, TopicSeen
from n3d_ros.node.plain.inputs.state import Level, verdict
from n3d_ros.node.plain.inputs.sync import STAMP_EACH


def check_stamps(graph: GraphSeen) -> Finding | None:
    """None where nothing came, and where the clock itself stands still."""
    images = [one for one in graph.topics if one.state.num and not one.is_info]
    if not images or (graph.use_sim_time and not graph.num_clocks):
        return None
    return _unstamped(images, graph) or _clocks(images, graph)


def _unstamped(images: Sequence[TopicSeen], graph: GraphSeen) -> Finding | None:
    """The same picture again within its age is no fault; other pictures are one, by the node's own rule."""
    zero = [one.state.topic for one in images if one.stamp_ns == 0]
    if zero:
        what = f"{', '.join(zero)}: stamps are 0"
        why = "nobody knows when such an image was taken, nor which depth is its"
        return Finding(INPUTS, "stamps", Level.ERROR, what, why, STAMP_EACH)
    limit_s = graph.parameters.max_frame_age_s if graph.parameters else 0.0
    is_refused = graph.frame is not None and graph.frame.unpaired is not None
    still = [
        one
        for one in images
        if one.is_still and (is_refused or one.state.is_ahead or 0 < limit_s < one.age_s)
    ]
    if not still:
        return None
    stamps = ", ".join(f"{one.state.topic} ({(one.stamp_ns or 0) / 1e9:.3f} s)" for one in still)
    what, why = f"each image has the same stamp: {stamps}", "only the first image of a stamp is used"
    return Finding(INPUTS, "stamps", Level.ERROR, what, why, STAMP_EACH)


def _clocks(images: Sequence[TopicSeen], graph: GraphSeen) -> Finding:
    oldest, newest = max(images, key=_age_s), min(images, key=_age_s)
    limit_s = graph.parameters.max_frame_age_s if graph.parameters else 0.0
    if newest.state.is_ahead:
        level, what = verdict(newest.state)
        return Finding(INPUTS, "stamps", level, what, "the clocks differ", _mend_clock(graph))
    if limit_s and oldest.age_s > limit_s:
        what = f"{oldest.state.topic}: stamps are {oldest.age_s:.1f} s behind the node's clock"
        why = f"max_frame_age_s is {limit_s:g}: every frame is STALE"
        return Finding(INPUTS, "stamps", Level.ERROR, what, why, _mend_clock(graph))
    return fine(INPUTS, "stamps", f"at most {1000 * max(oldest.age_s, 0.0):.0f} ms old when they come")


def _age_s(seen: TopicSeen) -> float:
    return seen.age_s


def _mend_clock(graph: GraphSeen) -> str:
    if graph.num_clocks and not graph.use_sim_time:
        return f"ros2 param set {graph.node} use_sim_time true"
    if graph.use_sim_time:
        return (
            f"a camera by the machine's clock: ros2 param set {graph.node} use_sim_time false; a recording: "
            "ros2 bag play --clock; a simulator: use_sim_time of its camera's driver"
        )
    return (
        "synchronise the clocks (chronyc tracking); a recording: ros2 bag play --clock, and "
        "use_sim_time:=true"
    )
