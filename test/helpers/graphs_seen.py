"""What doctor saw, for tests of its checks: a healthy graph, and inputs and frames that are right or not."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from image_messages import image

from n3d_ros.commands.doctor.checks.topics import check_topic
from n3d_ros.commands.doctor.seen import (
    FrameSeen,
    GraphSeen,
    StatusSeen,
    TopicSeen,
)
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.state import InputState, Level

IMAGE = "sensor_msgs/msg/Image"
GRAPH = GraphSeen(
    "/n3d",
    True,
    "domain 0",
    life="active",
    parameters=Parameters(),
    info={"state": "ready"},
    statuses=(StatusSeen("name", Level.OK, ""),),
)
PARAMETERS = Parameters()
# Of a camera's preset.
REALSENSE = {"realsense": ("/camera/color/image", "/camera/depth/image")}


def topic(name="depth", topic="/depth/image", others=(), types=(IMAGE,), by_node=30, seen=None, **state):
    """An input at 10 Hz that node and doctor hear. seen: more fields of `TopicSeen`."""
    known = {"num": 30, "rate_hz": 10.0, "num_publishers": 1, "ahead_s": -0.01, **state}
    return TopicSeen(
        InputState(name, topic, "depth/image", **known),
        IMAGE,
        types=types,
        others=others,
        num_by_node=by_node,
        rate_by_node_hz=10.0 * bool(by_node),
        **(seen or {}),
    )


def silent(**more):
    return topic(num=0, rate_hz=0.0, silent_s=3.0, by_node=0, **more)


def in_graph(*topics, **more):
    """A graph with these inputs, and what is said of each."""
    graph = replace(GRAPH, topics=topics, **more)
    return [check_topic(one, graph) for one in topics]


def absent(**more):
    return silent(num_publishers=0, **more)


def one(found, name):
    [only] = [finding for finding in found if finding.name == name]
    return only


def frame(**changes):
    """A frame that fits together; 4x4, depth 1 m."""
    rgb, depth = (
        image(np.zeros((4, 4, 3), np.uint8), "rgb8"),
        image(np.full((4, 4), 1000, np.uint16), "16UC1"),
    )
    info = SimpleNamespace(
        width=4, height=4, k=[4.0, 0, 1.5, 0, 4.0, 1.5, 0, 0, 1], d=[], distortion_model=""
    )
    known = {"rgb": rgb, "depth": depth, "camera_info": info, "num_pairs": 9, "slop_ms": 16.7, **changes}
    return FrameSeen(**known)
