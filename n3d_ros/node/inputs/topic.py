"""One subscribed topic: its quality of service, which follows the publishers, and what came in.

In: messages with a header. Out: the same to a callback, and figures for diagnostics. It knows no other topic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.inputs.same_info import SameInfo
from n3d_ros.node.inputs.sealed import BYTES_BEFORE_ENCODING, Sealed
from n3d_ros.node.plain.inputs.arrivals import Arrivals
from n3d_ros.node.plain.inputs.qos import Quality, mismatch, missed, most_for_all
from n3d_ros.node.plain.inputs.state import InputState
from n3d_ros.node.plain.set_back import SetBack

RCLError = rclpy_implementation.RCLError
QUEUE_DEPTH = 2
AUTO = "auto"


class Input:
    """name: of the figures, such as 'rgb'. topic: to remap. qos: the value of `qos_parameter`. is_steady: it
    should come all the time.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        topic: str,
        message_type: type,
        callback: Callable[[Any], None],
        *,
        qos: str,
        qos_parameter: str,
        is_steady: bool = True,
    ) -> None:
        self.name, self.topic, self.is_steady = name, topic, is_steady
        self.full_name = node.resolve_topic_name(topic)
        self.quality = Quality(reliable=qos == "reliable")
        self.last_stamp_ns: int | None = None
        self.frame_id = self.encoding = self.incompatible = self.missed = self.unreadable = ""
        self.arrivals = Arrivals(time.monotonic())
        self._node, self._message_type, self._callback = node, message_type, callback
        self._qos, self._qos_parameter = qos, qos_parameter
        self._read = _reader(message_type)
        self._ahead_s, self._set_back = 0.0, SetBack()
        self._subscription: Subscription | None = None

    def open(self) -> None:
        """Listen; figures begin anew."""
        self.arrivals = Arrivals(time.monotonic())
        self.incompatible = self.missed = self.unreadable = ""
        self._subscribe()

    def close(self) -> None:
        """Hear nothing more."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def forget(self, back_ns: int) -> None:
        """The clock went back by so much: what is of before and still on its way is left out."""
        self._set_back.begin(back_ns, time.monotonic())

    def match_publishers(self) -> None:
        """With 'auto' ask for the most that every publisher offers: big images lose fragments under less, and
        what was sent once is missed. Otherwise say who cannot be heard.
        """
        offers = self._offers()
        best = most_for_all(offers)
        if self._qos == AUTO and offers and best != self.quality:
            self.close()
            self.quality = best
            self._subscribe()
        self.incompatible = self._mismatch(offers)
        self.missed = missed(offers, self.quality, self._qos_parameter)

    def state(self, now_s: float) -> InputState:
        """What it does now; now_s: on the steady clock."""
        return InputState(
            self.name,
            self.full_name,
            self.topic,
            num=self.arrivals.num,
            rate_hz=self.arrivals.rate_hz(now_s),
            silent_s=self.arrivals.silent_s(now_s),
            is_late=self.is_steady and self.arrivals.is_late(now_s),
            ahead_s=self._ahead_s,
            num_publishers=self._node.count_publishers(self.full_name),
            incompatible=self.incompatible,
            missed=self.missed,
            unreadable=self.unreadable,
        )

    def _subscribe(self) -> None:
        """RuntimeError that names the topic where ROS refuses it: its own words may not."""
        events = SubscriptionEventCallbacks(incompatible_qos=lambda _: self._say_mismatch())
        try:
            self._subscription = self._node.create_subscription(
                self._message_type,
                self.topic,
                self._receive,
                profile_of(self.quality),
                event_callbacks=events,
                raw=self._read is not None,
            )
        except RCLError as error:
            kind = self._message_type.__name__
            raise RuntimeError(
                f"{self.full_name}: ROS refuses {kind} on it; is an input of another type remapped to it, or "
                f"does a policy deny it? ({error})"
            ) from error

    def _receive(self, message: Any) -> None:
        """A callback stores and returns; nothing is converted here, and pictures stay as they came."""
        if self._read is not None:
            try:
                message = self._read(message)
            except ValueError as error:
                self.unreadable = str(error)
                self._node.get_logger().error(f"{self.full_name}: {error}", throttle_duration_sec=5.0)
                return
        self.unreadable = ""
        now_s, stamp = time.monotonic(), stamp_ns(message.header.stamp)
        ahead_ns = stamp - self._node.get_clock().now().nanoseconds
        if self.is_steady and self._set_back.is_of_before(ahead_ns, now_s):
            return
        self.arrivals.add(now_s)
        self.last_stamp_ns, self._ahead_s = stamp, ahead_ns / 1e9
        self.frame_id = message.header.frame_id
        self.encoding = getattr(message, "encoding", "")
        self._callback(message)

    def _offers(self) -> list[Quality]:
        publishers = self._node.get_publishers_info_by_topic(self.full_name)
        return [quality_of(one.qos_profile) for one in publishers]

    def _mismatch(self, offers: list[Quality]) -> str:
        return mismatch(self.full_name, offers, self.quality, self._qos_parameter)

    def _say_mismatch(self) -> None:
        """The middleware met a publisher that cannot be heard; `match_publishers` says when it is over."""
        self.incompatible = self._mismatch(self._offers()) or self.incompatible


def _reader(message_type: type) -> Callable[[Any], Any] | None:
    """What reads the type's bytes with less work than rclpy; None: nothing does."""
    if message_type is CameraInfo:
        return SameInfo().read
    if message_type.__name__ in BYTES_BEFORE_ENCODING:
        return partial(Sealed, message_type=message_type)
    return None


def quality_of(profile: QoSProfile) -> Quality:
    """What of a profile decides whether messages come."""
    return Quality(
        profile.reliability == ReliabilityPolicy.RELIABLE,
        profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
    )


def profile_of(quality: Quality) -> QoSProfile:
    """How a subscription asks for it."""
    if quality == Quality():
        return qos_profile_sensor_data
    return QoSProfile(
        depth=QUEUE_DEPTH,
        reliability=_RELIABILITY[quality.reliable],
        durability=_DURABILITY[quality.latched],
    )


_RELIABILITY = {True: ReliabilityPolicy.RELIABLE, False: ReliabilityPolicy.BEST_EFFORT}
_DURABILITY = {True: DurabilityPolicy.TRANSIENT_LOCAL, False: DurabilityPolicy.VOLATILE}
