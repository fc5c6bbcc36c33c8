"""Omni3D JSON -> picture records whose boxes are given.

In: an `Index` of an Omni3D file. Out: `Omni3dSource`. It measures nothing.

The format is in DATA.md of facebookresearch/omni3d: COCO's lists; pictures have `file_path` and `K` (3 x 3);
annotations have boxes instead of masks, all in the optical frame (x right, y down, z forward), metres, where
-1 stands for what is not known. `dimensions` are width, height, length, and in the box's own frame length is
along x, height along y, width along z (`get_cuboid_verts_faces`, cubercnn/util/math_util.py there); `R_cam`
turns that frame into the camera's. `valid3D` false and `behind_camera` true mark boxes that its own
evaluation ignores (cubercnn/data/datasets.py, `is_ignore`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from n3d_ros.plain_text import shown
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.coco import label_of
from n3d_ros.training.lift.sources.index import Row
from n3d_ros.training.lift.sources.indexed import IndexedSource
from n3d_ros.training.lift.sources.records import AnnotationRecord, GivenBox, PictureRecord, Rectangle
from n3d_ros.training.lift.sources.values import camera_of_matrix, numbers, rectangle, rotation, side, text

UNKNOWN = -1
YES = (True, 1)
# Of what is seen of the object, the one that was drawn first; `bbox2D_proj` leaves the picture.
RECTANGLES = ("bbox2D_tight", "bbox2D_trunc")


@dataclass(frozen=True)
class Omni3dSource(IndexedSource):
    """See `IndexedSource`. images: the folder of `file_path`."""

    def picture(self, index: int, row: Row, annotations: tuple[AnnotationRecord, ...]) -> PictureRecord:
        """See `IndexedSource`."""
        name, size = text(row.entry, "file_path"), (side(row.entry, "width"), side(row.entry, "height"))
        return PictureRecord(
            index,
            row.key,
            annotations,
            picture=self.images / name,
            size=size,
            depth=self.depth_of(name),
            intrinsics=camera_of_matrix(row.entry.get("K"), size),
            depth_scale_m=self.depth_scale_m,
            gravity=self.gravity,
        )

    def annotation(self, key: str, entry: Any) -> AnnotationRecord:
        """See `IndexedSource`."""
        if not isinstance(entry, dict):
            raise Rejected(Reason.ANNOTATION_ENTRY, f"expected an object, got {shown(entry)}")
        label, box_px = label_of(self, entry), _rectangle(entry)
        marks = {"valid3D": entry.get("valid3D"), "behind_camera": entry.get("behind_camera")}
        if marks["valid3D"] not in YES or marks["behind_camera"] in YES:
            fault = Rejected(Reason.BOX_UNRELIABLE, shown(marks))
            return AnnotationRecord(key, label, box_px=box_px, fault=fault)
        return AnnotationRecord(key, label, box_px=box_px, given=_box(entry))


def _rectangle(entry: dict[str, Any]) -> Rectangle | None:
    """The first that is known."""
    stated = [entry[name] for name in RECTANGLES if name in entry]
    known = [one for one in stated if one != UNKNOWN and one != [UNKNOWN] * 4]
    return rectangle(known[0]) if known else None


def _box(entry: dict[str, Any]) -> GivenBox:
    center = numbers(entry.get("center_cam"), 3, Reason.BOX_GIVEN, "center_cam as x, y, z")
    width, height, length = numbers(
        entry.get("dimensions"), 3, Reason.BOX_GIVEN, "dimensions as width, height, length"
    )
    turn = rotation(entry.get("R_cam"), "R_cam")
    if min(width, height, length) <= 0 or center[2] <= 0:
        raise Rejected(
            Reason.BOX_GIVEN,
            f"expected positive dimensions before the camera, got {shown(entry['dimensions'])} "
            f"at {shown(entry['center_cam'])}",
        )
    x, y, z = center
    return GivenBox((x, y, z), (length, height, width), turn)
