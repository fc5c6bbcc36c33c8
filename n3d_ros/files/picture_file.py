"""A picture file -> RGB pixels: the one place that knows EXIF orientation and colour modes.

In: a path. Out: (H, W, 3) uint8, upright or as stored, converted to RGB first or as the release converts. It
knows neither depth nor cameras. Errors are OSError or ValueError that name the file, what was expected and
what came. Source: docs/specification/inputs.md 1.1, 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from n3d_ros.preprocess.pictures import long_side_size, resize_exact
from n3d_ros.preprocess.resample import LANCZOS

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


def read_picture(path: Path, upright: bool = True, resize_mode: str = RGB_FIRST) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB. upright: the file's EXIF orientation is applied.

    resize_mode: 'rgb', or 'upstream': a palette, black-and-white, CMYK or transparent picture comes at a long
    side of 640, for the release resizes it in its own colours (a palette by nearest neighbour) and only then
    converts it. Transparency is dropped in the end, not composited.
    """
    if resize_mode not in RESIZE_MODES:
        raise ValueError(f"resize_mode: expected one of {RESIZE_MODES}, got {resize_mode!r}")
    with _opened(path) as picture:
        if upright and _orientation(picture) != UPRIGHT:
            picture = ImageOps.exif_transpose(picture)
        if resize_mode != RGB_FIRST and not _is_same_either_way(picture):
            picture = _resized_in_its_mode(picture)
        return np.asarray(picture.convert("RGB"))


def read_orientation(path: Path) -> int:
    """The file's EXIF orientation, 1 (upright) to 8."""
    with _opened(path) as picture:
        return _orientation(picture)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The picture in a file of a mode that is supported; what Pillow cannot read is named."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"picture: expected a file, got '{path}' ({found})")
    try:
        with Image.open(path) as picture:
            if picture.mode not in EIGHT_BIT_MODES:
                raise ValueError(f"picture: expected 8 bits per channel in '{path}', got mode {picture.mode}")
            yield picture
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"picture: expected a PNG or JPEG, got '{path}': {error}") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"picture: cannot read '{path}': {error}") from error


def _orientation(picture: Image.Image) -> int:
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
