"""One question about one picture, with all that its answer rests on.

In: nothing. Out: `Question`s, as rows of Parquet (`SCHEMA`) and back: what making, measuring and training
share. It does not know how a question is made, asked or marked. Frames: optical (x right, y down, z forward),
metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, Vector3

DETECT, GROUND, SPATIAL = "detect", "ground", "spatial"
KINDS = (DETECT, GROUND, SPATIAL)
# The eleven of N3D-Bench (arXiv 2512.16561, supplement C); the first seven are open, the others numerical.
OPEN = (
    "left_right",
    "front_behind",
    "wide_thin",
    "tall_short",
    "big_small",
    "relative_distance",
    "depth_order",
)
NUMERICAL = ("size", "distance", "axis_distance", "direction")
# What is asked beside them: for boxes, and of what SpatialRGPT-Bench and people ask.
OTHER = ("detection", "grounding", "above_below", "counting", "combined")
CATEGORIES = (*OPEN, *NUMERICAL, *OTHER)

_TEXTS = ("id", "kind", "category", "form", "text", "answer", "reasoning")
_NUMBERS = pa.list_(pa.float64())
_PICTURE = pa.struct(
    [
        ("key", pa.string()),
        ("file", pa.string()),
        ("depth_file", pa.string()),
        ("depth_scale_m", pa.float64()),
        ("width", pa.int64()),
        ("height", pa.int64()),
        *((name, pa.float64()) for name in ("fx", "fy", "cx", "cy")),
        ("sha256", pa.string()),
        ("look", pa.string()),
    ]
)
_BOX = pa.struct(
    [("annotation", pa.string()), ("label", pa.string()), ("center_m", _NUMBERS), ("size_m", _NUMBERS)]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("kind", pa.string()),
        ("category", pa.string()),
        ("form", pa.string()),
        ("text", pa.string()),
        ("answer", pa.string()),
        ("reasoning", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("verdict", pa.bool_()),
        ("choices", pa.list_(pa.string())),
        ("choice", pa.string()),
        ("viewpoint", pa.string()),
        ("boxes", pa.list_(_BOX)),
        ("drawn_px", pa.list_(_NUMBERS)),
        ("true_px", pa.list_(_NUMBERS)),
        ("picture", _PICTURE),
    ]
)


@dataclass(frozen=True)
class PictureRef:
    """A picture and its depth on disk.

    key: its id in its set. depth_file: None where depth has to be guessed. depth_scale_m: metres per unit,
    None for the file's own. sha256: of the picture file's bytes. look: 64-bit difference hash as 16
    hexadecimal digits, about the same for the same picture stored otherwise.
    """

    key: str
    file: str
    width: int
    height: int
    depth_file: str | None = None
    depth_scale_m: float | None = None
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    sha256: str | None = None
    look: str | None = None

    @property
    def intrinsics(self) -> Intrinsics:
        """ValueError, naming the picture, where the camera is not known, or is none."""
        k = (self.fx, self.fy, self.cx, self.cy)
        if None in k:
            raise ValueError(f"picture '{self.key}': expected fx, fy, cx and cy, got {k}")
        fx, fy, cx, cy = (float(one) for one in k if one is not None)
        try:
            return Intrinsics(fx, fy, cx, cy, self.width, self.height)
        except ValueError as error:
            raise ValueError(f"picture '{self.key}': {error}") from error


@dataclass(frozen=True)
class KnownBox:
    """A box that a question is about. annotation: its id in the set that it comes from."""

    label: str
    center_m: Vector3
    size_m: Vector3
    annotation: str = ""

    @property
    def box(self) -> Box3D:
        """As the rest of the package has it."""
        return Box3D(self.label, self.center_m, self.size_m)


@dataclass(frozen=True)
class Question:
    """One question and its answer.

    id: unique in its set, the same whenever it is made again. form: the family of its wording. text: what a
    person would ask; of kind "ground" the words that name what to find, without a sentence around. boxes:
    what the answer rests on, in the order in which a model is to locate them; empty where what is asked for
    is not there. answer: one sentence, empty where boxes are the answer. reasoning: the trace before it.
    value with unit ("m", "o'clock", "objects"), verdict of a yes/no question, choice out of choices: the
    answer for machines, None where it is of another kind. Of an order, choices are the things as they are
    named and choice is all of them in the right order, with commas. viewpoint: empty for the camera's.
    drawn_px: (left, top, right, bottom) of rectangles to draw on the picture before it is asked.
    true_px: of what is asked for, in benchmarks that know it in the picture alone; `boxes` are empty there.
    """

    id: str
    kind: str
    category: str
    form: str
    text: str
    picture: PictureRef
    boxes: tuple[KnownBox, ...] = ()
    answer: str = ""
    reasoning: str = ""
    value: float | None = None
    unit: str = ""
    verdict: bool | None = None
    choices: tuple[str, ...] = ()
    choice: str | None = None
    viewpoint: str = ""
    drawn_px: tuple[tuple[float, float, float, float], ...] = ()
    true_px: tuple[tuple[float, float, float, float], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"question '{self.id}': expected a kind of {KINDS}, got '{self.kind}'")
        if self.category not in CATEGORIES:
            raise ValueError(
                f"question '{self.id}': expected a category of {CATEGORIES}, got '{self.category}'"
            )

    @property
    def num_objects(self) -> int:
        return len(self.boxes)

    def to_row(self) -> dict[str, Any]:
        """A row of SCHEMA."""
        boxes = [vars(one) for one in self.boxes]
        return {**vars(self), "boxes": boxes, "picture": vars(self.picture)}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Question:
        """The question of a row; KeyError, TypeError or ValueError where it is none."""
        wrong = [name for name in _TEXTS if not isinstance(row[name], str)]
        if wrong:
            raise ValueError(f"question '{row['id']}': expected text in {wrong}, got {row[wrong[0]]!r}")
        boxes = tuple(
            KnownBox(one["label"], tuple(one["center_m"]), tuple(one["size_m"]), one["annotation"])
            for one in row["boxes"]
        )
        rectangles = {name: tuple(tuple(one) for one in row[name]) for name in ("drawn_px", "true_px")}
        picture = PictureRef(**row["picture"])
        return cls(
            **{**row, **rectangles, "boxes": boxes, "picture": picture, "choices": tuple(row["choices"])}
        )
