"""RGB-D frames in files.

In: paths. Out: arrays with their intrinsics, ready for `Observation`. Knows nothing of models, words or
ROS.

A frame folder holds `color.png` (or .jpg), `depth.png` (16-bit, millimetres) or `depth.npy` (float32,
metres), 0 = no data, and `intrinsics.json` (`camera_file`), where `depth_scale` says metres per unit if depth
comes in others. Depth is registered to the colour picture. A picture's EXIF orientation is applied once:
depth and intrinsics are of the upright picture; `as_released` gives the release's pairing instead. Every
error is an OSError or ValueError that names the file, what was expected and what came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from n3d_ros.files.camera_file import read_camera
from n3d_ros.files.picture_file import (
    DAMAGED,
    FORMATS,
    MAX_MEGAPIXELS,
    QUARTER_TURNS,
    UPRIGHT,
    check_size,
    orientation_of,
    read_orientation,
    read_picture,
    too_large,
)
from n3d_ros.geometry import Array, Intrinsics
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.metres import MAX_DEPTH_M, measured_depth
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.storage.array_file import ArrayFileError, read_npy
from n3d_ros.storage.whole_file import whole_file, write_json

COLOR_NAMES = ("color.png", "color.jpg", "color.jpeg")
DEPTH_NAMES = ("depth.png", "depth.npy")
APPLY_ONCE = "apply_once"
ORIENTATIONS = (APPLY_ONCE, "upstream")
ENCODINGS = {"uint16": "16UC1", "float32": "32FC1"}


@dataclass(frozen=True)
class RgbdFrame:
    """One frame as stored.

    rgb: (H, W, 3) uint8. depth: (h, w) uint16 millimetres ('16UC1') or float32 metres ('32FC1'), 0 = no
    data. intrinsics: of rgb, pixels. name: for people, e.g. the folder's name. depth_scale_m: metres per unit
    of depth, None for the encoding's own.
    """

    rgb: npt.NDArray[np.uint8]
    depth: Array
    encoding: str
    intrinsics: Intrinsics
    name: str = ""
    depth_scale_m: float | None = None

    def observation(self, max_depth_m: float = MAX_DEPTH_M) -> Observation:
        """Depth in metres, NaN = none, as also where it is farther than max_depth_m; ValueError when picture,
        depth and intrinsics do not fit together or depth is not what it should be (`measured_depth`).
        """
        depth = measured_depth(self.depth, self.encoding, self.depth_scale_m, max_m=max_depth_m)
        return Observation(self.rgb, self.intrinsics, depth=depth)


def find_frames(paths: list[Path]) -> list[Path]:
    """Frame folders among `paths`: each is a frame folder itself or holds some, which come sorted by name."""
    folders = []
    for path in paths:
        if not path.is_dir():
            raise FileNotFoundError(f"frames: expected a folder, got '{path}' ({_what_is(path)})")
        children = [path] if _holds_color(path) else sorted(path.iterdir())
        found = [child for child in children if _holds_color(child)]
        if not found:
            raise FileNotFoundError(f"frames: expected color.png or .jpg in '{path}' or below, got none")
        folders += found
    return folders


def read_frame(folder: Path | str, depth_scale_m: float | None = None) -> RgbdFrame:
    """The frame in one folder: `color.png` or .jpg, `depth.png` or .npy, `intrinsics.json`.

    depth_scale_m: metres per unit, where `intrinsics.json` does not say it. Errors as in `read_rgbd`.
    """
    folder = Path(folder)
    color, depth = _one_of(folder, COLOR_NAMES, "colour picture"), _one_of(folder, DEPTH_NAMES, "depth")
    return read_rgbd(color, depth, folder / "intrinsics.json", folder.name, depth_scale_m)


def read_rgbd(
    image: Path | str,
    depth: Path | str,
    intrinsics: Path | str,
    name: str = "",
    depth_scale_m: float | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> RgbdFrame:
    """A frame from three files.

    image: PNG or JPEG. depth: 16-bit PNG in millimetres, or .npy of uint16 millimetres or float metres,
    registered to the picture, 0 = no data. intrinsics: pixels, a camera file of any kind that `read_camera`
    reads. depth_scale_m: metres per unit of depth, where the camera file does not say it. max_megapixels: a
    larger picture is refused. OSError or ValueError that names the file, what was expected and what came.
    """
    image, depth, intrinsics = Path(image), Path(depth), Path(intrinsics)
    camera = read_camera(intrinsics, depth_scale_m)
    rgb = read_picture(image, max_megapixels=max_megapixels)
    orientation = read_orientation(image, max_megapixels)
    raw, encoding = read_depth(depth, max_megapixels)
    if orientation != UPRIGHT:
        _check_turned(image, orientation, rgb.shape[:2], raw.shape)
    return RgbdFrame(rgb, raw, encoding, camera.intrinsics, name or image.stem, camera.depth_scale_m)


def as_released(
    seen: Observation, image: Path, orientation: str = "upstream", resize_mode: str = "upstream"
) -> Observation:
    """What the release shows its model where `seen` is the upright picture of the file `image`.

    orientation: 'apply_once' leaves picture and depth upright; 'upstream' shows the language model the
    picture as stored, while depth stays that of the upright one. The release's intrinsics are of the upright
    picture in shares of width and height, so they become these shares of the stored picture. resize_mode:
    see `read_picture`; a picture that comes at 640 px gets its results in pixels of that size.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation: expected one of {ORIENTATIONS}, got {orientation!r}")
    most = max(MAX_MEGAPIXELS, seen.rgb.shape[0] * seen.rgb.shape[1] / 1e6)  # it was let in before
    rgb = read_picture(image, orientation == APPLY_ONCE, resize_mode, most)
    turned = orientation != APPLY_ONCE and read_orientation(image, most) in QUARTER_TURNS
    if turned and seen.intrinsics.distortion is not None:
        raise ValueError("orientation 'upstream': a lens that bends has no turned picture; rectify it first")
    intrinsics = seen.intrinsics.scaled_to(rgb.shape[1], rgb.shape[0])
    return replace(seen, rgb=rgb, intrinsics=intrinsics, depth_is_turned=turned)


def write_frame(folder: Path, frame: RgbdFrame) -> None:
    """Write a frame folder that `read_frame` reads back; the folder is made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "color.png") as part:
        Image.fromarray(frame.rgb).save(part)
    is_integer = frame.encoding == "16UC1"
    with whole_file(folder / ("depth.png" if is_integer else "depth.npy")) as part:
        if is_integer:
            Image.fromarray(frame.depth.astype(np.uint16)).save(part)
        else:
            np.save(part, frame.depth.astype(np.float32))
    camera = frame.intrinsics.to_dict()
    if frame.depth_scale_m is not None:
        camera["depth_scale"] = frame.depth_scale_m
    write_json(folder / "intrinsics.json", camera, indent=1)


def read_depth(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> tuple[Array, str]:
    """(h, w) depth as stored and its encoding: uint16 millimetres -> '16UC1', float32 metres -> '32FC1'.

    .png holds 16-bit millimetres; .npy holds uint16 millimetres or float32 or float64 metres. max_megapixels:
    a larger picture is refused.
    """
    _require_file(path, "depth")
    if path.suffix.lower() == ".npy":
        raw = _load_npy(path)
    elif path.suffix.lower() == ".png":
        raw = _load_depth_png(path, max_megapixels)
    else:
        raise ValueError(f"depth: expected .png (16-bit millimetres) or .npy (float32 metres), got '{path}'")
    if raw.dtype.name == "float64":  # of either byte order
        with np.errstate(over="ignore"):  # what float32 does not hold is no depth
            raw = raw.astype(np.float32)
    if raw.ndim != 2 or raw.dtype.name not in ENCODINGS:
        expected = "(H, W) uint16 millimetres or float32 metres"
        raise ValueError(f"depth: expected {expected} in '{path}', got {raw.shape} {raw.dtype}")
    return raw, ENCODINGS[raw.dtype.name]


def _check_turned(image: Path, orientation: int, rgb_hw: tuple[int, ...], depth_hw: tuple[int, ...]) -> None:
    """Depth has no orientation: accept it only when its size shows that it is of the upright picture."""
    size_decides = orientation in QUARTER_TURNS and rgb_hw[0] != rgb_hw[1]
    if not size_decides or (depth_hw[0] < depth_hw[1]) != (rgb_hw[0] < rgb_hw[1]):
        raise ValueError(
            f"picture: '{image}' has EXIF orientation {orientation} and depth has none: pixels would "
            f"not match; save picture, depth and intrinsics upright"
        )


def _load_npy(path: Path) -> Array:
    try:
        return read_npy(path)
    except ArrayFileError as error:
        raise ValueError(f"depth: expected a NumPy array in '{path}', got {error}") from error


def _load_depth_png(path: Path, max_megapixels: float) -> Array:
    try:
        with Image.open(path, formats=FORMATS) as picture:
            check_size(picture.width, picture.height, max_megapixels)
            if picture.format != "PNG" or not picture.mode.startswith("I"):
                raise ValueError(f"expected a 16-bit grey PNG, got {picture.format} {picture.mode}")
            picture.verify()  # Pillow decodes damaged pixels without a word unless it is asked
        with Image.open(path, formats=FORMATS) as picture:
            depth = np.asarray(picture).astype(np.uint16)
            if orientation_of(picture) != UPRIGHT:
                raise ValueError(f"expected depth as it is, got EXIF orientation {orientation_of(picture)}")
            return depth
    except Image.DecompressionBombError as error:  # Pillow's own limit, which it checks first
        raise ValueError(f"depth: {too_large(max_megapixels)}, got '{path}': {error}") from error
    except DAMAGED as error:
        raise ValueError(f"depth: cannot read '{path}': {one_line(str(error), 300)}") from error


def _one_of(folder: Path, names: tuple[str, ...], what: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{what}: expected {' or '.join(names)} in '{folder}', got {_what_is(folder)}")


def _holds_color(folder: Path) -> bool:
    return any((folder / name).is_file() for name in COLOR_NAMES)


def _require_file(path: Path, what: str) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{what}: expected a file, got '{path}' ({_what_is(path)})")


def _what_is(path: Path) -> str:
    if path.is_dir():
        return f"a folder with {', '.join(sorted(child.name for child in path.iterdir())[:6]) or 'nothing'}"
    return "a file" if path.is_file() else "does not exist"
