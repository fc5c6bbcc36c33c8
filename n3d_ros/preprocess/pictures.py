"""RGB picture -> patch rows of the vision tower, by the filters and arithmetic of Qwen2-VL's two processors.

In: a picture of any size. Out: (N, 1176) float32 patch rows in merge-group order and the patch grid. It
does not know depth, prompts or files; EXIF orientation is the file reader's business. Source:
docs/specification/inputs.md 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from n3d_ros.preprocess import kernels
from n3d_ros.preprocess.resample import (
    BICUBIC,
    BICUBIC_INT16,
    LANCZOS,
    resize_axis,
    resize_pass,
    resizes,
)

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
TEMPORAL_PATCH_SIZE = 2
RESAMPLES = {"slow": BICUBIC, "fast": BICUBIC_INT16}

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


@dataclass(frozen=True)
class PictureConfig:
    """How one checkpoint's processor treats a picture; the defaults are the released code's.

    processor: 'slow' resizes as Pillow does, 'fast' as torchvision does on uint8 tensors; levels differ by up
    to 2. mean, std: of levels / 255, per channel. min_pixels, max_pixels: area that the processor keeps to.
    """

    processor: str = "slow"
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    min_pixels: float = 0
    max_pixels: float = math.inf

    def __post_init__(self) -> None:
        if self.processor not in RESAMPLES:
            raise ValueError(f"processor: expected one of {tuple(RESAMPLES)}, got {self.processor!r}")
        if len(self.mean) != 3 or not all(map(math.isfinite, self.mean)):
            raise ValueError(f"image_mean: expected three finite numbers, got {self.mean!r}")
        if len(self.std) != 3 or not all(0 < value < math.inf for value in self.std):
            raise ValueError(f"image_std: expected three positive numbers, got {self.std!r}")
        if not 0 <= self.min_pixels <= self.max_pixels:
            limits = (self.min_pixels, self.max_pixels)
            raise ValueError(f"min_pixels, max_pixels: expected 0 <= min <= max, got {limits}")

    @property
    def resample(self) -> int:
        """The filter of the second resize, a name of `resample`."""
        return RESAMPLES[self.processor]


RELEASE = PictureConfig()


def long_side_size(width: int, height: int, long_side_px: int = 640) -> tuple[int, int]:
    """(width, height) with the long side at long_side_px and the other truncated (not rounded: quirk R4)."""
    if width >= height:
        return long_side_px, int(height * long_side_px / width)
    return int(width * long_side_px / height), long_side_px


def processor_size(
    width: int, height: int, factor: int = 28, config: PictureConfig = RELEASE
) -> tuple[int, int]:
    """(width, height) rounded to multiples of factor, half to even; ValueError below factor.

    An area outside of the config's limits is scaled into them first (transformers' smart_resize).
    """
    if min(width, height) < factor:
        raise ValueError(f"picture too narrow: expected {factor} px a side, resized to {width}x{height}")
    columns, rows = round(width / factor), round(height / factor)
    area = columns * rows * factor**2
    if area > config.max_pixels:
        shrink = math.sqrt(width * height / config.max_pixels)
        columns, rows = (max(1, math.floor(side / shrink / factor)) for side in (width, height))
    elif area < config.min_pixels:
        grow = math.sqrt(config.min_pixels / (width * height))
        columns, rows = (math.ceil(side * grow / factor) for side in (width, height))
    return factor * columns, factor * rows


def picture_rows(
    rgb: ByteArray, long_side_px: int, layout: PatchLayout, config: PictureConfig = RELEASE
) -> tuple[FloatArray, tuple[int, int]]:
    """(H, W, 3) uint8 of any size -> patch rows and grid: `resize_picture`, then `patch_rows`.

    ValueError when the picture is too narrow.
    """
    size = (rgb.shape[1], rgb.shape[0])
    first = long_side_size(*size, long_side_px)
    final = processor_size(*first, layout.factor, config)
    rows = kernels.picture_rows(
        rgb,
        resizes(size, (first, LANCZOS), (final, config.resample)),
        _scale_offset(config),
        layout.patch_size,
        layout.merge_size,
    )
    if rows is not None:
        return rows, (final[1] // layout.patch_size, final[0] // layout.patch_size)
    return patch_rows(resize_picture(rgb, long_side_px, layout.factor, config), layout, config)


def resize_picture(
    rgb: ByteArray, long_side_px: int, factor: int, config: PictureConfig = RELEASE
) -> ByteArray:
    """(H, W, 3) uint8 -> the processor's size: LANCZOS to the long side, then `resize_processor`."""
    picture = Image.fromarray(rgb)
    size = long_side_size(picture.width, picture.height, long_side_px)
    final_size = processor_size(*size, factor, config)
    return resize_processor(np.asarray(resize_exact(picture, size, LANCZOS)), final_size, config)


def resize_processor(pixels: ByteArray, size: tuple[int, int], config: PictureConfig = RELEASE) -> ByteArray:
    """(H, W, 3) uint8 -> (width, height) `size` by the processor's bicubic filter, columns first."""
    if config.processor == "slow":
        return np.asarray(resize_exact(Image.fromarray(pixels), size, BICUBIC))
    for axis, target in ((1, size[0]), (0, size[1])):
        if pixels.shape[axis] != target:
            pixels = resize_axis(pixels, resize_pass(pixels.shape[axis], target, config.resample), axis)
    return pixels


def resize_exact(picture: Image.Image, size: tuple[int, int], resample: int) -> Image.Image:
    """Resize to (width, height), columns first and rows second.

    Pillow rounds to uint8 between the two passes and, since version 13, chooses their order by cost; the
    release ran with 11.2.1, which always began with the columns. Asking for the passes one by one gives its
    grey levels under any version.
    """
    return picture.resize((size[0], picture.height), resample).resize(size, resample)


def patch_rows(
    pixels: ByteArray, layout: PatchLayout, config: PictureConfig = RELEASE
) -> tuple[FloatArray, tuple[int, int]]:
    """(H, W, 3) uint8 -> ((N, 6*patch*patch) float32 rows, patch grid (h, w)).

    Both sides of the picture must be multiples of layout.factor. Rows go by merge groups: group row, group
    column, then the patches of the group; columns of a row are channel, time (the same frame twice), y, x.
    Values are (v / 255 - mean) / std; the fast processor's order of steps differs by float32 noise.
    """
    height, width, _ = pixels.shape
    patch, merge = layout.patch_size, layout.merge_size
    grid = (height // patch, width // patch)
    # Every axis of pixels apart: group row, patch in group, y, then the same of columns, channel.
    blocks = pixels.reshape(grid[0] // merge, merge, patch, grid[1] // merge, merge, patch, 3)
    # (3, patches in merge-group order, pixels of a patch): channels first, since each has its own table.
    blocks = np.ascontiguousarray(blocks.transpose(6, 0, 3, 1, 4, 2, 5)).reshape(3, grid[0] * grid[1], -1)
    # The model takes two frames; a picture is both.
    rows = np.empty((blocks.shape[1], 3, TEMPORAL_PATCH_SIZE, blocks.shape[2]), dtype=np.float32)
    for channel, table in enumerate(_tables(config)):
        rows[:, channel, 0] = table[blocks[channel]]
        rows[:, channel, 1] = rows[:, channel, 0]
    return rows.reshape(len(rows), -1), grid


def _scale_offset(config: PictureConfig) -> npt.NDArray[np.float64]:
    """(2, 3): (level / 255 - mean) / std as level * scale + offset; in float32 the same numbers."""
    mean, std = np.array(config.mean), np.array(config.std)
    return np.stack([1.0 / (255.0 * std), -mean / std])


@lru_cache(maxsize=4)
def _tables(config: PictureConfig) -> FloatArray:
    """(3, 256) float32: the normalised value of every grey level, per channel."""
    scale, offset = _scale_offset(config)
    tables: FloatArray = (np.arange(256) * scale[:, None] + offset[:, None]).astype(np.float32)
    return tables
