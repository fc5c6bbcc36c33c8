"""A running node's camera and results, as they come, into a `Scene`.

In: the topics that a node subscribes to and publishes, found in the graph. Out: calls of the scene. A
result waits for nothing: its frame came before it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from n3d_ros.commands.graph.depth_parameters import DepthParameters
from n3d_ros.commands.graph.topics import camera_topics, message_class, topic_qos
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.recording.awaited import Camera, keep
from n3d_ros.recording.depth_reading import DepthReading, depth_reading
from n3d_ros.recording.reader import frame_at, recorded
from n3d_ros.recording.types import ANSWER, BOXES, INFO

if TYPE_CHECKING:
    from n3d_ros.commands.view.scene import Scene

LOOK_S = 1.0


class LiveView:
    """Subscribes on `node`; shows at most rate_hz pictures a second, and each result with its own."""

    def __init__(self, node: Any, target: str, scene: Scene, rate_hz: float) -> None:
        self._node, self._target, self._scene = node, target, scene
        self._period_s, self._shown_s, self._shown_ns = 1.0 / rate_hz, 0.0, -1
        self._camera: Camera = {}
        self._pictures: list[str] = []
        self._depth = DepthParameters(node, target)
        for name, kind in (("boxes", BOXES), ("answer", ANSWER)):
            self._listen(f"{target}/{name}", kind, lambda message, kind=kind: self._on_result(message, kind))
        node.create_timer(LOOK_S, self.look)

    def look(self) -> None:
        """Subscribe to camera topics of the node that are not shown yet, and ask how it reads depth."""
        self._depth.look()
        for topic, kind in camera_topics(self._node, self._target):
            if topic not in self._camera:
                self._camera[topic] = {}
                self._pictures += [topic] if kind != INFO else []
                self._listen(topic, kind, lambda message, topic=topic: self._on_camera(message, topic))

    @property
    def has_seen_node(self) -> bool:
        """Whether the node was there: it alone says which topics its camera has."""
        return bool(self._camera)

    @property
    def _reading(self) -> DepthReading:
        message = self._depth.message
        return DepthReading() if message is None else depth_reading(message)

    def _listen(self, topic: str, kind: str, callback: Any) -> None:
        self._node.create_subscription(message_class(kind), topic, callback, topic_qos(kind))

    def _on_camera(self, message: Any, topic: str) -> None:
        keep(self._camera, topic, stamp_ns(message.header.stamp), message)
        if time.monotonic() - self._shown_s >= self._period_s:
            self._show_newest()

    def _show_newest(self) -> None:
        """The newest instant that colour and depth have in common, once every topic has come."""
        if not all(self._camera.values()):
            return
        newest_ns = min(next(reversed(self._camera[topic])) for topic in self._pictures)
        if newest_ns == self._shown_ns:
            return
        seen, _, _ = frame_at(newest_ns, self._camera, self._reading)
        if seen is not None:
            self._shown_s, self._shown_ns = time.monotonic(), newest_ns
            self._scene.frame(seen, newest_ns)

    def _on_result(self, message: Any, kind: str) -> None:
        camera = {topic: some for topic, some in self._camera.items() if some}
        one = recorded(message, kind, camera, self._reading)
        if one.seen is not None and one.stamp_ns != self._shown_ns:
            self._scene.frame(one.seen, one.stamp_ns)
        self._scene.result(one)
