"""Open Images: CSV files of boxes, classes and segmentations -> picture records.

In: an `Index` of the CSV files. Out: `OpenImagesSource`. It measures nothing.

The format is at https://storage.googleapis.com/openimages/web/download.html. Boxes are shares of the
picture's width and height. A box does not name its mask: the two have the same picture and class and, but for
rounding, the same numbers. Masks come in other sizes than the pictures and in folders by the first digit of
their names (https://github.com/openimages/dataset/issues/92: of a sample 6 % had the picture's size, all its
proportions). Of the marks, IsGroupOf, IsDepiction and IsInside make an object that is none; -1 is not known.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from n3d_ros.plain_text import shown, without_controls
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.index import Index, IndexWriter, Row, write_index
from n3d_ros.training.lift.sources.indexed import IndexedSource, checked
from n3d_ros.training.lift.sources.records import AnnotationRecord, MaskPicture, PictureRecord, Rectangle
from n3d_ros.training.lift.sources.values import rectangle

BOX_COLUMNS = ("XMin", "YMin", "XMax", "YMax")
MASK_COLUMNS = ("BoxXMin", "BoxYMin", "BoxXMax", "BoxYMax")
MARKS = {"IsGroupOf": Reason.CROWD, "IsDepiction": Reason.DEPICTION, "IsInside": Reason.INSIDE}
# Boxes have up to nine digits, those of masks six.
SAME_BOX = 1e-5


@dataclass(frozen=True)
class OpenImagesSource(IndexedSource):
    """See `IndexedSource`. images: the folder of ID.jpg, or of folders of them by first digit, as they are
    downloaded. masks: the same of mask pictures.
    """

    masks: Path = Path("masks")

    def picture(self, index: int, row: Row, annotations: tuple[AnnotationRecord, ...]) -> PictureRecord:
        """See `IndexedSource`."""
        if not isinstance(row.entry, str) or not row.entry.isalnum():
            raise Rejected(
                Reason.PICTURE_ENTRY, f"ImageID: expected hexadecimal digits, got {shown(row.entry)}"
            )
        name = f"{row.entry}.jpg"
        return PictureRecord(
            index,
            row.key,
            annotations,
            picture=_below(self.images, name),
            depth=self.depth_of(name),
            intrinsics=self.intrinsics,
            depth_scale_m=self.depth_scale_m,
            gravity=self.gravity,
            boxes_are_shares=True,
        )

    def annotations(self, picture: str) -> tuple[AnnotationRecord, ...]:
        """Boxes with their masks, then masks without a box."""
        rows = self.index.annotations(picture)
        boxes = [checked(row, self.annotation) for row in rows if "MaskPath" not in row.entry]
        masks = [checked(row, self.annotation) for row in rows if "MaskPath" in row.entry]
        for mask in masks:
            owner = next((i for i, box in enumerate(boxes) if _is_its_mask(mask, box)), None)
            if owner is None:
                boxes.append(mask)
            else:
                boxes[owner] = replace(boxes[owner], segmentation=mask.segmentation)
        return tuple(boxes)

    def annotation(self, key: str, entry: Any) -> AnnotationRecord:
        """See `IndexedSource`. A row of either file."""
        label = self.index.category(entry["LabelName"])
        if label is None:
            raise Rejected(Reason.CATEGORY_UNKNOWN, f"LabelName {shown(entry['LabelName'])}")
        if "MaskPath" in entry:
            mask = MaskPicture(_below(self.masks, Path(entry["MaskPath"]).name), may_scale=True)
            return AnnotationRecord(key, label, mask, _box(entry, MASK_COLUMNS))
        marks = [mark for mark in MARKS if entry.get(mark) == "1"]
        fault = Rejected(MARKS[marks[0]], marks[0]) if marks else None
        return AnnotationRecord(key, label, box_px=_box(entry, BOX_COLUMNS), fault=fault)


def build_index(boxes: Path, classes: Path, segmentations: Path | None, folder: Path) -> Index:
    """An index of the CSV files, read row by row. OSError; ValueError where one lacks a column."""
    parts = [(boxes, (*BOX_COLUMNS, *MARKS))]
    parts += [(segmentations, (*MASK_COLUMNS, "MaskPath"))] if segmentations else []

    def fill(writer: IndexWriter) -> None:
        for name, text in _classes(classes):
            writer.category(name, text)
        for path, columns in parts:
            for line, row in _rows(path, ("ImageID", "LabelName", *columns)):
                writer.annotation(f"{path.name}:{line}", row["ImageID"], row)
        writer.pictures_of_annotations()

    return write_index([path for path, _ in parts] + [classes], folder, fill)


def is_boxes(header: Sequence[str]) -> bool:
    """Whether a CSV file's first row is that of boxes."""
    return {"ImageID", "LabelName", *BOX_COLUMNS} <= set(header)


def is_segmentations(header: Sequence[str]) -> bool:
    """Whether a CSV file's first row is that of segmentations."""
    return {"MaskPath", "ImageID", "LabelName", *MASK_COLUMNS} <= set(header)


def header_of(path: Path) -> list[str]:
    """The first row of a CSV file."""
    return next((row for _, row in _lines(path)), [])


def _classes(path: Path) -> Iterator[tuple[str, str]]:
    """(class, its name) of a file without a header."""
    for line, row in _lines(path):
        if len(row) != 2:
            raise ValueError(f"'{path}': expected a class and its name in line {line}, got {shown(row)}")
        yield row[0], without_controls(row[1])


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, its values in these columns); None for what a short line lacks."""
    lines = _lines(path)
    _, header = next(lines, (0, []))
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(f"'{path}': expected Open Images' columns, no {', '.join(missing)}")
    places = {name: header.index(name) for name in columns}
    for line, row in lines:
        yield line, {name: row[place] if place < len(row) else None for name, place in places.items()}


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, its fields). ValueError where the file is no CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream)
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise ValueError(f"'{path}': expected CSV in line {reader.line_num}, got {error}") from error


def _box(entry: dict[str, Any], columns: Sequence[str]) -> Rectangle:
    """Shares of the picture."""
    try:
        stated = [float(entry[name]) for name in columns]
    except (TypeError, ValueError) as error:
        got = shown([entry[name] for name in columns])
        raise Rejected(Reason.BOX_INVALID, f"expected four numbers, got {got}") from error
    return rectangle(stated)


def _is_its_mask(mask: AnnotationRecord, box: AnnotationRecord) -> bool:
    if mask.box_px is None or box.box_px is None or box.segmentation is not None or mask.label != box.label:
        return False
    return all(abs(a - b) < SAME_BOX for a, b in zip(mask.box_px, box.box_px, strict=True))


def _below(folder: Path, name: str) -> Path:
    """The file in the folder, or in one of its folders that ends in the name's first digit."""
    first = name[:1]
    if (folder / name).is_file() or not first.isalnum():
        return folder / name
    found = (one / name for one in sorted(folder.glob(f"*[{first.lower()}{first.upper()}]")))
    return next((path for path in found if path.is_file()), folder / name)
