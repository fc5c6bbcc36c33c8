"""Of which picture the numbers are: another size, a part, a smaller copy or its mirror image, by keys that
nobody read.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError that names the key. The
numbers may hold for the picture before that or after it, and nothing in the file tells which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3d_ros.cameras.checks.paths import is_list, is_number, says_something
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import shown

_SIZE = "(size|resolution|shape|dims?|dimensions)"
SIZE_LIKE = re.compile(rf"^(image|img|colou?r|rgb|frame|video|render_?product)?_?{_SIZE}$", re.IGNORECASE)
# Of the picture before it was cut or resized, and one side alone.
WHOLE_LIKE = re.compile(rf"^(calib(ration|rated)?|orig(inal)?|full|native)_?{_SIZE}$", re.IGNORECASE)
SIDE_LIKE = re.compile(
    r"^[xy]_?res(olution)?$|^res(olution)?_?[xy]$|"
    r"^(colou?r|rgb|img|image|frame|video|calib(ration|rated)?|orig(inal)?|full|native)_?(w|h|width|height)$",
    re.IGNORECASE,
)
CAPITAL_SIDES = ("W", "H")
SIZE_TEXT = re.compile(r"\s*(\d+)\s*[xX*\u00d7, ]\s*(\d+)\s*")
PART_LIKE = re.compile(
    r"crop(?!_?factor)|^(sensor_)?window$|^[xy]_?(offset|shift|start)$|^(offset|shift)_?[xy]$", re.IGNORECASE
)
SMALLER_LIKE = re.compile(
    r"^bin(ning|ned)?(_?factor)?$|zoom(_?factor)?$|^decimation|(down|up|sub)_?(sampl|scal)|^resi[sz]e|"
    r"^(image|img|color|rgb|resize|resolution|intrinsics?|camera|k)_?scale(_?factor)?$",
    re.IGNORECASE,
)
MIRROR_LIKE = re.compile(
    r"^(is_)?(image_|img_)?((v|h|vertical_?|horizontal_?)?(flip|mirror)|transposed?$|upside_?down$|"
    r"rot(ate|ated|ation)?_?(90|180|270)|letter_?box|pad(ding|ded)?$)",
    re.IGNORECASE,
)
TURN_LIKE = re.compile(r"^(image_|img_)?(rotation|rotate|rotated|orientation)(_?deg(rees)?)?$", re.IGNORECASE)
TURN_TEXT = re.compile(r"(?<!\d)-?(90|180|270)(?!\d)|clockwise", re.IGNORECASE)
EXIF_LIKE, EXIF_TURNS = re.compile(r"^exif_?orientation$", re.IGNORECASE), range(2, 9)
QUARTERS_DEG = (90, 180, 270, -90, -180, -270)
# Understood where the camera is read.
READ = ("roi", "is_crop", "binning_x", "binning_y")


def check_picture(values: Mapping[str, Any], camera: Intrinsics) -> None:
    """Everything above. A camera that is said to be of a crop may say of which."""
    size = {camera.width, camera.height}
    stated = {**values, "rows and cols": [values.get("rows"), values.get("cols")]}
    for key, value in stated.items():
        other = _size(key, value)
        is_other_side = _is_side(key, value) and value not in size and not camera.is_crop
        if is_other_side or (other and not size <= other and not (WHOLE_LIKE.search(key) and camera.is_crop)):
            raise ValueError(
                f"intrinsics: expected one size, got {camera.width}x{camera.height} and {shown(key)} = "
                f"{shown(value)}"
            )
        if key not in READ and not camera.is_crop and _changes(key, value):
            raise ValueError(
                f"intrinsics: {shown(key)} = {shown(value)} says that the picture was cut, resized or turned "
                f"and not whether the numbers are of the picture after that; expected those of the picture "
                f"as it is, without the key, or roi and binning_x, binning_y of the whole sensor's"
            )


def _size(key: str, value: Any) -> set[float]:
    """The numbers of a size: [width, height] or [height, width], with or without channels, {"width": ...},
    "640x480"; empty where it is none.
    """
    if key == "rows and cols":
        return set(value) if all(map(is_number, value)) else set()
    if not SIZE_LIKE.search(key) and not WHOLE_LIKE.search(key):
        return set()
    if isinstance(value, Mapping):
        value = [value.get(a, value.get(a[0], value.get(b))) for a, b in (("width", "x"), ("height", "y"))]
    if isinstance(value, str):
        found = SIZE_TEXT.fullmatch(value)
        value = [int(found[1]), int(found[2])] if found else ()
    return set(filter(is_number, value)) if is_list(value) and len(value) in (2, 3) else set()


def _is_side(key: str, value: Any) -> bool:
    return is_number(value) and (key in CAPITAL_SIDES or bool(SIDE_LIKE.search(key)))


def _changes(key: str, value: Any) -> bool:
    if PART_LIKE.search(key) or MIRROR_LIKE.search(key):
        return says_something(value)
    if SMALLER_LIKE.search(key):
        return says_something(value) and any(one != 1 for one in (value if is_list(value) else [value]))
    if TURN_LIKE.search(key) and not is_number(value):
        return value is True or (isinstance(value, str) and bool(TURN_TEXT.search(value)))
    turns = EXIF_TURNS if EXIF_LIKE.search(key) else QUARTERS_DEG if TURN_LIKE.search(key) else ()
    return is_number(value) and value in turns
