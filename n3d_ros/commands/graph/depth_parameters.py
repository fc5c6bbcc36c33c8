"""The parameters by which a running node reads depth, so that programs beside it see the same metres.

In: a rclpy node, and the name of the node that is meant. Out: a diagnostic_msgs/DiagnosticArray that
holds them as text, asked for anew whenever that node changes a parameter, and now and then.
"""

from __future__ import annotations

import time
from typing import Any

from n3d_ros.recording.depth_reading import DEPTH_PARAMETERS, NAMES, UNKNOWN

# As many changes as rclpy's publisher of them keeps.
NUM_EVENTS = 1000


class DepthParameters:
    """message: None until the node has answered. changed_ns: when they last did, of time.monotonic_ns; None
    where they never did.
    """

    def __init__(self, node: Any, target: str) -> None:
        from rcl_interfaces.msg import ParameterEvent
        from rcl_interfaces.srv import GetParameters

        self.message: Any = None
        self.changed_ns: int | None = None
        self._is_changing = False
        self.topic = node.resolve_topic_name(f"{target}{DEPTH_PARAMETERS}")
        self._target = node.resolve_topic_name(target)
        self._client = node.create_client(GetParameters, f"{target}/get_parameters")
        self._request = GetParameters.Request(names=list(NAMES))
        node.create_subscription(ParameterEvent, "/parameter_events", self._on_event, NUM_EVENTS)

    def look(self) -> None:
        """Ask the node, if it is there. Now and then: what is asked as it starts may be lost."""
        if self._client.service_is_ready():
            self._ask()

    def known_since(self, since_ns: int) -> Any:
        """The message where it holds since that time of time.monotonic_ns; else one that says that it is not
        known.
        """
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

        is_new = self.changed_ns is not None and self.changed_ns >= since_ns
        if self.message is not None and not self._is_changing and not is_new:
            return self.message
        said = [KeyValue(key=UNKNOWN, value="True")]
        return DiagnosticArray(status=[DiagnosticStatus(name=self._target, values=said)])

    def _ask(self) -> None:
        self._client.call_async(self._request).add_done_callback(self._on_answer)

    def _on_event(self, event: Any) -> None:
        if event.node != self._target:
            return
        set_ones = (*event.new_parameters, *event.changed_parameters, *event.deleted_parameters)
        self._is_changing = self._is_changing or any(one.name in NAMES for one in set_ones)
        self._ask()

    def _on_answer(self, answered: Any) -> None:
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
        from rclpy.parameter import parameter_value_to_python

        values = map(parameter_value_to_python, answered.result().values)
        named = zip(NAMES, values, strict=False)  # a node that does not have them answers with fewer
        said = [KeyValue(key=name, value=str(value)) for name, value in named if value is not None]
        if self._is_changing:
            self.changed_ns, self._is_changing = time.monotonic_ns(), False
        self.message = DiagnosticArray(status=[DiagnosticStatus(name=self._target, values=said)])
