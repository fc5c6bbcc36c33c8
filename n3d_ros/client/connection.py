"""The graph behind a client: a context of its own, one node, one thread that serves it.

In: action and service types with names. Out: `concurrent.futures.Future`s, which threads wait for and asyncio
awaits. It does not know what is asked. A program that has rclpy running keeps its own context and executor
untouched.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4
from weakref import WeakValueDictionary

import rclpy
from action_msgs.msg import GoalInfo
from rclpy.action import ActionClient
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future as SpinFuture

from n3d_ros.client.results import NoNodeError

_POLL_S = 0.02


class Connection:
    """node: name of the n3d node; namespace: where it runs, "" for the root."""

    def __init__(self, node: str, namespace: str, domain_id: int | None) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self._node = rclpy.create_node(
            "n3d_client", namespace=namespace, context=self._context, start_parameter_services=False
        )
        self._target = node
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._is_closed = SpinFuture()
        self._thread = threading.Thread(target=self._serve, name="n3d_client", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End thread and node; twice does no harm."""
        if not self._context.ok():
            return
        self._is_closed.set_result(True)
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    def action(self, kind: type, name: str, wait_s: float) -> Any:
        """A client of the node's action; NoNodeError where there is none within wait_s."""
        client = self._client(name, lambda full: _HearingClient(self._node, kind, full))
        self._require(client.server_is_ready, name, "action", wait_s)
        return client

    def service(self, kind: type, name: str, wait_s: float) -> Any:
        """A client of the node's service; NoNodeError where there is none within wait_s."""
        client = self._client(name, lambda full: self._node.create_client(kind, full))
        self._require(client.service_is_ready, name, "service", wait_s)
        return client

    def do(self, task: Callable[[], Any]) -> None:
        """In the thread that serves the graph, soon; nothing once the connection is closed."""
        if not self._is_closed.done():
            self._executor.create_task(task)

    def publisher(self, kind: type, name: str, wait_s: float) -> Any:
        """A publisher beside the node's topics; NoNodeError where nobody listens within wait_s."""
        publisher = self._client(name, lambda full: self._node.create_publisher(kind, full, 10))
        end_s = time.monotonic() + wait_s
        while not publisher.get_subscription_count():
            if time.monotonic() > end_s:
                raise NoNodeError(
                    f"expected a recorder that listens to '{publisher.topic_name}' within {wait_s:g} s, "
                    "got none (n3d record)"
                )
            time.sleep(_POLL_S)
        return publisher

    def _client(self, name: str, make: Callable[[str], Any]) -> Any:
        with self._lock:
            if name not in self._clients:
                self._clients[name] = make(f"{self._target}/{name}")
            return self._clients[name]

    def _require(self, is_ready: Callable[[], bool], name: str, kind: str, wait_s: float) -> None:
        end_s = time.monotonic() + wait_s
        while not is_ready():
            if time.monotonic() > end_s:
                raise NoNodeError(self._absent(name, kind, wait_s))
            time.sleep(_POLL_S)

    def _absent(self, name: str, kind: str, wait_s: float) -> str:
        full = f"{self._node.get_namespace().rstrip('/')}/{self._target}/{name}"
        services = self._node.get_service_names_and_types()
        infos = [found for found, _ in services if found.endswith("/get_info")]
        others = sorted(found.removesuffix("/get_info") for found in infos)
        there = f"n3d nodes {', '.join(others)}" if others else "no n3d node"
        return f"expected the {kind} '{full}' within {wait_s:g} s, got {there} in this ROS domain"

    def _serve(self) -> None:
        """Until closed: an executor that is shut down while it spins may fail over what it has destroyed."""
        try:
            self._executor.spin_until_future_complete(self._is_closed)
        except ExternalShutdownException:
            return


class _HearingClient(ActionClient):
    """Hears feedback as long as anybody holds who listens. rclpy's (7.1.6) forgets whom to tell once the
    result is there, which may overtake feedback that was sent before it: they come on topics of their own.
    """

    def __init__(self, node: Node, kind: type, name: str) -> None:
        super().__init__(node, kind, name)
        # By the goals' ids.
        self.listeners: WeakValueDictionary[bytes, Callable[[Any], None]] = WeakValueDictionary()

    async def execute(self, taken_data: Any) -> None:
        """See `rclpy.waitable.Waitable`. Feedback first."""
        feedback = taken_data.get("feedback")
        listener = None if feedback is None else self.listeners.get(bytes(feedback.goal_id.uuid))
        if listener is not None:
            listener(feedback.feedback)
        await super().execute(taken_data)


class Goal:
    """One goal on its way. `future` ends with the action's result message.

    Sent and canceled in the connection's thread: rclpy's action client (7.1.6) has no lock, and where the
    node answers before the sender has noted what it sent, it drops the answer as an unexpected one.
    """

    def __init__(
        self, connection: Connection, client: Any, goal: Any, on_feedback: Callable[[Any], None] | None
    ) -> None:
        """on_feedback: hears it as long as this goal, or anybody else, holds it."""
        self.future: Future[Any] = Future()
        self._connection, self._is_canceled = connection, False
        self._handle: Any = None
        self._on_feedback = on_feedback
        identity = GoalInfo().goal_id
        identity.uuid = list(uuid4().bytes)
        if on_feedback is not None:
            client.listeners[bytes(identity.uuid)] = on_feedback
        connection.do(
            lambda: client.send_goal_async(goal, goal_uuid=identity).add_done_callback(self._accepted)
        )

    def cancel(self) -> None:
        """Ask the node to stop; what it found until then is the result."""
        self._connection.do(self._cancel)

    def _cancel(self) -> None:
        self._is_canceled = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _accepted(self, response: Any) -> None:
        handle = response.result()
        if not handle.accepted:
            self.future.set_exception(NoNodeError("expected the node to take the goal, got a refusal"))
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(lambda done: _settle(self.future, done.result().result))
        if self._is_canceled:
            handle.cancel_goal_async()


def call(client: Any, request: Any) -> Future[Any]:
    """A service's response."""
    future: Future[Any] = Future()
    client.call_async(request).add_done_callback(lambda done: _settle(future, done.result()))
    return future


def _settle(future: Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
