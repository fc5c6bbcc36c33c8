"""What each input of the node is called: by remap rules, by the launch file, by the parameter of its QoS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputNames:
    """remap: relative topic of the node. launch: argument of n3d.launch.py, empty: it has none. qos: a
    parameter.
    """

    remap: str
    launch: str
    qos: str


# As in the node's diagnostics (node/inputs/topics.py, launch/n3d.launch.py, node/parameters/declared.py).
INPUTS = {
    "rgb": InputNames("rgb/image", "rgb_topic", "qos.rgb"),
    "camera_info": InputNames("rgb/camera_info", "info_topic", "qos.info"),
    "depth": InputNames("depth/image", "depth_topic", "qos.depth"),
    "depth_info": InputNames("depth/camera_info", "depth_info_topic", "qos.info"),
    "rgbd": InputNames("rgbd", "", "qos.rgb"),
}
