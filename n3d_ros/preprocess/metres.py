"""A depth picture as stored or sent -> metres: one function for files, Python and the node.

In: the array of a file or a message with its ROS encoding, and the scale where somebody gave one. Out: (H, W)
float32 metres along z, NaN = none, or an error that says which unit it looks like. It does not know cameras,
files or messages.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError, NoDepthError
from n3d_ros.preprocess import kernels

MILLIMETRE_M = 0.001
# Metres per unit by encoding, as ROS has it (REP 118).
DEFAULT_SCALES = {"16UC1": MILLIMETRE_M, "mono16": MILLIMETRE_M, "32FC1": 1.0}
# Beside 0: sensors and data sets write the largest 16-bit number where they measured nothing.
NO_DATA = 65535
# What sensors of 11 to 15 bits write at the end of their range, where this share of a picture or more has it.
CEILINGS = (2047, 4095, 8191, 16383, 32767)
MIN_CEILING_SHARE = 0.005
# Whole metres where simulators and data sets end, with nothing between them and this share of them.
MIN_FAR_END_M, FAR_GAP = 8.0, 0.8
SHIFTED_BITS, MIN_VALUES = 8, 16
# Millimetres that became other units: tenths of them, TUM's 1/5000.
MULTIPLES = (10, 5)
# No depth camera of such data measures nearer: where the other unit would make it so, a sensor or a codec has
# rounded its millimetres.
MIN_OTHER_UNIT_M = 0.5
# Of 8 bits made 16: by a shift, or so that 255 becomes 65535.
STRETCHED = (256, 257)
# Of pixels at exactly 1.0; more were cut off there.
MAX_LARGEST_SHARE = 0.001
# Shares of a z-buffer, which has half of them by twice the nearest distance; its empty pixels have 1.
MIN_Z_BUFFER = 0.8
BYTE_STEPS, WHOLE_TOLERANCE = 255, 1e-3
# Depth outside is no depth, unless the caller says otherwise. 20 m: the reach of stereo cameras.
MIN_DEPTH_M, MAX_DEPTH_M = 0.0, 20.0
# Where the median of a whole picture in millimetres lies that a depth camera took. Nearer is below the reach
# of all but macro cameras, farther is beyond that of active ones; both are what other scales look like.
MILLIMETRE_MEDIANS_M = (0.2, 10.0)
# KITTI: depth development kit. TUM: cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats. The others:
# librealsense's depth units of L515, D405 and older cameras.
OTHER_SCALES = {
    1 / 256: "KITTI's 1/256",
    0.01: "centimetres, 0.01",
    1 / 4000: "a quarter of a millimetre, 0.00025",
    1 / 5000: "TUM's 1/5000",
    1 / 10000: "a tenth of a millimetre, 0.0001",
}
USUAL_MEDIANS_M = (0.35, 6.0)
# Above it metres were surely another unit (REP 118 wants metres).
MAX_MEDIAN_M = 50.0
# Below it no depth camera sees: metres times a scale for other units, or kilometres.
MIN_MEDIAN_M = 0.02
# Rooms and tables have smaller medians than this in centimetres and larger ones in millimetres.
CENTIMETRE_MEDIAN = 200.0
SAMPLE_STEP, SPARSE_STEP = 4, 64
GIVE_SCALE = "--depth-scale, depth_scale in intrinsics.json, depth.scale_m of the node"
REMEDY = f"give the scale {{scale:g}} ({GIVE_SCALE})"

FloatArray = npt.NDArray[np.float32]


def measured_depth(
    raw: npt.NDArray[Any],
    encoding: str,
    scale_m: float | None = None,
    min_m: float = MIN_DEPTH_M,
    max_m: float = MAX_DEPTH_M,
) -> FloatArray:
    """Depth as stored -> (H, W) float32 metres within min_m..max_m, NaN where there is none.

    raw, encoding, scale_m: as of `to_metres`. BadInputError where the whole picture looks like another unit
    than the one it is read in, NoDepthError where no pixel is left.
    """
    try:
        scale = _scale(raw, encoding, scale_m)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    if raw.dtype.kind == "u":
        ceiling = _ceiling(raw)
        _check_integers(raw, ceiling, scale, scale_m)
        metres = _of_integers(raw, ceiling, scale, min_m, max_m)
    else:
        metres = _of_floats(raw, scale)
        _check_floats(metres, scale_m)
        _limit(metres, min_m, max_m)
    _drop_far_end(metres)
    if not _is_any_measured(metres):
        raise NoDepthError(f"no valid depth: none of {metres.size} pixels lies in {min_m:g}..{max_m:g} m")
    return metres


def to_metres(raw: npt.NDArray[Any], encoding: str, scale_m: float | None = None) -> FloatArray:
    """Depth picture of a driver -> (H, W) float32 metres along z; NaN for 0, negative, NaN, inf, and 65535
    of 16 bits.

    encoding: '16UC1' or 'mono16' (millimetres unless scale_m says otherwise), '32FC1' (metres).
    scale_m: metres per unit, at most 1. ValueError on any other encoding, or when shape or dtype do not fit
    it.
    """
    scale = _scale(raw, encoding, scale_m)
    return _of_integers(raw, _ceiling(raw), scale) if raw.dtype.kind == "u" else _of_floats(raw, scale)


def _scale(raw: npt.NDArray[Any], encoding: str, scale_m: float | None) -> float:
    """Metres per unit; ValueError as of `to_metres`."""
    if encoding not in DEFAULT_SCALES:
        raise ValueError(f"depth encoding: expected one of {', '.join(DEFAULT_SCALES)}, got {encoding!r}")
    if raw.ndim != 2:
        raise ValueError(f"depth: expected shape (H, W), got {raw.shape}")
    if raw.dtype.kind != ("f" if encoding == "32FC1" else "u"):
        raise ValueError(f"depth: encoding {encoding} does not fit an array of {raw.dtype}")
    return DEFAULT_SCALES[encoding] if scale_m is None else checked_scale(scale_m)


def _of_integers(
    raw: npt.NDArray[Any], ceiling: int | None, scale: float, min_m: float = 0.0, max_m: float = np.inf
) -> FloatArray:
    if raw.dtype.itemsize != 2:
        metres = _scaled(raw, scale)
        metres[(raw == NO_DATA) | (raw == ceiling)] = np.nan
        _limit(metres, min_m, max_m)
        return metres
    low, high = _units_within(scale, min_m, max_m)
    high = high if ceiling is None else min(high, ceiling - 1)
    raw = raw.astype(np.uint16, copy=False)  # of this machine's byte order
    compiled = kernels.metres_of_integers(raw, scale, low, high)
    return np.take(_metres_of_16_bits(scale, low, high), raw) if compiled is None else compiled


@lru_cache(maxsize=8)
def _units_within(scale: float, min_m: float, max_m: float) -> tuple[int, int]:
    """The least and the largest number of 16 bits that are a distance within the limits; those between are,
    too. (1, 0) where there are none.
    """
    metres = _scaled(np.arange(NO_DATA), scale)
    units = np.flatnonzero(np.isfinite(metres) & ~_is_outside(metres, min_m, max_m))
    return (int(units[0]), int(units[-1])) if units.size else (1, 0)


@lru_cache(maxsize=8)
def _metres_of_16_bits(scale: float, low: int, high: int) -> FloatArray:
    """(65536,) of every number that 16 bits hold, NaN outside of low..high."""
    metres = np.full(NO_DATA + 1, np.nan, np.float32)
    metres[low : high + 1] = _scaled(np.arange(low, high + 1), scale)
    metres.flags.writeable = False
    return metres


def _of_floats(raw: npt.NDArray[Any], scale: float) -> FloatArray:
    compiled = kernels.metres_of_floats(raw, scale) if raw.dtype == np.float32 else None
    return _scaled(raw, scale) if compiled is None else compiled


def _scaled(raw: npt.NDArray[Any], scale: float) -> FloatArray:
    """Rounded once, as metres; NaN for what is no distance."""
    metres: FloatArray = np.multiply(raw, scale, dtype=np.float64).astype(np.float32)
    metres[~(np.isfinite(metres) & (metres > 0))] = np.nan
    return metres


def _limit(metres: FloatArray, min_m: float, max_m: float) -> None:
    is_outside = _is_outside(metres, min_m, max_m)
    if is_outside.any():
        metres[is_outside] = np.nan


def _is_outside(metres: FloatArray, min_m: float, max_m: float) -> npt.NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        is_outside: npt.NDArray[np.bool_] = metres > max_m
        if min_m > 0:
            is_outside |= metres < min_m
    return is_outside


def _is_any_measured(metres: FloatArray) -> bool:
    """A few pixels tell it nearly always."""
    return any(np.isfinite(metres[::step, ::step]).any() for step in (SPARSE_STEP, SAMPLE_STEP, 1))


def _drop_far_end(metres: FloatArray) -> None:
    """NaN for the largest distance where it is what is written for "nothing measured": 10 m in many pixels,
    and all others much nearer. A floor that leads to a wall leaves no such gap.
    """
    end = float(np.fmax.reduce(metres[::SAMPLE_STEP, ::SAMPLE_STEP], axis=None, initial=0.0))
    if end < MIN_FAR_END_M or not end.is_integer():
        return
    is_end = metres == end
    farthest = float(np.fmax.reduce(np.where(is_end, 0.0, metres), axis=None))
    if np.count_nonzero(is_end) / metres.size >= MIN_CEILING_SHARE and 0 < farthest < FAR_GAP * end:
        metres[is_end] = np.nan


def _ceiling(raw: npt.NDArray[Any]) -> int | None:
    """The largest number of a sensor of fewer bits, where it wrote that into many pixels."""
    largest = int(raw.max(initial=0))
    if largest == NO_DATA:
        largest = int((raw * (raw != NO_DATA)).max())
    if largest not in CEILINGS:
        return None
    return largest if np.count_nonzero(raw == largest) / raw.size >= MIN_CEILING_SHARE else None


def checked_scale(scale_m: float) -> float:
    """Metres per unit. ValueError for what is none; units per metre are named."""
    if isinstance(scale_m, bool) or not isinstance(scale_m, (int, float, np.number)):
        raise ValueError(f"depth scale: expected positive metres per unit, got {scale_m!r:.40}")
    if not (np.isfinite(scale_m) and scale_m > 0):
        raise ValueError(f"depth scale: expected positive metres per unit, got {scale_m!r}")
    if scale_m > 1:
        raise ValueError(
            f"depth scale: expected metres per unit, at most 1, got {scale_m!r}; units per metre are written "
            f"as {1 / scale_m:g}"
        )
    return float(scale_m)


def check_metres(
    depth: FloatArray, name: str = "depth", remedy: str = "divide by {per_m}", scale_m: float | None = None
) -> None:
    """BadInputError where depth (H, W) said to be in metres must be in another unit. remedy: what to do, of
    `per_m` units per metre or `scale` metres per unit. scale_m: what made metres of it, if stated.
    """
    if _is_median_within(depth, MIN_MEDIAN_M, MAX_MEDIAN_M):
        return
    median = median_m(depth)
    stated = "" if scale_m is None else f" with the stated scale {scale_m:g}"
    if median > MAX_MEDIAN_M:
        unit, per_m = ("centimetres", 100) if median < CENTIMETRE_MEDIAN else ("millimetres", 1000)
        raise BadInputError(
            f"{name}: expected metres, got a median depth of {median:.0f}{stated}, which looks like {unit}: "
            f"{remedy.format(per_m=per_m, scale=(scale_m or 1) / per_m)}"
        )
    if 0 < median < MIN_MEDIAN_M:
        raise BadInputError(
            f"{name}: expected metres, got a median depth of {median:.2g}{stated}, "
            f"nearer than any depth camera sees"
        )


def median_m(depth: FloatArray) -> float:
    """Median of what was measured, of every fourth pixel of every fourth row where these hold any; else 0."""
    for seen in (depth[::SAMPLE_STEP, ::SAMPLE_STEP], depth):
        measured = seen[np.isfinite(seen)]
        if measured.size:
            return float(np.median(measured))
    return 0.0


def _is_median_within(depth: FloatArray, low_m: float, high_m: float) -> bool:
    """Whether more than half of what `median_m` looks at first lies there: then so does the median, which is
    slower.
    """
    seen = np.ascontiguousarray(depth[::SAMPLE_STEP, ::SAMPLE_STEP])
    with np.errstate(invalid="ignore"):
        num_within = int(np.count_nonzero((seen > low_m) & (seen < high_m)))
    return 2 * num_within > seen.size or 2 * num_within > int(np.count_nonzero(np.isfinite(seen)))


def _is_median_of_units_within(
    raw: npt.NDArray[Any], ceiling: int | None, low_units: float, high_units: float
) -> bool:
    """As `_is_median_within`, of integers, to a unit; what is no distance may count as one beyond."""
    low, high = math.ceil(min(low_units, NO_DATA)) + 1, math.floor(min(high_units, ceiling or NO_DATA)) - 1
    seen = np.ascontiguousarray(raw[::SAMPLE_STEP, ::SAMPLE_STEP])
    num_within = np.count_nonzero((seen >= low) & (seen <= high))
    return bool(2 * num_within > np.count_nonzero(seen) - np.count_nonzero(seen == NO_DATA))


def _check_integers(raw: npt.NDArray[Any], ceiling: int | None, scale: float, scale_m: float | None) -> None:
    """BadInputError for depth that looks like another unit than said, or than millimetres where nobody said
    one.
    """
    if scale_m is None and raw.dtype.itemsize > 1:
        _check_steps(raw)
    low_m, high_m = MILLIMETRE_MEDIANS_M if scale_m is None else (MIN_MEDIAN_M, MAX_MEDIAN_M)
    if _is_median_of_units_within(raw, ceiling, low_m / scale, high_m / scale):
        return
    metres = _of_integers(raw, ceiling, scale)
    if scale_m is None:
        _check_millimetres(metres)
    else:
        check_metres(metres, remedy=REMEDY, scale_m=scale_m)


def _check_floats(metres: FloatArray, scale_m: float | None) -> None:
    """BadInputError for floats that look like another unit than said, or than metres."""
    check_metres(metres, remedy=REMEDY, scale_m=scale_m)
    if scale_m is None:
        _check_whole(metres)
        _check_shares(metres)


def _check_steps(raw: npt.NDArray[Any]) -> None:
    """Depth of fewer bits. SUN RGB-D keeps three other bits below the millimetres (SUNRGBDtoolbox,
    readData/read3dPoints.m).
    """
    step = _common_step(raw, (*STRETCHED, SHIFTED_BITS, *MULTIPLES))
    if step in STRETCHED:
        raise BadInputError(
            f"depth: expected millimetres in 16 bits, got depth of 8 bits stretched to 16, of which nothing "
            f"says how many metres a step is: give the scale in metres per unit ({GIVE_SCALE})"
        )
    if step is None or _nearest(raw) < MIN_OTHER_UNIT_M / MILLIMETRE_M * step:
        return
    if step == SHIFTED_BITS:
        raise BadInputError(
            f"depth: expected millimetres in 16 bits, got multiples of {SHIFTED_BITS} alone, which looks "
            f"like millimetres shifted by three bits: give the scale {MILLIMETRE_M / SHIFTED_BITS:g} "
            f"({GIVE_SCALE})"
        )
    if step in MULTIPLES:
        raise BadInputError(
            f"depth: expected millimetres in 16 bits, got multiples of {step} alone, which looks like "
            f"millimetres in another unit: give the scale {MILLIMETRE_M / step:g} ({GIVE_SCALE}), or "
            f"{MILLIMETRE_M} where millimetres are right"
        )


def _common_step(picture: npt.NDArray[Any], steps: tuple[int, ...]) -> int | None:
    """The first of `steps` of which all that was measured is a multiple, if it has several values; a few
    pixels decide it nearly always.
    """
    for every in (SPARSE_STEP, SAMPLE_STEP):
        seen = picture[::every, ::every]
        measured = seen[(seen > 0) & (seen != NO_DATA)]
        steps = tuple(step for step in steps if not (measured % step).any())
        if not steps:
            return None
    return steps[0] if np.unique(measured).size >= MIN_VALUES else None


def _nearest(raw: npt.NDArray[Any]) -> int:
    """Of every fourth pixel of every fourth row; 0 and `NO_DATA` are none."""
    seen = raw[::SAMPLE_STEP, ::SAMPLE_STEP]
    return int(np.where(seen == 0, NO_DATA, seen).min())


def _check_whole(metres: FloatArray) -> None:
    """No camera measures whole metres alone."""
    if _common_step(metres, (1,)):
        raise BadInputError(
            f"depth: expected metres, got whole numbers alone, which looks like another unit or disparity: "
            f"give the scale in metres per unit ({GIVE_SCALE})"
        )


def _check_shares(metres: FloatArray) -> None:
    """Floats that end at exactly 1 without being cut off there, and are no millimetres, were divided by the
    largest depth of their picture: nothing says how many metres that was.
    """
    if not metres.size or np.fmax.reduce(metres, axis=None) != 1.0:
        return
    seen = metres[np.isfinite(metres)]
    nearest = float(seen.min())
    if nearest == 1.0:
        return
    is_cut = np.count_nonzero(seen == 1.0) > max(MAX_LARGEST_SHARE * seen.size, 1)
    is_bytes, is_millimetres = (_is_whole(seen * steps) for steps in (BYTE_STEPS, 1 / MILLIMETRE_M))
    if is_bytes or not (is_cut or is_millimetres):
        raise BadInputError(
            "depth: expected metres, got floats of which the largest is exactly 1, which looks like shares "
            "of the picture's largest depth: write metres"
        )
    if is_cut and nearest >= MIN_Z_BUFFER and not is_millimetres:
        raise BadInputError(
            f"depth: expected metres, got floats of {nearest:.3f} to exactly 1, which looks like a z-buffer: "
            f"write metres, or give the scale 1 where they are ({GIVE_SCALE})"
        )


def _is_whole(values: FloatArray) -> bool:
    return bool((np.abs(values - np.round(values)) < WHOLE_TOLERANCE).all())


def _check_millimetres(metres: FloatArray) -> None:
    """BadInputError for 16-bit depth of a scene that no depth camera sees so near or so far."""
    low, high = MILLIMETRE_MEDIANS_M
    median = median_m(metres)
    if low <= median <= high or median == 0:
        return
    units = median / MILLIMETRE_M
    fits = [
        f"{name} would make it {units * scale:.2f} m"
        for scale, name in OTHER_SCALES.items()
        if USUAL_MEDIANS_M[0] <= units * scale <= USUAL_MEDIANS_M[1]
    ]
    raise BadInputError(
        f"depth: expected a median of {low:g} to {high:g} m, got {median:.3f} m from 16 bits read as "
        f"millimetres ({'; '.join(fits) or 'no usual scale fits'}): give the scale in metres per unit "
        f"({GIVE_SCALE}), {MILLIMETRE_M} where millimetres are right"
    )
