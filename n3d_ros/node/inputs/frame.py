"""One instant of a camera, as messages and, once somebody asked about it, as arrays.

In: messages that belong together, and when they were complete. Out: an `Observation`, converted once, so that
the engine can reuse what it encoded; the frame's age. It knows no topic and no request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from n3d_ros.cameras.camera_info import AUTO, kind_of_topic
from n3d_ros.node.conversions import observation, stamp_ns
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.input_state import AHEAD_S
from n3d_ros.node.plain.sync import Frame
from n3d_ros.preprocess.prepare import Observation

Messages: TypeAlias = Frame[Any, Any]


@dataclass
class CameraFrame:
    """Messages of one instant, and what was made of them.

    is_ahead: its stamp was ahead of the node's clock when it came. arrived_s: on the steady clock. rgb_topic:
    the full name that its colour image came under; empty: a request brought it.
    """

    messages: Messages
    is_ahead: bool = False
    arrived_s: float = field(default_factory=time.monotonic)
    observation: Observation | None = None
    rgb_topic: str = ""

    @property
    def stamp_ns(self) -> int:
        """Of the colour image."""
        return self.messages.stamp_ns

    @property
    def header(self) -> Any:
        """std_msgs/Header of the colour image: every result about this frame carries its stamp and frame."""
        return self.messages.rgb.header

    def age_s(self, now_ns: int) -> float:
        """By its stamp, now_ns being the node's ROS time; since its arrival where the stamp lies ahead of it:
        the age of such a stamp would be below zero, and nothing would ever be too old.
        """
        by_stamp_s = (now_ns - self.stamp_ns) / 1e9
        return self.arrived_ago_s() if self.is_ahead or by_stamp_s < -AHEAD_S else by_stamp_s

    def arrived_ago_s(self) -> float:
        """Since it was complete."""
        return time.monotonic() - self.arrived_s

    def observe(self, parameters: Parameters) -> Observation:
        """The `Observation`; BAD_INPUT or NO_DEPTH when the messages cannot be used."""
        if self.observation is None:
            self.observation = observation(
                self.messages.rgb,
                self.messages.depth,
                self.messages.camera_info,
                scale_m=parameters.depth_scale_m or None,
                min_m=parameters.depth_min_m,
                max_m=parameters.depth_max_m,
                is_estimated=parameters.depth_is_estimated,
                kind=self.kind(parameters),
                max_megapixels=parameters.limits_max_picture_megapixels,
            )
        return self.observation

    def kind(self, parameters: Parameters) -> str:
        """Whether its colour image is rectified: as the operator says, else as its topic's name does."""
        said = parameters.rgb_picture
        return kind_of_topic(self.rgb_topic) if said == AUTO else said


def frame_of_request(request: Any) -> CameraFrame:
    """The pictures that a request carries, as if they had come from a camera."""
    rgb_ns, depth_ns = stamp_ns(request.rgb.header.stamp), stamp_ns(request.depth.header.stamp)
    return CameraFrame(Frame(request.rgb, request.depth, request.camera_info, rgb_ns, depth_ns - rgb_ns))
