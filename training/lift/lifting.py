"""One picture record -> an attempt for each of its annotations: a box, or the reason why there is none.

In: a record, depth and mask sources, the thresholds. Out: `LiftedPicture`; every annotation of the record is
in it once, in the record's order. It does not know shards, processes or pages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.files.picture_file import UPRIGHT, read_orientation, read_picture
from n3d_ros.geometry import Array, Intrinsics
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.lift.boxes import (
    Cloud,
    aligned_box,
    box_of_given,
    corners_of_given,
    level_rotation,
    object_cloud,
    upright_box,
)
from n3d_ros.training.lift.depth_sources import DepthSource
from n3d_ros.training.lift.filters import LiftConfig, Reason, Rejected
from n3d_ros.training.lift.mask_sources import MaskSource
from n3d_ros.training.lift.masks import MaskCrop, crop_of
from n3d_ros.training.lift.sources.records import AnnotationRecord, PictureRecord, Rectangle

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Attempt:
    """What lifting found of one annotation; what stands behind the step that rejected it is None.

    box: optical frame, yaw 0. upright: level frame of the picture, yaw about its y (down). depth_share: share
    of the mask's pixels with depth. box_of_model: from a depth model's guess beside the sensor's depth.
    rejected: None where the box is kept.
    """

    annotation: AnnotationRecord
    rejected: Rejected | None = None
    crop: MaskCrop | None = None
    cloud: Cloud | None = None
    depth_share: float | None = None
    extent_px: Rectangle | None = None
    box: Box3D | None = None
    upright: Box3D | None = None
    box_of_model: Box3D | None = None


@dataclass(frozen=True)
class Sight:
    """A picture and its camera. observation: with depth, None where there is none (`fault`). guess: with what
    a depth model guesses, where a sensor's depth is in `observation`.
    """

    rgb: Picture
    intrinsics: Intrinsics
    observation: Observation | None = None
    guess: Observation | None = None
    fault: Rejected | None = None


@dataclass(frozen=True)
class LiftedPicture:
    """sight: None where the whole picture was rejected (`fault`). level: (3, 3) `R_level_optical`, None where
    nobody gave gravity.
    """

    record: PictureRecord
    attempts: tuple[Attempt, ...]
    sight: Sight | None = None
    level: Array | None = None
    fault: Rejected | None = None

    @property
    def observation(self) -> Observation | None:
        """With the depth that boxes rest on, None where there is none."""
        return None if self.sight is None else self.sight.observation


def lift_picture(
    record: PictureRecord,
    depth_source: DepthSource,
    config: LiftConfig,
    mask_source: MaskSource | None = None,
) -> LiftedPicture:
    """Errors that are not the data's, such as a model that does not load, are raised."""
    try:
        sight = see(record, depth_source, config)
    except Rejected as fault:
        attempts = tuple(Attempt(one, one.fault or fault) for one in record.annotations)
        return LiftedPicture(record, attempts, fault=fault)
    height, width = sight.rgb.shape[:2]
    annotations = in_pixels(record, (width, height)).annotations
    if mask_source is not None and sight.observation is not None:
        annotations = with_masks(annotations, sight.rgb, mask_source, config)
    level = None if record.gravity is None else level_rotation(record.gravity)
    attempts = tuple(lift_annotation(one, sight, level, config) for one in annotations)
    return LiftedPicture(record, attempts, sight, level)


def see(record: PictureRecord, depth_source: DepthSource, config: LiftConfig) -> Sight:
    """The record's picture with depth of its size, without where only given boxes are left. Rejected."""
    if record.fault is not None:
        raise record.fault
    if record.picture is None:
        raise Rejected(Reason.PICTURE_UNREADABLE, "expected a picture file, got none")
    rgb = _colours(record)
    try:
        observation = depth_source.observe(record, rgb, config.max_depth_m)
    except Rejected as fault:
        camera = record.intrinsics
        has_given = any(one.given is not None for one in record.annotations)
        if fault.reason is not Reason.DEPTH or camera is None or not has_given:
            raise
        return Sight(rgb, camera, fault=fault)
    guess = depth_source.guess_beside(record, rgb, config.max_depth_m)
    return Sight(rgb, observation.intrinsics, observation, guess)


def in_pixels(record: PictureRecord, size: tuple[int, int]) -> PictureRecord:
    """The record with rectangles in pixels of its picture; size: (width, height)."""
    if not record.boxes_are_shares:
        return record
    annotations = tuple(replace(one, box_px=_scaled(one.box_px, size)) for one in record.annotations)
    return replace(record, annotations=annotations, boxes_are_shares=False)


def _scaled(shares: Rectangle | None, size: tuple[int, int]) -> Rectangle | None:
    if shares is None:
        return None
    (left, top, right, bottom), (width, height) = shares, size
    return left * width, top * height, right * width, bottom * height


def with_masks(
    annotations: tuple[AnnotationRecord, ...], rgb: Picture, mask_source: MaskSource, config: LiftConfig
) -> tuple[AnnotationRecord, ...]:
    """The annotations; those that have a rectangle in the picture and no mask get a guessed one."""
    height, width = rgb.shape[:2]
    wanting = [
        (number, one.box_px)
        for number, one in enumerate(annotations)
        if one.fault is None
        and one.given is None
        and one.segmentation in (None, [])
        and one.box_px is not None
        and _is_inside(one.box_px, (width, height), config)
    ]
    made = dict(
        zip(
            [number for number, _ in wanting],
            mask_source.masks(rgb, [box for _, box in wanting]) if wanting else [],
            strict=True,
        )
    )
    return tuple(
        replace(one, segmentation=made[number], mask_is_estimated=True) if number in made else one
        for number, one in enumerate(annotations)
    )


def lift_annotation(
    annotation: AnnotationRecord, sight: Sight, level: Array | None, config: LiftConfig
) -> Attempt:
    """Step by step, so that a rejected attempt still shows what was found before."""
    found: dict[str, Any] = {}
    try:
        if annotation.fault is not None:
            raise annotation.fault
        if annotation.given is not None:
            _take_given(annotation, sight, level, config, found)
        elif sight.observation is None:
            assert sight.fault is not None
            raise sight.fault
        else:
            _lift(annotation, sight.observation, level, config, found)
    except Rejected as rejected:
        found["rejected"] = rejected
    if sight.guess is not None and found.get("crop") is not None:
        found["box_of_model"] = _box_of_model(annotation, sight.guess, config)
    return Attempt(annotation, **found)


def _box_of_model(annotation: AnnotationRecord, guess: Observation, config: LiftConfig) -> Box3D | None:
    """The box that the guessed depth alone gives, None where a filter would reject it."""
    found: dict[str, Any] = {}
    try:
        _lift(annotation, guess, None, config, found)
    except Rejected:
        return None
    box: Box3D = found["box"]
    return box


def _take_given(
    annotation: AnnotationRecord,
    sight: Sight,
    level: Array | None,
    config: LiftConfig,
    found: dict[str, Any],
) -> None:
    """Fill `found` with the box around a given one, which may be turned."""
    assert annotation.given is not None
    found["box"] = box = box_of_given(annotation.label, annotation.given)
    _check_rectangle(annotation.box_px, (sight.intrinsics.width, sight.intrinsics.height), config)
    extent = annotation.box_px or box_2d_px(box, sight.intrinsics)
    if extent is None:
        raise Rejected(Reason.BOX_GIVEN, "expected a box of which something is in the picture")
    found["extent_px"] = extent
    if level is not None:
        found["upright"] = upright_box(annotation.label, corners_of_given(annotation.given) @ level.T)
    _check_size(box, config)


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
    found["extent_px"] = crop.extent_px
    num_px = crop.num_px
    _at_least(Reason.MASK_SMALL, num_px, max(config.min_mask_px, 1))
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
    _check_size(box, config)


def _check_size(box: Box3D, config: LiftConfig) -> None:
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


def _colours(record: PictureRecord) -> Picture:
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


def _is_inside(box: Rectangle, size: tuple[int, int], config: LiftConfig) -> bool:
    slack = config.box_slack_px
    return min(box[:2]) >= -slack and box[2] <= size[0] + slack and box[3] <= size[1] + slack


def _check_rectangle(box: Rectangle | None, size: tuple[int, int], config: LiftConfig) -> None:
    if box is not None and not _is_inside(box, size, config):
        raise Rejected(
            Reason.BOX_INVALID, f"expected (left, top, right, bottom) in {size[0]}x{size[1]}, got {box}"
        )


def _at_least(reason: Reason, value: float, threshold: float) -> None:
    if not value >= threshold:
        raise Rejected(reason, f"expected at least {threshold:g}, got {value:.4g}")
