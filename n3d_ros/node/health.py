"""What the node says of itself: /diagnostics once a period, and the log when the engine is loaded.

In: camera and desk. Out: a DiagnosticArray. What is a warning is decided in `outputs.diagnostics`.
"""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.outputs import diagnostics, optional_packages


class Health:
    """Collects and publishes."""

    def __init__(self, node: Node, desk: Desk, camera: Camera) -> None:
        self._node, self._desk, self._camera = node, desk, camera
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self) -> None:
        """One message."""
        name, topics, desk = self._node.get_fully_qualified_name(), self._camera.topics, self._desk
        now = self._node.get_clock().now()
        inputs = [diagnostics.input_status(name, topics, one, now.nanoseconds) for one in topics.inputs]
        absent = "; ".join(optional_packages.missing())
        measured = {"superseded": desk.worker.num_superseded, **desk.results.latency()}
        self._publisher.publish(
            diagnostics.array(
                now.to_msg(),
                [
                    *inputs,
                    diagnostics.sync_status(name, topics),
                    diagnostics.engine_status(name, desk.worker.state, {"absent": absent}),
                    diagnostics.result_status(name, desk.codes, desk.last_error, measured),
                ],
            )
        )

    def log_engine(self) -> None:
        """How loading ended, and what is absent on this machine."""
        log, state = self._node.get_logger(), self._desk.worker.state
        (log.info if state == "ready" else log.error)(f"model: {state}")
        for absent in optional_packages.missing():
            log.info(f"absent: {absent}")
