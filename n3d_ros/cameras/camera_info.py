"""sensor_msgs/CameraInfo -> the camera of one picture.

In: anything shaped like the message, the size of the picture, and whether it is rectified. Out: `Intrinsics`
and a few words on what they were made of. It does not know ROS or topics beyond their names.

The rules are those of the message's own comments (ros2/common_interfaces, sensor_msgs/msg/CameraInfo.msg):
K and D belong to the picture as the lens gives it, P to the rectified one; all are of the full sensor, of
which `roi` is cut out and then binned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from n3d_ros.geometry import Distortion, Intrinsics

RAW, RECTIFIED, AUTO = "raw", "rectified", "auto"
KINDS = (AUTO, RAW, RECTIFIED)
ASPECT_TOLERANCE = 0.01
# Of K's focal length: by more K and P are of two pictures.
ONE_PICTURE = 0.01
UNTURNED = ((0.0,) * 9, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
NAMES_OF_K, NAMES_OF_P, NAMES_OF_R = ("k", "K"), ("p", "P"), ("r", "R")


@dataclass(frozen=True)
class StatedCamera:
    """intrinsics: of the picture. source: for people, e.g. 'K with plumb_bob distortion'."""

    intrinsics: Intrinsics
    source: str


def kind_of_topic(topic: str) -> str:
    """'raw' or 'rectified' where an image topic's name says so by its convention (image_raw, image_rect,
    image_rect_color, rect/image, depth_registered/image_rect: image_proc, ZED), else 'auto'.
    """
    for part in reversed(topic.lower().split("/")):
        words = part.split("_")
        if "rect" in words or "rectified" in words:
            return RECTIFIED
        if "raw" in words:
            return RAW
    return AUTO


def camera_of_info(
    info: Any, width: int, height: int, kind: str = AUTO, override: Intrinsics | None = None
) -> StatedCamera:
    """The camera of a (height, width) picture that came with `info`.

    kind: 'raw': K with the distortion D. 'rectified': P, which has none. 'auto': K with D, which is right for
    every picture that nobody rectified, and for the others where K and P agree and D is 0; a rectified
    picture of a lens that bends has to be called so. Where no lens bends and K and P differ all the same,
    nothing says whose the picture is, and 'auto' is refused. The picture may be the whole sensor's, the part
    that `roi` and the binning name, or either resized; an info without sizes is taken to be the picture's.

    override: stands in for K and P, and is scaled as they are; the lens stays the info's. ValueError with
    expected and got.
    """
    if kind not in KINDS:
        raise ValueError(f"kind of picture: expected one of {KINDS}, got {kind!r}")
    full_width, full_height = int(info.width) or width, int(info.height) or height
    if override is not None:
        own, source = _by_override(info, override, full_width, full_height, kind)
    elif kind == RECTIFIED:
        own, source = _by_projection(info, full_width, full_height), "P of the rectified picture"
    else:
        own = _by_matrix(info, full_width, full_height)
        if kind == AUTO:
            _check_one_picture(info, own)
        source = _with_lens("K", own)
    seen = windowed(own, getattr(info, "roi", None), *_binning(info))
    if seen is not own:
        source += f", cut and binned to {seen.width}x{seen.height}"
    return StatedCamera(_fitted(seen, own, width, height), source)


def windowed(full: Intrinsics, roi: Any, binning_x: int = 1, binning_y: int = 1) -> Intrinsics:
    """The camera of the part `roi` of a full picture (x_offset, y_offset, width, height; None or zeros: all
    of it) after joining binning_x by binning_y pixels.
    """
    seen, (left, top, width, height) = full, _window(roi)
    if width and height:
        if (left, top, width, height) != (0, 0, full.width, full.height):
            seen = full.cropped(left, top, width, height)
    elif left or top or width or height:
        raise ValueError(f"roi: expected a width and a height, got {width}x{height} at ({left}, {top})")
    if (binning_x, binning_y) != (1, 1):
        seen = seen.binned(binning_x, binning_y)
    return seen


def _by_matrix(info: Any, width: int, height: int) -> Intrinsics:
    k = _matrix(info, NAMES_OF_K, 9)
    if not (0 < k[0] < math.inf and 0 < k[4] < math.inf):
        raise ValueError(
            f"expected focal lengths above zero, got fx={k[0]:g} fy={k[4]:g}; is the camera calibrated?"
        )
    camera, lens = Intrinsics.from_matrix(k, width, height), _lens(info)
    return camera if lens is None else replace(camera, distortion=lens)


def _by_override(
    info: Any, override: Intrinsics, width: int, height: int, kind: str
) -> tuple[Intrinsics, str]:
    """In its own size, which needs no info that is right; where a window is cut out, in that of the info."""
    is_cut = any(_window(getattr(info, "roi", None))) or _binning(info) != (1, 1)
    own = _fitted(override, override, width, height) if is_cut else override
    own = replace(own, distortion=None if kind == RECTIFIED else _lens(info))
    return own, _with_lens("K given in place of the camera info's", own)


def _with_lens(source: str, camera: Intrinsics) -> str:
    return source if camera.distortion is None else f"{source} with {camera.distortion.model} distortion"


def _lens(info: Any) -> Distortion | None:
    coefficients = _first(info, ("d", "D"), ())
    model = getattr(info, "distortion_model", "") or ""
    if not model and len(coefficients) and any(coefficients):
        raise ValueError(f"expected a distortion_model with d = {[float(one) for one in coefficients][:14]}")
    return Distortion.stated(model, coefficients) if len(coefficients) or model else None


def _by_projection(info: Any, width: int, height: int) -> Intrinsics:
    p = _matrix(info, NAMES_OF_P, 12)
    if not (0 < p[0] < math.inf and 0 < p[5] < math.inf):
        raise ValueError(
            f"expected P with focal lengths above zero for a rectified picture, got fx={p[0]:g} fy={p[5]:g}; "
            f"is the camera calibrated?"
        )
    return Intrinsics.from_matrix([*p[0:3], *p[4:7], *p[8:11]], width, height)


def _check_one_picture(info: Any, own: Intrinsics) -> None:
    """ValueError where K and P differ and neither lens nor rotation is why; P that no camera has is unset."""
    turned = tuple(float(value) for value in _first(info, NAMES_OF_R, UNTURNED[0]))
    if own.distortion is not None or turned not in UNTURNED or _binning(info) != (1, 1):
        return
    try:
        other = _by_projection(info, own.width, own.height)
    except ValueError:
        return
    pairs = [(getattr(own, name), getattr(other, name)) for name in ("fx", "fy", "cx", "cy")]
    if any(abs(one - another) > ONE_PICTURE * own.fx for one, another in pairs):
        k, p = (" ".join(f"{value:g}" for value in values) for values in zip(*pairs, strict=True))
        raise ValueError(
            f"expected K and P of one picture where no lens bends, got fx fy cx cy = {k} and {p}, and "
            f"nothing says whether this one is rectified: set rgb.picture to raw (K) or rectified (P), or "
            f"name its topic so (image_raw, image_rect)"
        )


def _matrix(info: Any, names: tuple[str, ...], count: int) -> list[float]:
    values = [float(value) for value in _first(info, names, ())]
    if len(values) != count:
        raise ValueError(f"expected {count} numbers in {names[0]}, got {len(values)}")
    return values


def _first(info: Any, names: tuple[str, ...], default: Any) -> Any:
    """The attribute under its ROS 2 or its ROS 1 name."""
    return next((getattr(info, name) for name in names if hasattr(info, name)), default)


def _binning(info: Any) -> tuple[int, int]:
    """0 means 1."""
    return int(getattr(info, "binning_x", 0)) or 1, int(getattr(info, "binning_y", 0)) or 1


def _window(roi: Any) -> tuple[int, int, int, int]:
    if roi is None:
        return 0, 0, 0, 0
    return int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)


def _fitted(seen: Intrinsics, full: Intrinsics, width: int, height: int) -> Intrinsics:
    """The camera of the picture that came: the window's, or the same view resized."""
    if (width, height) == (seen.width, seen.height):
        return seen
    if seen is not full and (width, height) == (full.width, full.height):
        raise ValueError(
            f"expected a picture of {seen.width}x{seen.height}, as roi and binning say, got the whole "
            f"sensor's {width}x{height}"
        )
    if abs(seen.width * height / (seen.height * width) - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"expected the picture's {width}x{height} or its proportions, got {seen.width}x{seen.height}"
        )
    return seen.scaled_to(width, height)
