"""RGB-D frame folders with annotations -> picture records.

In: folders as `n3d_ros.files.frames` reads them, each with `annotations.json`: `objects2d`, a list of objects
with `label`, `mask` (a picture in the folder, object where it is not black) and perhaps `box2d_xyxy` in
pixels; or `boxes3d`, a list of measured boxes with `label`, `center_xyz_m`, `size_xyz_m` along the box's own
axes and `rotation_matrix`, whose columns are these axes, all in the optical frame; perhaps `gravity`, three
numbers in that frame. Out: `FolderSource`. It measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.files.camera_file import read_camera
from n3d_ros.files.frames import COLOR_NAMES, DEPTH_NAMES, find_frames
from n3d_ros.geometry import Vector3
from n3d_ros.plain_text import one_line, shown
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.records import AnnotationRecord, GivenBox, MaskPicture, PictureRecord
from n3d_ros.training.lift.sources.values import direction, numbers, rectangle, rotation

ANNOTATIONS = "annotations.json"


@dataclass(frozen=True)
class FolderSource:
    """folders: frame folders. depth_scale_m, gravity: of folders that say none."""

    folders: tuple[Path, ...]
    depth_scale_m: float | None = None
    gravity: Vector3 | None = None

    @classmethod
    def find(
        cls, paths: list[Path], depth_scale_m: float | None = None, gravity: Vector3 | None = None
    ) -> FolderSource:
        """Of frame folders, or folders of them, those with annotations. FileNotFoundError where none has."""
        found = tuple(folder for folder in find_frames(paths) if (folder / ANNOTATIONS).is_file())
        if not found:
            places = ", ".join(f"'{path}'" for path in paths)
            raise FileNotFoundError(f"frames: expected {ANNOTATIONS} in a frame folder of {places}, got none")
        return cls(found, depth_scale_m, gravity)

    def __len__(self) -> int:
        return len(self.folders)

    def record(self, index: int) -> PictureRecord:
        """The index-th folder."""
        folder = self.folders[index]
        try:
            stated = read_object(folder / ANNOTATIONS)
        except (JsonError, OSError) as error:
            fault = Rejected(Reason.PICTURE_ENTRY, f"{ANNOTATIONS}: expected JSON, got {error}")
            return PictureRecord(index, folder.name, (), fault=fault)
        annotations = _annotations(folder, stated)
        try:
            return self._picture(index, folder, annotations, stated)
        except Rejected as fault:
            return PictureRecord(index, folder.name, annotations, fault=fault)

    def identity(self) -> dict[str, Any]:
        """The folders by name, and what stands beside them."""
        folders = [str(folder) for folder in self.folders]
        return {"folders": folders, "depth_scale_m": self.depth_scale_m, "gravity": self.gravity}

    def _picture(
        self, index: int, folder: Path, annotations: tuple[AnnotationRecord, ...], stated: dict[str, Any]
    ) -> PictureRecord:
        try:
            camera = read_camera(folder / "intrinsics.json", self.depth_scale_m)
        except (OSError, ValueError) as error:
            raise Rejected(Reason.CAMERA, one_line(str(error), 300)) from error
        return PictureRecord(
            index,
            folder.name,
            annotations,
            picture=_first(folder, COLOR_NAMES),
            depth=_first(folder, DEPTH_NAMES),
            intrinsics=camera.intrinsics,
            depth_scale_m=camera.depth_scale_m,
            gravity=direction(stated["gravity"]) if "gravity" in stated else self.gravity,
        )


def _annotations(folder: Path, stated: dict[str, Any]) -> tuple[AnnotationRecord, ...]:
    objects = stated.get("objects2d", [])
    if not isinstance(objects, list):
        objects = [objects]
    if not objects and "boxes3d" in stated:  # of objects that have both, masks are lifted as elsewhere
        boxes = stated["boxes3d"] if isinstance(stated["boxes3d"], list) else [stated["boxes3d"]]
        return tuple(_measured(f"{folder.name}/{number}", entry) for number, entry in enumerate(boxes))
    return tuple(
        _annotation(folder, f"{folder.name}/{number}", entry) for number, entry in enumerate(objects)
    )


def _measured(key: str, entry: Any) -> AnnotationRecord:
    """An object whose 3D box is known; its rectangle is of the object, which may leave the picture."""
    try:
        if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
            raise Rejected(Reason.ANNOTATION_ENTRY, f"expected an object with a label, got {shown(entry)}")
        return AnnotationRecord(key, entry["label"], given=measured_box(entry))
    except Rejected as fault:
        return AnnotationRecord(key, fault=fault)


def measured_box(entry: dict[str, Any]) -> GivenBox:
    """The box of an entry of `boxes3d`. Rejected."""
    reason = Reason.BOX_GIVEN
    x, y, z = numbers(entry.get("center_xyz_m"), 3, reason, "center_xyz_m as x, y, z")
    a, b, c = numbers(entry.get("size_xyz_m"), 3, reason, "size_xyz_m as three lengths")
    if min(a, b, c) <= 0 or z <= 0:
        raise Rejected(reason, f"expected positive sides before the camera, got {(a, b, c)} at {(x, y, z)}")
    return GivenBox((x, y, z), (a, b, c), rotation(entry.get("rotation_matrix"), "rotation_matrix"))


def _annotation(folder: Path, key: str, entry: Any) -> AnnotationRecord:
    try:
        if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
            raise Rejected(Reason.ANNOTATION_ENTRY, f"expected an object with a label, got {shown(entry)}")
        mask = entry.get("mask")
        if not isinstance(mask, (str, type(None))):
            raise Rejected(Reason.MASK_INVALID, f"expected a file's name, got {shown(mask)}")
        box = rectangle(entry["box2d_xyxy"]) if "box2d_xyxy" in entry else None
        return AnnotationRecord(key, entry["label"], MaskPicture(folder / mask) if mask else None, box)
    except Rejected as fault:
        return AnnotationRecord(key, fault=fault)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
