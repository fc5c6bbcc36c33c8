"""COCO instances JSON -> picture records, through an index on disk.

In: the annotation file, and where pictures, depth and intrinsics lie. Out: `CocoSource`. The file is read
once, item by item, into an SQLite file that is asked for one picture at a time, so memory does not grow with
the set. It measures nothing; what an entry lacks is the record's fault.

Beside COCO's own keys (cocodataset.org, format-data) a picture's entry may have `depth_file`,
`depth_scale_to_m`, `camera` (what `n3d_ros.cameras` reads, width and height may be left out) and `gravity`.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from n3d_ros.cameras.mapping import camera_of_mapping
from n3d_ros.geometry import Intrinsics, Vector3
from n3d_ros.plain_text import CONTROLS, one_line, shown, without_controls
from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.json_items import json_items
from n3d_ros.training.lift.sources.records import AnnotationRecord, PictureRecord, Rectangle

TABLES = """
CREATE TABLE categories (key TEXT PRIMARY KEY, name TEXT);
CREATE TABLE pictures (number INTEGER PRIMARY KEY, key TEXT, entry TEXT, is_repeated INTEGER DEFAULT 0);
CREATE TABLE annotations (
  number INTEGER PRIMARY KEY, key TEXT, picture TEXT, entry TEXT, is_repeated INTEGER DEFAULT 0
);
"""
# Annotations of no picture come as pictures without an entry, behind the others, so that they are counted
# too.
FINISH = """
CREATE INDEX by_picture ON annotations (picture);
UPDATE pictures SET is_repeated = 1 WHERE number NOT IN (SELECT MIN(number) FROM pictures GROUP BY key);
UPDATE annotations SET is_repeated = 1 WHERE number NOT IN (SELECT MIN(number) FROM annotations GROUP BY key);
INSERT INTO pictures (key, entry) SELECT DISTINCT picture, NULL FROM annotations
  WHERE picture NOT IN (SELECT key FROM pictures) ORDER BY picture;
"""
# Insertions before they are written: some MB.
BATCH = 10_000
DEPTH_SUFFIXES = (".png", ".npy")


@dataclass(frozen=True)
class CocoSource:
    """index: what `build_index` wrote. images: the folder of `file_name`. depth: the folder of `depth_file`,
    or of files with the picture's name and .png or .npy. intrinsics, depth_scale_m, gravity: of pictures
    whose entries say none.
    """

    index: Path
    images: Path
    depth: Path
    intrinsics: Intrinsics | None = None
    depth_scale_m: float | None = None
    gravity: Vector3 | None = None

    def __len__(self) -> int:
        [(number,)] = _connection(self.index).execute("SELECT COUNT(*) FROM pictures")
        return int(number)

    def record(self, index: int) -> PictureRecord:
        """The index-th picture of the file; behind the last one, annotations that name no picture of it."""
        rows = _connection(self.index).execute(
            "SELECT key, entry, is_repeated FROM pictures WHERE number = ?", (index + 1,)
        )
        [(key, text, is_repeated)] = rows
        if is_repeated:
            return PictureRecord(index, key, (), fault=Rejected(Reason.PICTURE_REPEATED, f"id {key}"))
        annotations = tuple(self._annotations(key))
        if text is None:
            return PictureRecord(index, key, annotations, fault=Rejected(Reason.PICTURE_UNKNOWN, f"id {key}"))
        try:
            return self._picture(index, key, json.loads(text), annotations)
        except Rejected as fault:
            return PictureRecord(index, key, annotations, fault=fault)

    def identity(self) -> dict[str, Any]:
        """The annotation file's checksum and what stands beside it."""
        camera = None if self.intrinsics is None else self.intrinsics.to_dict()
        places = {"images": str(self.images), "depth": str(self.depth)}
        rest = {"intrinsics": camera, "depth_scale_m": self.depth_scale_m, "gravity": self.gravity}
        return {"annotations": self.index.stem, **places, **rest}

    def _picture(
        self, index: int, key: str, entry: Any, annotations: tuple[AnnotationRecord, ...]
    ) -> PictureRecord:
        name, size = _text(entry, "file_name"), (_side(entry, "width"), _side(entry, "height"))
        scale = entry.get("depth_scale_to_m", self.depth_scale_m)
        if scale is not None and not _is_number(scale):
            raise Rejected(
                Reason.PICTURE_ENTRY, f"depth_scale_to_m: expected metres per unit, got {shown(scale)}"
            )
        return PictureRecord(
            index,
            key,
            annotations,
            picture=self.images / name,
            size=size,
            depth=self._depth_file(entry, name),
            intrinsics=self._camera(entry, size),
            depth_scale_m=scale,
            gravity=direction(entry["gravity"]) if "gravity" in entry else self.gravity,
        )

    def _depth_file(self, entry: Any, name: str) -> Path | None:
        if "depth_file" in entry:
            return self.depth / _text(entry, "depth_file")
        candidates = [(self.depth / name).with_suffix(suffix) for suffix in DEPTH_SUFFIXES]
        picture = self.images / name
        return next((path for path in candidates if path != picture and path.is_file()), None)

    def _camera(self, entry: Any, size: tuple[int, int]) -> Intrinsics | None:
        stated = entry.get("camera")
        if stated is None:
            return self.intrinsics
        if not isinstance(stated, dict):
            raise Rejected(Reason.CAMERA, f"expected an object, got {shown(stated)}")
        try:
            return camera_of_mapping({"width": size[0], "height": size[1], **stated}).intrinsics
        except ValueError as error:
            raise Rejected(Reason.CAMERA, one_line(str(error), 300)) from error

    def _annotations(self, picture: str) -> Iterator[AnnotationRecord]:
        rows = _connection(self.index).execute(
            "SELECT key, entry, is_repeated FROM annotations WHERE picture = ? ORDER BY number", (picture,)
        )
        for key, text, is_repeated in rows:
            if is_repeated:
                yield AnnotationRecord(key, fault=Rejected(Reason.ANNOTATION_REPEATED, f"id {key}"))
                continue
            try:
                yield self._annotation(key, json.loads(text))
            except Rejected as fault:
                yield AnnotationRecord(key, fault=fault)

    def _annotation(self, key: str, entry: Any) -> AnnotationRecord:
        if not isinstance(entry, dict):
            raise Rejected(Reason.ANNOTATION_ENTRY, f"expected an object, got {shown(entry)}")
        label = self._label(entry.get("category_id"))
        box = corners_of(entry["bbox"]) if "bbox" in entry else None
        fault = Rejected(Reason.CROWD, "iscrowd") if entry.get("iscrowd") else None
        return AnnotationRecord(key, label, entry.get("segmentation"), box, fault)

    def _label(self, category: Any) -> str:
        rows = _connection(self.index).execute("SELECT name FROM categories WHERE key = ?", (_key(category),))
        for (name,) in rows:
            return str(name)
        raise Rejected(Reason.CATEGORY_UNKNOWN, f"category_id {shown(category)}")


def build_index(annotations: Path, folder: Path) -> Path:
    """Read the file into an index in `folder`, named by its checksum; kept where it is there already.

    OSError; ValueError where the file is no COCO file.
    """
    index = folder / f"{_checksum(annotations)}.sqlite"
    if not index.is_file():
        with whole_file(index) as part, closing(sqlite3.connect(part)) as connection:
            connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {TABLES}")
            _fill(connection, annotations)
            connection.executescript(FINISH)
            connection.commit()
    return index


def corners_of(bbox: Any) -> Rectangle:
    """(left, top, right, bottom) in pixels of COCO's [left, top, width, height]; whole numbers or not."""
    if not (isinstance(bbox, list) and len(bbox) == 4 and all(_is_number(value) for value in bbox)):
        raise Rejected(Reason.BOX_INVALID, f"expected [left, top, width, height], got {shown(bbox)}")
    left, top, width, height = map(float, bbox)
    if width <= 0 or height <= 0:
        raise Rejected(Reason.BOX_INVALID, f"expected a positive width and height, got {shown(bbox)}")
    return left, top, left + width, top + height


def direction(stated: Any) -> Vector3:
    """Three numbers that are not all zero."""
    if not (isinstance(stated, list) and len(stated) == 3 and all(_is_number(value) for value in stated)):
        raise Rejected(Reason.PICTURE_ENTRY, f"gravity: expected three numbers, got {shown(stated)}")
    x, y, z = map(float, stated)
    if math.hypot(x, y, z) < 1e-9:
        raise Rejected(Reason.PICTURE_ENTRY, "gravity: expected a direction, got zeros")
    return x, y, z


def _fill(connection: sqlite3.Connection, annotations: Path) -> None:
    seen = set()
    for number, (key, item) in enumerate(json_items(annotations), 1):
        seen.add(key)
        text, entry = json.dumps(item), item if isinstance(item, dict) else {}
        identity = _key(entry.get("id"))
        if key == "images":
            connection.execute("INSERT INTO pictures (key, entry) VALUES (?, ?)", (identity, text))
        elif key == "annotations":
            row = (identity, _key(entry.get("image_id")), text)
            connection.execute("INSERT INTO annotations (key, picture, entry) VALUES (?, ?, ?)", row)
        elif key == "categories" and isinstance(entry.get("name"), str):
            name = without_controls(entry["name"])
            connection.execute("INSERT OR IGNORE INTO categories VALUES (?, ?)", (identity, name))
        if number % BATCH == 0:
            connection.commit()
    missing = [key for key in ("images", "annotations", "categories") if key not in seen]
    if missing:
        raise ValueError(
            f"'{annotations}': expected COCO's lists images, annotations and categories, no {missing}"
        )


@lru_cache(maxsize=4)
def _connection(index: Path) -> sqlite3.Connection:
    """One a process; the file no longer changes, so nobody locks it, not even on a network's disk."""
    return sqlite3.connect(f"{index.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _key(identity: Any) -> str:
    """An id as text that tells 1 from "1"."""
    return json.dumps(identity)


def _text(entry: Any, name: str) -> str:
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value or CONTROLS.search(value):
        raise Rejected(Reason.PICTURE_ENTRY, f"{name}: expected text, got {shown(value)}")
    return value


def _side(entry: Any, name: str) -> int:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Rejected(
            Reason.PICTURE_ENTRY, f"{name}: expected a positive number of pixels, got {shown(value)}"
        )
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
