"""A depth message -> metres.

In: sensor_msgs Image or CompressedImage. Out: (H, W) float32 metres in the depth camera's own picture, NaN =
none. Units are `preprocess.metres`' affair; whose picture it is, `observations`'.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.node.conversions.compressed_depth import decoded_depth
from n3d_ros.node.conversions.images import Array, raw_image
from n3d_ros.plain_text import shown
from n3d_ros.preprocess.metres import MAX_DEPTH_M, MIN_DEPTH_M, measured_depth

ENCODINGS = ("16UC1", "mono16", "32FC1")


def depth_array(
    image: Any,
    scale_m: float | None = None,
    min_m: float = MIN_DEPTH_M,
    max_m: float = MAX_DEPTH_M,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> npt.NDArray[np.float32]:
    """(H, W) float32 metres, NaN where there is none.

    scale_m: metres per unit when the driver differs from REP 118. Depth outside [min_m, max_m] becomes NaN.
    NO_DEPTH when no pixel is left. max_megapixels: a larger image is refused.
    """
    if hasattr(image, "format"):
        raw, encoding = decoded_depth(image, max_megapixels)
    else:
        raw, encoding = _raw(image, max_megapixels), image.encoding
    return measured_depth(raw, encoding, scale_m, min_m, max_m)


def _raw(image: Any, max_megapixels: float) -> Array:
    if image.encoding not in ENCODINGS:
        raise BadInputError(
            f"depth encoding: expected one of {', '.join(ENCODINGS)}; got {shown(image.encoding)}"
        )
    return raw_image(image, max_megapixels)
