"""Cameras that cannot be, and what they look like.

In: the numbers of a camera and the size of its picture. Out: nothing, or a ValueError that says what was
expected, what came and which mistake it looks like. It does not know where the numbers came from.

Wrong metres come from numbers in another unit or of another picture far more often than from odd lenses
(github.com/microsoft/MoGe issue 76, github.com/marek-simonik/record3d issue 18).
"""

from __future__ import annotations

import math

# Of a pinhole picture, whose corners would need infinitely many pixels at 180; depth cameras end at 120.
# Fisheye lenses have a focal length that stays below by this formula (220 degrees of equidistant lens: 125).
MAX_FIELD_OF_VIEW_DEG = 130.0
# Of the longer side: a telephoto lens that no depth camera has.
MIN_FIELD_OF_VIEW_DEG = 10.0
# A picture with a shorter long side is a detail, and may have any narrow field of view.
SMALL_PICTURE_PX = 64
# Of the principal point from the middle, in widths and heights. Calibrated cameras stay within 0.05 and
# rectified stereo pairs within 0.1 on one axis. The matrix of a picture 1.25 times as large is off by 0.12
# on both, that of a 16:9 picture cut to 4:3 by 0.17 on one.
MAX_OFF_ONE_AXIS = 0.15
MAX_OFF_BOTH_AXES = 0.1
# Of fx to fy. Pixels are square; a 16:9 picture made square has 1.8, and binned rows have 2.
MAX_ASPECT = 2.1
# So that tiny pictures and thinned ones are not refused for half pixels.
SLACK_PX = 1.0
SWAPPED_SHARE = 0.04
# Other modes of a camera cut the picture to another ratio of sides. Theirs has as many pixels along one side.
MODE_RATIOS = (1.0, 4 / 3, 16 / 9, 3 / 4, 9 / 16)
MIN_OFF_BY_MODE, MODE_SHARE = 0.1, 0.025


def check_camera(fx: float, fy: float, cx: float, cy: float, width: int, height: int, is_crop: bool) -> None:
    """ValueError for a field of view or a principal point that no camera has. All in pixels."""
    views = ("fx", fx, width, "wide"), ("fy", fy, height, "high")
    for name, focal, side, along in views:
        degrees = 2 * math.degrees(math.atan2(side / 2, focal))
        is_longer = side == max(width, height) and side >= SMALL_PICTURE_PX and not is_crop
        low = MIN_FIELD_OF_VIEW_DEG if is_longer else 0.0
        if not low <= degrees <= MAX_FIELD_OF_VIEW_DEG and side > 1:
            raise ValueError(
                f"intrinsics: expected a field of view of {MIN_FIELD_OF_VIEW_DEG:g} to "
                f"{MAX_FIELD_OF_VIEW_DEG:g} degrees, got {degrees:.4g} from {name} = {focal:g} px for "
                f"{side} px {along}; {_unit(fx, fy, cx, cy, width)}"
            )
    is_large = max(width, height) >= SMALL_PICTURE_PX
    if is_large and max(fx, fy) > MAX_ASPECT * min(fx, fy):
        raise ValueError(
            f"intrinsics: expected fx and fy within {MAX_ASPECT:g} times of each other, got fx = {fx:g}, "
            f"fy = {fy:g} px"
        )
    if not is_crop:
        _check_principal_point(cx, cy, width, height)


def _unit(fx: float, fy: float, cx: float, cy: float, width: int) -> str:
    """Which unit the focal lengths look like."""
    if 0 <= cx <= 1 and 0 <= cy <= 1 and max(fx, fy) < 10:
        return f"they look like shares of width and height (fx would be {fx * width:.1f} px)"
    if max(fx, fy) < 0.1:
        return "they look like metres, expected pixels: focal length / size of a pixel"
    if max(fx, fy) < 1.5:
        return f"they look like shares of width and height (fx would be {fx * width:.1f} px) or millimetres"
    if max(fx, fy) < 130:
        return "they look like millimetres or degrees, expected pixels: focal length / size of a pixel"
    return "expected pixels of this picture"


def _check_principal_point(cx: float, cy: float, width: int, height: int) -> None:
    off_x, off_y = cx - (width - 1) / 2, cy - (height - 1) / 2
    share_x, share_y = off_x / width, off_y / height
    slack_x, slack_y = SLACK_PX / width, SLACK_PX / height
    far_on_one = abs(share_x) > MAX_OFF_ONE_AXIS + slack_x or abs(share_y) > MAX_OFF_ONE_AXIS + slack_y
    far_on_both = (
        share_x * share_y > 0
        and abs(share_x) > MAX_OFF_BOTH_AXES + slack_x
        and abs(share_y) > MAX_OFF_BOTH_AXES + slack_y
    )
    swapped = _is_swapped(cx, cy, width, height)
    mode = _other_mode(cx, cy, width, height)
    if far_on_one or far_on_both or swapped or mode:
        looks = mode or _picture(cx, cy, width, height, swapped)
        raise ValueError(
            f"intrinsics: expected a principal point near the middle of {width}x{height}, got "
            f"({cx:g}, {cy:g}) px{looks}; where the picture is a crop, say is_crop"
        )


def _is_swapped(cx: float, cy: float, width: int, height: int) -> bool:
    """Whether it is the middle of the picture turned by a quarter, and of this one not."""
    longer = max(width, height)
    if abs(width - height) < 5 * SWAPPED_SHARE * longer:
        return False
    off_turned = max(abs(cx - (height - 1) / 2), abs(cy - (width - 1) / 2))
    return off_turned < SWAPPED_SHARE * longer


def _other_mode(cx: float, cy: float, width: int, height: int) -> str:
    """Of which narrower or lower picture of the same rows or columns it is the middle, in words. That of
    640x480 in 848x480 is off by 0.12 on one axis alone.
    """
    if max(width, height) < SMALL_PICTURE_PX:
        return ""
    off_x, off_y = (abs(cx - (width - 1) / 2) / width, abs(cy - (height - 1) / 2) / height)
    for ratio in MODE_RATIOS:
        other_width, other_height = min(width, height * ratio), min(height, width / ratio)
        is_middle = (
            abs(cx - (other_width - 1) / 2) < MODE_SHARE * width
            and abs(cy - (other_height - 1) / 2) < MODE_SHARE * height
        )
        if is_middle and max(off_x, off_y) > MIN_OFF_BY_MODE:
            return f", the middle of {other_width:.0f}x{other_height:.0f}: of another mode of the camera"
    return ""


def _picture(cx: float, cy: float, width: int, height: int, swapped: bool) -> str:
    """Which picture the principal point looks like the middle of."""
    if swapped:
        return f", the middle of {height}x{width}: of the picture before it was turned"
    times_x, times_y = 2 * (cx + 0.5) / width, 2 * (cy + 0.5) / height
    if min(times_x, times_y) > 0 and abs(times_x / times_y - 1) < 0.15:
        times = (times_x + times_y) / 2
        return (
            f", the middle of a picture {times:.3g} times as large ({width * times:.0f}x{height * times:.0f})"
        )
    inside = -0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5
    return "" if inside else ", outside of the picture"
