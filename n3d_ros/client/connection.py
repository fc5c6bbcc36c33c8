"""The graph behind a client: a context of its own, one node, one thread that serves it.

In: action and service types with names. Out: `concurrent.futures.Future`s, which threads wait for and asyncio
awaits. It does not know what is asked. A program that has rclpy running keeps its own context and executor
untouched.

What is raised in the thread goes into the future of whoever asked, since nobody waits for the thread. Whoever
waits when the connection ends is told.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from types import TracebackType
from typing import Any
from uuid import uuid4
from weakref import WeakSet, WeakValueDictionary

import rclpy
from action_msgs.msg import GoalInfo
from rclpy.action import ActionClient
from rclpy.duration import Duration
from rclpy.exceptions import NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name

from n3d_ros.client.results import NoNodeError, RequestFailed
from n3d_ros.errors import ResultCode
from n3d_ros.plain_text import one_line, shown
from n3d_ros.ros_domain import beginning

_POLL_S = 0.02
# What was published is on its way when the client is closed. Fast DDS asks readers every 3 s what has arrived
# (`heartbeat_period` of its ReliableWriterQos).
_ARRIVAL_S = 5.0
_NUM_PUBLISHED = 1000
# rclpy's clients keep ten answers, those to other programs counted: of more at once some are lost without a
# word, and who asked waits in vain.
ANSWERS = QoSProfile(depth=1000)


class Connection:
    """node, namespace: as of `full_name`."""

    def __init__(self, node: str, namespace: str, domain_id: int | None) -> None:
        full_name(node, namespace)  # refuses what no node has
        given = "" if not namespace else "/" + namespace.strip("/")
        self._context = rclpy.Context()
        with beginning(domain_id):
            rclpy.init(context=self._context, domain_id=domain_id)
        self._node = rclpy.create_node(
            "n3d_client",
            context=self._context,
            cli_args=_own_name("n3d_client", given),
            start_parameter_services=False,
            # rcl warns of every second node of one name, as those of two clients are.
            enable_rosout=False,
        )
        self._target = node
        self._clients: dict[str, Any] = {}
        # Names of those that are publishers.
        self._published: set[str] = set()
        self._pid = os.getpid()
        # Of what follows, and of each use of the node outside the thread.
        self._lock = threading.Lock()
        # Why nothing is served any more.
        self._ended = ""
        self._waiting: WeakSet[Future[Any]] = WeakSet()
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._is_told_to_end = threading.Event()
        self._closing, self._is_gone = threading.Lock(), False
        self._thread = threading.Thread(target=self._serve, name="n3d_client", daemon=True)
        self._thread.start()
        # Python ends a daemon thread that waits in rcl by unwinding it, and C++ aborts the process.
        atexit.register(self.close)

    def close(self) -> None:
        """End thread and node once what was published has arrived, and tell whoever waits. Twice does no
        harm; a forked process leaves them to the one that made them.
        """
        if os.getpid() != self._pid:
            return
        self.require_other_thread()
        with self._closing:
            if self._is_gone:
                return
            self._end("the client was closed")
            for name in self._published:
                self._clients[name].wait_for_all_acked(Duration(seconds=_ARRIVAL_S))
            self._executor.create_task(self._is_told_to_end.set)
            self._thread.join()
            self._executor.shutdown()
            self._node.destroy_node()
            self._context.try_shutdown()
            self._is_gone = True
        atexit.unregister(self.close)

    def require_other_thread(self) -> None:
        """RuntimeError in the thread that serves the graph: waiting there, it would wait for itself; and in a
        forked process, which has no such thread.
        """
        if os.getpid() != self._pid:
            raise RuntimeError(
                "expected a client of this process, got one that was made before the process was forked: "
                "make another N3DClient here"
            )
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "expected a call from another thread, got one from the client's own, which hears the answers "
                "and calls on_box: call it from another thread"
            )

    def action(self, kind: type, name: str, wait_s: float) -> Any:
        """A client of the node's action; NoNodeError where there is none within wait_s."""
        client = self._client(name, lambda full: _HearingClient(self._node, kind, full))
        self._require(client.server_is_ready, name, "action", wait_s)
        return client

    def service(self, kind: type, name: str, wait_s: float) -> Any:
        """A client of the node's service; NoNodeError where there is none within wait_s."""
        client = self._client(name, lambda full: self._node.create_client(kind, full, qos_profile=ANSWERS))
        self._require(client.service_is_ready, name, "service", wait_s)
        return client

    def promise(self) -> Future[Any]:
        """A future for something that is asked of the node; it ends with the connection at the latest."""
        future: Future[Any] = Future()
        with self._lock:
            self._require_open()
            self._waiting.add(future)
        return future

    def do(self, task: Callable[[], Any], future: Future[Any]) -> None:
        """In the thread that serves the graph, soon; nothing once the connection has ended. What it raises
        becomes the future's error.
        """
        with self._lock:
            if not self._ended:
                self._executor.create_task(telling(future, task))

    def publisher(self, kind: type, name: str, wait_s: float) -> Any:
        """A publisher beside the node's topics; NoNodeError where nobody listens within wait_s."""
        publisher = self._client(name, lambda full: self._node.create_publisher(kind, full, _NUM_PUBLISHED))
        self._published.add(name)
        if not self._comes(publisher.get_subscription_count, wait_s):
            raise NoNodeError(
                f"expected a recorder that listens to '{publisher.topic_name}' within {wait_s:g} s, "
                "got none (n3d record)"
            )
        return publisher

    def _client(self, name: str, make: Callable[[str], Any]) -> Any:
        self.require_other_thread()
        with self._lock:
            self._require_open()
            if name not in self._clients:
                self._clients[name] = make(f"{self._target}/{name}")
            return self._clients[name]

    def _require(self, is_ready: Callable[[], bool], name: str, kind: str, wait_s: float) -> None:
        if not self._comes(is_ready, wait_s):
            raise NoNodeError(self._look(lambda: self._absent(name, kind, wait_s)))

    def _comes(self, is_there: Callable[[], Any], wait_s: float) -> bool:
        """Whether it is there within wait_s."""
        end_s = time.monotonic() + wait_s
        while not self._look(is_there):
            if time.monotonic() > end_s:
                return False
            time.sleep(_POLL_S)
        return True

    def _look(self, look: Callable[[], Any]) -> Any:
        """What it finds, while the node is there."""
        with self._lock:
            self._require_open()
            return look()

    def _absent(self, name: str, kind: str, wait_s: float) -> str:
        """Fast DDS names the services of clients too, this one's among them: a node has to be there."""
        wanted = f"{self._target}/{name}"
        full = expand_topic_name(wanted, self._node.get_name(), self._node.get_namespace())
        target = full.removesuffix(f"/{name}")
        nodes = {f"{at.rstrip('/')}/{node}" for node, at in self._node.get_node_names_and_namespaces()}
        services = {service for service, _ in self._node.get_service_names_and_types()}
        others = sorted(node for node in nodes if f"{node}/get_info" in services)
        there = f"n3d nodes {', '.join(others)}" if others else "no n3d node"
        if target in nodes:
            there = (
                f"{target} without it, as before its configuration (ros2 lifecycle set {target} configure),"
            )
        return f"expected the {kind} '{full}' within {wait_s:g} s, got {there} in this ROS domain"

    def _require_open(self) -> None:
        """With the lock held."""
        if self._ended:
            raise RequestFailed(ResultCode.CANCELED, self._ended)

    def _end(self, why: str) -> None:
        """Serve nothing more, and tell whoever waits. The first reason stands."""
        with self._lock:
            self._ended = self._ended or why
            waiting = list(self._waiting)
        for future in waiting:
            _fail(future, RequestFailed(ResultCode.CANCELED, self._ended))

    def _serve(self) -> None:
        """Until told to end: an executor that is shut down while it spins may fail over what it has
        destroyed.
        """
        try:
            while not self._is_told_to_end.is_set():
                self._executor.spin_once()
        except ExternalShutdownException:
            self._end("the client's ROS context was shut down")
        finally:
            self._end("the client's thread has ended")


class _HearingClient(ActionClient):
    """Hears feedback as long as anybody holds the goal. rclpy's (7.1.6) forgets whom to tell once the
    result is there, which may overtake feedback that was sent before it: they come on topics of their own.
    """

    def __init__(self, node: Node, kind: type, name: str) -> None:
        super().__init__(
            node,
            kind,
            name,
            goal_service_qos_profile=ANSWERS,
            result_service_qos_profile=ANSWERS,
            cancel_service_qos_profile=ANSWERS,
        )
        # By their ids.
        self.goals: WeakValueDictionary[bytes, Goal] = WeakValueDictionary()

    async def execute(self, taken_data: Any) -> None:
        """See `rclpy.waitable.Waitable`. Feedback first."""
        feedback = taken_data.get("feedback")
        goal = None if feedback is None else self.goals.get(bytes(feedback.goal_id.uuid))
        if goal is not None:
            goal.hear(feedback.feedback)
        await super().execute(taken_data)


class Goal:
    """One goal on its way. `future` ends with the action's result message.

    Sent and canceled in the connection's thread: rclpy's action client (7.1.6) has no lock, and where the
    node answers before the sender has noted what it sent, it drops the answer as an unexpected one.
    """

    def __init__(
        self, connection: Connection, client: Any, goal: Any, on_feedback: Callable[[Any], None] | None
    ) -> None:
        """on_feedback: hears it as long as anybody holds this goal. What it raises ends the goal."""
        self.future = connection.promise()
        self._connection, self._is_canceled = connection, False
        self._handle: Any = None
        self._on_feedback = on_feedback
        identity = GoalInfo().goal_id
        identity.uuid = list(uuid4().bytes)
        client.goals[bytes(identity.uuid)] = self
        connection.do(
            lambda: self._when(client.send_goal_async(goal, goal_uuid=identity), self._accepted), self.future
        )

    def cancel(self) -> None:
        """Ask the node to stop; what it found until then is the result."""
        self._connection.do(self._cancel, self.future)

    def hear(self, feedback: Any) -> None:
        """In the connection's thread."""
        if self._on_feedback is not None:
            with _Told(self.future) as told:
                self._on_feedback(feedback)
            if told.has_failed:
                self.cancel()

    def _cancel(self) -> None:
        self._is_canceled = True
        if self._handle is not None:
            self._handle.cancel_goal_async()

    def _accepted(self, response: Any) -> None:
        handle = response.result()
        if not handle.accepted:
            raise NoNodeError("expected the node to take the goal, got a refusal")
        self._handle = handle
        self._when(handle.get_result_async(), lambda done: settle(self.future, done.result().result))
        if self._is_canceled:
            handle.cancel_goal_async()

    def _when(self, answer: Any, then: Callable[[Any], Any]) -> None:
        answer.add_done_callback(telling(self.future, then))


def _own_name(node: str, namespace: str) -> list[str]:
    """ROS arguments that go before the program's: those rename every node of it. namespace: "" for the
    program's.
    """
    below = ["-r", f"__ns:={namespace}"] if namespace else []
    return ["--ros-args", "-r", f"__node:={node}", *below]


def full_name(node: str, namespace: str) -> str:
    """node: a name, or a path to it; namespace: where that begins, unless it begins at the root. ValueError
    where no node has such a name, or runs in such a namespace.
    """
    above, _, name = node.rpartition("/")
    path = above if node.startswith("/") else f"{namespace}/{above}"
    where = "/" + "/".join(part for part in path.split("/") if part)
    checks = ("node", validate_node_name, name), ("namespace", validate_namespace, where)
    for what, validate, given in checks:
        try:
            validate(given)
        except NameValidationException as error:
            why = one_line(str(error).partition(":\n")[0])
            raise ValueError(f"{what}: expected a name that ROS takes, got {shown(given)}: {why}") from error
    return f"{where.rstrip('/')}/{name}"


def call(connection: Connection, client: Any, request: Any) -> Future[Any]:
    """A service's response."""
    future = connection.promise()
    answered = telling(future, lambda done: settle(future, done.result()))
    connection.do(lambda: client.call_async(request).add_done_callback(answered), future)
    return future


class _Told:
    """What is raised within becomes the future's error, and no more than that."""

    def __init__(self, future: Future[Any]) -> None:
        self._future, self.has_failed = future, False

    def __enter__(self) -> _Told:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.has_failed = True
            _fail(self._future, error)
        return True


def telling(future: Future[Any], task: Callable[..., Any]) -> Callable[..., None]:
    """The task, where what it raises becomes the future's error."""

    def told(*arguments: Any) -> None:
        with _Told(future):
            task(*arguments)

    return told


def settle(future: Future[Any], value: Any) -> None:
    """Unless it has ended otherwise."""
    with suppress(InvalidStateError):
        future.set_result(value)


def _fail(future: Future[Any], error: BaseException) -> None:
    """Unless it has ended otherwise."""
    with suppress(InvalidStateError):
        future.set_exception(error)
