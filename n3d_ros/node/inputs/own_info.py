"""Whether the newest camera info is that of an earlier picture, of another size than the one at hand.

In: pictures of frames as they are complete, each with the info that there is. Out: yes or no. A camera that
changes its resolution sends the first picture before its camera info, and scaled to that picture the old K
may be wrong: a mode may show more or less of the scene. It is told from pictures that somebody resized, whose
camera info is of another size all the time.
"""

from __future__ import annotations

from typing import Any

from n3d_ros.node.inputs.sealed import size_px

OUTDATED = (
    "camera info: expected that of this picture, got one of an earlier picture of another size; the next "
    "frame should have its own"
)


class OwnInfo:
    """Of one camera. Remembers which picture a camera info came with: both have one stamp."""

    def __init__(self) -> None:
        self._picture_px: tuple[int, int] | None = None
        self._info: tuple[Any, ...] = ()

    def is_outdated(self, picture: Any, camera_info: Any) -> bool:
        """False where the camera does not stamp its camera info as its pictures: then nothing is known."""
        picture_px, info = size_px(picture), _shape(camera_info)
        if camera_info.header.stamp == picture.header.stamp:
            self._picture_px, self._info = picture_px, info
        return self._picture_px is not None and picture_px != self._picture_px and info == self._info


def _shape(info: Any) -> tuple[Any, ...]:
    """What a camera info says of the size of its pictures."""
    roi = info.roi
    window = roi.x_offset, roi.y_offset, roi.width, roi.height
    return info.width, info.height, info.binning_x, info.binning_y, *window
