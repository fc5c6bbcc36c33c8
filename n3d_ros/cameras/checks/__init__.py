"""What a camera file says beside the six numbers: it may not contradict them, and nothing that changes metres
is passed over.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError with the key, expected
and got. Keys are those of other programs' files, by what they look like; a key about something else (a pose,
a name) is nobody's business. It does not read the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from n3d_ros.cameras.checks.depth_unit import check_depth_unit
from n3d_ros.cameras.checks.lens import check_lens
from n3d_ros.cameras.checks.numbers import check_numbers
from n3d_ros.cameras.checks.picture import check_picture
from n3d_ros.geometry import Intrinsics

__all__ = ["check_all"]


def check_all(values: Mapping[str, Any], camera: Intrinsics, understood: set[str]) -> None:
    """Everything. understood: keys that say how the lens bends and were read."""
    keyed = {key: value for key, value in values.items() if isinstance(key, str)}
    check_lens(keyed, camera, understood)
    check_depth_unit(keyed)
    check_numbers(keyed, camera)
    check_picture(keyed, camera)
