"""The camera as requests see it: its newest complete frame, whether that is fresh, and why there is none.

In: topics. Out: frames to whoever waits for them, and to the node's callbacks. Nothing is converted here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.inputs.alignment import Alignment
from n3d_ros.node.inputs.frame import CameraFrame, Messages
from n3d_ros.node.inputs.own_info import OwnInfo
from n3d_ros.node.inputs.topics import CameraTopics
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.plain.inputs.arrivals import Arrivals
from n3d_ros.node.plain.inputs.latest_frame import LatestFrame
from n3d_ros.node.plain.inputs.state import AHEAD_S, FrameState, why_no_frame
from n3d_ros.node.plain.inputs.sync import Frame
from n3d_ros.node.transforms import Transforms


class Camera:
    """Listens while it is open. on_frame: hears of each newer complete frame, on_colour of each colour image
    whose depth is to come.

    arrivals: of complete frames.
    """

    def __init__(
        self,
        node: Node,
        parameters: LiveParameters,
        transforms: Transforms,
        on_frame: Callable[[CameraFrame], None],
        on_colour: Callable[[Any], None],
    ) -> None:
        self._parameters, self._clock, self._transforms = parameters, node.get_clock(), transforms
        self._info_topic = node.resolve_topic_name("depth/camera_info")
        self._on_frame = on_frame
        self.frames: LatestFrame[CameraFrame] = LatestFrame()
        # Of the frame before the newest; 0: there was none.
        self._before_newest_ns = 0
        self.arrivals = Arrivals(time.monotonic())
        self._own_info, self._own_depth_info = OwnInfo(), OwnInfo()
        self.topics = CameraTopics(node, parameters.now, self._complete, on_colour)

    def open(self) -> None:
        """Listen to the topics."""
        self.arrivals = Arrivals(time.monotonic())
        self.follow_override()
        self.topics.open()

    def close(self) -> None:
        """Hear and know nothing more."""
        self.topics.close()
        self.frames.frame = None

    def forget(self, back_ns: int) -> None:
        """The clock went back by so much. Begin anew with images of the new time: those of before, and what
        is still on its way of them, are of another.
        """
        self.topics.forget(back_ns)
        self.frames.frame = None

    def follow_override(self) -> None:
        """No camera info is needed where the operator says what it would."""
        self.topics.need_info(self._parameters.now.override is None)

    def is_fresh(self, frame: CameraFrame) -> bool:
        """Whether a frame is young enough to be answered about, and the camera shows no newer picture under
        its stamp.
        """
        if self.is_repeated(frame):
            return False
        limit_s = self._parameters.now.max_frame_age_s
        return not limit_s or frame.age_s(self._now_ns()) <= limit_s

    def fresh_for(self, frame: CameraFrame) -> CameraFrame:
        """The newest frame, where this one has become too old while its request waited; else this one."""
        newest = self.frames.frame
        if newest is None or self.is_fresh(frame) or not self.is_fresh(newest):
            return frame
        return newest

    def is_awaited(self, rgb: Any) -> bool:
        """Whether somebody waits for the frame of this colour image."""
        coming = CameraFrame(Frame(rgb, None, None, stamp_ns(rgb.header.stamp), 0))
        return self.frames.is_awaited(coming)

    def remark(self, frame: CameraFrame, stamp_ns: int) -> str:
        """What is to be said of the newest frame to who asked for the first one at or after a stamp; empty:
        it is that.
        """
        if not 0 < stamp_ns <= self._before_newest_ns:
            return ""
        later_s = (frame.stamp_ns - stamp_ns) / 1e9
        return f"the first frame after the stamp asked for is not kept; this one is {later_s:.3f} s after it"

    def why_no_frame(self, awaited: str = "newer frame") -> tuple[ResultCode, str]:
        """Why a request waited in vain for a frame. awaited: which one."""
        wanted, newest = self._parameters.now, self.frames.frame
        state = None
        if newest is not None:
            age_s = newest.age_s(self._now_ns())
            state = FrameState(
                age_s,
                newest.arrived_ago_s(),
                is_fresh=self.is_fresh(newest),
                is_repeated=self.is_repeated(newest),
            )
        return why_no_frame(
            self.topics.states(),
            state,
            pairing=self.topics.sync.why_no_frame(),
            max_age_s=wanted.max_frame_age_s,
            waited_s=wanted.frame_timeout_s,
            awaited=awaited,
        )

    def is_repeated(self, frame: CameraFrame) -> bool:
        """Whether the camera shows other pictures under its stamp."""
        return bool(frame.rgb_topic) and frame.stamp_ns == self.topics.sync.repeated_ns

    def _now_ns(self) -> int:
        return int(self._clock.now().nanoseconds)

    def _alignment(self, depth: Any) -> Alignment:
        """For a depth image that is complete now."""
        topics = self.topics
        info = topics.depth_info(stamp_ns(depth.header.stamp))
        return Alignment(
            info,
            topics.depth_topic(),
            self._info_topic,
            self._transforms,
            is_info_outdated=info is not None and self._own_depth_info.is_outdated(depth, info),
        )

    def _complete(self, messages: Messages) -> None:
        is_ahead = messages.stamp_ns - self._now_ns() > AHEAD_S * 1e9
        frame = CameraFrame(
            messages,
            is_ahead,
            rgb_topic=self.topics.rgb_topic(),
            alignment=self._alignment(messages.depth),
            is_info_outdated=self._own_info.is_outdated(messages.rgb, messages.camera_info),
            num_forgotten=self._transforms.num_forgotten,
        )
        self.arrivals.add(frame.arrived_s)
        self._before_newest_ns = 0 if self.frames.frame is None else self.frames.frame.stamp_ns
        self.frames.put(frame)
        self._on_frame(frame)
