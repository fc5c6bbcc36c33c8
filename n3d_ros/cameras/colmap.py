"""COLMAP's cameras.txt -> `Intrinsics`.

In: the text. Out: the camera of its one line. It does not know files. Format and parameter order: COLMAP's
documentation, "Output Format" and "Camera Models" (colmap.github.io/format.html, cameras.html). COLMAP puts
the middle of the first pixel at (0.5, 0.5), this library at (0, 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from n3d_ros.geometry import Distortion, Intrinsics
from n3d_ros.geometry.distortion import EQUIDISTANT, PLUMB_BOB, RATIONAL
from n3d_ros.geometry.intrinsics import number

HALF_PX = 0.5


@dataclass(frozen=True)
class _Model:
    """num_focal: 1 (fx = fy) or 2. num_lens: parameters behind the principal point; lens: what they are."""

    num_focal: int
    num_lens: int
    lens: Callable[[list[float]], Distortion | None]


def _polynomial(k: list[float]) -> Distortion | None:
    """k1 or k1 k2 or k1 k2 p1 p2."""
    return Distortion.stated(PLUMB_BOB, (*k, 0.0, 0.0, 0.0, 0.0)[:4])


def _fisheye(k: list[float]) -> Distortion | None:
    return Distortion.stated(EQUIDISTANT, (*k, 0.0, 0.0, 0.0, 0.0)[:4])


MODELS = {
    "SIMPLE_PINHOLE": _Model(1, 0, _polynomial),
    "PINHOLE": _Model(2, 0, _polynomial),
    "SIMPLE_RADIAL": _Model(1, 1, _polynomial),
    "RADIAL": _Model(1, 2, _polynomial),
    "OPENCV": _Model(2, 4, _polynomial),
    "FULL_OPENCV": _Model(2, 8, lambda k: Distortion.stated(RATIONAL, k)),
    "OPENCV_FISHEYE": _Model(2, 4, _fisheye),
    "SIMPLE_RADIAL_FISHEYE": _Model(1, 1, _fisheye),
    "RADIAL_FISHEYE": _Model(1, 2, _fisheye),
}


def camera_of_table(text: str) -> Intrinsics:
    """ValueError for another number of cameras than one, another model, or other parameters than its own."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    strange = next((line for line in lines if len(line) < 4 or not line[1][:1].isalpha()), None)
    if strange is not None:
        raise ValueError(
            f"cameras.txt: expected COLMAP's CAMERA_ID MODEL WIDTH HEIGHT PARAMS, got "
            f"{' '.join(strange)!r:.60}; write another program's camera as JSON with fx, fy, cx, cy, width "
            f"and height"
        )
    if len(lines) != 1:
        raise ValueError(f"cameras.txt: expected one camera, got {len(lines)}; keep the picture's line")
    _, name, width, height, *rest = lines[0]
    if name not in MODELS:
        raise ValueError(f"cameras.txt: expected a model of {', '.join(MODELS)}, got {name!r:.40}")
    model, params = MODELS[name], [_parsed(word) for word in rest]
    if len(params) != model.num_focal + 2 + model.num_lens:
        expected = model.num_focal + 2 + model.num_lens
        raise ValueError(f"cameras.txt: expected {expected} parameters of {name}, got {len(params)}")
    (cx, cy), lens = params[model.num_focal : model.num_focal + 2], params[model.num_focal + 2 :]
    fx, fy = params[0], params[model.num_focal - 1]
    size = (_whole(width), _whole(height))
    return Intrinsics(fx, fy, cx - HALF_PX, cy - HALF_PX, *size, distortion=model.lens(lens))


def _whole(word: str) -> int:
    if not word.isascii() or not word.isdigit() or len(word) > 9:
        raise ValueError(f"cameras.txt: expected a size in pixels, got {word!r:.40}")
    return int(word)


def _parsed(word: str) -> float:
    try:
        return number("cameras.txt parameter", float(word))
    except ValueError as error:
        raise ValueError(f"cameras.txt: expected numbers, got {word!r:.40}") from error
