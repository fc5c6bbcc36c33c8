"""A node's inputs, heard as the node hears them: its own subscription, synchroniser and alignment.

In: the topics of its inputs and its parameters. Out: figures of each topic, the newest messages and what is
known of their place. It asks for whatever the publishers offer, so that it also hears those that the node
cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo
from sensor_msgs.msg import CameraInfo

from n3d_ros.commands.doctor.inputs import INPUTS
from n3d_ros.commands.doctor.look.senders import Senders
from n3d_ros.commands.doctor.seen import FrameSeen, TopicSeen
from n3d_ros.commands.graph.topics import message_class
from n3d_ros.errors import CommandFailed, N3DError
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.desk.errand import remembered_in
from n3d_ros.node.inputs.alignment import Alignment
from n3d_ros.node.inputs.frame import CameraFrame
from n3d_ros.node.inputs.sealed import opened, size_px
from n3d_ros.node.inputs.topic import AUTO, Input, quality_of
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.qos import Quality, mismatch, missed
from n3d_ros.node.plain.inputs.sync import Frame, Synchroniser
from n3d_ros.node.transforms import Transforms

COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO, IMAGE = "sensor_msgs/msg/CameraInfo", "sensor_msgs/msg/Image"
# Names of image_transport's plugins that the node can read.
SUFFIXES = {"rgb": "compressed", "depth": "compressedDepth"}
RGBD = "realsense2_camera_msgs/msg/RGBD"


class Listening:
    """Begins at once. topics: input -> full topic."""

    def __init__(self, node: Node, topics: Mapping[str, str], wanted: Parameters) -> None:
        self._node, self._wanted, self._topics = node, wanted, dict(topics)
        self._newest: dict[str, Any] = {}
        self._senders = {name: Senders() for name in topics}
        self._transforms = Transforms(node)
        self._sync: Synchroniser[Any, Any] = Synchroniser(
            round(wanted.sync_max_slop_ms * 1e6), wanted.sync_queue_size
        )
        self._inputs = [self._input(name, topic) for name, topic in topics.items()]
        for one in self._inputs:
            one.open()

    def close(self) -> None:
        """Hear nothing more."""
        self._transforms.close()
        for one in self._inputs:
            one.close()

    def match_publishers(self) -> None:
        """Ask for what they offer."""
        for one in self._inputs:
            one.match_publishers()

    def topics(self, node_name: str, published: Mapping[str, str], taken: set[str]) -> list[TopicSeen]:
        """Figures now. published: topic -> type, of the whole graph; taken: not to be offered in place of
        others.
        """
        return [self._topic(one, node_name, published, taken) for one in self._inputs]

    def frame(self, wait_for_tf: Callable[[], object]) -> FrameSeen:
        """The newest messages. wait_for_tf: serves the graph for a while; tf comes later than images."""
        newest = {name: opened(message) for name, message in self._newest.items()}
        wanted = self._wanted
        if wanted.override is not None:
            newest.setdefault("camera_info", CameraInfo())  # as the node does
        targets = {wanted.output_frame, wanted.tracking_frame, *remembered_in(wanted)} - {""}
        if targets:
            wait_for_tf()
        return FrameSeen(
            **newest,
            num_pairs=self._sync.counts["paired"] + self._sync.counts["no_camera_info"],
            slop_ms=self._sync.slop_ns / 1e6,
            unpaired=self._sync.fault(),
            rgb_topic=self._rgb_topic(),
            alignment=self._why_unaligned(newest),
            refused=self._why_refused(newest),
            places={
                target: self._why_unplaced(newest, target) for target in sorted(targets) if "rgb" in newest
            },
        )

    def _input(self, name: str, topic: str) -> Input:
        kind = message_class(self._type_of(name))
        if kind is None:
            raise CommandFailed(
                f"{topic}: {self._type_of(name)} does not import here; source the ROS that the node runs in"
            )
        parameter, is_steady = INPUTS[name].qos, not name.endswith("info")
        return Input(
            self._node,
            name,
            topic,
            kind,
            partial(self._receive, name),
            qos=AUTO,
            qos_parameter=parameter,
            is_steady=is_steady,
        )

    def _type_of(self, name: str) -> str:
        """What the node subscribes to, by its parameters."""
        if name.endswith("info"):
            return INFO
        if name == "rgbd":
            return RGBD
        transport = self._wanted.rgb_transport if name == "rgb" else self._wanted.depth_transport
        return IMAGE if transport == "raw" else COMPRESSED

    def _receive(self, name: str, message: Any) -> None:
        picture, lens = (message.rgb, message.rgb_camera_info) if name == "rgbd" else (message, message)
        self._senders[name].add(stamp_ns(picture.header.stamp), _kind(lens))
        if name == "rgbd":
            self._receive_rgbd(message)
            return
        self._newest[name] = message
        if name == "rgb":
            self._sync.add_rgb(stamp_ns(message.header.stamp), message)
        elif name == "depth":
            self._sync.add_depth(stamp_ns(message.header.stamp), message)

    def _receive_rgbd(self, message: Any) -> None:
        self._newest.update(
            rgb=message.rgb,
            depth=message.depth,
            camera_info=message.rgb_camera_info,
            depth_info=message.depth_camera_info,
        )
        stamps = stamp_ns(message.rgb.header.stamp), stamp_ns(message.depth.header.stamp)
        self._sync.add_pair(*stamps, message.rgb, message.depth)

    def _topic(self, one: Input, node_name: str, published: Mapping[str, str], taken: set[str]) -> TopicSeen:
        publishers = self._node.get_publishers_info_by_topic(one.full_name)
        offers = [quality_of(other.qos_profile) for other in publishers]
        type_name, asked = self._type_of(one.name), self._asked_for(one, node_name)
        parameter = INPUTS[one.name].qos
        state = replace(
            one.state(time.monotonic()),
            remap=INPUTS[one.name].remap,
            is_optional=one.name == "camera_info" and self._wanted.override is not None,
            incompatible=mismatch(one.full_name, offers, asked, parameter),
            missed=missed(offers, asked, parameter),
        )
        free = {topic: kind for topic, kind in published.items() if topic not in taken}
        suffix, senders = SUFFIXES.get(one.name, ""), self._senders[one.name]
        return TopicSeen(
            state,
            type_name,
            types=tuple(other.topic_type for other in publishers),
            publishers=tuple(_name(other) for other in publishers if other.topic_type == type_name),
            wanted=asked,
            others=_others(free, type_name, suffix),
            packed=_packed(free, type_name, suffix),
            compressed=_compressed(one.full_name, type_name, suffix, published),
            suffix=suffix if type_name == COMPRESSED else "",
            is_mixed=senders.is_mixed,
            stamp_ns=senders.stamp_ns,
            is_still=senders.is_still,
        )

    def _asked_for(self, one: Input, node_name: str) -> Quality:
        """By the node's subscription; our own where the graph does not show that."""
        for other in self._node.get_subscriptions_info_by_topic(one.full_name):
            if _name(other) == node_name:
                return quality_of(other.qos_profile)
        return one.quality

    def _why_unaligned(self, newest: Mapping[str, Any]) -> str:
        if "rgb" not in newest or "depth" not in newest:
            return ""
        try:
            self._alignment(newest).depth_camera(newest["rgb"], newest["depth"], self._wanted.depth_align)
        except N3DError as error:
            return error.message
        return ""

    def _why_refused(self, newest: Mapping[str, Any]) -> str:
        """All together, as the node does it before the engine gets a frame."""
        if not {"rgb", "depth", "camera_info"} <= set(newest):
            return ""
        rgb = newest["rgb"]
        messages = Frame(rgb, newest["depth"], newest["camera_info"], stamp_ns(rgb.header.stamp), 0)
        frame = CameraFrame(messages, rgb_topic=self._rgb_topic(), alignment=self._alignment(newest))
        try:
            frame.observe(self._wanted)
        except N3DError as error:
            return error.message
        return ""

    def _alignment(self, newest: Mapping[str, Any]) -> Alignment:
        return Alignment(
            newest.get("depth_info"),
            self._topics.get("depth", self._rgb_topic()),
            self._topics.get("depth_info", INPUTS["depth_info"].remap),
            self._transforms,
        )

    def _rgb_topic(self) -> str:
        return self._topics.get("rgb", self._topics.get("rgbd", ""))

    def _why_unplaced(self, newest: Mapping[str, Any], target: str) -> str:
        header = newest["rgb"].header
        try:
            self._transforms.lookup(target, header.frame_id, stamp_ns(header.stamp))
        except N3DError as error:
            return error.message
        return ""


def _kind(message: Any) -> tuple[Any, ...]:
    """What stays the same in messages of one camera: frame, size, K."""
    matrix = tuple(message.k) if isinstance(message, CameraInfo) else ()
    return message.header.frame_id, size_px(message), matrix


def _name(one: TopicEndpointInfo) -> str:
    return f"{one.node_namespace.rstrip('/')}/{one.node_name}"


def _others(published: Mapping[str, str], type_name: str, suffix: str) -> tuple[str, ...]:
    """Topics of the type; of compressed ones those in the form that the node reads."""
    ending = f"/{suffix}" if type_name == COMPRESSED else ""
    return tuple(topic for topic, kind in published.items() if kind == type_name and topic.endswith(ending))


def _packed(published: Mapping[str, str], type_name: str, suffix: str) -> tuple[str, ...]:
    """Compressed forms that the node reads, of raw topics that nobody publishes."""
    if type_name != IMAGE:
        return ()
    forms = _others(published, COMPRESSED, suffix)
    return tuple(form for form in forms if form.rpartition("/")[0] not in published)


def _compressed(topic: str, type_name: str, suffix: str, published: Mapping[str, str]) -> str:
    """The topic's compressed form, where it is published and the node takes the raw one."""
    form = f"{topic}/{suffix}"
    return form if type_name == IMAGE and published.get(form) == COMPRESSED else ""
