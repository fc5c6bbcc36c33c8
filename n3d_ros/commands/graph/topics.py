"""What a node in the graph listens to: so that programs beside it need not be told its remaps.

In: a rclpy node, the name of the node that is meant. Out: topics and types, message classes, how to
subscribe.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from n3d_ros.recording.types import CAMERA, CORRECTION

# A day's work of a person, or a set that a program judges.
NUM_CORRECTIONS = 10_000


def camera_topics(node: Any, target: str) -> list[tuple[str, str]]:
    """(topic, type) of the camera's topics that `target`, in the node's namespace, subscribes to; none
    while it is not there.
    """
    from rclpy.node import NodeNameNonExistentError

    try:
        found = node.get_subscriber_names_and_types_by_node(target, node.get_namespace())
    except NodeNameNonExistentError:
        return []
    return [(topic, types[0]) for topic, types in found if types[0] in CAMERA]


def message_class(type_name: str) -> type | None:
    """ "sensor_msgs/msg/Image" -> its class, None where its package does not import."""
    package, _, name = type_name.partition("/msg/")
    try:
        found: type | None = getattr(import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None
    return found


def topic_qos(type_name: str) -> Any:
    """Results as they are offered, and corrections as many as a program sends at once; images as any camera
    sends them, reliable or not.
    """
    from rclpy.qos import QoSProfile, qos_profile_sensor_data

    own = QoSProfile(depth=NUM_CORRECTIONS if type_name == CORRECTION else 100)
    return qos_profile_sensor_data if type_name in CAMERA else own
