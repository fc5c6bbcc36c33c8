"""Polygons, RLE and mask pictures to pixels."""

import numpy as np
import pytest
from PIL import Image

from n3d_ros.training.lift import masks
from n3d_ros.training.lift.filters import LiftConfig, Reason, Rejected
from n3d_ros.training.lift.masks import crop_of
from n3d_ros.training.lift.sources.records import MaskPicture

SIZE = (6, 4)
# Columns first: 2 pixels of column 1 (rows 1, 2), 2 of column 2.
COUNTS = [5, 2, 2, 2, 13]


def found(segmentation):
    return crop_of(segmentation, SIZE, LiftConfig())


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 1, 3, 1, 3, 3, 1, 3]],
        [[1.0, 1.0, 2.0, 1.0, 2.0, 3.0, 1.0, 3.0], [2.0, 1.0, 3.0, 1.0, 3.0, 3.0, 2.0, 3.0]],
        {"size": [4, 6], "counts": COUNTS},
    ],
)
def test_every_form_gives_the_same_square(segmentation):
    crop = found(segmentation)
    assert (crop.left, crop.top, crop.num_px) == (1, 1, 4)
    assert crop.mask.all() and crop.extent_px == (1, 1, 3, 3)


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_crop_is_where_the_pixels_are_in_either_order_of_memory(order):
    mask = np.zeros((4, 6), bool, order=order)
    mask[1, 2:5] = True
    crop = masks.cropped(mask)
    assert crop.extent_px == (2, 1, 5, 2) and crop.mask.shape == (1, 3) and crop.mask.all()
    assert masks.cropped(np.zeros((4, 6), bool, order=order)).num_px == 0


def test_packed_counts_are_read():
    from pycocotools import mask as coco_mask

    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 1:3] = 1
    packed = coco_mask.encode(np.asfortranarray(mask))["counts"].decode()
    assert found({"size": [4, 6], "counts": packed}).extent_px == (1, 1, 3, 3)


def test_a_mask_picture_is_read(tmp_path):
    mask = np.zeros((4, 6), np.uint8)
    mask[1:3, 1:3] = 1
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert found(MaskPicture(tmp_path / "mask.png")).extent_px == (1, 1, 3, 3)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, Reason.MASK_MISSING),
        ([], Reason.MASK_MISSING),
        ("text", Reason.MASK_INVALID),
        ([[1, 1, 3, 1]], Reason.MASK_INVALID),
        ([[1, 1, 3, 1, 3, 3, 1]], Reason.MASK_INVALID),
        ([[1, 1, 3, 1, 3, "3"]], Reason.MASK_INVALID),
        ([[1, 1, 3, 1, 3, float("nan")]], Reason.MASK_INVALID),
        ([1, 1, 3, 1, 3, 3], Reason.MASK_INVALID),
        ([[1, 1, 30, 1, 30, 3]], Reason.MASK_SIZE),
        ([[1, 1, 1e9, 1, 1e9, 3]], Reason.MASK_SIZE),
        ([[-9, 1, 3, 1, 3, 3]], Reason.MASK_SIZE),
        ({"size": [6, 4], "counts": COUNTS}, Reason.MASK_SIZE),
        ({"size": [4, 6], "counts": [5, 2]}, Reason.MASK_SIZE),
        ({"size": [4, 6], "counts": [5, -2, 21]}, Reason.MASK_INVALID),
        ({"size": [4, 6], "counts": None}, Reason.MASK_INVALID),
        ({"size": [4, 6], "counts": ""}, Reason.MASK_INVALID),
        ({"size": [4, 6], "counts": "52 2"}, Reason.MASK_INVALID),
        ({"size": [4, 6], "counts": "5o"}, Reason.MASK_INVALID),
        ({"size": [4, 6], "counts": "oooooo0oooooo0"}, Reason.MASK_INVALID),
        ({"size": "4x6", "counts": COUNTS}, Reason.MASK_INVALID),
        ({}, Reason.MASK_INVALID),
    ],
)
def test_what_is_no_mask_is_rejected_by_name(segmentation, reason):
    with pytest.raises(Rejected) as caught:
        found(segmentation)
    assert caught.value.reason is reason


@pytest.mark.parametrize("counts", ["5o", "52 2", ""])
def test_packed_counts_that_do_not_end_never_reach_the_c_code(monkeypatch, counts):
    monkeypatch.delattr(masks.coco_mask, "decode")
    with pytest.raises(Rejected, match="expected COCO's packed counts"):
        found({"size": [4, 6], "counts": counts})


def test_a_mask_picture_of_another_size_or_none_is_rejected(tmp_path):
    Image.new("L", (4, 6), 255).save(tmp_path / "mask.png")
    with pytest.raises(Rejected) as caught:
        found(MaskPicture(tmp_path / "mask.png"))
    assert caught.value.reason is Reason.MASK_SIZE and "6x4" in caught.value.detail
    with pytest.raises(Rejected) as caught:
        found(MaskPicture(tmp_path / "absent.png"))
    assert caught.value.reason is Reason.MASK_INVALID
