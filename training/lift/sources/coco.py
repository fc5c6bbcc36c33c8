"""COCO instances JSON, and Objects365 that is like it -> picture records.

In: an annotation file, read once into an `Index`. Out: `CocoSource`. It measures nothing.

Beside COCO's own keys (cocodataset.org, format-data) a picture's entry may have `depth_file`,
`depth_scale_to_m`, `camera` (what `n3d_ros.cameras` reads, width and height may be left out) and `gravity`.
Objects365 has no masks. It names pictures `images/v1/patch8/NAME.jpg`, its archives unpack to
`patch8/NAME.jpg` (open-mmlab/mmdetection, mmdet/datasets/objects365.py, which also lists three pictures that
the archives lack), and it marks objects that are pictures or mirror images (`isfake`, `isreflected`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.cameras.mapping import camera_of_mapping, with_scale
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import one_line, shown, without_controls
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.index import Index, IndexWriter, Row, write_index
from n3d_ros.training.lift.sources.indexed import IndexedSource
from n3d_ros.training.lift.sources.json_items import json_items
from n3d_ros.training.lift.sources.records import AnnotationRecord, PictureRecord
from n3d_ros.training.lift.sources.values import corners_of, direction, is_number, side, text

LISTS = ("images", "annotations", "categories")
MARKS = {"iscrowd": Reason.CROWD, "isfake": Reason.DEPICTION, "isreflected": Reason.REFLECTION}


@dataclass(frozen=True)
class CocoSource(IndexedSource):
    """See `IndexedSource`. images: the folder of `file_name`. depth: the folder of `depth_file`."""

    def picture(self, index: int, row: Row, annotations: tuple[AnnotationRecord, ...]) -> PictureRecord:
        """See `IndexedSource`."""
        entry = row.entry
        name, size = self._name(text(entry, "file_name")), (side(entry, "width"), side(entry, "height"))
        camera, scale = self._camera(entry, size)
        stated = self.depth / text(entry, "depth_file") if "depth_file" in entry else None
        return PictureRecord(
            index,
            row.key,
            annotations,
            picture=self.images / name,
            size=size,
            depth=stated or self.depth_of(name),
            intrinsics=camera,
            depth_scale_m=self.depth_scale_m if scale is None else scale,
            gravity=direction(entry["gravity"]) if "gravity" in entry else self.gravity,
        )

    def annotation(self, key: str, entry: Any) -> AnnotationRecord:
        """See `IndexedSource`."""
        if not isinstance(entry, dict):
            raise Rejected(Reason.ANNOTATION_ENTRY, f"expected an object, got {shown(entry)}")
        label = label_of(self, entry)
        box = corners_of(entry["bbox"]) if "bbox" in entry else None
        marks = [mark for mark in MARKS if entry.get(mark)]
        fault = Rejected(MARKS[marks[0]], marks[0]) if marks else None
        return AnnotationRecord(key, label, entry.get("segmentation"), box, fault)

    def _name(self, stated: str) -> str:
        """Where the picture lies below `images`: as stated, or as Objects365's archives have it."""
        short = Path(*Path(stated).parts[-2:])
        is_short = len(Path(stated).parts) > 2 and not (self.images / stated).is_file()
        return str(short) if is_short and (self.images / short).is_file() else stated

    def _camera(self, entry: Any, size: tuple[int, int]) -> tuple[Intrinsics | None, float | None]:
        """With the metres per unit of depth that the entry or its camera states."""
        scale, stated = entry.get("depth_scale_to_m"), entry.get("camera")
        if scale is not None and not is_number(scale):
            raise Rejected(
                Reason.PICTURE_ENTRY, f"depth_scale_to_m: expected metres per unit, got {shown(scale)}"
            )
        if stated is None:
            return self.intrinsics, scale
        if not isinstance(stated, dict):
            raise Rejected(Reason.CAMERA, f"expected an object, got {shown(stated)}")
        try:
            camera = with_scale(camera_of_mapping({"width": size[0], "height": size[1], **stated}), scale)
        except ValueError as error:
            raise Rejected(Reason.CAMERA, one_line(str(error), 300)) from error
        return camera.intrinsics, camera.depth_scale_m


def label_of(source: IndexedSource, entry: dict[str, Any]) -> str:
    """The name of an entry's category, as it is spelled there."""
    category = entry.get("category_id")
    name = source.index.category(category)
    if name is None:
        raise Rejected(Reason.CATEGORY_UNKNOWN, f"expected a category of one name, got id {shown(category)}")
    return name


def build_index(annotations: Path, folder: Path) -> Index:
    """A JSON file with COCO's lists, read item by item. OSError; ValueError where it lacks one of them."""

    def fill(writer: IndexWriter) -> None:
        seen = set()
        for name, item in json_items(annotations):
            seen.add(name)
            entry = item if isinstance(item, dict) else {}
            if name == "images":
                writer.picture(entry.get("id"), item)
            elif name == "annotations":
                writer.annotation(entry.get("id"), entry.get("image_id"), item)
            elif name == "categories" and isinstance(entry.get("name"), str) and entry["name"].strip():
                writer.category(entry.get("id"), without_controls(entry["name"]))
        missing = [name for name in LISTS if name not in seen]
        if missing:
            raise ValueError(
                f"'{annotations}': expected COCO's lists images, annotations and categories, no {missing}"
            )

    return write_index([annotations], folder, fill)
