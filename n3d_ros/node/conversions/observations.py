"""Messages of one instant -> what the pipeline takes.

In: colour, depth and camera info, and the depth camera where depth was not registered by its driver. Out: an
`Observation` under the colour image's stamp and frame, or a typed error that says what was expected and what
came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.cameras.camera_info import AUTO, camera_of_info
from n3d_ros.errors import BadInputError, N3DError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.geometry import Intrinsics
from n3d_ros.node.conversions.colour import rgb_array
from n3d_ros.node.conversions.depth import depth_array
from n3d_ros.node.conversions.images import stamp_ns
from n3d_ros.preprocess.metres import MAX_DEPTH_M, MIN_DEPTH_M
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.preprocess.registration import register_depth


@dataclass(frozen=True)
class DepthCamera:
    """The camera of depth that is still to be registered. info: its CameraInfo. kind: whether its picture is
    rectified (`camera_of_info`). T_colour_depth: (4, 4), from its frame to colour's, metres.
    """

    info: Any
    kind: str
    T_colour_depth: npt.NDArray[np.float64]


def intrinsics_of(
    info: Any, width: int, height: int, kind: str = AUTO, override: Intrinsics | None = None
) -> Intrinsics:
    """sensor_msgs/CameraInfo -> `Intrinsics` of a (height, width) picture, pixels; rules, `kind` and
    `override` are those of `camera_of_info`.
    """
    try:
        return camera_of_info(info, width, height, kind, override).intrinsics
    except ValueError as error:
        raise BadInputError(f"camera info: {error}") from error


def observation(
    rgb: Any,
    depth: Any,
    info: Any,
    scale_m: float | None = None,
    min_m: float = MIN_DEPTH_M,
    max_m: float = MAX_DEPTH_M,
    is_estimated: bool = False,
    kind: str = AUTO,
    depth_camera: DepthCamera | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    override: Intrinsics | None = None,
) -> Observation:
    """Three messages of one instant -> what the pipeline takes; stamp and frame are the colour image's.

    info: CameraInfo, or the camera of the colour image where it is known already. is_estimated: a depth model
    made the depth image. kind: whether the colour image is rectified (`camera_of_info`). depth_camera: None
    where depth is registered to colour. max_megapixels: larger images are refused. override: in place of the
    camera info's K (`camera_of_info`).
    """
    picture = rgb_array(rgb, max_megapixels)
    height, width = picture.shape[:2]
    is_known = isinstance(info, Intrinsics)
    intrinsics = info if is_known else intrinsics_of(info, width, height, kind, override)
    metres = depth_array(depth, scale_m, min_m, max_m, max_megapixels)
    try:
        if depth_camera is not None:
            metres = _registered(metres, depth_camera, intrinsics)
        return Observation(
            picture,
            intrinsics,
            depth=metres,
            stamp_ns=stamp_ns(rgb.header.stamp),
            frame_id=rgb.header.frame_id,
            depth_is_estimated=is_estimated,
        )
    except N3DError:
        raise
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _registered(
    metres: npt.NDArray[np.float32], camera: DepthCamera, colour: Intrinsics
) -> npt.NDArray[np.float32]:
    height, width = metres.shape
    own = intrinsics_of(camera.info, width, height, camera.kind)
    return register_depth(metres, own, colour, camera.T_colour_depth)
