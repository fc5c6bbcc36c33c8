"""What lifting saw of one annotation, as a picture: the crop with mask and box, and its cloud from above and
aside.

In: an `Attempt` and its `Sight`. Out: RGB panels of one height, side by side. It does not know pages or
shards.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array
from n3d_ros.overlay import INK, draw_boxes
from n3d_ros.training.lift.lifting import Attempt, Sight
from n3d_ros.training.lift.masks import MaskCrop
from n3d_ros.training.lift.sources.records import Rectangle

Picture = npt.NDArray[np.uint8]
SIDE_PX = 240
MARGIN = 0.2
MASK_COLOUR = (255, 60, 60)
KEPT_COLOUR, DROPPED_COLOUR, BOX_COLOUR = (90, 200, 250), (255, 80, 80), (255, 214, 10)
MODEL_COLOUR = (80, 220, 100)
# (axis to the right, axis down, sign of what points down): from above, z goes up the panel; from the side, z
# to the right and y down.
FROM_ABOVE, FROM_SIDE = (0, 2, -1.0), (2, 1, 1.0)


def draw_attempt(attempt: Attempt, sight: Sight) -> Picture:
    """(SIDE_PX, n * SIDE_PX, 3) uint8: one panel, or three where there is a cloud."""
    panels = [_crop_panel(attempt, sight)]
    if attempt.cloud is not None and len(attempt.cloud.points):
        panels += [
            _cloud_panel(attempt, "from above", FROM_ABOVE),
            _cloud_panel(attempt, "from the side", FROM_SIDE),
        ]
    return np.hstack(panels)


def _crop_panel(attempt: Attempt, sight: Sight) -> Picture:
    picture = sight.rgb.copy()
    if attempt.crop is not None:
        _paint_mask(picture, attempt.crop)
    box_px = attempt.annotation.box_px
    if box_px is not None and np.abs(box_px).max() < 1e5:
        left, top, right, bottom = map(round, box_px)
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), (255, 255, 255), 1)
    for box, colour in ((attempt.box_of_model, MODEL_COLOUR), (attempt.box, BOX_COLOUR)):
        if box is not None:
            picture = draw_boxes(picture, [box], sight.intrinsics, colours=(colour,))
    extent = attempt.crop.extent_px if attempt.crop is not None else box_px
    return _fitted(_window(picture, extent))


def _paint_mask(picture: Picture, crop: MaskCrop) -> None:
    """Half red, in place."""
    height, width = crop.mask.shape
    part = picture[crop.top : crop.top + height, crop.left : crop.left + width]
    part[crop.mask] = (part[crop.mask].astype(np.uint16) + MASK_COLOUR) // 2


def _window(picture: Picture, extent: Rectangle | None) -> Picture:
    """The part around a rectangle with half its size on each side; the whole picture where that is none of
    it.
    """
    if extent is None:
        return picture
    height, width = picture.shape[:2]
    reach = 0.5 * max(extent[2] - extent[0], extent[3] - extent[1]) + 8
    left, top = (int(np.clip(extent[i] - reach, 0, limit)) for i, limit in ((0, width), (1, height)))
    right, bottom = (int(np.clip(extent[i] + reach, 0, limit)) for i, limit in ((2, width), (3, height)))
    return picture[top:bottom, left:right] if right - left > 1 and bottom - top > 1 else picture


def _fitted(picture: Picture) -> Picture:
    """Scaled into a dark square."""
    scale = SIDE_PX / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    square = np.full((SIDE_PX, SIDE_PX, 3), INK, np.uint8)
    left, top = (SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    square[top : top + size[1], left : left + size[0]] = resized
    return square


def _cloud_panel(attempt: Attempt, title: str, view: tuple[int, int, float]) -> Picture:
    """Kept points blue, dropped ones red, the box yellow; both axes have one scale, said in the corner.

    The panel is fitted to the box, else to all points; how many lie beyond it is said too.
    """
    assert attempt.cloud is not None
    flat = _flat(attempt.cloud.points, view)
    bounds = flat if attempt.box is None else _flat(_bounds(attempt.box), view)
    middle, span = (
        (bounds.min(axis=0) + bounds.max(axis=0)) / 2,
        max(float(np.ptp(bounds, axis=0).max()), 1e-3),
    )
    scale = SIDE_PX * (1 - 2 * MARGIN) / span
    pixels = np.rint((flat - middle) * scale + SIDE_PX / 2).astype(int)
    is_inside = ((pixels >= 0) & (pixels < SIDE_PX)).all(axis=1)
    panel = np.full((SIDE_PX, SIDE_PX, 3), INK, np.uint8)
    for chosen, colour in ((attempt.cloud.kept, KEPT_COLOUR), (~attempt.cloud.kept, DROPPED_COLOUR)):
        x, y = pixels[chosen & is_inside].T
        panel[y, x] = colour
    if attempt.box is not None:
        first, last = (tuple(map(int, row)) for row in np.rint((bounds - middle) * scale + SIDE_PX / 2))
        cv2.rectangle(panel, first, last, BOX_COLOUR, 1)
    for line, text in enumerate((title, f"{span:.3f} m", f"{np.count_nonzero(~is_inside)} points beyond")):
        place = (6, 14 + 14 * line)
        cv2.putText(panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return panel


def _flat(points: Array, view: tuple[int, int, float]) -> Array:
    right, down, sign = view
    return np.stack([points[:, right], sign * points[:, down]], axis=1)


def _bounds(box: Box3D) -> Array:
    center, half = np.asarray(box.center), np.asarray(box.size) / 2
    return np.stack([center - half, center + half])
