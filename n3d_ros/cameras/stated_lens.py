"""How the lens of a camera file bends, by the keys of its coefficients or one by one.

In: the mapping of a file. Out: `Distortion`, None for a pinhole. Where the model is not said, only what can
be no other is taken. It does not know the other numbers of a camera; formats as in `mapping`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from n3d_ros.geometry import Distortion
from n3d_ros.geometry.distortion import EQUIDISTANT, PLUMB_BOB, RATIONAL, spelled
from n3d_ros.geometry.intrinsics import number
from n3d_ros.plain_text import shown

COEFFICIENTS = ("d", "D", "coeffs", "distortion_coefficients", "dist_coeffs")
MODELS = ("distortion_model", "model")
# Says the projection, too: "pinhole" beside a distortion_model is no lens (kalibr), "OPENCV" is one (COLMAP).
PROJECTION = "camera_model"
# By number: rs2_distortion in rs_types.h.
REALSENSE_MODELS = (
    "none", "modified_brown_conrady", "inverse_brown_conrady", "ftheta", "brown_conrady", "kannala_brandt4",
)  # fmt: skip
# One key each, as nerfstudio and instant-ngp write them; the orders are those of `Distortion`.
SINGLES = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
BY_MODEL = {PLUMB_BOB: SINGLES[:5], RATIONAL: SINGLES, EQUIDISTANT: ("k1", "k2", "k3", "k4")}
LENS_KEYS = (*COEFFICIENTS, *MODELS)


def stated_lens(values: Mapping[str, Any]) -> tuple[Distortion | None, tuple[str, ...]]:
    """The lens, and the keys that were read for it. ValueError for two statements that differ and for
    coefficients that several models have.
    """
    stated = [(key, _numbers(key, values[key])) for key in COEFFICIENTS if key in values]
    model = _model(values)
    if not stated:
        return _by_single_keys(values, model)
    if any(other != stated[0][1] for _, other in stated):
        raise ValueError(f"intrinsics: expected one distortion, got {' and '.join(key for key, _ in stated)}")
    if model is None and stated[0][0] == "coeffs" and any(stated[0][1]):
        raise ValueError("intrinsics: expected RealSense's model with coeffs: several have five coefficients")
    return Distortion.stated(model, stated[0][1]), LENS_KEYS


def _by_single_keys(
    values: Mapping[str, Any], model: str | None
) -> tuple[Distortion | None, tuple[str, ...]]:
    """Of k1, k2, p1, p2, ...; none is read where the model is neither said nor given by the names."""
    single = {key: number(key, values[key]) for key in SINGLES if values.get(key) is not None}
    needed = {key for key, value in single.items() if value}
    if model is None and {"p1", "p2"} <= set(single) and needed <= set(BY_MODEL[PLUMB_BOB]):
        model = PLUMB_BOB  # a fisheye has no tangential ones
    keys = BY_MODEL.get(spelled(model or ""), ())
    if not needed or not needed <= set(keys):
        return None, LENS_KEYS
    return Distortion.stated(model, [single.get(key, 0.0) for key in keys]), (*LENS_KEYS, *keys)


def _model(values: Mapping[str, Any]) -> str | None:
    """The stated model; None where none is. RealSense's numbers become names."""
    for key in MODELS:
        stated = values.get(key)
        if isinstance(stated, int) and not isinstance(stated, bool) and 0 <= stated < len(REALSENSE_MODELS):
            return REALSENSE_MODELS[stated]
        if isinstance(stated, str):
            return stated
        if stated is not None:
            raise ValueError(f"intrinsics: expected the name of a lens model in {key}, got {shown(stated)}")
    projection = values.get(PROJECTION)
    is_lens = isinstance(projection, str) and spelled(projection) in BY_MODEL
    return projection if is_lens else None


def _numbers(key: str, stated: Any) -> tuple[float, ...]:
    if isinstance(stated, Mapping):  # camera_calibration: rows, cols, data
        stated = stated.get("data")
    if not isinstance(stated, Sequence) or isinstance(stated, str) or len(stated) > 14:
        raise ValueError(f"intrinsics: expected up to 14 numbers in {key}, got {shown(stated)}")
    return tuple(number(key, value) for value in stated)
