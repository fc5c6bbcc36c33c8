"""What viewers of a graph see: the scene that markers make, the newest diagnostics, the log."""

from rclpy.qos import DurabilityPolicy, QoSProfile
from visualization_msgs.msg import Marker

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
LOG = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def scene(arrays):
    """What a viewer shows after these messages."""
    shown = {}
    for array in arrays:
        for marker in array.markers:
            assert marker.action in (Marker.ADD, Marker.DELETE)
            if marker.action == Marker.ADD:
                shown[marker.ns, marker.id] = marker
            else:
                shown.pop((marker.ns, marker.id), None)
    return shown


def status_of(messages, name):
    """The newest status of that name."""
    found = [one for message in messages for one in message.status if one.name == f"/n3d: {name}"]
    return found[-1] if found else None


def wait_for_level(graph, messages, name, level):
    def found():
        one = status_of(messages, name)
        return one if one is not None and one.level == level else None

    return graph.wait(found, f"{name} at level {level}")
