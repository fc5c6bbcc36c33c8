"""Camera files that name their numbers, JSON or YAML, already parsed -> `Intrinsics` and the depth scale.

In: the mapping of a file. Out: `CameraStatement`. Everything that a file says about one number must agree,
and what looks like a lens or a depth unit and is not understood is refused (`checks`): ignoring it
would give wrong metres. It does not know files. Formats, besides this package's own keys:

- ROS: sensor_msgs/msg/CameraInfo.msg in ros2/common_interfaces, as JSON, from `ros2 topic echo`, and what
  camera_calibration writes (ros-perception/image_common, camera_calibration_parsers/src/parse_yml.cpp)
- OpenCV: FileStorage as YAML or JSON, with the keys of camera_calibration
- RealSense: rs2_intrinsics in librealsense, include/librealsense2/h/rs_types.h (ppx, ppy, model, coeffs)
- Open3D: PinholeCameraIntrinsic and PinholeCameraParameters, intrinsic_matrix column by column
  (isl-org/Open3D, cpp/open3d/camera/PinholeCameraIntrinsic.cpp)
- instant-ngp and nerfstudio: fl_x, fl_y, cx, cy, w, h of transforms.json
  (docs.nerf.studio/quickstart/data_conventions.html)
- Record3D: the file `metadata` of an .r3d archive, K column by column, w, h (marek-simonik/record3d)
- Others: a matrix row by row under a name such as cam_K or intrinsics, a camera in a mapping called so
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from n3d_ros.cameras.camera_info import windowed
from n3d_ros.cameras.checks import check_all
from n3d_ros.cameras.checks.numbers import PER_FRAME
from n3d_ros.cameras.checks.paths import FOCAL_KEYS, is_list, is_number
from n3d_ros.cameras.colmap import HALF_PX
from n3d_ros.cameras.stated_lens import stated_lens
from n3d_ros.geometry import Intrinsics
from n3d_ros.geometry.intrinsics import NAMES, matrix_numbers, number
from n3d_ros.plain_text import shown
from n3d_ros.preprocess.metres import checked_scale

SCALARS = {
    "fx": ("fx", "fl_x"),
    "fy": ("fy", "fl_y"),
    "cx": ("cx", "ppx"),
    "cy": ("cy", "ppy"),
    "width": ("width", "w", "image_width", "img_width"),
    "height": ("height", "h", "image_height", "img_height"),
}
# The same in capitals, or in camel case.
SPELLED = {key.replace("_", ""): name for name, keys in SCALARS.items() for key in keys}
ROWS, COLUMNS = ("k", "K", "camera_matrix"), ("intrinsic_matrix",)
OTHER_ROWS = re.compile(
    r"^((colou?r|rgb|image|cam(era)?)_?)?"
    r"(k|k_?mat(rix)?|intrinsics?(_?mat(rix)?)?|cam(era)?_?mat(rix)?|calib(ration)?_?mat(rix)?|mtx)"
    r"(_(colou?r|rgb|image|cam(era)?))?$",
    re.IGNORECASE,
)
NESTED = re.compile(r"^((colou?r|rgb|cam(era)?)_?)?(intrinsics?|cam(era)?)$", re.IGNORECASE)
# Two statements of one number agree to a thousandth, which is what files round to, or to 0.01 px.
AGREEMENT = 1e-3


@dataclass(frozen=True)
class CameraStatement:
    """intrinsics: of the picture. depth_scale_m: metres per unit of its depth, None where not said."""

    intrinsics: Intrinsics
    depth_scale_m: float | None = None


def camera_of_mapping(values: Mapping[str, Any]) -> CameraStatement:
    """ValueError that says what was expected and what came."""
    values = _with_nested(values)
    statements = _statements(values)
    missing = [name for name in NAMES if not statements[name]]
    if missing:
        known = [key for key in values if isinstance(key, str)][:12]
        inner = [key for key in known if _is_camera(values[key])]
        remedy = f"; write the picture's camera, {shown(inner)}, into a file of its own" if inner else ""
        raise ValueError(
            f"intrinsics: expected {', '.join(NAMES)}, missing {missing} in the keys {shown(known)}{remedy}"
        )
    six: dict[str, Any] = {name: _agreed(name, statements[name]) for name in NAMES}
    if "fl_x" in values:  # these put the middle of the first pixel at (0.5, 0.5)
        six |= {"cx": six["cx"] - HALF_PX, "cy": six["cy"] - HALF_PX}
    lens, lens_keys = stated_lens(values)
    camera = Intrinsics(**six, distortion=lens, is_crop=_flag(values, "is_crop"))
    if "roi" in values or "binning_x" in values or "binning_y" in values:
        camera = windowed(
            camera, _roi(values.get("roi")), _count(values, "binning_x"), _count(values, "binning_y")
        )
    check_all(values, camera, {*lens_keys, PER_FRAME})
    return CameraStatement(camera, _scale(values))


def _with_nested(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """With what is said in a mapping of its own, as by Open3D's PinholeCameraParameters."""
    for name in [key for key in values if isinstance(key, str) and NESTED.search(key)]:
        nested = values[name]
        if not _is_camera(nested):
            continue
        twice = [key for key in nested if key in values and values[key] != nested[key]]
        if twice:
            raise ValueError(
                f"intrinsics: expected one {shown(twice[0])}, got {shown(values[twice[0]])} and "
                f"{shown(nested[twice[0]])} in {name}"
            )
        values = {**values, **nested}
    return values


def _is_camera(value: Any) -> bool:
    return isinstance(value, Mapping) and not FOCAL_KEYS.isdisjoint(value)


def _statements(values: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Name -> (key, value) of everything that states it."""
    found: dict[str, list[tuple[str, float]]] = {
        name: [(key, number(key, values[key])) for key in keys if key in values]
        for name, keys in SCALARS.items()
    }
    for key, value in values.items():
        name = _other_spelling(key)
        if name and is_number(value):
            found[name].append((key, number(key, value)))
    for key, four in _matrices(values, bool(found["fx"])):
        for name, value in zip(NAMES[:4], four, strict=True):
            found[name].append((key, value))
    return found


def _other_spelling(key: Any) -> str:
    """Which number "FX" or "imageWidth" is; of W and H the checks alone know."""
    if not isinstance(key, str) or len(key) == 1 or any(key in keys for keys in SCALARS.values()):
        return ""
    return SPELLED.get(key.casefold().replace("_", ""), "")


def _matrices(values: Mapping[str, Any], is_known: bool) -> Iterator[tuple[str, Sequence[float]]]:
    """fx, fy, cx, cy of each camera matrix. is_known: the file says fx by itself, so that four numbers under
    a matrix's name can be held against them, in the order in which everybody writes them.
    """
    for key in (*ROWS, *COLUMNS):
        if key in values:
            yield key, _matrix(key, values[key], key in COLUMNS or _is_record3d(key, values))
    for key, value in values.items():
        if key in (*ROWS, *COLUMNS) or not isinstance(key, str) or not OTHER_ROWS.search(key):
            continue
        if is_list(value) and len(value) == 4 and all(map(is_number, value)):
            if is_known:
                yield key, [number(key, one) for one in value]
        elif _is_matrix(value):
            yield key, _matrix(key, _unpadded(value), False)


def _is_matrix(value: Any) -> bool:
    """Whether it holds numbers, and no cameras or names of files."""
    if isinstance(value, Mapping):
        return "data" in value
    return is_list(value) and all(is_number(one) or is_list(one) for one in value)


def _unpadded(stated: Any) -> Any:
    """The three by three of a matrix of three or four rows of four, where the rest says nothing."""
    rows = stated if is_list(stated) and all(is_list(row) and len(row) == 4 for row in stated) else ()
    is_padded = len(rows) in (3, 4) and not any(row[3] for row in rows[:3])
    return [row[:3] for row in rows[:3]] if is_padded and list(rows[3:]) in ([], [[0, 0, 0, 1]]) else stated


def _is_record3d(key: str, values: Mapping[str, Any]) -> bool:
    return key == "K" and "w" in values and "width" not in values


def _matrix(key: str, stated: Any, by_columns: bool) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy; a list of three rows is never by columns."""
    if isinstance(stated, Mapping):  # camera_calibration: rows, cols, data
        stated = stated.get("data")
    if not isinstance(stated, Sequence) or isinstance(stated, str):
        raise ValueError(f"intrinsics: expected nine numbers in {key}, got {shown(stated)}")
    is_nested = len(stated) == 3 and all(isinstance(row, Sequence) and len(row) == 3 for row in stated)
    if by_columns and not is_nested and len(stated) == 9:
        stated = [stated[3 * column + row] for row in range(3) for column in range(3)]
    elif not is_nested and len(stated) != 9:
        raise ValueError(f"intrinsics: expected nine numbers in {key}, got {shown(stated)}")
    try:
        return matrix_numbers(stated)
    except ValueError as error:
        raise ValueError(f"{error} (key {key})") from error


def _agreed(name: str, stated: list[tuple[str, float]]) -> float:
    """The first of several statements that agree."""
    (first_key, first), *others = stated
    for key, value in others:
        if abs(value - first) > max(0.01, AGREEMENT * abs(first)):
            raise ValueError(
                f"intrinsics: expected one {name}, got {first:g} from {first_key} and {value:g} from {key}"
            )
    return first


def _flag(values: Mapping[str, Any], key: str) -> bool:
    stated = values.get(key, False)
    if not isinstance(stated, bool):
        raise ValueError(f"intrinsics: expected true or false in {key}, got {shown(stated)}")
    return stated


def _roi(stated: Any) -> SimpleNamespace | None:
    if stated is None:
        return None
    if not isinstance(stated, Mapping):
        raise ValueError(
            f"intrinsics: expected x_offset, y_offset, width, height in roi, got {shown(stated)}"
        )
    names = ("x_offset", "y_offset", "width", "height")
    unknown = [key for key in stated if key not in (*names, "do_rectify")]
    if unknown:
        raise ValueError(f"intrinsics: expected {', '.join(names)} in roi, got {shown(unknown[0])}")
    return SimpleNamespace(**{name: _whole(f"roi.{name}", stated.get(name, 0)) for name in names})


def _count(values: Mapping[str, Any], key: str) -> int:
    """0 means 1."""
    return _whole(key, values.get(key, 0)) or 1


def _whole(key: str, stated: Any) -> int:
    value = number(key, stated)
    if not value.is_integer() or value < 0:
        raise ValueError(f"intrinsics: expected a whole number of pixels in {key}, got {value:g}")
    return int(value)


def _scale(values: Mapping[str, Any]) -> float | None:
    return None if values.get("depth_scale") is None else checked_scale(values["depth_scale"])


def with_scale(statement: CameraStatement, scale_m: float | None) -> CameraStatement:
    """The same with a scale that the caller gives. ValueError where the file says another one."""
    if scale_m is None:
        return statement
    stated = statement.depth_scale_m
    if stated is not None and abs(stated - scale_m) > 1e-9 * scale_m:
        raise ValueError(f"depth scale: expected one, got {scale_m:g} and depth_scale {stated:g} in the file")
    return replace(statement, depth_scale_m=checked_scale(scale_m))
