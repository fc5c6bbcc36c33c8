"""What a camera file says beside the six numbers: it may not contradict them, and nothing that changes metres
is passed over.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError with the key, expected
and got. Keys are those of other programs' files, by what they look like; a key about something else (a pose,
a name) is nobody's business. It does not read the camera.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from n3d_ros.geometry import Intrinsics
from n3d_ros.geometry.intrinsics import number
from n3d_ros.plain_text import shown

PER_FRAME = "perFrameIntrinsicCoeffs"
LENS_LIKE = re.compile(r"^(k[1-6]|p[12]|s[1-4]|tau_?[xy])$|dist|coeff|^xi$", re.IGNORECASE)
# "camera_model": "OPENCV_FISHEYE" (COLMAP's names in nerfstudio's files), "is_fisheye" (instant-ngp).
WIDE_LENS = re.compile(
    r"fish.?eye|equidistant|kannala|omni|f.?theta|double.?sphere|eucm|spherical|panoram|equirect",
    re.IGNORECASE,
)
SAYS_LENS = re.compile(r"model|lens|type|projection", re.IGNORECASE)
# In nested mappings the path: "depth.scale". "scale": Replica's camera files; "png_depth_scale": others.
SCALE_LIKE = re.compile(
    r"depth.*(scale|factor|unit)|(scale|factor|unit).*depth|units?_?per|png.*scale|^scale(_?factor)?$|^factor$",
    re.IGNORECASE,
)
# What is known without asking: 16-bit depth is in millimetres, floats are in metres.
USUAL_UNIT = re.compile(r"^\s*(1(\.0*)?\s*)?(mm|m|milli.*|met(er|re)s?)\b", re.IGNORECASE)
SKEW_LIKE = re.compile(r"^(skew|alpha_?c)", re.IGNORECASE)
# In degrees or, as "camera_angle_x" (instant-ngp), in radians.
VIEW_LIKE = re.compile(
    r"^camera_angle_[xy]$|(^|_)([hvd]_?)?fov(_?[xy])?(_deg(rees)?|_rad(ians)?)?$", re.IGNORECASE
)
FOCUS_LIKE = re.compile(r"^focal(_?length)?(_?[xy])?(_?px|_?pixels?)?$", re.IGNORECASE)
SIZE_LIKE = re.compile(r"^(image|img|color|rgb)?_?(size|resolution|shape|dims?|dimensions)$", re.IGNORECASE)
# Lenses are named by up to this many millimetres; a focal length in pixels is larger for all but thumbnails.
MAX_MILLIMETRES = 100.0
FOCUS_AGREEMENT = 0.01
VIEW_AGREEMENT = 0.03


def check_all(values: Mapping[str, Any], camera: Intrinsics, understood: set[str]) -> None:
    """Everything below. understood: keys that say how the lens bends and were read."""
    keyed = {key: value for key, value in values.items() if isinstance(key, str)}
    _check_lens(keyed, camera, understood)
    for path, value in _flat(keyed):
        _check_scale(path, value)
    for key, value in keyed.items():
        _check_number(key, value, camera)
    _check_size(keyed, camera)
    _check_frames(keyed, camera)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, with its path."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _check_lens(values: Mapping[str, Any], camera: Intrinsics, understood: set[str]) -> None:
    for key, value in values.items():
        if LENS_LIKE.search(key) and key not in understood and _says_something(value):
            raise ValueError(
                f"intrinsics: {shown(key)} looks like distortion and is not understood; expected "
                f"distortion_model with D"
            )
        is_wide = isinstance(value, str) and SAYS_LENS.search(key) and WIDE_LENS.search(value)
        is_flag = WIDE_LENS.search(key) and value is True
        if (is_wide or is_flag) and camera.distortion is None:
            raise ValueError(
                f"intrinsics: {shown(key)} = {shown(value)} is no pinhole; expected its coefficients, "
                f"distortion_model with D, got none"
            )


def _says_something(value: Any) -> bool:
    """Whether it is anything but zeros."""
    if isinstance(value, Mapping):
        return any(_says_something(inner) for inner in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_says_something(inner) for inner in value)
    return value not in (None, 0, 0.0, "", "none")


def _check_scale(path: str, value: Any) -> None:
    """A unit of depth under another name than depth_scale."""
    if path == "depth_scale" or not SCALE_LIKE.search(path):
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_plain = path.lower() == "scale" and value == 1
    is_other_unit = isinstance(value, str) and value.strip() and not USUAL_UNIT.match(value)
    if (is_number and not is_plain) or is_other_unit:
        raise ValueError(
            f"intrinsics: {shown(path)} = {shown(value)} looks like the unit of depth and is not understood; "
            f"expected depth_scale in metres per unit"
        )


def _check_number(key: str, value: Any, camera: Intrinsics) -> None:
    """Skew, field of view and focal length under other names."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return
    if SKEW_LIKE.search(key) and value != 0:
        raise ValueError(f"intrinsics: expected zero skew, got {value:g} from {shown(key)}")
    if VIEW_LIKE.search(key):
        _check_view(key, float(value), camera)
    is_px = value > MAX_MILLIMETRES
    if FOCUS_LIKE.search(key) and is_px and not _is_near(value, (camera.fx, camera.fy), FOCUS_AGREEMENT):
        raise ValueError(
            f"intrinsics: expected one focal length, got fx = {camera.fx:g}, fy = {camera.fy:g} and "
            f"{shown(key)} = {value:g}"
        )


def _check_view(key: str, value: float, camera: Intrinsics) -> None:
    """It may be the horizontal, vertical or diagonal one."""
    x, y = camera.width / 2 / camera.fx, camera.height / 2 / camera.fy
    views = [2 * math.degrees(math.atan(side)) for side in (x, y, math.hypot(x, y))]
    is_one = any(_is_near(degrees, views, VIEW_AGREEMENT) for degrees in (value, math.degrees(value)))
    if not is_one and camera.distortion is None:
        raise ValueError(
            f"intrinsics: expected one field of view, got {shown(key)} = {value:g} and {views[0]:.1f} by "
            f"{views[1]:.1f} degrees from fx and fy"
        )


def _is_near(value: float, of: Sequence[float], agreement: float) -> bool:
    return any(abs(value - one) <= agreement * one for one in of)


def _check_size(values: Mapping[str, Any], camera: Intrinsics) -> None:
    """[width, height] or [height, width], with or without channels."""
    size = {camera.width, camera.height}
    for key, value in values.items():
        is_pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) in (2, 3)
        if SIZE_LIKE.search(key) and is_pair and not size <= {*filter(_is_number, value)}:
            raise ValueError(
                f"intrinsics: expected one size, got {camera.width}x{camera.height} and {shown(key)} = "
                f"{shown(value)}"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_frames(values: Mapping[str, Any], camera: Intrinsics) -> None:
    """Record3D also states fx fy cx cy of every frame. A focus that moved makes K wrong for most of them."""
    if PER_FRAME not in values:
        return
    rows = values[PER_FRAME]
    if not isinstance(rows, Sequence) or not all(isinstance(row, Sequence) and len(row) == 4 for row in rows):
        raise ValueError(f"intrinsics: expected fx fy cx cy of every frame in {PER_FRAME}, got {shown(rows)}")
    stated = np.array([[number(PER_FRAME, value) for value in row] for row in rows]).reshape(-1, 4)
    expected = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    if (np.abs(stated - expected) > FOCUS_AGREEMENT * expected[0]).any():
        raise ValueError(
            f"intrinsics: {PER_FRAME} differs from K by more than {FOCUS_AGREEMENT:.0%}; write the "
            f"frame's own fx, fy, cx, cy"
        )
