"""The numbers of a camera under other names: skew, field of view, focal length, those of every frame.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError with the key, expected
and got.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from n3d_ros.cameras.checks.paths import is_list, is_number
from n3d_ros.geometry import Intrinsics
from n3d_ros.geometry.intrinsics import number
from n3d_ros.plain_text import shown

PER_FRAME = "perFrameIntrinsicCoeffs"
SKEW_LIKE = re.compile(r"^((axis|pixel)_?)?(skew|alpha_?c)|^shear$", re.IGNORECASE)
# In degrees or, as "camera_angle_x" (instant-ngp), in radians.
VIEW_LIKE = re.compile(
    r"^camera_angle_[xy]$|(^|_)(([hvdxy]|horizontal|vertical|diagonal)_?)?"
    r"(fov|aov|(field|angle)_?of_?view|view_?angle)(_?[xy])?(_deg(rees)?|_rad(ians)?)?$",
    re.IGNORECASE,
)
_BEFORE, _BEHIND = "^((colou?r|rgb|cam(era)?|image)_)?", "(_?px|_?pixels?|_colou?r|_rgb)?$"
FOCUS_LIKE = re.compile(
    rf"{_BEFORE}(f|f_?[xyuv]|focal(_?length)?(_?[xy])?){_BEHIND}|^alpha_?[uv]$", re.IGNORECASE
)
POINT_LIKE = re.compile(
    rf"{_BEFORE}(c_?[xyuv]|(principal(_?point)?|pp|(optical_?|image_?)?cent(er|re))(_?[xy])?){_BEHIND}|"
    r"^[uv]_?0$",
    re.IGNORECASE,
)
# Held against each other where they are read, before a window is cut out.
READ = ("fx", "fy", "cx", "cy")
PROJECTIONS = ("p", "P", "projection_matrix")
ROTATIONS = ("r", "R", "rectification_matrix")
UNTURNED = [1, 0, 0, 0, 1, 0, 0, 0, 1]
# nerfstudio's frames may have cameras of their own (docs.nerf.studio/quickstart/data_conventions.html).
FRAMES = "frames"
FRAME_KEYS = ("fl_x", "fl_y", "cx", "cy", "w", "h", "fx", "fy", "k1", "k2", "k3", "k4", "p1", "p2")
# Lenses are named by up to this many millimetres; a focal length in pixels is larger for all but thumbnails.
MAX_MILLIMETRES = 100.0
FOCUS_AGREEMENT = 0.01
# A list of more numbers than these is about something else.
MAX_AXES = 3
VIEW_AGREEMENT = 0.03
# Half a pixel is between the middle and the corner of the first one.
POINT_AGREEMENT_PX = 1.0


def check_numbers(values: Mapping[str, Any], camera: Intrinsics) -> None:
    """Everything above."""
    for key, value in values.items():
        for one in value if is_list(value) and len(value) <= MAX_AXES else [value]:
            _check_number(key, one, camera)
    _check_projection(values, camera)
    _check_frames(values, camera)
    _check_own_cameras(values)


def _check_number(key: str, value: Any, camera: Intrinsics) -> None:
    """Skew, field of view, focal length and principal point under other names."""
    likes = (SKEW_LIKE, VIEW_LIKE, FOCUS_LIKE, POINT_LIKE)
    if not is_number(value) or key.casefold() in READ or not any(one.search(key) for one in likes):
        return
    value = number(key, value)
    if SKEW_LIKE.search(key) and value != 0:
        raise ValueError(f"intrinsics: expected zero skew, got {value:g} from {shown(key)}")
    if VIEW_LIKE.search(key):
        _check_view(key, value, camera)
    is_px = value > MAX_MILLIMETRES
    if FOCUS_LIKE.search(key) and is_px and not _is_near(value, (camera.fx, camera.fy), FOCUS_AGREEMENT):
        raise ValueError(
            f"intrinsics: expected one focal length, got fx = {camera.fx:g}, fy = {camera.fy:g} and "
            f"{shown(key)} = {value:g}"
        )
    # Up to 1 it is a share of the picture, or a way from its middle.
    is_of_picture = any(abs(value - one) <= POINT_AGREEMENT_PX for one in (camera.cx, camera.cy))
    if POINT_LIKE.search(key) and abs(value) > 1 and not is_of_picture:
        raise ValueError(
            f"intrinsics: expected one principal point, got ({camera.cx:g}, {camera.cy:g}) and {shown(key)} "
            f"= {value:g}"
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


def _check_projection(values: Mapping[str, Any], camera: Intrinsics) -> None:
    """P is of the rectified picture, K of the raw one. Without a lens and a rotation the two are one picture,
    and of two cameras one is wrong.
    """
    stated = next((_numbers_of(values[key]) for key in PROJECTIONS if key in values), None)
    turned = next((_numbers_of(values[key]) for key in ROTATIONS if key in values), None)
    is_other_picture = camera.distortion is not None or camera.is_crop or turned not in (None, UNTURNED)
    if stated is None or len(stated) != 12 or not any(stated) or is_other_picture or _is_binned(values):
        return
    four = stated[0], stated[5], stated[2], stated[6]
    own = camera.fx, camera.fy, camera.cx, camera.cy
    if any(abs(one - other) > FOCUS_AGREEMENT * camera.fx for one, other in zip(four, own, strict=True)):
        raise ValueError(
            f"intrinsics: expected K and P of one camera where no lens bends, got fx fy cx cy = {shown(own)} "
            f"and {shown(four)}; write those of the picture: of a rectified one P's"
        )


def _numbers_of(stated: Any) -> list[float] | None:
    """Of a matrix in any of the forms of camera_calibration; None where it is none."""
    data: Any = stated.get("data") if isinstance(stated, Mapping) else stated
    return list(data) if is_list(data) and all(map(is_number, data)) else None


def _is_binned(values: Mapping[str, Any]) -> bool:
    return any(values.get(key) not in (None, 0, 1) for key in ("binning_x", "binning_y"))


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


def _check_own_cameras(values: Mapping[str, Any]) -> None:
    """Which frame the picture is, the file does not say: none may have another camera than all."""
    stated = values.get(FRAMES)
    frames = [one for one in stated if isinstance(one, Mapping)] if isinstance(stated, Sequence) else []
    for frame in frames:
        for key in FRAME_KEYS:
            if key in frame and frame[key] != values.get(key):
                raise ValueError(
                    f"intrinsics: expected one camera, got {key} = {shown(values.get(key))} and "
                    f"{shown(frame[key])} in one of the frames; write the frame's own numbers"
                )
