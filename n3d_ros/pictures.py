"""RGB picture -> patch rows of the vision tower, by Pillow's filters and the Qwen2-VL processor's arithmetic.

In: a picture of any size. Out: (N, 1176) float32 patch rows in merge-group order and the patch grid. It
does not know depth, prompts or files; EXIF orientation is the file reader's business. Source: spec
n3d_vlm.md section 2.1.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
TEMPORAL_PATCH_SIZE = 2
# Numbers of PIL.Image's filters: Pillow 9.0 (Ubuntu 22.04) has no Image.Resampling.
LANCZOS = 1
BICUBIC = 3

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PatchLayout:
    """Pixels per patch side and patches per merge-group side (14 and 2 in Qwen2.5-VL)."""

    patch_size: int = 14
    merge_size: int = 2

    def __post_init__(self) -> None:
        for name in ("patch_size", "merge_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a positive integer, got {getattr(self, name)!r}")

    @property
    def factor(self) -> int:
        """Pixels per merge-group side: both sides of a processed picture are multiples of it."""
        return self.patch_size * self.merge_size


def long_side_size(width: int, height: int, long_side_px: int = 640) -> tuple[int, int]:
    """(width, height) with the long side at long_side_px and the other truncated (not rounded: quirk R4)."""
    if width >= height:
        return long_side_px, int(height * long_side_px / width)
    return int(width * long_side_px / height), long_side_px


def processor_size(width: int, height: int, factor: int = 28) -> tuple[int, int]:
    """(width, height) rounded to multiples of factor, half to even; ValueError below factor."""
    if min(width, height) < factor:
        raise ValueError(f"picture too narrow: expected {factor} px a side, resized to {width}x{height}")
    return factor * round(width / factor), factor * round(height / factor)


def resize_picture(rgb: ByteArray, long_side_px: int, factor: int) -> ByteArray:
    """(H, W, 3) uint8 -> the processor's size: LANCZOS to the long side, BICUBIC to multiples of factor."""
    picture = Image.fromarray(rgb)
    size = long_side_size(picture.width, picture.height, long_side_px)
    final_size = processor_size(*size, factor)
    return np.asarray(resize_exact(resize_exact(picture, size, LANCZOS), final_size, BICUBIC))


def resize_exact(picture: Image.Image, size: tuple[int, int], resample: int) -> Image.Image:
    """Resize to (width, height), columns first and rows second.

    Pillow rounds to uint8 between the two passes and, since version 13, chooses their order by cost; the
    release ran with 11.2.1, which always began with the columns. Asking for the passes one by one gives its
    grey levels under any version.
    """
    return picture.resize((size[0], picture.height), resample).resize(size, resample)


def patch_rows(pixels: ByteArray, layout: PatchLayout) -> tuple[FloatArray, tuple[int, int]]:
    """(H, W, 3) uint8 -> ((N, 6*patch*patch) float32 rows, patch grid (h, w)).

    Both sides of the picture must be multiples of layout.factor. Rows go by merge groups: group row, group
    column, then the patches of the group; columns of a row are channel, time (the same frame twice), y, x.
    Values are (v / 255 - mean) / std of CLIP.
    """
    height, width, _ = pixels.shape
    patch, merge = layout.patch_size, layout.merge_size
    grid = (height // patch, width // patch)
    blocks = pixels.reshape(grid[0] // merge, merge, patch, grid[1] // merge, merge, patch, 3)
    blocks = np.ascontiguousarray(blocks.transpose(6, 0, 3, 1, 4, 2, 5)).reshape(3, grid[0] * grid[1], -1)
    rows = np.empty((blocks.shape[1], 3, TEMPORAL_PATCH_SIZE, blocks.shape[2]), dtype=np.float32)
    for channel, table in enumerate(_clip_tables()):
        rows[:, channel, 0] = table[blocks[channel]]
        rows[:, channel, 1] = rows[:, channel, 0]
    return rows.reshape(len(rows), -1), grid


def _clip_tables() -> FloatArray:
    """(3, 256) float32: the normalised value of every grey level, per channel."""
    levels = np.arange(256) / 255.0
    mean, std = np.array(CLIP_MEAN), np.array(CLIP_STD)
    tables: FloatArray = ((levels[None, :] - mean[:, None]) / std[:, None]).astype(np.float32)
    return tables
