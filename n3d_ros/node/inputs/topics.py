"""The camera's topics -> complete frames.

In: rgb/image, rgb/camera_info, depth/image (or their compressed forms). Out: `on_frame` with each newer
complete frame, `on_colour` with each newer colour image whose depth is still to come, and what diagnostics
need: rates, ages, counters, what never came or fell silent. A callback stores and returns; nothing is
converted here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.arrivals import Arrivals
from n3d_ros.node.plain.input_state import InputState
from n3d_ros.node.plain.sync import Frame, Synchroniser

QUEUE_DEPTH = 2


@dataclass
class Input:
    """One subscribed topic and what came in."""

    name: str
    topic: str
    message_type: type
    qos: str
    callback: Callable[[Any], None]
    subscription: Subscription | None = None
    reliable: bool = False
    last_stamp_ns: int | None = None
    ahead_s: float = 0.0
    frame_id: str = ""
    encoding: str = ""
    incompatible: str = ""
    arrivals: Arrivals = field(default_factory=lambda: Arrivals(time.monotonic()))

    def receive(self, message: Any, now_ns: int) -> None:
        """Note the arrival at now_ns, ROS time, and hand the message on."""
        self.arrivals.add(time.monotonic())
        self.last_stamp_ns = stamp_ns(message.header.stamp)
        self.ahead_s = (self.last_stamp_ns - now_ns) / 1e9
        self.frame_id = message.header.frame_id
        self.encoding = getattr(message, "encoding", getattr(message, "format", ""))
        self.callback(message)


class CameraTopics:
    """Subscribes, pairs, counts. on_frame and on_colour as in the head of this file."""

    def __init__(
        self,
        node: Node,
        parameters: Parameters,
        on_frame: Callable[[Frame[Any, CameraInfo]], None],
        on_colour: Callable[[Any], None],
    ) -> None:
        self._node = node
        self._on_frame, self._on_colour = on_frame, on_colour
        self.sync: Synchroniser[Any, CameraInfo] = Synchroniser(
            round(parameters.sync_max_slop_ms * 1e6), parameters.sync_queue_size
        )
        rgb = _image_topic("rgb/image", "compressed", parameters.rgb_transport)
        depth = _image_topic("depth/image", "compressedDepth", parameters.depth_transport)
        self.inputs = (
            Input("rgb", *rgb, parameters.qos_rgb, self._on_rgb),
            Input(
                "camera_info", "rgb/camera_info", CameraInfo, parameters.qos_info, self.sync.set_camera_info
            ),
            Input("depth", *depth, parameters.qos_depth, self._on_depth),
        )
        for one in self.inputs:
            self._subscribe(one, reliable=one.qos == "reliable")

    def match_publishers(self) -> None:
        """For qos 'auto': reliable once every publisher offers it, else big images lose fragments."""
        for one in self.inputs:
            offered = self._node.get_publishers_info_by_topic(self.resolved(one)) if one.qos == "auto" else []
            reliable = all(info.qos_profile.reliability == ReliabilityPolicy.RELIABLE for info in offered)
            if offered and reliable != one.reliable:
                self._subscribe(one, reliable)

    def resolved(self, one: Input) -> str:
        """The topic's full name after namespace and remapping."""
        return self._node.resolve_topic_name(one.topic)

    def rgb_topic(self) -> str:
        """The full name of the colour image's topic."""
        return self.resolved(self.inputs[0])

    def states(self) -> tuple[InputState, ...]:
        """What each input does now. Camera info that came once is not missed: it describes the lens."""
        now_s = time.monotonic()
        return tuple(self._state(one, now_s) for one in self.inputs)

    def _state(self, one: Input, now_s: float) -> InputState:
        arrivals, topic = one.arrivals, self.resolved(one)
        return InputState(
            one.name,
            topic,
            one.topic,
            num=arrivals.num,
            rate_hz=arrivals.rate_hz(now_s),
            silent_s=arrivals.silent_s(now_s),
            is_late=one.name != "camera_info" and arrivals.is_late(now_s),
            ahead_s=one.ahead_s,
            num_publishers=self._node.count_publishers(topic),
            incompatible=one.incompatible,
        )

    def _subscribe(self, one: Input, reliable: bool) -> None:
        if one.subscription is not None:
            self._node.destroy_subscription(one.subscription)
        profile = QoSProfile(depth=QUEUE_DEPTH) if reliable else qos_profile_sensor_data
        one.reliable, one.incompatible = reliable, ""
        one.subscription = self._node.create_subscription(
            one.message_type,
            one.topic,
            lambda message: one.receive(message, self._node.get_clock().now().nanoseconds),
            profile,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=lambda event: self._incompatible(one)
            ),
        )

    def _incompatible(self, one: Input) -> None:
        one.incompatible = (
            f"{self.resolved(one)}: a publisher offers less than the "
            f"{'reliable' if one.reliable else 'sensor_data'} QoS requested; set qos.* to sensor_data"
        )

    def _on_rgb(self, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        self._deliver(self.sync.add_rgb(stamp, message))
        if self.sync.awaits_depth(stamp):
            self._on_colour(message)

    def _on_depth(self, message: Any) -> None:
        self._deliver(self.sync.add_depth(stamp_ns(message.header.stamp), message))

    def _deliver(self, frame: Frame[Any, CameraInfo] | None) -> None:
        if frame is not None:
            self._on_frame(frame)


def _image_topic(topic: str, suffix: str, transport: str) -> tuple[str, type]:
    return (topic, Image) if transport == "raw" else (f"{topic}/{suffix}", CompressedImage)
