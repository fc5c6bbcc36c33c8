"""One picture record -> an attempt for each of its annotations: a box, or the reason why there is none.

In: a record, a depth source, the thresholds. Out: `LiftedPicture`; every annotation of the record is in it
once, in the record's order. It does not know shards, processes or pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.files.picture_file import UPRIGHT, read_orientation, read_picture
from n3d_ros.geometry import Array
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.lift.boxes import Cloud, aligned_box, level_rotation, object_cloud, upright_box
from n3d_ros.training.lift.depth_sources import DepthSource
from n3d_ros.training.lift.filters import LiftConfig, Reason, Rejected
from n3d_ros.training.lift.masks import MaskCrop, crop_of
from n3d_ros.training.lift.sources.records import AnnotationRecord, PictureRecord, Rectangle


@dataclass(frozen=True)
class Attempt:
    """What lifting found of one annotation; what stands behind the step that rejected it is None.

    box: optical frame, yaw 0. upright: level frame of the picture, yaw about its y (down). depth_share: share
    of the mask's pixels with depth. rejected: None where the box is kept.
    """

    annotation: AnnotationRecord
    rejected: Rejected | None = None
    crop: MaskCrop | None = None
    cloud: Cloud | None = None
    depth_share: float | None = None
    box: Box3D | None = None
    upright: Box3D | None = None


@dataclass(frozen=True)
class LiftedPicture:
    """observation: None where the whole picture was rejected (`fault`). level: (3, 3) `R_level_optical`, None
    where nobody gave gravity.
    """

    record: PictureRecord
    attempts: tuple[Attempt, ...]
    observation: Observation | None = None
    level: Array | None = None
    fault: Rejected | None = None


def lift_picture(record: PictureRecord, depth_source: DepthSource, config: LiftConfig) -> LiftedPicture:
    """Errors that are not the data's, such as a model that does not load, are raised."""
    try:
        observation = observe(record, depth_source, config)
    except Rejected as fault:
        attempts = tuple(Attempt(one, one.fault or fault) for one in record.annotations)
        return LiftedPicture(record, attempts, fault=fault)
    level = None if record.gravity is None else level_rotation(record.gravity)
    attempts = tuple(lift_annotation(one, observation, level, config) for one in record.annotations)
    return LiftedPicture(record, attempts, observation, level)


def observe(record: PictureRecord, depth_source: DepthSource, config: LiftConfig) -> Observation:
    """The record's picture with depth of its size. Rejected."""
    if record.fault is not None:
        raise record.fault
    if record.picture is None:
        raise Rejected(Reason.PICTURE_UNREADABLE, "expected a picture file, got none")
    return depth_source.observe(record, _colours(record), config.max_depth_m)


def lift_annotation(
    annotation: AnnotationRecord, observation: Observation, level: Array | None, config: LiftConfig
) -> Attempt:
    """Step by step, so that a rejected attempt still shows what was found before."""
    found: dict[str, Any] = {}
    try:
        if annotation.fault is not None:
            raise annotation.fault
        _lift(annotation, observation, level, config, found)
    except Rejected as rejected:
        found["rejected"] = rejected
    return Attempt(annotation, **found)


def _lift(
    annotation: AnnotationRecord,
    observation: Observation,
    level: Array | None,
    config: LiftConfig,
    found: dict[str, Any],
) -> None:
    """Fill `found` with the fields of an `Attempt`, until one of the filters raises."""
    assert observation.depth is not None
    height, width = observation.depth.shape
    _check_rectangle(annotation.box_px, (width, height), config)
    found["crop"] = crop = crop_of(annotation.segmentation, (width, height), config)
    num_px = crop.num_px
    _at_least(Reason.MASK_SMALL, num_px, config.min_mask_px)
    if annotation.box_px is not None:
        overlap = iou_2d(crop.extent_px, annotation.box_px)
        _at_least(Reason.MASK_NOT_IN_BOX, overlap, config.min_mask_box_iou)
    found["cloud"] = cloud = object_cloud(observation.depth, crop, observation.intrinsics, config)
    found["depth_share"] = share = len(cloud.points) / num_px
    _at_least(Reason.DEPTH_SPARSE, share, config.min_depth_share)
    points = cloud.points[cloud.kept]
    _at_least(Reason.POINTS_FEW, len(points), max(config.min_points, 1))
    found["box"] = box = aligned_box(annotation.label, points)
    if level is not None:
        found["upright"] = upright_box(annotation.label, points @ level.T)
    _at_least(Reason.POINTS_SCATTERED, float(np.mean(cloud.is_body)), config.min_kept_share)
    _at_least(Reason.BOX_SMALL, max(box.size), config.min_longest_side_m)
    if max(box.size) > config.max_longest_side_m:
        detail = f"expected at most {config.max_longest_side_m:g}, got {max(box.size):.4g}"
        raise Rejected(Reason.BOX_LARGE, detail)


def iou_2d(a: Rectangle, b: Rectangle) -> float:
    """Intersection over union of two rectangles (left, top, right, bottom)."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    return width * height / (sum(areas) - width * height)


def _colours(record: PictureRecord) -> npt.NDArray[np.uint8]:
    assert record.picture is not None
    try:
        orientation = read_orientation(record.picture)
        rgb = read_picture(record.picture, upright=False)
    except (OSError, ValueError) as error:
        raise Rejected(Reason.PICTURE_UNREADABLE, one_line(str(error), 300)) from error
    if orientation != UPRIGHT:
        raise Rejected(Reason.PICTURE_TURNED, f"expected EXIF orientation {UPRIGHT}, got {orientation}")
    size = (rgb.shape[1], rgb.shape[0])
    if record.size is not None and size != record.size:
        raise Rejected(Reason.PICTURE_SIZE, f"expected {record.size}, got {size} in '{record.picture.name}'")
    return rgb


def _check_rectangle(box: Rectangle | None, size: tuple[int, int], config: LiftConfig) -> None:
    if box is None:
        return
    slack = config.box_slack_px
    if min(box[:2]) < -slack or box[2] > size[0] + slack or box[3] > size[1] + slack:
        raise Rejected(
            Reason.BOX_INVALID, f"expected (left, top, right, bottom) in {size[0]}x{size[1]}, got {box}"
        )


def _at_least(reason: Reason, value: float, threshold: float) -> None:
    if not value >= threshold:
        raise Rejected(reason, f"expected at least {threshold:g}, got {value:.4g}")
