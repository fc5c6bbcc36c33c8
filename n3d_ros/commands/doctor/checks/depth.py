"""What mends depth that the node refuses: another unit, other limits, another format, a look at the camera.

In: the message, the node's parameters, and the error with which the node's own conversion refuses it. Out: a
command, or what to do.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from n3d_ros.errors import N3DError, NoDepthError
from n3d_ros.node.conversions.colour import ENCODINGS
from n3d_ros.node.conversions.depth import depth_array
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.preprocess.metres import MILLIMETRE_M, OTHER_SCALES

FORMAT = "have the driver publish 16UC1 in millimetres or 32FC1 in metres"
LOOK = (
    "look at the picture (ros2 run rqt_image_view rqt_image_view): a covered, switched-off or still starting "
    "sensor, or nothing within its reach"
)
ANOTHER = "it is a colour picture: remap depth/image to the camera's depth; ros2 topic list"
GREY = ("mono8", "8UC1", "mono16")
# In the messages of preprocess/metres.
ASKS_FOR_SCALE, NAMED_SCALE = "give the scale", re.compile(r"give the scale ([0-9.e-]+) \(")


def mend_depth(message: Any, wanted: Parameters, node: str, error: N3DError) -> str:
    """node: its full name."""
    if isinstance(error, NoDepthError):
        return _mend_limits(message, wanted, node) or LOOK
    encoding = getattr(message, "encoding", "")
    if encoding in ENCODINGS and encoding not in GREY:
        return ANOTHER
    command = f"ros2 param set {node} depth.scale_m"
    if wanted.depth_scale_m and _metres(message, wanted, None) is not None:
        return f"{command} 0.0 (what its encoding says)"
    scales = _scales(error)
    if len(scales) == 1:
        return f"{command} {scales[0]:g}"
    if scales:
        usual = ", ".join(f"{one:g}" for one in scales)
        return f"{command} with one of {usual}: compare a distance with a tape measure; or {FORMAT}"
    if ASKS_FOR_SCALE in error.message:
        return f"{FORMAT}; or {command} with the metres per unit of its manual"
    return FORMAT


def _scales(error: N3DError) -> list[float]:
    """Metres per unit that the message names; of 16 bits also millimetres: the view may be odd."""
    named = NAMED_SCALE.search(error.message)
    if named:
        return [float(named[1])]
    fits = [scale for scale, name in OTHER_SCALES.items() if f"{name} would make it" in error.message]
    return [*fits, MILLIMETRE_M] if fits else []


def _mend_limits(message: Any, wanted: Parameters, node: str) -> str:
    """'' where nothing was measured at any distance."""
    metres = _metres(message, wanted, wanted.depth_scale_m or None)
    if metres is None:
        return ""
    near, far = float(np.nanmin(metres)), float(np.nanmax(metres))
    commands = [f"ros2 param set {node} depth.max_m {np.ceil(far):.1f}"] if far > wanted.depth_max_m else []
    if near < wanted.depth_min_m:
        commands.append(f"ros2 param set {node} depth.min_m {np.floor(10 * near) / 10:.1f}")
    return f"{near:.2f} to {far:.2f} m were measured: {' or '.join(commands)}"


def _metres(message: Any, wanted: Parameters, scale_m: float | None) -> Any:
    """At any distance; None where it is refused with this scale."""
    try:
        return depth_array(message, scale_m, 0.0, np.inf, wanted.limits_max_picture_megapixels)
    except N3DError:
        return None
