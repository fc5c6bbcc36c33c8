"""A picture file -> RGB pixels, upright or as they are stored: the one place that knows EXIF orientation.

In: a path. Out: (H, W, 3) uint8. It knows neither depth nor cameras. Errors are OSError or ValueError that
name the file, what was expected and what came.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

EIGHT_BIT_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "CMYK", "YCbCr", "1")
EXIF_ORIENTATION_TAG = 0x0112
UPRIGHT = 1
TURNED = range(2, 9)
"""The orientations of EXIF that change something; other values mean upright to Pillow and OpenCV too."""
QUARTER_TURNS = (5, 6, 7, 8)


@dataclass(frozen=True)
class PictureFile:
    """stored: (H, W, 3) uint8 as the file has the pixels. upright: with its EXIF orientation applied, which
    is 1 (none) to 8.
    """

    stored: npt.NDArray[np.uint8]
    upright: npt.NDArray[np.uint8]
    orientation: int


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, upright: the file's EXIF orientation is applied."""
    return read_picture_file(path).upright


def read_picture_file(path: Path) -> PictureFile:
    """Both ways to look at a file; where it has no orientation they are one array."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"picture: expected a file, got '{path}' ({found})")
    try:
        with Image.open(path) as picture:
            if picture.mode not in EIGHT_BIT_MODES:
                raise ValueError(f"picture: expected 8 bits per channel in '{path}', got mode {picture.mode}")
            tag = picture.getexif().get(EXIF_ORIENTATION_TAG, UPRIGHT)
            stored = np.asarray(picture.convert("RGB"))
            if tag not in TURNED:
                return PictureFile(stored, stored, UPRIGHT)
            return PictureFile(stored, np.asarray(ImageOps.exif_transpose(picture).convert("RGB")), int(tag))
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"picture: expected a PNG or JPEG, got '{path}': {error}") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"picture: cannot read '{path}': {error}") from error
