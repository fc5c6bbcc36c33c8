"""Of which picture the numbers are: another size, a part, a smaller copy or its mirror image, by keys that
nobody read.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError that names the key. The
numbers may hold for the picture before that or after it, and nothing in the file tells which.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3d_ros.cameras.checks.paths import flat, is_list, is_number, says_something
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import shown

_SIZE = "(size|resolution|shape|dims?|dimensions)"
_PICTURE = "image|img|picture|photo|colou?r|rgb|frame|video|render_?product|camera|cam"
SIZE_LIKE = re.compile(rf"^({_PICTURE})?_?{_SIZE}$", re.IGNORECASE)
# Of the picture before it was cut or resized, and one side alone.
_WHOLE = "calib(ration|rated)?|orig(inal)?|full|native|capture|stream|ref(erence)?|intrinsics?"
# "intrinsicMatrixReferenceDimensions": AVFoundation's AVCameraCalibrationData.
WHOLE_LIKE = re.compile(rf"^({_WHOLE})_?{_SIZE}$|reference_?dimensions$", re.IGNORECASE)
SIDE_LIKE = re.compile(
    rf"^[xy]_?res(olution)?$|^res(olution)?_?[xy]$|^({_PICTURE}|{_WHOLE})_?(w|h|width|height)$", re.IGNORECASE
)
CAPITAL_SIDES = ("W", "H")
SIZE_TEXT = re.compile(r"\s*(\d+)\s*[xX*\u00d7, ]\s*(\d+)\s*")
PART_LIKE = re.compile(
    r"crop(?!_?factor)|^(sensor_?|sub_?)?window$|^[xy]_?(offset|shift|start)$|^(offset|shift)_?[xy]$|"
    r"(^|_)[ra]oi(_|$)|^[ra]oi(x|y|left|top|offset)|^region_?of_?interest|^(image|img|window)_?offset$",
    re.IGNORECASE,
)
SMALLER_LIKE = re.compile(
    r"^((sensor|pixel)_?)?bin(ning|ned)?(_?factor)?(_?(x|y|h|v|horizontal|vertical))?$|zoom(_?factor)?$|"
    r"^decimation|(down|up|sub)_?(sampl|scal)|^(down_?)?(factor|scale)_?[xy]$|^scale_?[xy]$|^re(si[sz]e|sampl)|"
    r"^(half|quarter)_?res(olution)?$|"
    r"^(image|img|color|rgb|resize|resolution|intrinsics?|camera|k)_?scale(_?factor)?$",
    re.IGNORECASE,
)
MIRROR_LIKE = re.compile(
    r"^(is_)?(image_|img_)?((v|h|vertical(ly)?_?|horizontal(ly)?_?)?(flip|mirror)|transposed?$|upside_?down$|"
    r"rot(ate|ated|ation)?_?(90|180|270)|letter_?box|pad(ding|ded)?$)",
    re.IGNORECASE,
)
TURN_LIKE = re.compile(
    r"^(image_|img_|picture_)?(rot|rotation|rotate|rotated|orientation)(_?(deg(rees)?|c?cw))?$", re.IGNORECASE
)
TURN_TEXT = re.compile(r"(?<!\d)-?(90|180|270)(?!\d)|clockwise|upside.?down|portrait", re.IGNORECASE)
EXIF_LIKE, EXIF_TURNS = re.compile(r"^((exif|image|img)_?)?orientation$", re.IGNORECASE), range(2, 9)
# Whose rotation is no picture's: "agent.rotation" is where a simulated robot looks.
POSE_LIKE = re.compile(r"^(agent|robot|base|(camera_?)?pose|extrinsics?|imu|gps|world|mount)$", re.IGNORECASE)
QUARTERS_DEG = (90, 180, 270, -90, -180, -270)
FULL_SIZE = (1, "1", "1x1")
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
    if not camera.is_crop:
        _check_changes(values)


def _check_changes(values: Mapping[str, Any]) -> None:
    """Nested ones too: "preprocessing": {"crop": ...}."""
    flattened = [(path, value) for path, value in flat(values, other_cameras=False) if "." in path]
    for path, value in (*values.items(), *flattened):
        whose = path.partition(".")[0]
        if whose in READ or (POSE_LIKE.search(whose) and TURN_LIKE.search(path.rpartition(".")[2])):
            continue
        if _changes(path.rpartition(".")[2], value):
            raise ValueError(
                f"intrinsics: {shown(path)} = {shown(value)} says that the picture was cut, resized or "
                f"turned and not whether the numbers are of the picture after that; expected those of the "
                f"picture as it is, without the key, or roi and binning_x, binning_y of the whole sensor's"
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
        return says_something(value) and any(
            one is True or one not in FULL_SIZE for one in (value if is_list(value) else [value])
        )
    if TURN_LIKE.search(key) and not is_number(value):
        return value is True or (isinstance(value, str) and bool(TURN_TEXT.search(value)))
    is_exif = EXIF_LIKE.search(key) and is_number(value) and value in EXIF_TURNS
    return bool(is_exif) or (bool(TURN_LIKE.search(key)) and is_number(value) and value in QUARTERS_DEG)
