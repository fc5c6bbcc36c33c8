"""What the node says of itself: /diagnostics once a period, and a line in the log for each change.

In: camera and desk. Out: a DiagnosticArray, log lines. What is a warning is decided in `plain.inputs.state`
and `outputs.diagnostics`.
"""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from n3d_ros.node import optional_packages
from n3d_ros.node.desk.desk import Desk
from n3d_ros.node.inputs.camera import Camera
from n3d_ros.node.memory.remembering import Remembering
from n3d_ros.node.outputs import diagnostics
from n3d_ros.node.parameters.declared import OVERRIDE
from n3d_ros.node.plain.inputs.state import Level, Watch
from n3d_ros.node.plain.transitions import ACTIVE, INACTIVE


class Health:
    """Collects, publishes, logs."""

    def __init__(self, node: Node, desk: Desk, camera: Camera, memory: Remembering) -> None:
        self._node, self._desk, self._camera, self._memory = node, desk, camera, memory
        self._watch = Watch()
        self.life = INACTIVE
        self._num_same_name = 1
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    @property
    def is_active(self) -> bool:
        """Whether the node listens to its camera."""
        return self.life == ACTIVE

    def publish(self) -> None:
        """One message."""
        name, desk = self._node.get_fully_qualified_name(), self._desk
        now = self._node.get_clock().now()
        absent = "; ".join(optional_packages.missing())
        measured = {"superseded": desk.worker.num_superseded, **desk.results.latency()}
        self._publisher.publish(
            diagnostics.array(
                now.to_msg(),
                [
                    *(self._of_camera(name, now.nanoseconds) if self.is_active else ()),
                    diagnostics.life_status(name, self.life),
                    diagnostics.engine_status(name, desk.worker, time.monotonic(), {"absent": absent}),
                    diagnostics.result_status(name, desk.codes, desk.last_error, measured),
                    *self._memory.statuses(name),
                    diagnostics.name_status(name, self._num_same_name),
                ],
            )
        )

    def _of_camera(self, name: str, now_ns: int) -> list[DiagnosticStatus]:
        """Inputs, pairing, alignment, whose K: of an active node."""
        camera, topics, wanted = self._camera, self._camera.topics, self._desk.parameters.now
        inputs = [
            diagnostics.input_status(name, one, state, now_ns)
            for one, state in zip(topics.inputs, topics.states(), strict=True)
        ]
        return [
            *inputs,
            diagnostics.sync_status(name, topics, camera.arrivals, time.monotonic()),
            diagnostics.alignment_status(name, camera.frames.frame, wanted.depth_align, wanted.tf_timeout_s),
            diagnostics.intrinsics_status(
                name, wanted.intrinsics_override, camera.frames.frame, self._desk.results.camera
            ),
        ]

    def look(self) -> None:
        """Log what has changed since the last look."""
        states = self._camera.topics.states() if self.is_active else ()
        for level, message in self._watch.changes(states):
            self._log(level, message)
        name = self._node.get_fully_qualified_name()
        num_same = sum(
            f"{namespace.rstrip('/')}/{node}" == name
            for node, namespace in self._node.get_node_names_and_namespaces()
        )
        if num_same > max(self._num_same_name, 1):
            self._log(Level.ERROR, diagnostics.same_name(name, num_same))
        self._num_same_name = num_same

    def log_engine(self) -> None:
        """How loading ended, and what is absent on this machine."""
        worker = self._desk.worker
        state = worker.loads_late(time.monotonic()) or worker.state
        self._log(Level.OK if state == "ready" else Level.ERROR, f"model: {state}")
        for absent in optional_packages.missing():
            self._log(Level.OK, f"absent: {absent}")

    def log_override(self) -> None:
        """Whose K is used, when the parameter says so or has ceased to."""
        override = self._desk.parameters.now.intrinsics_override
        said = f"{override}, in place of the camera info's K" if override else "none; K is the camera info's"
        self._log(Level.OK, f"{OVERRIDE}: {said}")

    def _log(self, level: Level, message: str) -> None:
        """A call of its own for each severity: rclpy refuses one call that changes its severity."""
        log = self._node.get_logger()
        if level == Level.OK:
            log.info(message)
        elif level == Level.WARN:
            log.warning(message)
        else:
            log.error(message)
