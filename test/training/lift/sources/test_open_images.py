"""Open Images: three CSV files and mask pictures of other sizes."""

from dataclasses import replace

import numpy as np
import pytest
from lift_sets import CAMERA, HEIGHT, OBJECT, WIDTH
from PIL import Image

from n3d_ros.geometry import Intrinsics
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig, Reason
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.sources.open_images import OpenImagesSource
from n3d_ros.training.lift.sources.opening import Beside, open_source

BOXES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,{},{},IsInside".format(
        "IsGroupOf", "IsDepiction"
    )
)
MASKS = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
# The square of `lift_sets` as shares of a picture of 64 x 48.
SQUARE = "0.3125,0.625,0.208333333,0.625"
ROUNDED = "0.312500,0.625000,0.208333,0.625000"
PICTURE = "0001eeaf4aed83f9"


def row(marks="0,0,0", label="/m/0cmf2", box=SQUARE, picture=PICTURE):
    return f"{picture},xclick,{label},1,{box},0,0,{marks}"


def mask_row(box=ROUNDED, label="/m/0cmf2", path="0001eeaf4aed83f9_m0cmf2_9ae6e629.png"):
    return f"{path},{PICTURE},{label},9ae6e629,{box},0.8,0.1 0.2 1;0.3 0.4 0"


@pytest.fixture
def folder(tmp_path):
    """Picture, depth and a mask of twice the picture's size, each where downloads have them."""
    (tmp_path / "images/train_0").mkdir(parents=True)
    (tmp_path / "masks/train-masks-0").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT), (90, 60, 30)).save(tmp_path / f"images/train_0/{PICTURE}.jpg")
    left, top, right, bottom = OBJECT
    depth = np.full((HEIGHT, WIDTH), 2000, np.uint16)
    depth[top:bottom, left:right] = 800
    Image.fromarray(depth).save(tmp_path / f"{PICTURE}.png")
    mask = np.zeros((2 * HEIGHT, 2 * WIDTH), bool)
    mask[2 * top : 2 * bottom, 2 * left : 2 * right] = True
    Image.fromarray(mask).save(tmp_path / "masks/train-masks-0/0001eeaf4aed83f9_m0cmf2_9ae6e629.png")
    return tmp_path


def opened(folder, boxes, masks=None):
    (folder / "boxes.csv").write_text("\n".join([BOXES, *boxes]) + "\n")
    (folder / "classes.csv").write_text('/m/0cmf2,Airplane\n/m/0k4j,"Car, parked"\n')
    inputs = [folder / "boxes.csv", folder / "classes.csv"]
    if masks is not None:
        (folder / "masks.csv").write_text("\n".join([MASKS, *masks]) + "\n")
        inputs.append(folder / "masks.csv")
    source = open_source(inputs, Beside(), folder / "index")
    k = Intrinsics(**CAMERA, width=WIDTH, height=HEIGHT)
    assert isinstance(source, OpenImagesSource)
    return replace(source, intrinsics=k)


def reasons(source):
    attempts = [
        attempt
        for index in range(len(source))
        for attempt in lift_picture(source.record(index), SensorDepth(), LiftConfig()).attempts
    ]
    return [one.rejected.reason.value if one.rejected else "kept" for one in attempts]


def test_a_box_takes_its_mask_by_class_and_numbers(folder):
    source = opened(folder, [row(), row(label="/m/0k4j")], [mask_row()])
    record = source.record(0)
    assert len(source) == 1 and record.boxes_are_shares
    plane, car = record.annotations
    assert (plane.label, car.label) == ("Airplane", "Car, parked")
    assert plane.segmentation.path.name == "0001eeaf4aed83f9_m0cmf2_9ae6e629.png" and car.segmentation is None


def test_shares_become_pixels_and_the_mask_the_pictures_size(folder):
    picture = lift_picture(opened(folder, [row()], [mask_row()]).record(0), SensorDepth(), LiftConfig())
    [attempt] = picture.attempts
    assert attempt.rejected is None and attempt.extent_px == OBJECT
    np.testing.assert_allclose(attempt.annotation.box_px, OBJECT, atol=1e-4)
    np.testing.assert_allclose(attempt.box.size, [0.304, 0.304, 0.0], atol=1e-7)


def test_a_mask_of_other_proportions_is_rejected(folder):
    path = folder / "masks/train-masks-0/0001eeaf4aed83f9_m0cmf2_9ae6e629.png"
    Image.new("1", (2 * WIDTH, 2 * HEIGHT + 4), 1).save(path)
    assert reasons(opened(folder, [row()], [mask_row()])) == ["mask_size"]


def test_a_mask_without_a_box_is_an_annotation_of_its_own(folder):
    source = opened(folder, [row(box="0.1,0.2,0.1,0.2")], [mask_row()])
    assert reasons(source) == ["mask_missing", "kept"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (row(marks="1,0,0"), "crowd"),
        (row(marks="0,1,0"), "depiction"),
        (row(marks="0,0,1"), "inside"),
        (row(marks="-1,-1,-1"), "mask_missing"),
        (row(label="/m/absent"), "category_unknown"),
        (row(box="0.5,0.4,0.1,0.2"), "box_invalid"),
        (row(box="0.1,x,0.1,0.2"), "box_invalid"),
        (row(box="0.1,1.2,0.1,0.2"), "box_invalid"),
        (f"{PICTURE},xclick,/m/0cmf2,1,0.1", "box_invalid"),
        (row(picture="ffff"), "picture_unreadable"),
        (row(picture="../etc"), "picture_entry"),
    ],
)
def test_what_is_no_object_or_no_row_is_named(folder, line, reason):
    assert reasons(opened(folder, [line])) == [reason]


def test_pictures_come_in_the_order_of_their_first_box(folder):
    source = opened(folder, [row(picture="bb"), row(picture="aa"), row(picture="bb")])
    records = [source.record(index) for index in range(len(source))]
    assert [(one.key, len(one.annotations)) for one in records] == [('"bb"', 2), ('"aa"', 1)]


def test_a_file_without_the_columns_is_refused(folder):
    (folder / "boxes.csv").write_text("ImageID,LabelName,XMin,YMin,XMax,YMax\n")
    (folder / "classes.csv").write_text("/m/0cmf2,Airplane\n")
    with pytest.raises(ValueError, match="no IsGroupOf, IsDepiction, IsInside"):
        open_source([folder / "classes.csv", folder / "boxes.csv"], Beside(), folder / "index")
    assert list((folder / "index").iterdir()) == []


def test_what_is_no_csv_is_named_by_its_line(folder):
    (folder / "boxes.csv").write_text(BOXES + '\n"' + "x" * 200_000)
    (folder / "classes.csv").write_text("/m/0cmf2,Airplane\n")
    with pytest.raises(ValueError, match=r"boxes\.csv': expected CSV in line \d, got field larger"):
        open_source([folder / "boxes.csv", folder / "classes.csv"], Beside(), folder / "index")


def test_a_class_without_a_name_is_named_by_its_line(folder):
    (folder / "boxes.csv").write_text(BOXES + "\n")
    (folder / "classes.csv").write_text("/m/0cmf2,Airplane\n/m/0k4j\n")
    with pytest.raises(ValueError, match=r"classes\.csv': expected a class and its name in line 2"):
        open_source([folder / "boxes.csv", folder / "classes.csv"], Beside(), folder / "index")


def test_files_that_are_missing_are_named(folder):
    (folder / "boxes.csv").write_text(BOXES + "\n")
    with pytest.raises(ValueError, match="got 1 of boxes, 0 of segmentations, 0 others"):
        open_source([folder / "boxes.csv"], Beside(), folder / "index")


def test_a_crowd_keeps_its_reason_beside_a_mask(folder):
    source = opened(folder, [row(marks="1,0,0")], [mask_row()])
    [annotation] = source.record(0).annotations
    assert annotation.fault.reason is Reason.CROWD
