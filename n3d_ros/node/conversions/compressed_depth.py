"""compressedDepth -> the depth picture as it was before.

In: a sensor_msgs/CompressedImage of compressed_depth_image_transport, or a PNG alone. Out: (H, W) raw depth
and its ROS encoding. Format, as that package's codec.cpp and compression_common.h have it
(ros-perception/image_transport_plugins): 12 bytes (format, and the quantisation a, b), then a 16-bit PNG, or
columns and rows as int32 and RVL data. A 32FC1 picture is stored as 16-bit inverse depth. The message's
format is the picture's encoding, "; compressedDepth", and since 2019 " png" or " rvl".
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.node.conversions.images import Array, check_encoded, check_size
from n3d_ros.node.conversions.rvl import decode_rvl
from n3d_ros.plain_text import shown

HEADER = struct.Struct("<iff")
RVL_SIZE = struct.Struct("<ii")
MILLIMETRES = ("16UC1", "mono16")
INVERSE = "32FC1"
# A PNG alone: "16UC1; png compressed" of compressed_image_transport, and cv_bridge's without an encoding.
PNG_ALONE = (*MILLIMETRES, "png")
# By other writers, without an encoding.
UNSTATED = ("compressedDepth", "compressedDepth png")


def decoded_depth(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[Array, str]:
    """Raw depth with its encoding, '16UC1' or '32FC1'; a picture of more pixels is refused."""
    if "jpeg" in image.format or "jpg" in image.format:
        raise BadInputError(
            f"compressed depth: expected PNG or RVL, got {shown(image.format)}; JPEG destroys depth"
        )
    data, encoding = bytes(image.data), image.format.split(";")[0].strip()
    if "compressedDepth" in image.format:
        return _behind_header(data, encoding, image.format, max_megapixels)
    _check_encoding(encoding in PNG_ALONE, image.format)
    return _png(data, image.format, max_megapixels), "16UC1"


def _behind_header(data: bytes, encoding: str, format: str, max_megapixels: float) -> tuple[Array, str]:
    if len(data) <= HEADER.size:
        raise BadInputError(
            f"compressed depth: expected {HEADER.size} bytes before the picture, got {len(data)} in all"
        )
    _, a, b = HEADER.unpack_from(data)
    # Old releases never set a and b of millimetres, so that only a picture of no stated encoding must have 0.
    is_raw = encoding in MILLIMETRES or (encoding in UNSTATED and a == b == 0)
    _check_encoding(is_raw or encoding == INVERSE, format)
    read = _rvl if "rvl" in format.lower() else _png
    raw = read(data[HEADER.size :], format, max_megapixels)
    return (raw, "16UC1") if is_raw else (_dequantised(raw, a, b), INVERSE)


def _check_encoding(is_known: bool, format: str) -> None:
    """Of any other the unit is not known."""
    if not is_known:
        raise BadInputError(
            f"compressed depth: expected a format that begins with 16UC1, mono16 or 32FC1, such as "
            f"'16UC1; compressedDepth png', got {shown(format)}"
        )


def _png(data: bytes, format: str, max_megapixels: float) -> Array:
    expected = f"compressed depth: expected a 16-bit grey PNG, got no picture in {shown(format)}"
    check_encoded(data, expected, max_megapixels)
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if raw is None or raw.ndim != 2 or raw.dtype != np.uint16:
        found = "no picture" if raw is None else f"{raw.dtype} {raw.shape}"
        raise BadInputError(f"compressed depth: expected a 16-bit grey PNG, got {found} in {shown(format)}")
    return np.asarray(raw)


def _rvl(data: bytes, format: str, max_megapixels: float) -> Array:
    if len(data) < RVL_SIZE.size:
        raise BadInputError(f"compressed depth: expected a size before RVL data, got {len(data)} bytes")
    width, height = RVL_SIZE.unpack_from(data)
    if min(width, height) < 1:
        raise BadInputError(
            f"compressed depth: expected at least 1x1 pixel, got {width}x{height} in {shown(format)}"
        )
    check_size(width, height, max_megapixels)
    try:
        return decode_rvl(data[RVL_SIZE.size :], width * height).reshape(height, width)
    except ValueError as error:
        raise BadInputError(f"compressed depth: {error}") from error


def _dequantised(raw: Array, a: float, b: float) -> npt.NDArray[np.float32]:
    """depth = a / (value - b), 0 = none."""
    denominator = np.where(raw > 0, raw.astype(np.float32) - np.float32(b), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth: npt.NDArray[np.float32] = (np.float32(a) / denominator).astype(np.float32)
    return depth
