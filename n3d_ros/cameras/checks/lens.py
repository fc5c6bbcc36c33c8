"""A lens under names that nobody read.

In: the mapping of a file and the camera read from it. Out: nothing, or a ValueError that names the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from n3d_ros.cameras.checks.paths import flat, is_list, says_something
from n3d_ros.geometry import Intrinsics
from n3d_ros.geometry.distortion import EQUIDISTANT
from n3d_ros.plain_text import shown

LENS_LIKE = re.compile(
    r"^(k_?[1-6]|p_?[12]|s[1-4]|tau_?[xy]|rd[1-3])$|(?<!un)dist(?!anc)|coeff?s?$|coeff|^xi$|radial|tangential|"
    r"^kappa|^kc$|^radtan$|lens_?(param|k|lut)",
    re.IGNORECASE,
)
# Of those, what nested mappings call nothing else ("points": {"p1": ...}).
NESTED_LENS_LIKE = re.compile(r"^k[1-6]$|distort|coeff|radial|tangential|^kappa|^kc$", re.IGNORECASE)
# "camera_model": "OPENCV_FISHEYE" (COLMAP's names in nerfstudio's files), "is_fisheye" (instant-ngp).
WIDE_LENS = re.compile(
    r"fish.?eye|equidistant|kannala|omni|f.?theta|double.?sphere|^e?ucm$|^kb[348]$|^ds$|^mei$|ocam|scaramuzza|spherical|panoram|"
    r"equirect|orthogra|cylindric",
    re.IGNORECASE,
)
SAYS_LENS = re.compile(r"model|lens|type|projection", re.IGNORECASE)
# "geometricDistortionCorrectionEnabled": AVFoundation's.
STRAIGHTENED = re.compile(
    r"^(is_?|image_|rgb_|colou?r_)*((undistort|rectif)(ed|y|ied)?|"
    r"(geometric_?|lens_?)?distortion_?correct(ed|ion)(_?enabled)?)$",
    re.IGNORECASE,
)
# Beside coefficients in a mapping of their own: which they are, which would be refused by their own path.
DESCRIBES = re.compile(r"^(cent(er|re)|model|type|name|rows|cols|dt)$", re.IGNORECASE)


def check_lens(values: Mapping[str, Any], camera: Intrinsics, understood: set[str]) -> None:
    """understood: keys that say how the lens bends and were read. A nested camera is another one."""
    for path, value in flat(values, other_cameras=False):
        is_read = path.partition(".")[0] in understood or _is_matrix(path, value)
        if not is_read and _is_lens(path) and says_something(value):
            raise ValueError(
                f"intrinsics: {shown(path)} looks like distortion and is not understood; expected "
                f"distortion_model with D"
            )
    for path, value in flat(values, other_cameras=False):
        _check_wide(path, value, camera)
        if value is False and camera.distortion is None and STRAIGHTENED.search(path.rpartition(".")[2]):
            raise ValueError(
                f"intrinsics: {shown(path)} = False says that a lens bends the picture; expected "
                f"distortion_model with D, got none"
            )


def _is_lens(path: str) -> bool:
    """By any part of the path: "distortion.a" is one, too."""
    first, *nested = path.split(".")
    if STRAIGHTENED.search(path.rpartition(".")[2]) or (nested and DESCRIBES.search(nested[-1])):
        return False
    return bool(LENS_LIKE.search(first)) or any(map(NESTED_LENS_LIKE.search, nested))


def _is_matrix(path: str, value: Any) -> bool:
    """K1 and K2 of a stereo pair are camera matrices, k1 and k2 are numbers."""
    return path in ("K1", "K2") and is_list(value) and len(value) in (3, 9)


def _check_wide(key: str, value: Any, camera: Intrinsics) -> None:
    is_wide = isinstance(value, str) and SAYS_LENS.search(key) and WIDE_LENS.search(value)
    is_flag = WIDE_LENS.search(key) and value is True
    if not (is_wide or is_flag):
        return
    if camera.distortion is None:
        raise ValueError(
            f"intrinsics: {shown(key)} = {shown(value)} is no pinhole; expected its coefficients, "
            f"distortion_model with D, got none"
        )
    if camera.distortion.model != EQUIDISTANT:
        raise ValueError(
            f"intrinsics: {shown(key)} = {shown(value)} and coefficients of {camera.distortion.model} "
            f"contradict each other; expected distortion_model with its own D"
        )
