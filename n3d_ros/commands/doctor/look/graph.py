"""The graph around a node -> `GraphSeen`.

In: the node's name and how long to listen. Out: whether it is there, its parameters, state, diagnostics, and
its inputs, heard by subscriptions of our own. Its remaps are known from its diagnostics, which name the topic
of every input.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.task import Future

from n3d_ros.commands.doctor.inputs import INPUTS
from n3d_ros.commands.doctor.look.listening import Listening
from n3d_ros.commands.doctor.look.presets import complete_presets
from n3d_ros.commands.doctor.seen import GraphSeen, StatusSeen, TopicSeen
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.parameters.declared import DECLARATIONS, Parameters
from n3d_ros.node.plain.inputs.state import Level
from n3d_ros.ros_domain import beginning
from n3d_ros.srv import GetInfo

# Discovery takes up to three seconds on a busy machine, and each process is found in its own time.
FIND_S = 5.0
PUBLISHERS_S = 5.0
ANSWER_S = 3.0
# A service is matched in two halves: an answer to a client whose half for answers is not matched yet is lost.
ASK_AGAIN_S = 0.5
# Beyond diagnostics.period_s.
DIAGNOSTICS_S = 2.0
SPIN_S = 0.05
INFO = ("version", "model", "model_path", "backend", "precision", "board", "state")
SIM_TIME = "use_sim_time"
# How far ROS looks for others: since Iron, and before.
REACH = ("ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_STATIC_PEERS", "ROS_LOCALHOST_ONLY")


def look_at_graph(name: str, listen_s: float) -> GraphSeen:
    """name: full name of the node."""
    with _Look(name) as look:
        return look.all(listen_s)


class _Look:
    """A context of its own with one node, so that a program that has rclpy running keeps its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._statuses: dict[str, StatusSeen] = {}
        self._clock_off_s = 0.0

    def __enter__(self) -> _Look:
        self._context = rclpy.Context()
        with beginning():
            rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node("n3d_doctor", context=self._context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def all(self, listen_s: float) -> GraphSeen:
        """Look, ask, listen."""
        self._begun_s = time.monotonic()
        is_there = self._spin(FIND_S, self._is_there)
        seen = GraphSeen(self._name, is_there, self._where())
        if is_there:
            seen = self._listened(self._asked(seen), listen_s)
        return replace(
            seen,
            others=tuple(one for one in self._n3d_nodes() if one != self._name),
            presets=complete_presets(self._published().keys() - self._taken()),
            num_clocks=self._node.count_publishers("/clock"),
        )

    def _where(self) -> str:
        """What has to be the same for two processes to see each other."""
        reach = [f"{name}={os.environ[name]}" for name in REACH if name in os.environ]
        domain = f"domain {self._context.get_domain_id()}"
        return ", ".join([domain, rclpy.get_rmw_implementation_identifier(), *reach])

    def _is_there(self) -> bool:
        return self._name in self._n3d_nodes()

    def _n3d_nodes(self) -> list[str]:
        """By the service that each of them has; a lifecycle node that was not configured has none yet."""
        names = {
            f"{namespace.rstrip('/')}/{node}"
            for node, namespace in self._node.get_node_names_and_namespaces()
        }
        services = self._services()
        return sorted(one for one in names if f"{one}/get_info" in services or one == self._name)

    def _services(self) -> set[str]:
        return {service for service, _ in self._node.get_service_names_and_types()}

    def _asked(self, seen: GraphSeen) -> GraphSeen:
        """What its services say; what does not answer stays empty."""
        names = [one.name for one in DECLARATIONS]
        asked = {
            "state": self._request(GetState, "get_state", GetState.Request()),
            "parameters": self._request(
                GetParameters, "get_parameters", GetParameters.Request(names=[*names, SIM_TIME])
            ),
            "info": self._request(GetInfo, "get_info", GetInfo.Request()),
        }
        # a list, so that each is asked
        self._spin(ANSWER_S, lambda: all([asked[name].is_answered() for name in ("state", "parameters")]))
        if f"{self._name}/get_info" in self._services():  # it has none before it is configured
            self._spin(ANSWER_S, asked["info"].is_answered)
        answers = {name: one.answer for name, one in asked.items() if one.answer is not None}
        life = answers["state"].current_state.label if "state" in answers else ""
        info = _info(answers["info"]) if "info" in answers else {}
        seen = replace(seen, life=life, info=info)
        return self._with_parameters(seen, answers["parameters"].values) if "parameters" in answers else seen

    def _with_parameters(self, seen: GraphSeen, values: Any) -> GraphSeen:
        found = [parameter_value_to_python(value) for value in values]
        given = {
            one.field_name: value
            for one, value in zip(DECLARATIONS, found, strict=False)
            if value is not None
        }
        use_sim_time = bool(found[-1]) if found else False
        if use_sim_time:  # ages are told by the node's clock
            self._node.set_parameters([Parameter(SIM_TIME, value=True)])
        return replace(seen, parameters=Parameters(**given), use_sim_time=use_sim_time)

    def _request(self, kind: type, name: str, request: Any) -> _Request:
        return _Request(self._node, kind, f"{self._name}/{name}", request)

    def _listened(self, seen: GraphSeen, listen_s: float) -> GraphSeen:
        """Its diagnostics, and its inputs where it is active."""
        period_s = seen.parameters.diagnostics_period_s if seen.parameters else 0.0
        if seen.life != "unconfigured":  # it says nothing then
            self._spin(period_s + DIAGNOSTICS_S, lambda: "name" in self._statuses)
        if seen.life == "active" and seen.parameters is not None:
            self._spin(self._begun_s + PUBLISHERS_S - time.monotonic(), self._has_publishers)
            listening = Listening(self._node, self._topics(), seen.parameters)
            self._spin(listen_s, listening.match_publishers)
            # figures first: to look at a large frame takes seconds, and nothing is heard meanwhile
            published, taken = self._published(), self._taken()
            topics = tuple(self._figures(one) for one in listening.topics(self._name, published, taken))
            frame = listening.frame(
                lambda: self._spin(seen.parameters.tf_timeout_s if seen.parameters else 0.0)
            )
            listening.close()
            seen = replace(seen, topics=topics, frame=frame)
        return replace(seen, statuses=tuple(self._statuses.values()), clock_off_s=self._clock_off_s)

    def _topics(self) -> dict[str, str]:
        """Input -> its full topic, as the node says."""
        return {one.name: one.values["topic"] for one in self._statuses.values() if one.name in INPUTS}

    def _has_publishers(self) -> bool:
        """Whether each input has one."""
        return all(self._node.count_publishers(topic) for topic in self._topics().values())

    def _figures(self, one: TopicSeen) -> TopicSeen:
        values: Mapping[str, str] = self._statuses[one.state.name].values
        num, rate_hz = int(values.get("messages", "0")), float(values.get("rate_hz", "0"))
        return replace(one, num_by_node=num, rate_by_node_hz=rate_hz)

    def _published(self) -> dict[str, str]:
        """Topic -> type, of those that others than n3d nodes publish: their pictures are no camera's."""
        own = tuple(f"{one}/" for one in {self._name, *self._n3d_nodes()})
        found = self._node.get_topic_names_and_types()
        return {
            topic: types[0]
            for topic, types in found
            if self._node.count_publishers(topic) and not topic.startswith(own)
        }

    def _taken(self) -> set[str]:
        """Topics that other n3d nodes subscribe to: of another camera, perhaps, whose name is alike."""
        others = set(self._n3d_nodes()) - {self._name}
        return {
            topic
            for topic in self._published()
            for one in self._node.get_subscriptions_info_by_topic(topic)
            if f"{one.node_namespace.rstrip('/')}/{one.node_name}" in others
        }

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for one in message.status:
            node, _, name = one.name.partition(": ")
            if node == self._name:
                self._clock_off_s = (self._now_ns() - stamp_ns(message.header.stamp)) / -1e9
                values = {value.key: value.value for value in one.values}
                level = Level(int.from_bytes(one.level, "little"))
                self._statuses[name] = StatusSeen(name, level, one.message, values)

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _spin(self, duration_s: float, until: Callable[[], object] = lambda: False) -> bool:
        """Serve what comes; whether `until` held before the time was over."""
        end_s = time.monotonic() + duration_s
        while not until():
            if time.monotonic() > end_s:
                return False
            self._executor.spin_once(timeout_sec=SPIN_S)
        return True


class _Request:
    """Something to ask of a service, until it answers. Nothing is sent before its `is_answered` is called."""

    def __init__(self, node: Node, kind: type, service: str, request: Any) -> None:
        self._client, self._request = node.create_client(kind, service), request
        self._sent: list[Future] = []
        self._sent_s = -ASK_AGAIN_S

    def is_answered(self) -> bool:
        """Whether there is an answer; asks where none came in time."""
        now_s = time.monotonic()
        if self.answer is None and now_s - self._sent_s >= ASK_AGAIN_S and self._client.service_is_ready():
            self._sent.append(self._client.call_async(self._request))
            self._sent_s = now_s
        return self.answer is not None

    @property
    def answer(self) -> Any | None:
        return next((one.result() for one in self._sent if one.done()), None)


def _info(answer: Any) -> dict[str, str]:
    """What doctor tells of GetInfo's response."""
    return {name: getattr(answer, name) for name in INFO} | {"shared_with": ", ".join(answer.shared_with)}
