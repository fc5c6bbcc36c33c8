"""ROS image messages <-> numpy; cv_bridge (its NumPy ABI differs per distribution) only for rare encodings.

In: sensor_msgs Image, CompressedImage, CameraInfo. Out: arrays and `Intrinsics` of this library, and back.
Rows may be padded and either endian. Everything unusable raises `N3DError` that says what was expected and
what came. The functions read attributes only, so anything shaped like the message will do.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.cameras.camera_info import AUTO, camera_of_info
from n3d_ros.errors import BadInputError, N3DError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS, check_encoded_size, check_size
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import one_line, shown
from n3d_ros.preprocess.metres import MAX_DEPTH_M, MIN_DEPTH_M, measured_depth
from n3d_ros.preprocess.prepare import Observation

Array = npt.NDArray[Any]

# encoding -> (dtype, channels); sensor_msgs/image_encodings.hpp
LAYOUTS: dict[str, tuple[str, int]] = {
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "mono8": ("u1", 1),
    "8UC1": ("u1", 1),
    "8UC3": ("u1", 3),
    "yuv422": ("u1", 2),
    "uyvy": ("u1", 2),
    "yuv422_yuy2": ("u1", 2),
    "yuyv": ("u1", 2),
    "mono16": ("u2", 1),
    "16UC1": ("u2", 1),
    "32FC1": ("f4", 1),
}
COLOUR_CODES: dict[str, int | None] = {
    "rgb8": None,
    "bgr8": cv2.COLOR_BGR2RGB,
    "8UC3": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")
AS_SENT = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
NANOSECONDS = 1_000_000_000
# compressed_depth_image_transport: enum format, float quantisation a, float quantisation b, little endian
COMPRESSED_DEPTH_HEADER = struct.Struct("<iff")


def stamp_ns(stamp: Any) -> int:
    """builtin_interfaces/Time -> nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def raw_image(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Array:
    """sensor_msgs/Image -> (H, W) or (H, W, C) in the encoding's dtype; a view where possible."""
    if image.encoding not in LAYOUTS:
        raise BadInputError(
            f"image encoding: expected one of {', '.join(LAYOUTS)}; got {shown(image.encoding)}"
        )
    code, channels = LAYOUTS[image.encoding]
    dtype = np.dtype(code).newbyteorder(">" if image.is_bigendian else "<")
    height, width, step = int(image.height), int(image.width), int(image.step)
    row_bytes = width * channels * dtype.itemsize
    if min(height, width) < 1:
        raise BadInputError(f"image size: expected at least 1x1 pixel, got {width}x{height}")
    _check_size(width, height, max_megapixels)
    if step < row_bytes or len(image.data) < step * (height - 1) + row_bytes:
        raise BadInputError(
            f"image data: expected {row_bytes} bytes a row and {step * height} in all for {width}x{height} "
            f"{image.encoding}, got step {step} and {len(image.data)} bytes"
        )
    item = dtype.itemsize
    pixels: Array = np.ndarray(
        (height, width, channels),
        dtype,
        buffer=memoryview(image.data).cast("B"),
        strides=(step, channels * item, item),
    )
    pixels = pixels.astype(dtype.newbyteorder("="), copy=False)
    return pixels[..., 0] if channels == 1 else pixels


def rgb_array(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> npt.NDArray[np.uint8]:
    """Colour sensor_msgs/Image or CompressedImage -> (H, W, 3) uint8 RGB; more pixels are refused."""
    if hasattr(image, "format"):
        return _decode_colour(image, max_megapixels)
    if image.encoding not in COLOUR_CODES:
        _check_size(image.width, image.height, max_megapixels)
        return _other_colour(image)
    if image.encoding in ("uyvy", "yuv422", "yuyv", "yuv422_yuy2") and image.width % 2:
        raise BadInputError(f"image width: expected an even number for {image.encoding}, got {image.width}")
    pixels = raw_image(image, max_megapixels)
    conversion = COLOUR_CODES[image.encoding]
    if conversion is None:
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion))


def _other_colour(image: Any) -> npt.NDArray[np.uint8]:
    """What cv_bridge makes of an encoding that is not read here: Bayer patterns, 16-bit colour.

    cv_bridge is imported here and not with the module: its extension is compiled for one NumPy, and a node
    that never needs it must not fail with it.
    """
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError:
        raise BadInputError(
            f"colour encoding: expected one of {', '.join(COLOUR_CODES)} (more with cv_bridge, which does "
            f"not import); got {shown(image.encoding)}"
        ) from None
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(image, "rgb8"), dtype=np.uint8)
    except CvBridgeError as error:
        raise BadInputError(
            "colour encoding: expected one that cv_bridge converts to rgb8, "
            f"got {shown(image.encoding)}: {one_line(str(error), 200)}"
        ) from error


def depth_array(
    image: Any,
    scale_m: float | None = None,
    min_m: float = MIN_DEPTH_M,
    max_m: float = MAX_DEPTH_M,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> npt.NDArray[np.float32]:
    """Depth sensor_msgs/Image or CompressedImage -> (H, W) float32 metres, NaN where there is none.

    scale_m: metres per unit when the driver differs from REP 118. Depth outside [min_m, max_m] becomes NaN.
    NO_DEPTH when no pixel is left.
    """
    if hasattr(image, "format"):
        raw, encoding = _decode_depth(image, max_megapixels)
    else:
        raw, encoding = _raw_depth(image, max_megapixels), image.encoding
    return measured_depth(raw, encoding, scale_m, min_m, max_m)


def _raw_depth(image: Any, max_megapixels: float) -> Array:
    if image.encoding not in DEPTH_ENCODINGS:
        raise BadInputError(
            f"depth encoding: expected one of {', '.join(DEPTH_ENCODINGS)}; got {shown(image.encoding)}"
        )
    return raw_image(image, max_megapixels)


def _decode_colour(image: Any, max_megapixels: float) -> npt.NDArray[np.uint8]:
    """CompressedImage, JPEG or PNG -> (H, W, 3) uint8 RGB as sent, whatever EXIF orientation a driver wrote:
    CameraInfo and depth are about those pixels.
    """
    data = np.frombuffer(memoryview(image.data), np.uint8)
    expected = f"compressed image: expected JPEG or PNG data, got {data.size} bytes of {shown(image.format)}"
    _check_encoded_size(data.tobytes(), expected, max_megapixels)
    decoded = cv2.imdecode(data, AS_SENT)
    if decoded is None:
        raise BadInputError(expected)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _check_encoded_size(data: bytes, expected: str, max_megapixels: float) -> None:
    """BadInputError for a picture of absurd size, by its header: OpenCV would take the memory first."""
    try:
        check_encoded_size(data, max_megapixels)
    except ValueError as error:
        raise BadInputError(f"{expected} ({error})") from error


def _check_size(width: int, height: int, max_megapixels: float) -> None:
    """BadInputError for an image of too many pixels."""
    try:
        check_size(width, height, max_megapixels)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _decode_depth(image: Any, max_megapixels: float) -> tuple[Array, str]:
    """compressedDepth (12 byte header + PNG) or plain PNG -> (H, W) raw depth and its encoding."""
    if "jpeg" in image.format or "jpg" in image.format:
        raise BadInputError(f"compressed depth: expected PNG, got {shown(image.format)}; JPEG destroys depth")
    data = bytes(image.data)
    encoding = image.format.split(";")[0].strip()
    transported = "compressedDepth" in image.format
    if transported and "rvl" in image.format.lower():
        raise BadInputError(
            "compressed depth: expected PNG, got RVL; set the driver's compressedDepth format to png"
        )
    png = data[COMPRESSED_DEPTH_HEADER.size :] if transported else data
    expected = f"compressed depth: expected a 16-bit grey PNG, got no picture in {shown(image.format)}"
    _check_encoded_size(png, expected, max_megapixels)
    raw = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if raw is None or raw.ndim != 2 or raw.dtype != np.uint16:
        found = "no picture" if raw is None else f"{raw.dtype} {raw.shape}"
        raise BadInputError(
            f"compressed depth: expected a 16-bit grey PNG, got {found} in {shown(image.format)}"
        )
    if transported and encoding == "32FC1":
        _, a, b = COMPRESSED_DEPTH_HEADER.unpack_from(data)
        return _dequantise(raw, a, b), "32FC1"
    return raw, "16UC1"


def _dequantise(raw: Array, a: float, b: float) -> npt.NDArray[np.float32]:
    """compressed_depth_image_transport's inverse depth: depth = a / (value - b), 0 = none."""
    denominator = np.where(raw > 0, raw.astype(np.float32) - np.float32(b), np.nan)
    depth: npt.NDArray[np.float32] = (np.float32(a) / denominator).astype(np.float32)
    return depth


def intrinsics_of(info: Any, width: int, height: int, kind: str = AUTO) -> Intrinsics:
    """sensor_msgs/CameraInfo -> `Intrinsics` of a (height, width) picture, pixels; rules and `kind` are those
    of `camera_of_info`.
    """
    try:
        return camera_of_info(info, width, height, kind).intrinsics
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
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Observation:
    """Three messages of one instant -> what the pipeline takes; stamp and frame are the colour image's.

    is_estimated: a depth model made the depth image. kind: whether the colour image is rectified
    (`camera_of_info`). max_megapixels: larger images are refused.
    """
    picture = rgb_array(rgb, max_megapixels)
    height, width = picture.shape[:2]
    intrinsics = intrinsics_of(info, width, height, kind)
    try:
        return Observation(
            picture,
            intrinsics,
            depth=depth_array(depth, scale_m, min_m, max_m, max_megapixels),
            stamp_ns=stamp_ns(rgb.header.stamp),
            frame_id=rgb.header.frame_id,
            depth_is_estimated=is_estimated,
        )
    except N3DError:
        raise
    except ValueError as error:
        raise BadInputError(str(error)) from error


def fill_image(image: Any, pixels: Array, encoding: str) -> Any:
    """Write (H, W[, C]) into a sensor_msgs/Image and return it; as bytes, a list would take 20 to 60 ms."""
    code, channels = LAYOUTS[encoding]
    if pixels.dtype != np.dtype(code) or (pixels.shape[2] if pixels.ndim == 3 else 1) != channels:
        raise ValueError(
            f"expected {code} with {channels} channels for {encoding}, got {pixels.dtype} {pixels.shape}"
        )
    image.height, image.width = pixels.shape[:2]
    image.encoding = encoding
    image.is_bigendian = sys.byteorder == "big"
    image.step = pixels.shape[1] * channels * pixels.dtype.itemsize
    image.data = np.ascontiguousarray(pixels).tobytes()
    return image
