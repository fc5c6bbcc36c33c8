"""A real ROS graph in one process: the node with a fake pipeline, a camera and a client; own domain.

Tests that import it are skipped where rclpy or the built interfaces are absent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed (make ros)")
pytest.importorskip("n3d_ros.msg", reason="the interfaces are not built (make ros)")

import rclpy
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from n3d_ros.boxes import Box3D
from n3d_ros.commands.graph.isolation import take_domain
from n3d_ros.node.conversions import fill_image
from n3d_ros.node.engine import key_of
from n3d_ros.node.executor import OneThreadExecutor
from n3d_ros.node.node import N3DNode
from n3d_ros.node.plain.engine.thread import Engines

DEADLINE_S = 30.0
FRAME = "camera_color_optical_frame"
WIDTH, HEIGHT = 64, 48
MUG = Box3D("red mug", (0.1, 0.2, 1.0), (0.08, 0.1, 0.08), yaw=0.5, score=0.9)
BOX = Box3D("red mug", (-0.4, 0.2, 1.5), (0.3, 0.2, 0.3))


class Graph:
    """Node, camera publishers and a client node. Everything waits for events with one deadline. beside: the
    graph of another camera in the same process: what `n3d_ros.node.process` shares between them is shared.
    """

    def __init__(
        self,
        pipeline: Any,
        load: Callable[[Any], Any] | None,
        namespace: str = "",
        remap: str = "",
        beside: Graph | None = None,
        **parameters: Any,
    ) -> None:
        self.pipeline, self._beside = pipeline, beside
        if beside is None:
            self.context, self._domain = rclpy.Context(), take_domain()
            rclpy.init(context=self.context, domain_id=self._domain.id)
            self.engines = Engines(load or (lambda _: pipeline), key_of)
        else:
            self.context, self.engines = beside.context, beside.engines
        # With "auto" a subscription is renewed once publishers are known; a single frame may be lost then.
        parameters = {"qos__rgb": "reliable", "qos__depth": "reliable", "qos__info": "reliable", **parameters}
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in parameters.items()]
        self.node = N3DNode(
            self.engines,
            namespace=namespace,
            cli_args=["--ros-args", "-r", remap] if remap else None,
            context=self.context,
            parameter_overrides=overrides,
        )
        self.client = rclpy.create_node("client", namespace=namespace, context=self.context)
        self.executor = OneThreadExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.client_executor = SingleThreadedExecutor(context=self.context)
        self.client_executor.add_node(self.client)
        self.rgb = self.client.create_publisher(Image, "rgb/image", 5)
        self.depth = self.client.create_publisher(Image, "depth/image", 5)
        self.info = self.client.create_publisher(CameraInfo, "rgb/camera_info", 5)
        self._is_closed = threading.Event()
        self.thread = threading.Thread(target=self._spin)
        self.thread.start()

    def _spin(self) -> None:
        while not self._is_closed.is_set():
            self.executor.spin_once()

    def close(self) -> None:
        """Twice does no harm."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        assert self.executor.shutdown(DEADLINE_S), f"a callback of the node took more than {DEADLINE_S} s"
        self.thread.join()
        self.node.destroy_node()
        self.client.destroy_node()
        self.client_executor.shutdown()
        if self._beside is None:
            rclpy.shutdown(context=self.context)
            self._domain.release()

    def wait(self, condition: Callable[[], Any], what: str = "event") -> Any:
        """Serve the client until the condition holds."""
        end = time.monotonic() + DEADLINE_S
        while not (value := condition()):
            assert time.monotonic() < end, f"no {what} within {DEADLINE_S} s; {self._state()}"
            self.client_executor.spin_once(timeout_sec=0.02)
        return value

    def _state(self) -> str:
        desk = self.node.desk if self.node.is_configured else None
        return "not configured" if desk is None else f"node: {desk.codes} {desk.last_error}"

    def collect(self, message_type: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list that fills with what the topic brings; the node's publisher is already connected."""
        received: list[Any] = []
        subscription = self.client.create_subscription(message_type, topic, received.append, qos)
        self.wait(lambda: self.client.count_publishers(subscription.topic_name), f"publisher of {topic}")
        publishers = [p for p in self.node.publishers if p.topic_name == subscription.topic_name]
        self.wait(lambda: all(p.get_subscription_count() for p in publishers), f"connection of {topic}")
        return received

    def connect_camera(self) -> None:
        for publisher in (self.rgb, self.depth, self.info):
            self.wait(publisher.get_subscription_count, f"subscription of {publisher.topic_name}")

    def messages(
        self, stamp_ns: int | None = None, *, encoding: str = "16UC1", fx: float = 60.0, depth_m: float = 1.0
    ) -> tuple[Image, Image, CameraInfo]:
        """One frame; its stamp is now unless given."""
        stamp_ns = self.node.now_ns() if stamp_ns is None else stamp_ns
        rgb = fill_image(Image(), np.full((HEIGHT, WIDTH, 3), 90, np.uint8), "rgb8")
        raw = np.full(
            (HEIGHT, WIDTH),
            depth_m * (1000 if encoding == "16UC1" else 1),
            np.uint16 if encoding == "16UC1" else np.float32,
        )
        depth = fill_image(Image(), raw, encoding)
        info = CameraInfo(width=WIDTH, height=HEIGHT, k=[fx, 0.0, 31.5, 0.0, fx, 23.5, 0.0, 0.0, 1.0])
        for message in (rgb, depth, info):
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
            message.header.frame_id = FRAME
        return rgb, depth, info

    def publish(
        self,
        messages: tuple[Image, Image, CameraInfo] | None = None,
        topics: Sequence[str] = ("info", "depth", "rgb"),
    ) -> int:
        """Publish one frame, or a part of it; its colour stamp in nanoseconds."""
        rgb, depth, info = messages or self.messages()
        parts = {"info": info, "depth": depth, "rgb": rgb}
        for topic in topics:
            getattr(self, topic).publish(parts[topic])
        return int(rgb.header.stamp.sec) * 10**9 + int(rgb.header.stamp.nanosec)

    def one_frame(self) -> int:
        """Publish one frame and wait until the node has it; its stamp in nanoseconds."""
        self.connect_camera()
        stamp = self.publish()
        self.wait(lambda: self.newest_ns() == stamp, "frame")
        return stamp

    def newest_ns(self) -> int | None:
        """Stamp of the newest complete frame that the node has."""
        newest = self.node.camera.frames.frame
        return None if newest is None else newest.stamp_ns

    def wait_for_engine(self) -> None:
        """Wait until the engine is loaded."""
        self.wait(lambda: self.node.desk.worker.state == "ready", "engine")

    def num_received(self, name: str) -> int:
        """Messages of one input: 'rgb', 'camera_info' or 'depth'."""
        return next(one.arrivals.num for one in self.node.camera.topics.inputs if one.name == name)

    def now_s(self) -> float:
        """The steady clock on which the node notes arrivals."""
        return time.monotonic()

    def publish_until(
        self, condition: Callable[[], Any], what: str, topics: Sequence[str] = ("info", "depth", "rgb")
    ) -> Any:
        """Publish frames until the condition holds: for what must happen at some frame, whichever."""
        last = [0.0]

        def step() -> Any:
            if time.monotonic() - last[0] > 0.05:
                last[0] = time.monotonic()
                self.publish(topics=topics)
            return condition()

        return self.wait(step, what)

    def call(self, service_type: type, name: str, request: Any) -> Any:
        client = self.client.create_client(service_type, name)
        self.wait(client.service_is_ready, f"service {name}")
        future = client.call_async(request)
        self.wait(future.done, f"response of {name}")
        return future.result()

    def goal(self, action_type: type, name: str, goal: Any, feedback: list[Any] | None = None) -> Any:
        """Send; the accepted goal's handle."""
        client = ActionClient(self.client, action_type, name)
        self.wait(client.server_is_ready, f"action {name}")
        listener = None if feedback is None else lambda message: feedback.append(message.feedback)
        future = client.send_goal_async(goal, feedback_callback=listener)
        self.wait(future.done, "goal response")
        assert future.result().accepted
        return future.result()

    def result(self, handle: Any) -> Any:
        """(status, result) of a goal."""
        future = handle.get_result_async()
        self.wait(future.done, "goal result")
        return future.result()
