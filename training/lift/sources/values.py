"""Values of strangers' entries, checked: what is not as it should be is `Rejected` with expected and got.

In: a parsed entry and a key, or a value. Out: the value with its type. It does not know files or formats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from n3d_ros.geometry import Intrinsics, Vector3
from n3d_ros.plain_text import CONTROLS, one_line, shown
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.records import Rectangle

# How far a rotation's rows may be from right angles and length 1: files round.
ROTATION_SLACK = 1e-3


def is_number(value: Any) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def text(entry: Any, name: str) -> str:
    """Text of a picture's entry that is not empty and has no control characters."""
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, str) or not value or CONTROLS.search(value):
        raise Rejected(Reason.PICTURE_ENTRY, f"{name}: expected text, got {shown(value)}")
    return value


def side(entry: Any, name: str) -> int:
    """Pixels of a picture's entry."""
    value = entry.get(name) if isinstance(entry, dict) else None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise Rejected(
            Reason.PICTURE_ENTRY, f"{name}: expected a positive number of pixels, got {shown(value)}"
        )
    return value


def numbers(stated: Any, count: int, reason: Reason, what: str) -> tuple[float, ...]:
    """A list of so many finite numbers."""
    if not (isinstance(stated, list) and len(stated) == count and all(map(is_number, stated))):
        raise Rejected(reason, f"expected {what}, got {shown(stated)}")
    return tuple(map(float, stated))


def matrix_rows(stated: Any, reason: Reason, what: str) -> list[tuple[float, ...]]:
    """A list of three rows of three finite numbers."""
    if not (isinstance(stated, list) and len(stated) == 3):
        raise Rejected(reason, f"expected {what}, got {shown(stated)}")
    return [numbers(row, 3, reason, what) for row in stated]


def rotation(stated: Any, name: str) -> tuple[float, ...]:
    """Nine numbers, row by row, of a rotation in three rows."""
    rows = matrix_rows(stated, Reason.BOX_GIVEN, f"{name} as three rows of three numbers")
    matrix = np.array(rows)
    off = float(np.abs(matrix @ matrix.T - np.eye(3)).max())
    if off > ROTATION_SLACK or np.linalg.det(matrix) < 0:
        raise Rejected(Reason.BOX_GIVEN, f"expected {name} to be a rotation, got {shown(stated)}")
    return tuple(value for row in rows for value in row)


def corners_of(bbox: Any) -> Rectangle:
    """(left, top, right, bottom) in pixels of COCO's [left, top, width, height]; whole numbers or not."""
    left, top, width, height = numbers(bbox, 4, Reason.BOX_INVALID, "[left, top, width, height]")
    if width <= 0 or height <= 0:
        raise Rejected(Reason.BOX_INVALID, f"expected a positive width and height, got {shown(bbox)}")
    return left, top, left + width, top + height


def rectangle(stated: Any) -> Rectangle:
    """[left, top, right, bottom], in whatever unit."""
    left, top, right, bottom = numbers(stated, 4, Reason.BOX_INVALID, "[left, top, right, bottom]")
    if left >= right or top >= bottom:
        raise Rejected(Reason.BOX_INVALID, f"expected left < right and top < bottom, got {shown(stated)}")
    return left, top, right, bottom


def direction(stated: Any) -> Vector3:
    """Three numbers that are not all zero."""
    x, y, z = numbers(stated, 3, Reason.PICTURE_ENTRY, "gravity as three numbers")
    if math.hypot(x, y, z) < 1e-9:
        raise Rejected(Reason.PICTURE_ENTRY, "gravity: expected a direction, got zeros")
    return x, y, z


def camera_of_matrix(stated: Any, size: tuple[int, int]) -> Intrinsics:
    """The camera of a 3 x 3 matrix, row by row; size: (width, height) of its picture."""
    rows = matrix_rows(stated, Reason.CAMERA, "K as three rows of three numbers")
    try:
        return Intrinsics.from_matrix(rows, *size)
    except ValueError as error:
        raise Rejected(Reason.CAMERA, one_line(str(error), 300)) from error
