"""The three topics of an RGB-D camera on a node: `rgb/image`, `depth/image`, `rgb/camera_info`, relative
names.

In: frames of files or of a simulator. Out: messages with one stamp and one optical frame. ROS is imported
when a publisher is made, so that help needs none.
"""

from __future__ import annotations

import math
from typing import Any

from n3d_ros.files.frames import RgbdFrame
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import fill_image

FRAME_ID = "camera_color_optical_frame"
QUEUE_DEPTH = 5
# Of the picture that a crop was cut from, in focal lengths: 28 degrees, so that it is no telescope's.
MIN_HALF_VIEW = 0.25


class CameraPublisher:
    """The three topics of an RGB-D camera on a node."""

    def __init__(self, node: Any, frame_id: str = FRAME_ID) -> None:
        from sensor_msgs.msg import CameraInfo, Image

        self._image, self._info, self._frame_id = Image, CameraInfo, frame_id
        self.publishers = (
            node.create_publisher(CameraInfo, "rgb/camera_info", QUEUE_DEPTH),
            node.create_publisher(Image, "rgb/image", QUEUE_DEPTH),
            node.create_publisher(Image, "depth/image", QUEUE_DEPTH),
        )

    @property
    def has_subscribers(self) -> bool:
        """Whether somebody listens to each of the three."""
        return all(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    def publish(self, frame: RgbdFrame, stamp: Any) -> None:
        """One frame, its camera first since folders differ; `stamp`: builtin_interfaces/Time of all three."""
        messages = (
            fill_camera_info(self._info(), frame.intrinsics),
            fill_image(self._image(), frame.rgb, "rgb8"),
            fill_image(self._image(), frame.depth, frame.encoding),
        )
        for publisher, message in zip(self.publishers, messages, strict=True):
            message.header.stamp = stamp
            message.header.frame_id = self._frame_id
            publisher.publish(message)


def fill_camera_info(info: Any, intrinsics: Intrinsics) -> Any:
    """Write a camera into a sensor_msgs/CameraInfo and return it; of a pinhole K and P are the same. A crop
    is written as the region of a larger picture whose middle the camera looks at: there its principal point
    may lie anywhere.
    """
    left, top, width, height = _around(intrinsics) if intrinsics.is_crop else (0, 0, *_size(intrinsics))
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx + left, intrinsics.cy + top
    lens = intrinsics.distortion
    info.width, info.height = width, height
    info.distortion_model = "plumb_bob" if lens is None else lens.model
    info.d = [0.0] * 5 if lens is None else list(lens.coefficients)
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    if (width, height) != _size(intrinsics):
        info.roi.x_offset, info.roi.y_offset = left, top
        info.roi.width, info.roi.height = _size(intrinsics)
    return info


def _size(intrinsics: Intrinsics) -> tuple[int, int]:
    return intrinsics.width, intrinsics.height


def _around(crop: Intrinsics) -> tuple[int, int, int, int]:
    """Pixels that were left and above of a crop, and the size of the picture that it was cut from."""
    left, right = _beside(crop.cx, crop.width, crop.fx)
    above, below = _beside(crop.cy, crop.height, crop.fy)
    return left, above, left + crop.width + right, above + crop.height + below


def _beside(centre: float, side: int, focal: float) -> tuple[int, int]:
    """Pixels before and behind a side, so that the principal point is in the middle of all."""
    half = max(centre + 0.5, side - 0.5 - centre, MIN_HALF_VIEW * focal)
    return math.ceil(half - centre - 0.5), math.ceil(half - side + 0.5 + centre)
