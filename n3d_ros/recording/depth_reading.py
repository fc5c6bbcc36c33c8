"""How a node reads its depth images: the parameters without which their bytes are other metres.

In: diagnostic_msgs/DiagnosticArray with their values as text, as recorders keep one before each result. Out:
how to make metres of a depth image as the node did, or the reason why that cannot be. It knows no ROS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from n3d_ros.errors import BadInputError
from n3d_ros.plain_text import shown
from n3d_ros.preprocess.metres import MAX_DEPTH_M, MIN_DEPTH_M

SCALE, MIN, MAX, ALIGN = NAMES = ("depth.scale_m", "depth.min_m", "depth.max_m", "depth.align")
# The topic of them in a recording, below the node's name.
DEPTH_PARAMETERS = "/depth_parameters"
# Said in place of them where they changed while the result was made, or the node had not told them yet.
UNKNOWN = "depth.is_unknown"
# Of depth.align: the driver has registered depth, whatever its messages say.
OFF = "off"


@dataclass(frozen=True)
class DepthReading:
    """The node's parameters of these names. scale_m: None for what the encoding says. is_known: whether these
    are what the node read the image by.
    """

    scale_m: float | None = None
    min_m: float = MIN_DEPTH_M
    max_m: float = MAX_DEPTH_M
    align: str = "auto"
    is_known: bool = True

    def require_known(self) -> None:
        """BadInputError where the image may have been read by other parameters."""
        if not self.is_known:
            raise BadInputError(
                "depth: expected the parameters that it was read by, but they changed while the result was "
                "made, or the node had not told them yet"
            )

    def require_registered(self, rgb: Any, depth: Any) -> None:
        """BadInputError where the node registered the depth image: it knew where its cameras are."""
        colour_frame, depth_frame = rgb.header.frame_id, depth.header.frame_id
        # As the node compares them, without the slash of ROS 1.
        is_one = colour_frame.lstrip("/") == depth_frame.lstrip("/")
        if self.align != OFF and colour_frame and depth_frame and not is_one:
            raise BadInputError(
                f"depth: expected it as the driver registered it to colour, but it is in '{depth_frame}', "
                f"colour in '{colour_frame}': the node registered it, and how is not recorded; switch on the "
                "driver's alignment, or set depth.align of the node to off if it is registered all the same"
            )


def depth_reading(message: Any) -> DepthReading:
    """Of a DiagnosticArray; what it does not hold is the node's default. ValueError for what is no number."""
    said = {one.key: one.value for status in message.status for one in status.values}
    return DepthReading(
        _number(said, SCALE, 0.0) or None,
        _number(said, MIN, MIN_DEPTH_M),
        _number(said, MAX, MAX_DEPTH_M),
        said.get(ALIGN, "auto"),
        is_known=UNKNOWN not in said,
    )


def _number(said: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(said.get(name, default))
    except ValueError:
        raise ValueError(f"recording: {name}: expected a number, got {shown(said[name])}") from None
