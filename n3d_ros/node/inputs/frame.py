"""One instant of a camera, as messages and, once somebody asked about it, as arrays.

In: messages that belong together, and when they were complete. Out: an `Observation`, converted once, so that
the engine can reuse what it encoded; the frame's age. It knows no topic and no request.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from n3d_ros.cameras.camera_info import AUTO, kind_of_topic
from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import observation, stamp_ns
from n3d_ros.node.inputs.alignment import Alignment
from n3d_ros.node.inputs.own_info import OUTDATED
from n3d_ros.node.inputs.sealed import opened
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.inputs.state import AHEAD_S
from n3d_ros.node.plain.inputs.sync import Frame
from n3d_ros.node.transforms import Found, Transforms
from n3d_ros.preprocess.prepare import Observation

# The parameters that make another observation of the same messages.
OF_OBSERVATION = (
    "depth_scale_m",
    "depth_min_m",
    "depth_max_m",
    "depth_is_estimated",
    "depth_align",
    "rgb_picture",
    "intrinsics_override",
    "limits_max_picture_megapixels",
)
TF_POLL_S = 0.005
Messages: TypeAlias = Frame[Any, Any]


@dataclass
class CameraFrame:
    """Messages of one instant, and what was made of them.

    is_ahead: its stamp was ahead of the node's clock when it came. arrived_s: on the steady clock. rgb_topic:
    the full name that its colour image came under; empty: a request brought it. alignment: how its depth is
    registered where it was not. is_info_outdated: its camera info is that of an earlier picture
    (`own_info.py`). num_forgotten: of the transforms when it came; None: a request brought it.
    """

    messages: Messages
    is_ahead: bool = False
    arrived_s: float = field(default_factory=time.monotonic)
    observation: Observation | None = None
    _settings: tuple[object, ...] = ()
    _places: dict[str, Found] = field(default_factory=dict)
    rgb_topic: str = ""
    alignment: Alignment = Alignment()
    is_info_outdated: bool = False
    num_forgotten: int | None = None

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
        """The `Observation`, made anew where what it depends on was changed; BAD_INPUT or NO_DEPTH when the
        messages cannot be used.
        """
        if self.is_info_outdated and self.override(parameters) is None:
            raise BadInputError(OUTDATED)
        settings = tuple(getattr(parameters, name) for name in OF_OBSERVATION)
        if self.observation is None or settings != self._settings:
            # Where this fails nothing of other settings is left.
            self._settings, self.observation = settings, None
            self.observation = observation(
                opened(self.messages.rgb),
                opened(self.messages.depth),
                self.messages.camera_info,
                scale_m=parameters.depth_scale_m or None,
                min_m=parameters.depth_min_m,
                max_m=parameters.depth_max_m,
                is_estimated=parameters.depth_is_estimated,
                kind=self.kind(parameters),
                depth_camera=self.alignment.depth_camera(
                    self.messages.rgb, self.messages.depth, parameters.depth_align
                ),
                max_megapixels=parameters.limits_max_picture_megapixels,
                override=self.override(parameters),
            )
        return self.observation

    def is_of_before(self, transforms: Transforms) -> bool:
        """Whether the clock went back since it came."""
        return self.num_forgotten not in (None, transforms.num_forgotten)

    def place(self, target: str, transforms: Transforms) -> Found:
        """Where its optical frame was in `target` when the picture was taken; asked of tf once. N3DError with
        code TF where that is not known, or the clock went back since it came: tf would take its stamp for one
        of the new time.
        """
        if target not in self._places:
            if self.is_of_before(transforms):
                why = "the clock went back since the picture was taken; ask again"
                raise N3DError(ResultCode.TF, f"no transform to '{target}' at the image's stamp: {why}")
            self._places[target] = transforms.lookup(target, self.header.frame_id, self.stamp_ns)
        return self._places[target]

    def locate(self, targets: Iterable[str], transforms: Transforms) -> bool:
        """Keep what tf knows now; whether it knows all."""
        missing = 0
        for target in targets:
            try:
                self.place(target, transforms)
            except N3DError:
                missing += 1
        return not missing

    def await_location(
        self,
        targets: Iterable[str],
        transforms: Transforms,
        end_s: float,
        should_stop: Callable[[], bool],
    ) -> None:
        """Give tf time to come, until end_s on the steady clock: it may be sent more seldom than images. Not
        in the executor's thread.
        """
        while not self.locate(targets, transforms) and time.monotonic() < end_s and not should_stop():
            time.sleep(TF_POLL_S)

    def await_alignment(self, parameters: Parameters, end_s: float, should_stop: Callable[[], bool]) -> None:
        """The same for the tf by which depth is registered: `observe` needs it."""
        rgb, depth, mode = self.messages.rgb, self.messages.depth, parameters.depth_align
        while self.alignment.is_late(rgb, depth, mode) and time.monotonic() < end_s and not should_stop():
            time.sleep(TF_POLL_S)

    def override(self, parameters: Parameters) -> Intrinsics | None:
        """K in place of the camera info's, of this node's camera alone: pictures of a request have their own
        camera.
        """
        return parameters.override if self.rgb_topic else None

    def kind(self, parameters: Parameters) -> str:
        """Whether its colour image is rectified: as the operator says, else as its topic's name does."""
        said = parameters.rgb_picture
        return kind_of_topic(self.rgb_topic) if said == AUTO else said


def frame_of_request(request: Any) -> CameraFrame:
    """The pictures that a request carries, as if they had come from a camera."""
    rgb_ns, depth_ns = stamp_ns(request.rgb.header.stamp), stamp_ns(request.depth.header.stamp)
    return CameraFrame(Frame(request.rgb, request.depth, request.camera_info, rgb_ns, depth_ns - rgb_ns))
