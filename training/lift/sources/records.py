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
class MaskPicture:
    """A mask in a file: object where it is not black. may_scale: it has the picture's proportions only."""

    path: Path
    may_scale: bool = False


@dataclass(frozen=True)
class GivenBox:
    """A 3D box that somebody annotated: nothing is lifted. center_m: optical frame. size_m: along its own
    axes. R_optical_box: (3, 3) row by row, its axes -> the optical frame.
    """

    center_m: Vector3
    size_m: Vector3
    R_optical_box: tuple[float, ...]


@dataclass(frozen=True)
class AnnotationRecord:
    """key: its id as text, for people. segmentation: COCO polygons or RLE as in the file, a `MaskPicture`, or
    what a mask model made (`mask_is_estimated`).

    box_px: (left, top, right, bottom) as the file has it, None where there is none. given: its 3D box, where
    the file has one. fault: why it cannot be lifted, found by the reader.
    """

    key: str
    label: str = ""
    segmentation: Any = None
    box_px: Rectangle | None = None
    fault: Rejected | None = None
    given: GivenBox | None = None
    mask_is_estimated: bool = False


@dataclass(frozen=True)
class PictureRecord:
    """index: number in its source. key: its id as text. picture, depth: files, None where none is named.

    size: (width, height) that the file states, pixels. intrinsics: of the picture. depth_scale_m: metres per
    unit of depth, None for the file's own. gravity: direction of gravity in the optical frame, any length.
    boxes_are_shares: `box_px` of its annotations is in shares of the picture's width and height, which the
    file does not say. fault: why nothing of it can be lifted, found by the reader.
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
    boxes_are_shares: bool = False
    fault: Rejected | None = None


class Source(Protocol):
    """Records by number: 0 .. len - 1, the same at every call. Sent to other processes, so it holds no
    handle.
    """

    def __len__(self) -> int: ...

    def record(self, index: int) -> PictureRecord: ...

    def identity(self) -> dict[str, Any]:
        """What makes it this source, as JSON: a run goes on only with the same."""
