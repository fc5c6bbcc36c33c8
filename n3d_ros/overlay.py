"""Boxes drawn into the picture they were found in.

In: an RGB picture, boxes in the optical frame (metres), the picture's intrinsics. Out: a new RGB picture.
Line width and text grow with the picture; everything is readable at 640x480. A box that no picture can show
(numbers beyond float64's squares, or none) leaves no trace, and its neighbours are drawn. Knows nothing of
models, files or ROS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import NEAR_PLANE_M, Box3D, box_2d_px, edge_points
from n3d_ros.geometry import BOX_EDGES, Array, Intrinsics, project
from n3d_ros.plain_text import cut, without_controls

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
Line = tuple[tuple[float, float], tuple[float, float]]

# RGB, told apart on wood, grey and white; a box takes the colour of its place in the list.
COLOURS: tuple[Colour, ...] = (
    (255, 214, 10),
    (48, 209, 88),
    (255, 105, 180),
    (100, 210, 255),
    (255, 149, 0),
    (191, 90, 242),
    (255, 69, 58),
    (94, 234, 212),
)
TRUTH_COLOUR: Colour = (255, 255, 255)
INK: Colour = (16, 16, 16)
FONT = cv2.FONT_HERSHEY_SIMPLEX
REFERENCE_WIDTH_PX = 640
SUBPIXEL_BITS = 4
CAPTION_LINES = 2
MAX_DRAWN_M = 1e9
# Farther distances are written as 1.0e+05 m.
MAX_PLAIN_M = 1e4


def draw_boxes(
    rgb: Picture,
    boxes: Sequence[Box3D],
    intrinsics: Intrinsics,
    *,
    truth: Sequence[Box3D] = (),
    colours: Sequence[Colour] = COLOURS,
) -> Picture:
    """(H, W, 3) uint8 copy with each box's edges and a label "name 0.83 m" (distance from the camera).

    Edges at the box's farthest corner are thin; `truth` boxes are thin white without a label. Boxes outside
    the picture leave no trace.
    """
    picture: Picture = np.array(rgb, order="C")
    thickness = max(1, round(2 * _scale(picture)))
    for box in filter(_is_drawable, truth):
        _draw_edges(picture, box, intrinsics, TRUTH_COLOUR, max(1, thickness // 2), hidden_too=False)
    drawable = [(index, box) for index, box in enumerate(boxes) if _is_drawable(box)]
    for index, box in sorted(drawable, key=lambda item: -item[1].center[2]):
        _draw_edges(picture, box, intrinsics, colours[index % len(colours)], thickness)
    taken: list[Rectangle] = []
    for index, box in drawable:
        _draw_label(picture, box, intrinsics, colours[index % len(colours)], taken)
    return picture


def add_caption(rgb: Picture, lines: Sequence[str]) -> Picture:
    """The picture with a dark bar of two text lines under it; a longer line loses its end."""
    scale, width = 0.5 * _scale(rgb), rgb.shape[1]
    line_height = round(22 * _scale(rgb))
    bar = np.full((CAPTION_LINES * line_height + line_height // 2, width, 3), INK, dtype=np.uint8)
    for row, line in enumerate(lines[:CAPTION_LINES]):
        place = (line_height // 2, round((row + 0.9) * line_height))
        text = _fit(line, width - line_height, scale)
        cv2.putText(bar, text, place, FONT, scale, TRUTH_COLOUR, 1, cv2.LINE_AA)
    captioned: Picture = np.vstack([rgb, bar])
    return captioned


def tile(pictures: Sequence[Picture], columns: int = 2) -> Picture:
    """One picture of equal-sized ones, row by row; empty places stay dark."""
    if len({picture.shape for picture in pictures}) != 1:
        raise ValueError(f"tile: expected pictures of one size, got {[p.shape for p in pictures]}")
    columns = min(columns, len(pictures))
    blank = np.full_like(pictures[0], INK[0])
    padded = [*pictures, *[blank] * (-len(pictures) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    tiled: Picture = np.vstack(rows)
    return tiled


def _is_drawable(box: Box3D) -> bool:
    """Whether all corners are numbers whose products with a focal length are numbers too."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((np.abs(box.corners()) < MAX_DRAWN_M).all())


def _scale(picture: Picture) -> float:
    return max(0.5, float(picture.shape[1]) / REFERENCE_WIDTH_PX)


def _draw_edges(
    picture: Picture,
    box: Box3D,
    intrinsics: Intrinsics,
    colour: Colour,
    thickness: int,
    hidden_too: bool = True,
) -> None:
    corners = box.corners()
    farthest = int(np.argmax(np.linalg.norm(corners, axis=1)))
    for i, j in BOX_EDGES:
        hidden = farthest in (i, j)
        if hidden and not hidden_too:
            continue
        bends = intrinsics.distortion is not None
        points = edge_points(corners, i, j) if bends else corners[[i, j]]
        for a, b in zip(points[:-1], points[1:], strict=True):
            _draw_line(picture, _visible_line(a, b, intrinsics), colour, 0 if hidden else thickness)


def _draw_line(picture: Picture, line: Line | None, colour: Colour, thickness: int) -> None:
    """A line on a dark one; thickness 0: a thin one alone, as of hidden edges."""
    if line is None:
        return
    start, end = ((round(x * 2**SUBPIXEL_BITS), round(y * 2**SUBPIXEL_BITS)) for x, y in line)
    if thickness and colour != TRUTH_COLOUR:
        cv2.line(picture, start, end, INK, thickness + 2, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.line(picture, start, end, colour, thickness or 1, cv2.LINE_AA, SUBPIXEL_BITS)


def _visible_line(a: Array, b: Array, intrinsics: Intrinsics) -> Line | None:
    """Pixels of the part of an edge before the near plane, clipped to one picture size around, or None."""
    near, far = (a, b) if a[2] < b[2] else (b, a)
    if far[2] <= NEAR_PLANE_M:
        return None
    if near[2] < NEAR_PLANE_M:
        near = near + (far - near) * (NEAR_PLANE_M - near[2]) / (far[2] - near[2])
    start, end = project(np.stack([near, far]), intrinsics)
    low = np.array([-intrinsics.width, -intrinsics.height], dtype=np.float64)
    high = -2.0 * low
    share = _clip_share(start, end, low, high)
    if share is None:
        return None
    first, last = (start + (end - start) * value for value in share)
    return (float(first[0]), float(first[1])), (float(last[0]), float(last[1]))


def _clip_share(start: Array, end: Array, low: Array, high: Array) -> tuple[float, float] | None:
    """Liang-Barsky: the shares along start..end that lie within [low, high], or None."""
    enter, leave = 0.0, 1.0
    for axis in range(2):
        step = float(end[axis] - start[axis])
        for sign, bound in ((-1.0, low[axis]), (1.0, high[axis])):
            room = sign * float(bound - start[axis])
            if step == 0.0 and room < 0.0:
                return None
            if sign * step > 0.0:
                leave = min(leave, room / (sign * step))
            elif sign * step < 0.0:
                enter = max(enter, room / (sign * step))
    return (enter, leave) if enter < leave else None


def _draw_label(
    picture: Picture, box: Box3D, intrinsics: Intrinsics, colour: Colour, taken: list[Rectangle]
) -> None:
    rectangle = box_2d_px(box, intrinsics)
    if rectangle is None:
        return
    scale, pad = 0.45 * _scale(picture), round(3 * _scale(picture))
    distance_m = math.dist(box.center, (0, 0, 0))
    number = f"{distance_m:.2f}" if distance_m < MAX_PLAIN_M else f"{distance_m:.1e}"
    room = max(picture.shape[1] - 2 * pad - cv2.getTextSize(f" {number} m", FONT, scale, 1)[0][0], 0)
    text = f"{_fit(box.label, room, scale)} {number} m"
    (width, height), baseline = cv2.getTextSize(text, FONT, scale, 1)
    size = (width + 2 * pad, height + baseline + 2 * pad)
    left, top = _place(rectangle, size, picture.shape[:2], taken)
    taken.append((left, top, left + size[0], top + size[1]))
    cv2.rectangle(picture, (left, top), (left + size[0], top + size[1]), colour, cv2.FILLED)
    cv2.putText(picture, text, (left + pad, top + pad + height), FONT, scale, INK, 1, cv2.LINE_AA)


def _place(
    rectangle: tuple[float, float, float, float],
    size: tuple[int, int],
    picture_hw: tuple[int, ...],
    taken: Sequence[Rectangle],
) -> tuple[int, int]:
    """Left top of a label: above the box, else the nearest place, above or below, that covers no other."""
    width, height = size
    rightmost, lowest = max(picture_hw[1] - width - 1, 0), max(picture_hw[0] - height - 1, 0)
    left = int(min(max(rectangle[0], 0), rightmost))
    above = int(min(max(rectangle[1] - height - 2, 0), lowest))
    for top in sorted(range(lowest + 1), key=lambda row: abs(row - above)):
        if not any(left < r and left + width > x and top < b and top + height > y for x, y, r, b in taken):
            return left, top
    return left, above


def _printable(text: str) -> str:
    """OpenCV's fonts hold ASCII only."""
    return without_controls(text).encode("ascii", "replace").decode("ascii")


def _fit(line: str, width: int, scale: float) -> str:
    text = cut(_printable(line), max(width, 0))  # a letter is wider than a pixel
    while text and cv2.getTextSize(text, FONT, scale, 1)[0][0] > width:
        text = text[:-4] + "..." if len(text) > 4 else ""
    return text
