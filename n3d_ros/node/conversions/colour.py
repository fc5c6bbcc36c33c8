"""A colour message -> RGB.

In: sensor_msgs Image or CompressedImage. Out: (H, W, 3) uint8, or BAD_INPUT with what was expected and what
came. Every colour encoding that cv_bridge converts is among those that are read here.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS
from n3d_ros.node.conversions.images import (
    TWO_PLANES,
    check_encoded,
    check_size,
    raw_image,
    two_full_planes,
    two_planes,
)
from n3d_ros.plain_text import shown

Picture = npt.NDArray[np.uint8]

# encoding -> OpenCV's conversion to RGB, None where it is RGB.
CODES: dict[str, int | None] = {
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
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    "nv24": cv2.COLOR_YUV2RGB_UYVY,  # see _pairs_of_pixels
    # OpenCV names a pattern by the second and third pixel of its second row.
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
}
# 16 bits -> the encoding of 8 with the same channels.
EIGHT_BITS = {
    "mono16": "mono8",
    "rgb16": "rgb8",
    "bgr16": "bgr8",
    "rgba16": "rgba8",
    "bgra16": "bgra8",
    "bayer_rggb16": "bayer_rggb8",
    "bayer_bggr16": "bayer_bggr8",
    "bayer_gbrg16": "bayer_gbrg8",
    "bayer_grbg16": "bayer_grbg8",
}
ENCODINGS = (*CODES, *EIGHT_BITS)
MOSAICS = tuple(one for one in ENCODINGS if "bayer" in one)
PAIRS_OF_PIXELS = ("uyvy", "yuv422", "yuyv", "yuv422_yuy2")
AS_SENT = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def rgb_array(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """(H, W, 3) uint8 RGB; an image of more pixels is refused."""
    if hasattr(image, "format"):
        return _decoded(image, max_megapixels)
    if image.encoding not in ENCODINGS:
        check_size(image.width, image.height, max_megapixels)
        expected = ", ".join(ENCODINGS)
        raise BadInputError(f"colour encoding: expected one of {expected}, got {shown(image.encoding)}")
    pixels, encoding = _eight_bits(image, max_megapixels)
    conversion = CODES[encoding]
    if conversion is None:
        return np.ascontiguousarray(pixels)
    converted: Picture = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)
    return np.ascontiguousarray(converted[:, ::2]) if encoding == "nv24" else converted


def _eight_bits(image: Any, max_megapixels: float) -> tuple[Picture, str]:
    """The raw picture and its encoding; 16 bits are scaled so that full stays full, as cv_bridge does."""
    if image.encoding == "nv24":
        return _pairs_of_pixels(*two_full_planes(image, max_megapixels)), image.encoding
    if image.encoding in TWO_PLANES:
        return two_planes(image, max_megapixels), image.encoding
    if image.encoding in PAIRS_OF_PIXELS and image.width % 2:
        raise BadInputError(f"image width: expected an even number for {image.encoding}, got {image.width}")
    if "bayer" in image.encoding and min(image.width, image.height) < 2:
        raise BadInputError(
            f"image size: expected at least 2x2 pixels for {image.encoding}, got {image.width}x{image.height}"
        )
    pixels = raw_image(image, max_megapixels)
    if image.encoding not in EIGHT_BITS:
        return pixels, image.encoding
    return _scaled(pixels), EIGHT_BITS[image.encoding]


def _scaled(pixels: npt.NDArray[Any]) -> Picture:
    return np.rint(pixels * (255 / 65535)).astype(np.uint8)


def _pairs_of_pixels(brightness: Picture, colours: Picture) -> Picture:
    """(H, W), (H, W, 2) -> (H, 2 * W, 2) uyvy, each pixel twice: OpenCV does not read nv24, and by this way
    the same numbers are the same colour in all encodings of brightness and two colours.
    """
    height, width = brightness.shape
    pairs = np.empty((height, width, 2, 2), np.uint8)
    pairs[..., 0], pairs[..., 1] = colours, brightness[..., None]
    return pairs.reshape(height, 2 * width, 2)


def _decoded(image: Any, max_megapixels: float) -> Picture:
    """JPEG or PNG as sent, whatever EXIF orientation a driver wrote: CameraInfo and depth are about those
    pixels.
    """
    data = np.frombuffer(memoryview(image.data), np.uint8)
    expected = f"compressed image: expected JPEG or PNG data, got {data.size} bytes of {shown(image.format)}"
    check_encoded(data.tobytes(), expected, max_megapixels)
    if (mosaic := _of_mosaic(data, image.format.split(";")[0].strip())) is not None:
        return mosaic
    decoded = cv2.imdecode(data, AS_SENT)
    if decoded is None:
        raise BadInputError(expected)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _of_mosaic(data: Picture, encoding: str) -> Picture | None:
    """The colours of a Bayer pattern that image_transport compressed as one channel, by the encoding that its
    format begins with; None where the data is anything else.
    """
    if encoding not in MOSAICS:
        return None
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 2 or min(pixels.shape) < 2:
        return None
    pixels = _scaled(pixels) if pixels.dtype == np.uint16 else pixels
    conversion = CODES[EIGHT_BITS.get(encoding, encoding)]
    assert conversion is not None
    return np.asarray(cv2.cvtColor(pixels, conversion), np.uint8)
