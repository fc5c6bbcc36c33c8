"""Colour encodings that only cv_bridge converts: Bayer patterns, 16-bit colour.

In: a sensor_msgs/Image. Out: RGB, or None where cv_bridge does not import, as on a machine without a ROS
distribution. The usual encodings never come here (`conversions`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError


def rgb_by_cv_bridge(image: Any) -> npt.NDArray[np.uint8] | None:
    """(H, W, 3) uint8 RGB, or None without cv_bridge. BadInputError for what it cannot convert either.

    cv_bridge is imported here and not with the module: its extension is compiled for one NumPy, and a node
    that never needs it must not fail with it.
    """
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError:
        return None
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(image, "rgb8"), dtype=np.uint8)
    except CvBridgeError as error:
        raise BadInputError(
            f"colour encoding: expected one that cv_bridge converts to rgb8, got {image.encoding!r}: {error}"
        ) from error
