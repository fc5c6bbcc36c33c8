"""The camera that a result rests on, as the message n3d_ros/Intrinsics carries it.

In: `Intrinsics`, anything shaped like the message. Out: the other. It knows no ROS and no result.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.geometry import Distortion, Intrinsics

NUMBERS = ("fx", "fy", "cx", "cy", "width", "height", "is_crop")


def fill_used_camera(message: Any, camera: Intrinsics, *, is_overridden: bool) -> Any:
    """Write a camera into the message and return it. is_overridden: K is not the camera info's."""
    for name in NUMBERS:
        setattr(message, name, getattr(camera, name))
    lens = camera.distortion
    message.distortion_model = "" if lens is None else lens.model
    message.d = [] if lens is None else list(lens.coefficients)
    message.is_overridden = is_overridden
    return message


def used_camera(message: Any) -> Intrinsics | None:
    """The camera of a message; None where it is all zero: there was no usable picture. ValueError for what no
    camera has.
    """
    if not message.width:
        return None
    numbers = {name: getattr(message, name) for name in NUMBERS}
    return Intrinsics(**numbers, distortion=Distortion.stated(message.distortion_model, message.d))
