"""The camera as requests see it: its newest complete frame, whether that is fresh, and why there is none.

In: topics. Out: frames to whoever waits for them, and to the node's callbacks. Nothing is converted here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from n3d_ros.errors import ResultCode
from n3d_ros.node.conversions import stamp_ns
from n3d_ros.node.inputs.frame import CameraFrame, Messages
from n3d_ros.node.inputs.topics import CameraTopics
from n3d_ros.node.parameters.live import LiveParameters
from n3d_ros.node.plain.latest_frame import LatestFrame
from n3d_ros.node.plain.sync import Frame

CODE_WITHOUT = {
    "rgb": ResultCode.NO_FRAME,
    "camera_info": ResultCode.NO_CAMERA_INFO,
    "depth": ResultCode.NO_DEPTH,
}
"""The code for an input that never came."""


class Camera:
    """on_frame: hears of each newer complete frame, on_colour of each colour image whose depth is to come."""

    def __init__(
        self,
        node: Node,
        parameters: LiveParameters,
        on_frame: Callable[[CameraFrame], None],
        on_colour: Callable[[Any], None],
    ) -> None:
        self._parameters, self._clock = parameters, node.get_clock()
        self._on_frame = on_frame
        self.frames: LatestFrame[CameraFrame] = LatestFrame()
        self.topics = CameraTopics(node, parameters.now, self._complete, on_colour)

    def is_fresh(self, frame: CameraFrame) -> bool:
        """Whether a frame is young enough to be answered about."""
        limit_s = self._parameters.now.max_frame_age_s
        return not limit_s or self._age_s(frame) <= limit_s

    def is_awaited(self, rgb: Any) -> bool:
        """Whether somebody waits for the frame of this colour image."""
        coming = CameraFrame(Frame(rgb, None, None, stamp_ns(rgb.header.stamp), 0))
        return self.frames.is_awaited(coming)

    def why_no_frame(self) -> tuple[ResultCode, str]:
        """Why a request waited in vain for a frame."""
        wanted, newest, sync = self._parameters.now, self.frames.frame, self.topics.sync
        absent = [code for name, code in CODE_WITHOUT.items() if name in sync.missing()]
        if absent:
            missing = ", ".join(self.topics.missing())
            return absent[0], f"no message on {missing}; is the camera running, are the topics remapped?"
        if newest is None:
            slop_ms = sync.slop_ns / 1e6
            return (
                ResultCode.NO_FRAME,
                f"colour and depth come, but never within {slop_ms:.1f} ms of each other",
            )
        age_s = self._age_s(newest)
        if not self.is_fresh(newest):
            return ResultCode.STALE, (
                f"the newest frame is {age_s:.1f} s old, max_frame_age_s is {wanted.max_frame_age_s:g}; "
                "a recording needs use_sim_time"
            )
        return ResultCode.NO_FRAME, (
            f"no frame at or after the stamp asked for came within {wanted.frame_timeout_s:g} s; "
            f"the newest is {age_s:.1f} s old"
        )

    def _age_s(self, frame: CameraFrame) -> float:
        return float(self._clock.now().nanoseconds - frame.stamp_ns) / 1e9

    def _complete(self, messages: Messages) -> None:
        frame = CameraFrame(messages)
        self.frames.put(frame)
        self._on_frame(frame)
