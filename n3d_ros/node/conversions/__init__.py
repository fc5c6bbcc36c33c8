"""ROS image messages <-> arrays of this library: `images` (bytes), `colour`, `depth` with `compressed_depth`
and `rvl`, `observations`.

The functions read attributes only, so anything shaped like the message will do.
"""

from n3d_ros.node.conversions.colour import rgb_array
from n3d_ros.node.conversions.depth import depth_array
from n3d_ros.node.conversions.images import NANOSECONDS, fill_image, fill_jpeg, raw_image, stamp_ns
from n3d_ros.node.conversions.observations import DepthCamera, intrinsics_of, observation

__all__ = [
    "NANOSECONDS",
    "DepthCamera",
    "depth_array",
    "fill_image",
    "fill_jpeg",
    "intrinsics_of",
    "observation",
    "raw_image",
    "rgb_array",
    "stamp_ns",
]
