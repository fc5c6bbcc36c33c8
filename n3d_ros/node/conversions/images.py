"""The bytes of a sensor_msgs/Image <-> an array in the encoding's own numbers.

In: a message, rows padded or not, of either endianness. Out: (H, W) or (H, W, C), and back. It knows no
colours and no metres.
"""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError
from n3d_ros.files.picture_file import MAX_MEGAPIXELS, check_encoded_size, encoded_size
from n3d_ros.files.picture_file import check_size as check_pixels
from n3d_ros.plain_text import shown

Array = npt.NDArray[Any]

NANOSECONDS = 1_000_000_000
# encoding -> (dtype, channels); sensor_msgs/image_encodings.hpp
LAYOUTS: dict[str, tuple[str, int]] = {
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "rgb16": ("u2", 3),
    "bgr16": ("u2", 3),
    "rgba16": ("u2", 4),
    "bgra16": ("u2", 4),
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
PATTERNS = ("rggb", "bggr", "gbrg", "grbg")
LAYOUTS |= {f"bayer_{pattern}{bits}": (f"u{bits // 8}", 1) for pattern in PATTERNS for bits in (8, 16)}
# A plane of brightness over one with both colours in turn: of two by two pixels in nv12 and nv21, of each in
# nv24. encoding -> bytes for each pixel.
# https://www.kernel.org/doc/html/latest/userspace-api/media/v4l/pixfmt-yuv-planar.html
TWO_PLANES = {"nv12": 1.5, "nv21": 1.5, "nv24": 3.0}
# Of libjpeg: JPEG_MAX_DIMENSION.
MAX_JPEG_SIDE_PX = 65500


def stamp_ns(stamp: Any) -> int:
    """builtin_interfaces/Time -> nanoseconds."""
    return int(stamp.sec) * NANOSECONDS + int(stamp.nanosec)


def raw_image(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> Array:
    """sensor_msgs/Image -> (H, W) or (H, W, C) in the encoding's dtype, native byte order; a view where
    possible. BAD_INPUT for an unknown encoding, for more pixels and for data that is shorter than it says.
    """
    if image.encoding not in LAYOUTS:
        raise BadInputError(
            f"image encoding: expected one of {', '.join(LAYOUTS)}; got {shown(image.encoding)}"
        )
    code, channels = LAYOUTS[image.encoding]
    dtype = np.dtype(code).newbyteorder(">" if image.is_bigendian else "<")
    check_size(image.width, image.height, max_megapixels)
    pixels = _rows(image, int(image.height), dtype, channels, int(image.step))
    pixels = pixels.astype(dtype.newbyteorder("="), copy=False)
    return pixels[..., 0] if channels == 1 else pixels


def two_planes(image: Any, max_megapixels: float = MAX_MEGAPIXELS) -> npt.NDArray[np.uint8]:
    """nv12 or nv21 -> (H * 3 / 2, W) uint8, brightness above colours; BAD_INPUT for odd sizes."""
    height, width = int(image.height), int(image.width)
    if height % 2 or width % 2:
        raise BadInputError(f"image size: expected even numbers for {image.encoding}, got {width}x{height}")
    check_size(width, height, max_megapixels)
    return _rows(image, height * 3 // 2, np.dtype("u1"), 1, _plane_step(image))[..., 0]


def two_full_planes(
    image: Any, max_megapixels: float = MAX_MEGAPIXELS
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """nv24 -> brightness (H, W), and blue and red difference (H, W, 2), uint8, views. BAD_INPUT for too
    little data.
    """
    height, step = int(image.height), _plane_step(image)
    check_size(image.width, height, max_megapixels)
    # As rows of brightness: each row of colours takes two of them.
    brightness = _rows(image, 3 * height, np.dtype("u1"), 1, step)[:height, :, 0]
    colours = np.ndarray(
        (height, int(image.width), 2),
        np.uint8,
        buffer=memoryview(image.data).cast("B"),
        offset=step * height,
        strides=(2 * step, 2, 1),
    )
    return brightness, colours


def _plane_step(image: Any) -> int:
    """Bytes from one row of brightness to the next. Drivers write either that, as V4L2 counts, or, as
    sensor_msgs/Image says, all bytes divided by the rows: then no row is padded.
    """
    height, width, step = int(image.height), int(image.width), int(image.step)
    is_of_all_planes = step == width * TWO_PLANES[image.encoding] and len(image.data) == step * height
    return width if is_of_all_planes else step


def _rows(image: Any, num_rows: int, dtype: np.dtype[Any], channels: int, step: int) -> Array:
    """(num_rows, W, channels) view of the data, rows step bytes apart."""
    height, width = int(image.height), int(image.width)
    item = dtype.itemsize
    row_bytes = width * channels * item
    if min(height, width) < 1:
        raise BadInputError(f"image size: expected at least 1x1 pixel, got {width}x{height}")
    if step < row_bytes or len(image.data) < step * (num_rows - 1) + row_bytes:
        raise BadInputError(
            f"image data: expected {row_bytes} bytes a row and {step * num_rows} in all for {width}x{height} "
            f"{image.encoding}, got step {step} and {len(image.data)} bytes"
        )
    return np.ndarray(
        (num_rows, width, channels),
        dtype,
        buffer=memoryview(image.data).cast("B"),
        strides=(step, channels * item, item),
    )


def fill_jpeg(image: Any, rgb: npt.NDArray[np.uint8]) -> Any:
    """Write (H, W, 3) RGB into a sensor_msgs/CompressedImage and return it. ValueError where JPEG cannot hold
    it. The format's words are those of image_transport's compressed publisher.
    """
    if max(rgb.shape[:2]) > MAX_JPEG_SIDE_PX:
        size = f"{rgb.shape[1]}x{rgb.shape[0]}"
        raise ValueError(f"JPEG: expected sides up to {MAX_JPEG_SIDE_PX} pixels, got {size}")
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    image.format, image.data = "rgb8; jpeg compressed bgr8", encoded.tobytes()
    return image


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """BAD_INPUT for an image of too many pixels."""
    try:
        check_pixels(int(width), int(height), max_megapixels)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def check_encoded(data: bytes, expected: str, max_megapixels: float) -> None:
    """BAD_INPUT for a compressed picture of absurd size, by its header: OpenCV takes the memory first."""
    try:
        check_encoded_size(data, max_megapixels)
    except ValueError as error:
        raise BadInputError(f"{expected} ({error})") from error


def encoded_px(data: bytes) -> tuple[int, int] | None:
    """Width and height of a compressed picture, by its header; None where it has none that is known."""
    try:
        return encoded_size(data)
    except ValueError:
        return None


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
