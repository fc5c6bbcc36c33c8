"""A picture file -> RGB pixels: the one place that knows EXIF orientation and colour modes.

In: a path. Out: (H, W, 3) uint8, upright or as stored, converted to RGB first or as the release converts. It
knows neither depth nor cameras. Errors are OSError or ValueError that name the file, what was expected and
what came; a picture of absurd size is refused by its header, before memory is taken. Source:
docs/specification/inputs.md 1.1, 2.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.pictures import long_side_size, resize_exact
from n3d_ros.preprocess.resample import LANCZOS

# Of a picture; phones take up to 50. One such takes about 0.2 GB and two seconds to read. A PNG of half a
# megabyte can announce a thousand times its size.
MAX_MEGAPIXELS = 64.0
# How a user raises the limit.
MAX_MEGAPIXELS_OPTION = "--max-megapixels, limits.max_picture_megapixels of the node"
# Pillow warns of pictures above a limit of its own. Ours stands in its place, and a refusal is one line.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What Pillow may try. Other readers, AVIF among them, raise what they like on damaged files.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
# A JPEG of phones with further pictures behind the first, which is the one that is meant.
ONE_OF_MANY = "MPO"
# What Pillow's readers of these formats raise for damaged files.
DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)
EIGHT_BIT_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "CMYK", "YCbCr", "1")
# Modes of which resizing and converting to RGB may change places.
SAME_EITHER_WAY = ("RGB", "L")
# What Pillow resizes these modes in, so that what is transparent does not bleed.
WEIGHTED_BY_ALPHA = {"RGBA": "RGBa", "LA": "La"}
RGB_FIRST = "rgb"
RESIZE_MODES = (RGB_FIRST, "upstream")
EXIF_ORIENTATION_TAG = 0x0112
UPRIGHT = 1
# The orientations of EXIF that change something; other values mean upright to Pillow and OpenCV too.
TURNED = range(2, 9)
QUARTER_TURNS = (5, 6, 7, 8)


def read_picture(
    path: Path,
    upright: bool = True,
    resize_mode: str = RGB_FIRST,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB. upright: the file's EXIF orientation is applied. max_megapixels: more are refused.

    resize_mode: 'rgb', or 'upstream': a palette, black-and-white, CMYK or transparent picture comes at a long
    side of 640, for the release resizes it in its own colours (a palette by nearest neighbour) and only then
    converts it. Transparency is dropped in the end, not composited.
    """
    if resize_mode not in RESIZE_MODES:
        raise ValueError(f"resize_mode: expected one of {RESIZE_MODES}, got {resize_mode!r}")
    with _opened(path, max_megapixels) as picture:
        if upright and orientation_of(picture) != UPRIGHT:
            picture = ImageOps.exif_transpose(picture)
        if resize_mode != RGB_FIRST and not _is_same_either_way(picture):
            picture = _resized_in_its_mode(picture)
        return np.asarray(picture.convert("RGB"))


def read_orientation(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> int:
    """The file's EXIF orientation, 1 (upright) to 8."""
    with _opened(path, max_megapixels) as picture:
        return orientation_of(picture)


def check_encoded_size(data: bytes, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """ValueError for an encoded picture, as messages hold it, that is too large or has no readable header.
    Nothing is decoded.
    """
    check_size(*encoded_size(data, max_megapixels), max_megapixels)


def encoded_size(data: bytes, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[int, int]:
    """Width and height of an encoded picture, by its header; ValueError where none is readable."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return picture.size
    except UnidentifiedImageError as error:
        raise ValueError(f"picture: expected one of {', '.join(FORMATS)}, got {len(data)} bytes") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"picture: {too_large(max_megapixels)}: {error}") from error
    except DAMAGED as error:
        raise ValueError(f"picture: expected an encoded picture, got {one_line(str(error), 200)}") from error


def check_size(width: int, height: int, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """ValueError for more pixels than that."""
    if not max_megapixels > 0:
        raise ValueError(f"picture: expected a limit above 0 megapixels, got {max_megapixels:g}")
    if width * height > max_megapixels * 1e6:
        raise ValueError(f"picture: {too_large(max_megapixels)}, got {width}x{height}")


def too_large(max_megapixels: float) -> str:
    """What is expected instead, and how to raise the limit."""
    return f"expected at most {max_megapixels:g} megapixels ({MAX_MEGAPIXELS_OPTION})"


@contextmanager
def _opened(path: Path, max_megapixels: float) -> Iterator[Image.Image]:
    """The picture in a file of a mode that is supported; what Pillow cannot read is named."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"picture: expected a file, got '{path}' ({found})")
    try:
        with Image.open(path, formats=FORMATS) as picture:
            check_size(picture.width, picture.height, max_megapixels)
            _check_kind(picture)
            yield picture
    except Image.DecompressionBombError as error:  # Pillow's own limit, which it checks first
        raise ValueError(f"picture: {too_large(max_megapixels)}, got '{path}': {error}") from error
    except UnidentifiedImageError as error:
        reason = one_line(str(error), 200)
        raise ValueError(f"picture: expected a PNG or JPEG, got '{path}': {reason}") from error
    except DAMAGED as error:
        reason = one_line(str(error) or type(error).__name__, 200)
        raise ValueError(f"picture: cannot read '{path}': {reason}") from error


def _check_kind(picture: Image.Image) -> None:
    if picture.mode not in EIGHT_BIT_MODES:
        raise ValueError(f"expected 8 bits per channel, got mode {picture.mode}")
    num_frames = getattr(picture, "n_frames", 1)
    if num_frames > 1 and picture.format != ONE_OF_MANY:
        raise ValueError(f"expected one picture, got {picture.format} with {num_frames}")


def orientation_of(picture: Image.Image) -> int:
    """The EXIF orientation of an open picture, 1 (upright) to 8."""
    tag = picture.getexif().get(EXIF_ORIENTATION_TAG, UPRIGHT)
    return int(tag) if tag in TURNED else UPRIGHT


def _is_same_either_way(picture: Image.Image) -> bool:
    is_opaque = picture.mode in WEIGHTED_BY_ALPHA and picture.getchannel("A").getextrema() == (255, 255)
    return picture.mode in SAME_EITHER_WAY or is_opaque


def _resized_in_its_mode(picture: Image.Image) -> Image.Image:
    """The 640 rule as Pillow applies it to this mode (it takes nearest neighbour for '1' and 'P')."""
    size = long_side_size(picture.width, picture.height)
    weighted = WEIGHTED_BY_ALPHA.get(picture.mode)
    if weighted is None:
        return resize_exact(picture, size, LANCZOS)
    return resize_exact(picture.convert(weighted), size, LANCZOS).convert(picture.mode)
