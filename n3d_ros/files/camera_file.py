"""A camera file -> `Intrinsics`, and the scale of the depth beside it where the file says one.

In: a path. Out: `CameraStatement`. The suffix names the format: .yaml and .yml are ROS's, .txt is COLMAP's
cameras.txt unless it holds JSON, everything else is JSON. What the keys mean is `n3d_ros.cameras`' business.
Errors are OSError or ValueError that name the file, what was expected and what came.
"""

from __future__ import annotations

from pathlib import Path

from n3d_ros.cameras.colmap import camera_of_table
from n3d_ros.cameras.mapping import CameraStatement, camera_of_mapping, with_scale
from n3d_ros.cameras.yaml_text import parse_yaml
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, parse_json

# A Record3D recording of an hour states 16 MB of poses and cameras.
MAX_BYTES = 1 << 24
YAML_SUFFIXES = (".yaml", ".yml")
BOM = b"\xef\xbb\xbf"


def read_camera(path: Path, depth_scale_m: float | None = None) -> CameraStatement:
    """What the file says. depth_scale_m: metres per unit from the caller; the file may not say another."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(f"intrinsics: expected a file, got '{path}' ({found})")
    with path.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    try:
        if len(content) > MAX_BYTES:
            raise ValueError(f"intrinsics: expected at most {MAX_BYTES} bytes")
        return with_scale(_stated(path.suffix.lower(), content), depth_scale_m)
    except ValueError as error:
        raise ValueError(f"{error} (in '{path}')") from error


def read_intrinsics(path: Path) -> Intrinsics:
    """The camera alone."""
    return read_camera(path).intrinsics


def _stated(suffix: str, content: bytes) -> CameraStatement:
    is_json = content.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")
    if suffix in YAML_SUFFIXES:
        return camera_of_mapping(_yaml(content))
    if suffix == ".txt" and not is_json:
        return CameraStatement(camera_of_table(_text(content)))
    try:
        values = parse_json(content)
    except JsonError as error:
        raise ValueError(f"intrinsics: expected JSON, got {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"intrinsics: expected a JSON object, got {shown(values)}")
    return camera_of_mapping(values)


def _yaml(content: bytes) -> dict[str, object]:
    try:
        return parse_yaml(_text(content))
    except ValueError as error:
        raise ValueError(f"intrinsics: expected YAML of one camera, got {error}") from error


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"intrinsics: expected UTF-8 text, got {error}") from error
