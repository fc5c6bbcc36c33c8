"""One picture with its annotations, before anything is read but the annotation file.

In: what a reader found. Out: `PictureRecord`s by number. Values are still those of the file: a reader says
what is missing (`fault`), and measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from n3d_ros.geometry import Intrinsics, Vector3
from n3d_ros.training.lift.filters import Rejected

Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True)
class AnnotationRecord:
    """key: its id as text, for people. segmentation: COCO polygons or RLE as in the file, or a mask picture.

    box_px: (left, top, right, bottom) as the file has it, None where there is none. fault: why it cannot be
    lifted, found by the reader.
    """

    key: str
    label: str = ""
    segmentation: Any = None
    box_px: Rectangle | None = None
    fault: Rejected | None = None


@dataclass(frozen=True)
class PictureRecord:
    """index: number in its source. key: its id as text. picture, depth: files, None where none is named.

    size: (width, height) that the file states, pixels. intrinsics: of the picture. depth_scale_m: metres per
    unit of depth, None for the file's own. gravity: direction of gravity in the optical frame, any length.
    fault: why nothing of it can be lifted, found by the reader.
    """

    index: int
    key: str
    annotations: tuple[AnnotationRecord, ...]
    picture: Path | None = None
    size: tuple[int, int] | None = None
    depth: Path | None = None
    intrinsics: Intrinsics | None = None
    depth_scale_m: float | None = None
    gravity: Vector3 | None = None
    fault: Rejected | None = None


class Source(Protocol):
    """Records by number: 0 .. len - 1, the same at every call. Sent to other processes, so it holds no
    handle.
    """

    def __len__(self) -> int: ...

    def record(self, index: int) -> PictureRecord: ...

    def identity(self) -> dict[str, Any]:
        """What makes it this source, as JSON: a run goes on only with the same."""
