"""Where the camera is in `map`, as a robot says it: by the real tf2_ros where it imports, else a stand-in."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import stand_in_tf
from graph import FRAME


class StandInTf:
    """Known at all times, or never."""

    def __init__(self, world: stand_in_tf.World) -> None:
        self._world = world

    def join(self, graph: Any) -> None:
        """Nothing is sent."""

    def show(self, is_there: bool) -> None:
        """Whether it is known from now on."""
        self._world.poses.clear()
        if is_there:
            self._world.poses["map", FRAME] = stand_in_tf.Still()

    def tell(self, stamp: Any) -> None:
        """Nothing is sent."""


class RealTf:
    """Over /tf, at the instant of each frame."""

    def __init__(self) -> None:
        self._is_there = True
        self._publisher: Any = None

    def join(self, graph: Any) -> None:
        """Send in this graph; its node listens."""
        from tf2_msgs.msg import TFMessage

        self._publisher = graph.client.create_publisher(TFMessage, "/tf", 100)
        graph.wait(self._publisher.get_subscription_count, "the node to listen to tf")

    def show(self, is_there: bool) -> None:
        """Whether it is sent from now on."""
        self._is_there = is_there

    def tell(self, stamp: Any) -> None:
        """Where the camera is at this stamp."""
        from geometry_msgs.msg import TransformStamped
        from tf2_msgs.msg import TFMessage

        one = TransformStamped(child_frame_id=FRAME)
        one.header.frame_id, one.header.stamp = "map", stamp
        one.transform.rotation.w = 1.0
        if self._is_there:
            self._publisher.publish(TFMessage(transforms=[one]))


def map_tf(monkeypatch: Any) -> RealTf | StandInTf:
    """Before the node is made."""
    return RealTf() if find_spec("tf2_ros") else StandInTf(stand_in_tf.install(monkeypatch))
