"""The camera's topics -> complete frames.

In: rgb/image, rgb/camera_info, depth/image (or their compressed forms), or all in one message as rgbd; and
depth/camera_info where depth comes in a frame of its own. Out: `on_frame` with each newer complete frame,
`on_colour` with each newer colour image whose depth is still to come. A callback stores and returns; nothing
is converted here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.inputs.alignment import frames_differ
from n3d_ros.node.inputs.topic import Input
from n3d_ros.node.optional_packages import rgbd_type
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.camera_infos import CameraInfos
from n3d_ros.node.plain.inputs.state import InputState
from n3d_ros.node.plain.inputs.sync import Frame, Synchroniser


class CameraTopics:
    """Pairs and counts, while it is open. on_frame and on_colour as in the head of this file."""

    def __init__(
        self,
        node: Node,
        parameters: Parameters,
        on_frame: Callable[[Frame[Any, CameraInfo]], None],
        on_colour: Callable[[Any], None],
    ) -> None:
        self._node, self._parameters = node, parameters
        self._on_frame, self._on_colour = on_frame, on_colour
        self.sync: Synchroniser[Any, CameraInfo] = Synchroniser(
            round(parameters.sync_max_slop_ms * 1e6), parameters.sync_queue_size
        )
        self._depth_infos: CameraInfos[CameraInfo] = CameraInfos()
        self.rgb_frame = self.depth_frame = ""
        self.inputs = [self._rgbd_input()] if parameters.rgbd_enabled else self._separate_inputs()

    def open(self) -> None:
        """Listen; pairing begins anew."""
        self._pair_anew()
        for one in self.inputs:
            one.open()

    def close(self) -> None:
        """Hear nothing more."""
        for one in self.inputs:
            one.close()

    def forget(self, back_ns: int) -> None:
        """The clock went back by so much: stamps may come again."""
        self._pair_anew()
        for one in self.inputs:
            one.forget(back_ns)

    def _pair_anew(self) -> None:
        self.sync.restart()
        self._depth_infos.restart()

    def need_info(self, is_needed: bool) -> None:
        """Whether there is no frame without camera info; else an empty one stands in until one comes."""
        self.sync.stand_in = None if is_needed else CameraInfo()

    def match_publishers(self) -> None:
        """Follow what the publishers offer."""
        for one in self.inputs:
            one.match_publishers()

    def rgb_topic(self) -> str:
        """The full name of the colour image's topic."""
        return self.inputs[0].full_name

    def depth_topic(self) -> str:
        """The full name of the depth image's topic."""
        return next((one.full_name for one in self.inputs if one.name == "depth"), self.rgb_topic())

    def depth_info(self, depth_ns: int) -> CameraInfo | None:
        """Of the depth camera, where depth's frame is not colour's: that of the image's stamp, else the
        newest.
        """
        return self._depth_infos.own(depth_ns) or self._depth_infos.newest

    def states(self) -> tuple[InputState, ...]:
        """What each input does now. Camera info that came once is not missed: it describes the lens."""
        now_s = time.monotonic()
        states = (one.state(now_s) for one in self.inputs)
        can_miss_info = self.sync.stand_in is not None
        return tuple(replace(one, is_optional=can_miss_info and one.name == "camera_info") for one in states)

    def _separate_inputs(self) -> list[Input]:
        wanted = self._parameters
        rgb = self._image_topic("rgb/image", "compressed", wanted.rgb_transport)
        depth = self._image_topic("depth/image", "compressedDepth", wanted.depth_transport)
        return [
            Input(self._node, "rgb", *rgb, self._on_rgb, qos=wanted.qos_rgb, qos_parameter="qos.rgb"),
            self._info_input("camera_info", "rgb/camera_info", self._on_info),
            Input(
                self._node, "depth", *depth, self._on_depth, qos=wanted.qos_depth, qos_parameter="qos.depth"
            ),
        ]

    def _info_input(self, name: str, topic: str, callback: Callable[[CameraInfo], None]) -> Input:
        return Input(
            self._node,
            name,
            topic,
            CameraInfo,
            callback,
            qos=self._parameters.qos_info,
            qos_parameter="qos.info",
            is_steady=False,
        )

    def _rgbd_input(self) -> Input:
        qos = self._parameters.qos_rgb
        return Input(self._node, "rgbd", "rgbd", rgbd_type(), self._on_rgbd, qos=qos, qos_parameter="qos.rgb")

    def _on_rgb(self, message: Any) -> None:
        stamp, self.rgb_frame = stamp_ns(message.header.stamp), message.header.frame_id
        self._deliver(self.sync.add_rgb(stamp, message))
        if self.sync.awaits_depth(stamp):
            self._on_colour(message)

    def _on_depth(self, message: Any) -> None:
        self.depth_frame = message.header.frame_id
        self._hear_depth_info()
        self._deliver(self.sync.add_depth(stamp_ns(message.header.stamp), message))

    def _on_info(self, message: CameraInfo) -> None:
        self._deliver(self.sync.set_camera_info(message, stamp_ns(message.header.stamp)))

    def _on_rgbd(self, message: Any) -> None:
        """realsense2_camera_msgs/RGBD. Its own header names a frame that is not in tf: the pictures' do."""
        self.rgb_frame, self.depth_frame = message.rgb.header.frame_id, message.depth.header.frame_id
        stamps = stamp_ns(message.rgb.header.stamp), stamp_ns(message.depth.header.stamp)
        self._depth_infos.add(message.depth_camera_info, stamps[1])
        self.sync.set_camera_info(message.rgb_camera_info, stamps[0])
        self._deliver(self.sync.add_pair(*stamps, message.rgb, message.depth))

    def _hear_depth_info(self) -> None:
        """Once it is needed: most cameras register depth themselves, and every message costs."""
        is_heard = any(one.name == "depth_info" for one in self.inputs)
        if not is_heard and frames_differ(self.rgb_frame, self.depth_frame):
            self.inputs.append(self._info_input("depth_info", "depth/camera_info", self._on_depth_info))
            self.inputs[-1].open()

    def _on_depth_info(self, message: CameraInfo) -> None:
        self._depth_infos.add(message, stamp_ns(message.header.stamp))

    def _deliver(self, frame: Frame[Any, CameraInfo] | None) -> None:
        if frame is not None:
            self._on_frame(frame)

    def _image_topic(self, topic: str, suffix: str, transport: str) -> tuple[str, type]:
        """The compressed form lies under the raw topic's name after remapping: a rule names the raw one."""
        if transport == "raw":
            return topic, Image
        return f"{self._node.resolve_topic_name(topic)}/{suffix}", CompressedImage
