"""Whether depth is registered to colour, and what it takes to register it here.

In: the frames that the two images name, the depth camera's info and tf. Out: None where depth fits as it is,
else the `DepthCamera` with which it is registered, or BAD_INPUT that names what is missing. Depth in another
frame is never taken for registered: every box would be off by the distance between the two cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from n3d_ros.cameras.camera_info import kind_of_topic
from n3d_ros.errors import BadInputError, N3DError
from n3d_ros.node.conversions import DepthCamera, stamp_ns
from n3d_ros.node.inputs.own_info import OUTDATED
from n3d_ros.node.transforms import LateTransformError, Transforms, bare, matrix

OFF, ERROR = "off", "error"
REMEDY = (
    "switch on the driver's alignment of depth to colour (align_depth.enable, depth_registration), or set "
    "depth.align to off if it is registered all the same"
)


def frames_differ(rgb_frame: str, depth_frame: str) -> bool:
    """Whether the images are of two cameras; a message without a frame says nothing."""
    return bool(rgb_frame and depth_frame) and bare(rgb_frame) != bare(depth_frame)


@dataclass(frozen=True)
class Alignment:
    """What is known about the depth of one frame. depth_info: its camera's CameraInfo, None: never came.
    depth_topic, info_topic: full names, empty: a request brought the pictures. transforms: None: no tf.
    is_info_outdated: depth_info is of an earlier picture (`own_info.py`).
    """

    depth_info: Any = None
    depth_topic: str = ""
    info_topic: str = ""
    transforms: Transforms | None = None
    is_info_outdated: bool = False

    def is_late(self, rgb: Any, depth: Any, mode: str) -> bool:
        """Whether only tf of the colour image's instant is missing, which may still come."""
        try:
            self.depth_camera(rgb, depth, mode)
        except BadInputError as error:
            return isinstance(error.__cause__, LateTransformError)
        return False

    def depth_camera(self, rgb: Any, depth: Any, mode: str) -> DepthCamera | None:
        """For two images; mode: of depth.align."""
        rgb_frame, depth_frame = rgb.header.frame_id, depth.header.frame_id
        if mode == OFF or not frames_differ(rgb_frame, depth_frame):
            return None
        problem = f"depth is in '{depth_frame}', colour in '{rgb_frame}'"
        if mode == ERROR or self.transforms is None:
            raise BadInputError(f"depth: expected it registered to colour, but {problem}: {REMEDY}")
        if self.depth_info is None:
            raise BadInputError(
                f"depth: {problem}, and nothing came on {self.info_topic}, without which it cannot be "
                f"registered here: remap depth/camera_info, or {REMEDY}"
            )
        if self.is_info_outdated:
            raise BadInputError(f"depth: {problem}, and its {OUTDATED}")
        try:
            found = self.transforms.lookup(rgb_frame, depth_frame, stamp_ns(rgb.header.stamp))
        except N3DError as error:
            raise BadInputError(f"depth: {problem}, and {error.message}: {REMEDY}") from error
        return DepthCamera(self.depth_info, kind_of_topic(self.depth_topic), matrix(*found))
