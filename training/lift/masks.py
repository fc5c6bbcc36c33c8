"""A segmentation as annotated -> the pixels of one object.

In: COCO polygons, COCO RLE (counts as numbers or packed as text) or a mask picture, and the picture's size.
Out: `MaskCrop`, or `Rejected` with what was expected and came. It knows neither depth nor boxes in 3D.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from n3d_ros.files.picture_file import read_picture
from n3d_ros.plain_text import one_line, shown
from n3d_ros.training.lift.filters import LiftConfig, Reason, Rejected
from n3d_ros.training.lift.sources.records import MaskPicture, Rectangle

Mask = npt.NDArray[np.bool_]
# What COCO packs into one character: 6 bits from '0' on, the highest says that the number goes on
# (maskApi.c).
FIRST_CHAR, LAST_CHAR, GOES_ON = 48, 111, 0x20


@dataclass(frozen=True)
class MaskCrop:
    """mask: (h, w) bool around the object, at (left, top) of the picture; its outermost rows and columns hold
    pixels of it.
    """

    mask: Mask
    left: int
    top: int

    @property
    def extent_px(self) -> Rectangle:
        """(left, top, right, bottom): the outer edges of the outermost pixels, as COCO counts them."""
        height, width = self.mask.shape
        return self.left, self.top, self.left + width, self.top + height

    @property
    def num_px(self) -> int:
        return int(np.count_nonzero(self.mask))


def crop_of(segmentation: Any, size: tuple[int, int], config: LiftConfig) -> MaskCrop:
    """size: (width, height) of the picture, pixels. What is no mask is Rejected; an empty one is a mask."""
    if segmentation is None or segmentation == []:
        raise Rejected(
            Reason.MASK_MISSING,
            "segmentation: expected polygons, RLE or a mask picture, got none (see --mask-model)",
        )
    if isinstance(segmentation, MaskCrop):
        return segmentation
    if isinstance(segmentation, MaskPicture):
        mask = _of_picture(segmentation, size)
    elif isinstance(segmentation, dict):
        mask = _of_rle(segmentation, size)
    else:
        mask = _of_polygons(segmentation, size, config.box_slack_px)
    return cropped(mask)


def cropped(mask: Mask) -> MaskCrop:
    """(H, W) bool -> its part with pixels, which may be none."""
    is_turned = not mask.flags.c_contiguous and mask.flags.f_contiguous  # column by column, as COCO decodes
    rectangle = cv2.boundingRect(np.ascontiguousarray(mask.T if is_turned else mask).view(np.uint8))
    left, top, width, height = (rectangle[i] for i in ((1, 0, 3, 2) if is_turned else (0, 1, 2, 3)))
    part = np.ascontiguousarray(mask[top : top + height, left : left + width])
    return MaskCrop(part, left, top)


def _of_picture(stated: MaskPicture, size: tuple[int, int]) -> Mask:
    try:
        picture = read_picture(stated.path, upright=False)
    except (OSError, ValueError) as error:
        raise Rejected(Reason.MASK_INVALID, one_line(str(error), 300)) from error
    mask, found = picture.any(axis=2), (picture.shape[1], picture.shape[0])
    if stated.may_scale and found != size and _have_one_shape(found, size):
        scaled = cv2.resize(np.asarray(mask, np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT)
        return scaled.astype(bool)
    _check_size(found, size)
    return np.asarray(mask)


def _have_one_shape(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two sizes are one scaled, to the pixel to which the smaller one was rounded."""
    return abs(a[0] * b[1] - a[1] * b[0]) <= max(*a, *b)


def _of_rle(stated: dict[str, Any], size: tuple[int, int]) -> Mask:
    hw, counts = stated.get("size"), stated.get("counts")
    if not (isinstance(hw, list) and len(hw) == 2 and all(type(side) is int and side > 0 for side in hw)):
        raise Rejected(Reason.MASK_INVALID, f"RLE: expected size [height, width], got {shown(hw)}")
    _check_size((hw[1], hw[0]), size)
    rle = {"size": hw, "counts": _packed(counts) if isinstance(counts, str) else _numbers(counts, hw)}
    try:
        decoded = coco_mask.decode(rle if isinstance(counts, str) else coco_mask.frPyObjects(rle, *hw))
    except ValueError as error:
        raise Rejected(Reason.MASK_INVALID, f"RLE: {one_line(str(error), 200)}") from error
    return np.asarray(decoded).view(bool)


def _packed(counts: str) -> bytes:
    """Checked here, for the C code behind believes its text."""
    text = counts.encode("utf-8", "replace")
    values = np.frombuffer(text, np.uint8)
    is_packed = values.size > 0 and values.min() >= FIRST_CHAR and values.max() <= LAST_CHAR
    if not is_packed or (values[-1] - FIRST_CHAR) & GOES_ON:
        raise Rejected(Reason.MASK_INVALID, f"RLE: expected COCO's packed counts, got {shown(counts, 60)}")
    return text


def _numbers(counts: Any, hw: list[int]) -> list[int]:
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        raise Rejected(Reason.MASK_INVALID, f"RLE: expected counts of pixels, got {shown(counts, 60)}")
    if sum(counts) != math.prod(hw):
        raise Rejected(
            Reason.MASK_SIZE, f"RLE: expected counts of {hw[1]}x{hw[0]} pixels, got a sum of {sum(counts)}"
        )
    return counts


def _of_polygons(stated: Any, size: tuple[int, int], slack_px: float) -> Mask:
    if not isinstance(stated, list) or not all(_is_polygon(polygon) for polygon in stated):
        raise Rejected(
            Reason.MASK_INVALID,
            f"polygons: expected lists of at least three points x, y, got {shown(stated, 80)}",
        )
    low = min(min(polygon) for polygon in stated)
    right, bottom = (max(max(polygon[axis::2]) for polygon in stated) for axis in (0, 1))
    width, height = size
    if low < -slack_px or right > width + slack_px or bottom > height + slack_px:
        raise Rejected(
            Reason.MASK_SIZE,
            f"polygons: expected points of {width}x{height}, got from {low:g} to ({right:g}, {bottom:g})",
        )
    merged = coco_mask.merge(coco_mask.frPyObjects(stated, height, width))
    return np.asarray(coco_mask.decode(merged)).view(bool)


def _is_polygon(polygon: Any) -> bool:
    return (
        isinstance(polygon, list)
        and len(polygon) >= 6
        and len(polygon) % 2 == 0
        and all(type(value) in (int, float) and math.isfinite(value) for value in polygon)
    )


def _check_size(found: tuple[int, int], size: tuple[int, int]) -> None:
    if found != size:
        raise Rejected(Reason.MASK_SIZE, f"expected a mask of {size[0]}x{size[1]}, got {found[0]}x{found[1]}")
