"""The three topics of an RGB-D camera on a node: `rgb/image`, `depth/image`, `rgb/camera_info`, relative
names.

In: frames of files or of a simulator. Out: messages with one stamp and one optical frame. ROS is imported
when a publisher is made, so that help needs none.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.files.frames import RgbdFrame
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions import fill_image

FRAME_ID = "camera_color_optical_frame"
QUEUE_DEPTH = 5


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
    """Write a camera into a sensor_msgs/CameraInfo and return it; of a pinhole K and P are the same."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    lens = intrinsics.distortion
    info.width, info.height = intrinsics.width, intrinsics.height
    info.distortion_model = "plumb_bob" if lens is None else lens.model
    info.d = [0.0] * 5 if lens is None else list(lens.coefficients)
    info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
