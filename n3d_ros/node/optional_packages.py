"""What a ROS distribution has and PyPI lacks, and what the node goes without where it does not import."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any


def has_detections() -> bool:
    """Whether vision_msgs imports."""
    return importlib.util.find_spec("vision_msgs") is not None


def has_tf() -> bool:
    """Whether tf2_ros imports."""
    return importlib.util.find_spec("tf2_ros") is not None


def has_tf_messages() -> bool:
    """Whether tf2_msgs imports."""
    return importlib.util.find_spec("tf2_msgs") is not None


def has_rgbd() -> bool:
    """Whether the messages of RealSense's driver import."""
    return importlib.util.find_spec("realsense2_camera_msgs") is not None


def rgbd_type() -> Any:
    """realsense2_camera_msgs/RGBD; ImportError without the package."""
    return importlib.import_module("realsense2_camera_msgs.msg").RGBD


def missing() -> list[str]:
    """Packages that do not import, each with what is absent because of it."""
    return [
        *([] if has_detections() else ["vision_msgs: no ~/detections"]),
        *([] if has_tf() else ["tf2_ros: no output_frame, no tracking_frame, no registering of depth"]),
        *([] if has_tf_messages() else ["tf2_msgs: no publish_tf"]),
    ]


def capabilities() -> list[str]:
    """What this node can do."""
    detections = ["detections"] if has_detections() else []
    frames = ["output_frame", "tracking_frame"] if has_tf() else []
    return ["ground", "ask", *detections, *frames, *(["publish_tf"] if has_tf_messages() else [])]


def refuse_rgbd_without_its_type(is_wanted: bool) -> None:
    """ValueError where colour and depth are wanted from one message whose type is absent."""
    if is_wanted and not has_rgbd():
        raise ValueError(
            "rgbd.enabled: realsense2_camera_msgs does not import here; install the driver's messages "
            "(ros-DISTRO-realsense2-camera-msgs), or leave it off and remap the three topics"
        )


def refuse_frame_without_tf(parameter: str, frame: str) -> None:
    """ValueError where another frame is wanted and tf2_ros is absent."""
    if frame and not has_tf():
        raise ValueError(
            f"{parameter} {frame!r}: tf2_ros does not import here, so nothing is known but the camera's "
            "optical frame; leave it empty or source a ROS distribution"
        )


def refuse_tf_without_messages(parameter: str, is_wanted: bool) -> None:
    """ValueError where poses are to be sent to tf and its messages are absent."""
    if is_wanted and not has_tf_messages():
        raise ValueError(
            f"{parameter}: tf2_msgs does not import here; leave it off or source a ROS distribution"
        )
