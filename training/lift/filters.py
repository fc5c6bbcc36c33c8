"""Why an annotation gets no box: every reason by name, what kind it is, and the threshold behind it.

In: nothing. Out: `Reason`, `RULES`, and the one configuration that holds every threshold. It does not know
how anything is measured; whoever measures raises `Rejected` with a reason of this file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

from n3d_ros.plain_text import shown


class Kind(str, Enum):
    """SKIPPED: no mistake, nothing to lift. BROKEN: the data are not what they say. FILTERED: below a
    threshold.
    """

    SKIPPED = "skipped"
    BROKEN = "broken"
    FILTERED = "filtered"


class Reason(str, Enum):
    """Why an annotation has no box; the value is the name in shards, manifest and page."""

    CROWD = "crowd"
    DEPICTION = "depiction"
    REFLECTION = "reflection"
    INSIDE = "inside"
    BOX_UNRELIABLE = "box_unreliable"
    PICTURE_ENTRY = "picture_entry"
    PICTURE_REPEATED = "picture_repeated"
    PICTURE_UNKNOWN = "picture_unknown"
    PICTURE_UNREADABLE = "picture_unreadable"
    PICTURE_SIZE = "picture_size"
    PICTURE_TURNED = "picture_turned"
    CAMERA = "camera"
    DEPTH = "depth"
    ANNOTATION_ENTRY = "annotation_entry"
    ANNOTATION_REPEATED = "annotation_repeated"
    CATEGORY_UNKNOWN = "category_unknown"
    BOX_INVALID = "box_invalid"
    BOX_GIVEN = "box_given"
    MASK_MISSING = "mask_missing"
    MASK_INVALID = "mask_invalid"
    MASK_SIZE = "mask_size"
    MASK_SMALL = "mask_small"
    MASK_NOT_IN_BOX = "mask_not_in_box"
    DEPTH_SPARSE = "depth_sparse"
    POINTS_FEW = "points_few"
    POINTS_SCATTERED = "points_scattered"
    BOX_SMALL = "box_small"
    BOX_LARGE = "box_large"


@dataclass(frozen=True)
class Rule:
    """kind: see `Kind`. means: one line for people. threshold: its field of `LiftConfig`, None for none."""

    kind: Kind
    means: str
    threshold: str | None = None


RULES = {
    Reason.CROWD: Rule(Kind.SKIPPED, "one annotation of many objects (iscrowd, IsGroupOf)"),
    Reason.DEPICTION: Rule(Kind.SKIPPED, "a picture of an object, no object (isfake, IsDepiction)"),
    Reason.REFLECTION: Rule(Kind.SKIPPED, "a mirror image, whose depth is the mirror's (isreflected)"),
    Reason.INSIDE: Rule(Kind.SKIPPED, "the picture was taken inside the object (IsInside)"),
    Reason.BOX_UNRELIABLE: Rule(Kind.SKIPPED, "the file itself does not trust its 3D box (valid3D)"),
    Reason.PICTURE_ENTRY: Rule(Kind.BROKEN, "the picture's entry lacks a key or has a wrong value"),
    Reason.PICTURE_REPEATED: Rule(Kind.BROKEN, "an earlier picture has the same id"),
    Reason.PICTURE_UNKNOWN: Rule(Kind.BROKEN, "no picture has the annotation's image_id"),
    Reason.PICTURE_UNREADABLE: Rule(Kind.BROKEN, "the picture file is missing or damaged"),
    Reason.PICTURE_SIZE: Rule(Kind.BROKEN, "the picture has another size than its entry says"),
    Reason.PICTURE_TURNED: Rule(
        Kind.BROKEN, "EXIF turns the picture: nobody says if the masks are turned too"
    ),
    Reason.CAMERA: Rule(Kind.BROKEN, "no intrinsics, or none that a camera has"),
    Reason.DEPTH: Rule(Kind.BROKEN, "depth is missing, damaged, empty or does not fit the picture"),
    Reason.ANNOTATION_ENTRY: Rule(Kind.BROKEN, "the annotation's entry lacks a key or has a wrong value"),
    Reason.ANNOTATION_REPEATED: Rule(Kind.BROKEN, "an earlier annotation has the same id"),
    Reason.CATEGORY_UNKNOWN: Rule(Kind.BROKEN, "no category, or several, have the annotation's category_id"),
    Reason.BOX_INVALID: Rule(Kind.BROKEN, "the 2D box is no box, or leaves the picture", "box_slack_px"),
    Reason.BOX_GIVEN: Rule(Kind.BROKEN, "the given 3D box is no box before the camera"),
    Reason.MASK_MISSING: Rule(Kind.BROKEN, "the annotation has no mask"),
    Reason.MASK_INVALID: Rule(Kind.BROKEN, "the mask is neither polygons nor RLE nor a mask picture"),
    Reason.MASK_SIZE: Rule(Kind.BROKEN, "the mask is of a picture of another size"),
    Reason.MASK_SMALL: Rule(Kind.FILTERED, "pixels of the mask", "min_mask_px"),
    Reason.MASK_NOT_IN_BOX: Rule(
        Kind.FILTERED, "IoU of the mask's extent and the 2D box", "min_mask_box_iou"
    ),
    Reason.DEPTH_SPARSE: Rule(Kind.FILTERED, "share of the mask with depth", "min_depth_share"),
    Reason.POINTS_FEW: Rule(Kind.FILTERED, "points with depth", "min_points"),
    Reason.POINTS_SCATTERED: Rule(
        Kind.FILTERED, "share of the points that are one body in depth", "min_kept_share"
    ),
    Reason.BOX_SMALL: Rule(Kind.FILTERED, "longest side of the box, m", "min_longest_side_m"),
    Reason.BOX_LARGE: Rule(Kind.FILTERED, "longest side of the box, m", "max_longest_side_m"),
}


class Rejected(Exception):
    """An annotation, or all of a picture, that gets no box. detail: what was expected and came."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason, self.detail = reason, detail


# Thresholds that end a run and change nothing in what it makes.
STOPS = ("max_broken_share", "max_reject_share", "min_judged")


@dataclass(frozen=True)
class LiftConfig:
    """Every threshold of lifting. The paper names none; these are ours (docs/data.md says what each one
    does).

    box_slack_px: how far a 2D box may leave the picture. rim_px, rim_step: pixels so near the mask's edge
    count as background when their depth is off that of the mask's inside by more than this share.
    min_piece_share: pieces of the surface, parted by steps of rim_step, that have less of the points are
    dropped. gap_share: a step of this share of the depth, with no point in it, separates two bodies.
    max_depth_m: farther depth is none. max_broken_share, max_reject_share: of the annotations that are not
    skipped, once min_judged are done; above them the run stops.
    """

    box_slack_px: float = 2.0
    min_mask_px: int = 100
    min_mask_box_iou: float = 0.5
    min_depth_share: float = 0.2
    min_points: int = 50
    min_kept_share: float = 0.6
    min_longest_side_m: float = 0.005
    max_longest_side_m: float = 15.0
    rim_px: int = 3
    rim_step: float = 0.03
    min_piece_share: float = 0.005
    gap_share: float = 0.1
    max_depth_m: float = 20.0
    max_broken_share: float = 0.2
    max_reject_share: float = 0.9
    min_judged: int = 200

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            is_whole = isinstance(one.default, int)
            if isinstance(value, bool) or not isinstance(value, int if is_whole else (int, float)):
                wanted = "a whole number" if is_whole else "a number"
                raise ValueError(f"lift config: {one.name} must be {wanted}, got {shown(value)}")
            if not 0 <= value < float("inf"):
                raise ValueError(f"lift config: {one.name} must be finite and not negative, got {value}")
            if "share" in one.name and value > 1:
                raise ValueError(f"lift config: {one.name} must be a share within 0..1, got {value}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LiftConfig:
        """ValueError, naming them, for keys that are no thresholds."""
        unknown = sorted(set(values) - {one.name for one in fields(cls)})
        if unknown:
            known = ", ".join(one.name for one in fields(cls))
            raise ValueError(f"lift config: expected some of {known}, got {shown(unknown)}")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Every threshold by name."""
        return asdict(self)
