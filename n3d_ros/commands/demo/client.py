"""The demo's ROS client: sends goals, collects answers, and the simulator's truth and picture of the same
stamp.

Every wait has a reason and the demo's one deadline; a child process that ends ends the wait. Imports rclpy.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any

import rclpy
from rclpy.action import ActionClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from n3d_ros.action import Ask, Ground
from n3d_ros.boxes import Box3D
from n3d_ros.commands.demo.report import Answer
from n3d_ros.errors import CommandFailed, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import intrinsics_of, rgb_array, stamp_ns
from n3d_ros.recording.reader import box_of
from n3d_ros.spatial import answer as exact_answer
from n3d_ros.spatial import parse_question
from n3d_ros.srv import GetInfo

KEPT_FRAMES = 60
POLL_S = 0.3
# for the picture of an answer; when it was lost on the way, the answer stands without it
PICTURE_S = 5.0
SPIN_S = 0.05


class DemoClient:
    """A context manager, where rclpy is initialised. `namespace`: of camera and node, so that no other graph
    is taken for them.

    `deadline`: on time.monotonic. `check`: raises when a child process has ended.
    """

    def __init__(self, namespace: str, deadline: float, check: Callable[[], None]) -> None:
        self._namespace, self._deadline, self._check = namespace, deadline, check
        self._truth: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._images: OrderedDict[int, Any] = OrderedDict()
        self._camera: Intrinsics | None = None
        self._markers: dict[int, int] = {}

    def __enter__(self) -> DemoClient:
        self._node = rclpy.create_node("n3d_demo", namespace=self._namespace)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(String, "sim_camera/truth", self._on_truth, 10)
        self._node.create_subscription(Image, "rgb/image", self._on_image, 10)
        self._node.create_subscription(CameraInfo, "rgb/camera_info", self._on_camera_info, 10)
        self._node.create_subscription(MarkerArray, "n3d/markers", self._on_markers, latched)
        self._ground = ActionClient(self._node, Ground, "n3d/ground")
        self._ask = ActionClient(self._node, Ask, "n3d/ask")
        self._info = self._node.create_client(GetInfo, "n3d/get_info")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._node.destroy_node()

    def wait_until_ready(self) -> str:
        """Model, backend and version once the node has loaded its model; CommandFailed when it cannot."""
        self._wait(self._info.service_is_ready, "the node to appear")
        while True:
            info = self._result(self._info.call_async(GetInfo.Request()), "the node's state")
            if info.state.startswith("failed"):
                raise CommandFailed(f"the node could not load its model: {info.state}")
            if info.state == "ready":
                return f"{info.model}, {info.backend}, n3d_ros {info.version}"
            self._pause(POLL_S)

    def first_truth(self) -> list[dict[str, Any]]:
        """The simulator's objects at the first stamp whose picture came too."""
        self._wait(
            lambda: self._camera is not None and any(stamp in self._images for stamp in self._truth),
            "a picture of the simulated camera",
        )
        stamp = next(stamp for stamp in self._truth if stamp in self._images)
        objects: list[dict[str, Any]] = self._truth[stamp]["objects"]
        return objects

    def ground(self, words: str, label: str) -> Answer:
        """One ground goal; `label` is what the simulator calls the object."""
        started, streamed = time.monotonic(), _Stream()
        result = self._goal(
            self._ground,
            Ground.Goal(prompt=words, frame_policy=Ground.Goal.NEXT, stream=True),
            streamed,
            "boxes",
        )
        boxes = [box_of(item) for item in result.boxes.boxes]
        _require_answer(words, result.code, result.message)
        answer = self._answer(words, result.boxes.header, boxes, {label}, started, streamed)
        return replace(answer, message=result.message, raw_text=result.raw_text)

    def ask(self, question: str) -> Answer:
        """One ask goal about objects that the simulator knows by the names in the question."""
        started, streamed = time.monotonic(), _Stream()
        result = self._goal(
            self._ask,
            Ask.Goal(question=question, frame_policy=Ask.Goal.NEXT, stream=True),
            streamed,
            "an answer",
        )
        _require_answer(question, result.code, result.message)
        found, query = result.answer, parse_question(question)
        assert query is not None, "the demo asks questions from the templates"
        boxes = [box_of(item) for item in found.evidence]
        answer = self._answer(question, found.header, boxes, set(query.objects), started, streamed)
        true = exact_answer(query, answer.truth)
        return replace(
            answer,
            is_question=True,
            text=found.answer,
            raw_text=result.raw_text,
            message=found.message,
            reasoning=found.reasoning,
            value=found.value if found.has_value else None,
            unit=found.unit,
            true_value=true.value,
            true_text=true.answer,
        )

    def wait_for_markers(self, stamps: set[int]) -> int:
        """Number of markers that came for these stamps."""
        self._wait(lambda: any(stamp in self._markers for stamp in stamps), "markers of an answered frame")
        return sum(self._markers.get(stamp, 0) for stamp in stamps)

    def _goal(self, client: Any, goal: Any, streamed: _Stream, what: str) -> Any:
        self._wait(client.server_is_ready, "the node's action")
        handle = self._result(
            client.send_goal_async(goal, feedback_callback=streamed), "the node to accept the goal"
        )
        if not handle.accepted:
            raise CommandFailed(f"the node rejected the goal for {what}")
        return self._result(handle.get_result_async(), what).result

    def _answer(
        self,
        asked: str,
        header: Any,
        boxes: list[Box3D],
        labels: set[str],
        started: float,
        streamed: _Stream,
    ) -> Answer:
        """Joined with truth and picture of its stamp; CommandFailed when the camera published no such
        stamp.
        """
        seconds, stamp = time.monotonic() - started, stamp_ns(header.stamp)
        self._wait(lambda: stamp in self._truth, f"the simulator's truth stamped {stamp}")
        self._pause(PICTURE_S, until=lambda: stamp in self._images)
        truth = self._truth[stamp]
        if header.frame_id != truth["frame_id"]:
            raise CommandFailed(f"{asked}: expected the frame {truth['frame_id']}, got '{header.frame_id}'")
        exact = [_truth_box(item) for item in truth["objects"] if item["label"] in labels]
        rgb = rgb_array(self._images[stamp]) if stamp in self._images else None
        return Answer(
            asked,
            stamp,
            header.frame_id,
            boxes,
            exact,
            seconds,
            partial_boxes=streamed.num_boxes,
            camera=self._camera,
            rgb=rgb,
        )

    def _result(self, future: Any, what: str) -> Any:
        self._wait(future.done, what)
        return future.result()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        """Serve ROS until the condition holds; CommandFailed at the deadline or when a child has ended."""
        while not condition():
            self._check()
            if time.monotonic() > self._deadline:
                raise CommandFailed(f"timed out waiting for {what}")
            rclpy.spin_once(self._node, timeout_sec=SPIN_S)

    def _pause(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Serve ROS for a while, or until something holds."""
        end = time.monotonic() + seconds
        self._wait(lambda: until() or time.monotonic() > end, "the end of a pause")

    def _on_truth(self, message: Any) -> None:
        truth = json.loads(message.data)
        _keep(self._truth, truth["stamp_ns"], truth)

    def _on_image(self, message: Any) -> None:
        _keep(self._images, stamp_ns(message.header.stamp), message)

    def _on_camera_info(self, message: Any) -> None:
        self._camera = intrinsics_of(message, message.width, message.height)

    def _on_markers(self, message: Any) -> None:
        for marker in message.markers:
            stamp = stamp_ns(marker.header.stamp)
            self._markers[stamp] = self._markers.get(stamp, 0) + 1


class _Stream:
    """Feedback of one goal, printed as it comes: each box as soon as the model has written it."""

    def __init__(self) -> None:
        self.num_boxes = 0

    def __call__(self, message: Any) -> None:
        partial = message.feedback.partial
        for item in partial[self.num_boxes :]:
            center = ", ".join(f"{value:.3f}" for value in box_of(item).center)
            print(f"  streamed: {item.label} at ({center}) m", flush=True)
        self.num_boxes = max(self.num_boxes, len(partial))


def _keep(store: OrderedDict[int, Any], stamp: int, value: Any) -> None:
    store[stamp] = value
    while len(store) > KEPT_FRAMES:
        store.popitem(last=False)


def _truth_box(item: dict[str, Any]) -> Box3D:
    return Box3D(item["label"], tuple(item["center_m"]), tuple(item["size_m"]), item["yaw_rad"])


def _require_answer(asked: str, code: int, message: str) -> None:
    """The chain worked when the model answered, even if what it wrote is no box: that is accuracy."""
    if code not in (ResultCode.OK, ResultCode.PARSE):
        raise CommandFailed(f"{asked}: {ResultCode(code).name}: {message}")
