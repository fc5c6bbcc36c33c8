"""What the readers over an index share: records by number, and files that lie beside the annotations.

In: an `Index` and where pictures, depth and camera lie. Out: `IndexedSource`, which a format completes by
saying what its entries mean. It measures nothing; what an entry lacks is the record's fault.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from n3d_ros.geometry import Intrinsics, Vector3
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.index import Index, Row
from n3d_ros.training.lift.sources.records import AnnotationRecord, PictureRecord

DEPTH_SUFFIXES = (".png", ".npy")


@dataclass(frozen=True)
class IndexedSource(ABC):
    """images: the folder of pictures. depth: the folder of depth files, or of files with the picture's name
    and .png or .npy. intrinsics, depth_scale_m, gravity: of pictures whose entries say none.
    """

    index: Index
    images: Path
    depth: Path
    intrinsics: Intrinsics | None = None
    depth_scale_m: float | None = None
    gravity: Vector3 | None = None

    def __len__(self) -> int:
        return len(self.index)

    def record(self, index: int) -> PictureRecord:
        """The index-th picture of the file; behind the last one, annotations that name no picture of it."""
        row = self.index.picture(index)
        if row.is_repeated:
            return PictureRecord(index, row.key, (), fault=Rejected(Reason.PICTURE_REPEATED, f"id {row.key}"))
        annotations = self.annotations(row.key)
        if row.entry is None:
            fault = Rejected(Reason.PICTURE_UNKNOWN, f"id {row.key}")
            return PictureRecord(index, row.key, annotations, fault=fault)
        try:
            return self.picture(index, row, annotations)
        except Rejected as fault:
            return PictureRecord(index, row.key, annotations, fault=fault)

    def identity(self) -> dict[str, Any]:
        """The annotations' checksum, and what stands beside them."""
        camera = None if self.intrinsics is None else self.intrinsics.to_dict()
        own = {one.name: getattr(self, one.name) for one in fields(self)} | {"intrinsics": camera}
        del own["index"]
        beside = {name: str(value) if isinstance(value, Path) else value for name, value in own.items()}
        return {"annotations": self.index.path.stem, **beside}

    def annotations(self, picture: str) -> tuple[AnnotationRecord, ...]:
        """Of the picture of a key."""
        return tuple(checked(row, self.annotation) for row in self.index.annotations(picture))

    @abstractmethod
    def picture(self, index: int, row: Row, annotations: tuple[AnnotationRecord, ...]) -> PictureRecord:
        """What a picture's entry means. Rejected."""

    @abstractmethod
    def annotation(self, key: str, entry: Any) -> AnnotationRecord:
        """What an annotation's entry means. Rejected."""

    def depth_of(self, name: str) -> Path | None:
        """The depth file of a picture that names none."""
        candidates = [(self.depth / name).with_suffix(suffix) for suffix in DEPTH_SUFFIXES]
        picture = self.images / name
        return next((path for path in candidates if path != picture and path.is_file()), None)


def checked(row: Row, read: Callable[[str, Any], AnnotationRecord]) -> AnnotationRecord:
    """The annotation of a row; what is wrong with it is its own fault."""
    if row.is_repeated:
        return AnnotationRecord(row.key, fault=Rejected(Reason.ANNOTATION_REPEATED, f"id {row.key}"))
    try:
        return read(row.key, row.entry)
    except Rejected as fault:
        return AnnotationRecord(row.key, fault=fault)
