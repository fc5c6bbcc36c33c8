"""The camera of one picture.

In: numbers in pixels. Out: a frozen `Intrinsics` that cannot be one that no camera has, and the same camera
in other sizes. It does not know files or messages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from n3d_ros.geometry.distortion import Distortion
from n3d_ros.geometry.plausible import check_camera
from n3d_ros.geometry.vectors import Array
from n3d_ros.plain_text import shown

NAMES = ("fx", "fy", "cx", "cy", "width", "height")
# What a PNG of a careful reader may have, and a JPEG can.
MAX_SIDE_PX = 65535
NAMES_IN_MATRIX = {0: "fx", 4: "fy", 2: "cx", 5: "cy"}
LAST_ROW = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Intrinsics:
    """Camera of the picture actually fed. fx, fy, cx, cy in pixels; width, height in pixels.

    distortion: how its lens bends rays; None for a pinhole and for rectified pictures. is_crop: the picture
    is a part of what the camera saw, so that the principal point may lie anywhere. ValueError, naming field
    and value, for what no camera has: no numbers, a focal length or a size that is not positive, an absurd
    field of view, a principal point that belongs to a picture of another size.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: Distortion | None = None
    is_crop: bool = False

    def __post_init__(self) -> None:
        for name in NAMES[:4]:
            value = number(name, getattr(self, name))
            if name in ("fx", "fy") and value <= 0:
                raise ValueError(f"intrinsics: {name} must be positive, got {value}")
            object.__setattr__(self, name, value)
        for name in NAMES[4:]:
            object.__setattr__(self, name, _side(name, getattr(self, name)))
        check_camera(self.fx, self.fy, self.cx, self.cy, self.width, self.height, is_crop=self.is_crop)

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, width: int, height: int) -> Intrinsics:
        """From a (3, 3) camera matrix, or its nine numbers row by row as in sensor_msgs/CameraInfo.k.

        Skew must be 0 and the last row 0 0 1.
        """
        fx, fy, cx, cy = matrix_numbers(matrix)
        return cls(fx, fy, cx, cy, width, height)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Intrinsics:
        """What `to_dict` writes: fx, fy, cx, cy, width, height, and where they apply distortion_model with D,
        and is_crop. Further keys are ignored; files of others are `n3d_ros.cameras`' business.
        """
        missing = [name for name in NAMES if name not in values]
        if missing:
            raise ValueError(f"intrinsics: expected the keys {list(NAMES)}, missing {missing}")
        distortion = None
        if "D" in values:
            distortion = Distortion.stated(values.get("distortion_model"), values["D"])
        six = {name: values[name] for name in NAMES}
        return cls(**six, distortion=distortion, is_crop=bool(values.get("is_crop", False)))

    def to_dict(self) -> dict[str, Any]:
        """The six numbers by name, and what else there is; `from_dict` reads it back."""
        values: dict[str, Any] = {name: getattr(self, name) for name in NAMES}
        if self.distortion is not None:
            values |= {"distortion_model": self.distortion.model, "D": list(self.distortion.coefficients)}
        if self.is_crop:
            values["is_crop"] = True
        return values

    def matrix(self) -> Array:
        """(3, 3) float64 camera matrix in pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def normalised(self) -> Array:
        """(3, 3) float32 matrix in picture widths and heights; the same at every resolution
        (docs/specification/README.md 2).
        """
        return np.array(
            [
                [self.fx / self.width, 0.0, (self.cx + 0.5) / self.width],
                [0.0, self.fy / self.height, (self.cy + 0.5) / self.height],
                [0.0, 0.0, 1.0],
            ],
            dtype=np.float32,
        )

    def scaled_to(self, width: int, height: int) -> Intrinsics:
        """The same camera for the picture resized to width x height (same field of view)."""
        if (width, height) == (self.width, self.height):
            return self
        sx, sy = width / self.width, height / self.height
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return replace(self, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy, width=width, height=height)

    def every(self, step: int) -> Intrinsics:
        """The same camera for every step-th pixel of every step-th row, beginning with the first."""
        fx, fy, cx, cy = (value / step for value in (self.fx, self.fy, self.cx, self.cy))
        width, height = -(-self.width // step), -(-self.height // step)
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)

    def binned(self, across: int, down: int) -> Intrinsics:
        """The same camera where so many pixels become one; what is left at the right and below is dropped."""
        fx, cx = self.fx / across, (self.cx + 0.5) / across - 0.5
        fy, cy = self.fy / down, (self.cy + 0.5) / down - 0.5
        width, height = self.width // across, self.height // down
        return replace(self, fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)

    def cropped(self, left: int, top: int, width: int, height: int) -> Intrinsics:
        """The same camera for a part of its picture. ValueError where the part lies not inside."""
        if min(left, top) < 0 or left + width > self.width or top + height > self.height:
            raise ValueError(
                f"crop: expected a part of {self.width}x{self.height}, "
                f"got {width}x{height} at ({left}, {top})"
            )
        cx, cy = self.cx - left, self.cy - top
        return replace(self, cx=cx, cy=cy, width=width, height=height, is_crop=True)


def number(name: str, value: Any) -> float:
    """A finite float. ValueError for booleans, text, and what float64 does not hold."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ValueError(
            f"intrinsics: {name} must be a number, got {type(value).__name__} {shown(value, 40)}"
        )
    try:
        found = float(value)
    except OverflowError as error:
        raise ValueError(f"intrinsics: {name} must be finite, got an integer beyond float64") from error
    if not math.isfinite(found):
        raise ValueError(f"intrinsics: {name} must be finite, got {found}")
    return found


def matrix_numbers(matrix: Any) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a camera matrix, (3, 3) or nine numbers row by row."""
    flat = np.asarray(matrix, dtype=object)
    if flat.size != 9:
        raise ValueError(f"intrinsics: expected a 3x3 matrix, got shape {flat.shape}")
    k = [number(NAMES_IN_MATRIX.get(i, f"camera matrix entry {i}"), x) for i, x in enumerate(flat.flat)]
    if tuple(k[6:]) != LAST_ROW:
        is_turned = (k[2], k[5], k[8]) == LAST_ROW
        looks = "; it looks transposed (written column by column)" if is_turned else ""
        raise ValueError(
            f"intrinsics: expected 0 0 1 in the last row of the camera matrix, got {k[6:]}{looks}"
        )
    if k[1] != 0.0 or k[3] != 0.0:
        raise ValueError(f"intrinsics: expected zero skew, got {k[1] or k[3]}")
    return k[0], k[4], k[2], k[5]


def _side(name: str, value: Any) -> int:
    found = number(name, value)
    if found <= 0:
        raise ValueError(f"intrinsics: {name} must be positive, got {value}")
    if not found.is_integer() or found > MAX_SIDE_PX:
        raise ValueError(
            f"intrinsics: {name} must be a whole number of pixels up to {MAX_SIDE_PX}, got {found:g}"
        )
    return int(found)
