"""How a lens bends rays: the models that sensor_msgs/CameraInfo names, forward and back.

In: rays as x and y at a depth of 1 (optical frame, float64 arrays of one shape). Out: the same, bent or
straightened; NaN where no ray of the model ends. It does not know pixels.

Formulas: OpenCV's documentation, "Camera Calibration and 3D Reconstruction" (plumb_bob is its five-parameter
model, rational_polynomial its eight- and twelve-parameter ones) and "Fisheye camera model" (equidistant).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from n3d_ros.plain_text import shown

Floats = NDArray[np.float64]

PLUMB_BOB, RATIONAL, EQUIDISTANT = "plumb_bob", "rational_polynomial", "equidistant"
# Coefficients of each model. The last two of fourteen tilt the sensor and must be 0.
COUNTS = {PLUMB_BOB: (4, 5), RATIONAL: (8, 12, 14), EQUIDISTANT: (4,)}
# One formula, of whose coefficients OpenCV takes as many as there are, in one order:
# https://docs.opencv.org/4.x/d9/d0c/group__calib3d.html
POLYNOMIAL = {count: name for name in (PLUMB_BOB, RATIONAL) for count in COUNTS[name]}
# Other names of the same formulas: kalibr's, librealsense's (include/librealsense2/rsutil.h), OpenCV's,
# COLMAP's.
ALIASES = {
    "radtan": PLUMB_BOB,
    "brown_conrady": PLUMB_BOB,
    "rational": RATIONAL,
    "fisheye": EQUIDISTANT,
    "kannala_brandt": EQUIDISTANT,
    "kannala_brandt4": EQUIDISTANT,
    "opencv": PLUMB_BOB,
    "full_opencv": RATIONAL,
    "opencv_fisheye": EQUIDISTANT,
}
STRAIGHT = ("", "none", "no_distortion")
# Models that leave rays alone where all coefficients are 0, and that are refused otherwise. librealsense has
# read those of inverse_brown_conrady in either direction (doc/projection.md against newer rsutil.h).
STRAIGHT_AT_ZERO = (
    *STRAIGHT, "inverse_brown_conrady", "modified_brown_conrady", "thin_prism", "perspective", "pinhole",
)  # fmt: skip
# Rays are followed to 84 degrees from the axis; no pinhole picture reaches farther.
MAX_SLOPE = 10.0
NUM_SAMPLES = 4096
NUM_STEPS = 20
# Of a straightened ray, bent again: a ten-millionth of a pixel at a focal length of 1000 px.
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Distortion:
    """A lens that bends. model: one of `COUNTS`. coefficients, in OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6
    [s1 s2 s3 s4 [0 0]]]], of equidistant k1 k2 k3 k4. ValueError for another model, count or no number.
    """

    model: str
    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        counts = COUNTS.get(self.model)
        if counts is None:
            raise ValueError(f"distortion: expected one of {', '.join(COUNTS)}, got {shown(self.model)}")
        if len(self.coefficients) not in counts:
            expected = " or ".join(map(str, counts))
            raise ValueError(
                f"distortion: expected {expected} coefficients of {self.model}, got {len(self.coefficients)}"
            )
        if not all(math.isfinite(value) for value in self.coefficients):
            raise ValueError(f"distortion: expected finite coefficients, got {self.coefficients}")
        if any(self.coefficients[12:]):
            raise ValueError(f"distortion: a tilted sensor is not supported, got {self.coefficients[12:]}")

    @classmethod
    def stated(cls, model: str | None, coefficients: Sequence[float]) -> Distortion | None:
        """From a model's name in anybody's spelling; None where it leaves every ray alone.

        model: None where none is stated; then the count decides as in OpenCV, and four are refused, for they
        may be plumb_bob's or equidistant's. Of the two polynomials the count decides which one it is, and
        zeros beyond a model's coefficients are left out: drivers write as many numbers for every lens.
        ValueError for a model that is not supported.
        """
        values = tuple(map(float, coefficients))
        name = _named_by_count(values) if model is None else spelled(model)
        if name in STRAIGHT_AT_ZERO and not any(values):
            return None
        if name in STRAIGHT:
            raise ValueError(
                f"distortion: model {shown(model)} and coefficients {shown(values)} contradict each other"
            )
        if name in POLYNOMIAL.values() and not any(values):
            return None
        return cls(*_counted(name, values))

    def bend(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Ideal rays -> where the lens puts them. Rays beyond the model's reach go on outwards, so that what
        lies outside of a picture never folds back into it.
        """
        reach = _profile(self).reach
        slope = np.hypot(x, y)
        stretch = np.maximum(slope / reach, 1.0)
        bent_x, bent_y = self._bend(x / stretch, y / stretch)
        return bent_x * stretch, bent_y * stretch

    def straighten(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The inverse of `bend`; NaN where no ray within the model's reach ends or the search fails."""
        if self.model == EQUIDISTANT:
            return self._straighten_fisheye(x, y)
        profile = _profile(self)
        bent = np.hypot(x, y)
        # the radial part alone gives the start, on the branch that begins at the axis
        slope = np.interp(bent, profile.bent, profile.slope, right=np.nan)
        factor = np.divide(slope, bent, out=np.ones_like(bent), where=bent > 0)
        ideal_x, ideal_y = x * factor, y * factor
        for _ in range(NUM_STEPS):
            error_x, error_y = self._errors(ideal_x, ideal_y, x, y)
            if not _is_above(error_x, error_y, TOLERANCE):
                break
            xx, xy, yx, yy = self._slopes(ideal_x, ideal_y)
            product = xx * yy - xy * yx
            determinant = np.where(product > 0, product, np.nan)  # else past a fold
            ideal_x = ideal_x - (yy * error_x - xy * error_y) / determinant
            ideal_y = ideal_y - (xx * error_y - yx * error_x) / determinant
        return self._checked(ideal_x, ideal_y, x, y)

    def _straighten_fisheye(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """By the angle from the axis, which one equation gives."""
        profile = _profile(self)
        bent = np.hypot(x, y)
        angle = np.arctan(np.interp(bent, profile.bent, profile.slope, right=np.nan))
        for _ in range(NUM_STEPS):
            error = _fisheye(angle, self.coefficients) - bent
            if not _is_above(error, error, TOLERANCE):
                break
            angle = angle - error / _fisheye_slope(angle, self.coefficients)
        factor = np.divide(np.tan(angle), bent, out=np.ones_like(bent), where=bent > 0)
        return self._checked(x * factor, y * factor, x, y)

    def _checked(self, ideal_x: Floats, ideal_y: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """NaN instead of what does not bend back to where it came from, or lies past the reach."""
        error_x, error_y = self._errors(ideal_x, ideal_y, x, y)
        inside = np.hypot(ideal_x, ideal_y) <= _profile(self).reach
        good = (np.abs(error_x) <= TOLERANCE) & (np.abs(error_y) <= TOLERANCE) & inside
        return np.where(good, ideal_x, np.nan), np.where(good, ideal_y, np.nan)

    def _errors(self, ideal_x: Floats, ideal_y: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        bent_x, bent_y = self._bend(ideal_x, ideal_y)
        return bent_x - x, bent_y - y

    def _bend(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        if self.model == EQUIDISTANT:
            slope = np.hypot(x, y)
            bent = _fisheye(np.arctan(slope), self.coefficients)
            factor = np.divide(bent, slope, out=np.ones_like(slope), where=slope > 0)
            return x * factor, y * factor
        _, _, p1, p2, *_ = c = _padded(self.coefficients)
        r2 = x * x + y * y
        radial, _ = _radial(r2, c)
        bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + (c[8] + c[9] * r2) * r2
        bent_y = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + (c[10] + c[11] * r2) * r2
        return bent_x, bent_y

    def _slopes(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Derivatives of `_bend`'s polynomials: of bent_x by x and by y, of bent_y by x and by y."""
        _, _, p1, p2, *_ = c = _padded(self.coefficients)
        r2 = x * x + y * y
        radial, growth = _radial(r2, c)
        shared = 2 * x * y * growth + 2 * p1 * x + 2 * p2 * y
        prism_x, prism_y = 2 * (c[8] + 2 * c[9] * r2), 2 * (c[10] + 2 * c[11] * r2)
        xx = radial + 2 * x * x * growth + 2 * p1 * y + 6 * p2 * x + prism_x * x
        yy = radial + 2 * y * y * growth + 6 * p1 * y + 2 * p2 * x + prism_y * y
        return xx, shared + prism_x * y, shared + prism_y * x, yy


@dataclass(frozen=True)
class _Profile:
    """The radial part along one ray: bent[i] belongs to slope[i], both growing. reach: the last slope."""

    slope: Floats
    bent: Floats

    @property
    def reach(self) -> float:
        return float(self.slope[-1])


@lru_cache(maxsize=16)
def _profile(distortion: Distortion) -> _Profile:
    """From the axis to where the model folds: farther rays would land on pixels that nearer ones have."""
    slope = np.tan(np.linspace(0.0, math.atan(MAX_SLOPE), NUM_SAMPLES))
    if distortion.model == EQUIDISTANT:
        bent = _fisheye(np.arctan(slope), distortion.coefficients)
    else:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bent = slope * _radial(slope * slope, _padded(distortion.coefficients))[0]
    grows = np.diff(bent) > 0  # False for NaN too
    end = len(slope) if grows.all() else int(np.argmin(grows)) + 1
    if end < 2:
        raise ValueError(f"distortion: {distortion.model} {distortion.coefficients} folds at its centre")
    return _Profile(slope[:end], bent[:end])


def spelled(model: str) -> str:
    """'distortion.inverse_brown_conrady', 'Inverse Brown Conrady' -> 'inverse_brown_conrady'; aliases
    resolved.
    """
    name = model.strip().lower().rpartition(".")[2].replace(" ", "_").replace("-", "_")
    return ALIASES.get(name, name)


def _named_by_count(values: tuple[float, ...]) -> str:
    """Which model OpenCV takes for so many coefficients."""
    if not any(values):
        return ""
    if len(values) == 4:
        raise ValueError(
            f"distortion: expected a model with the four coefficients {values}: "
            f"{PLUMB_BOB} and {EQUIDISTANT} both have four"
        )
    return PLUMB_BOB if len(values) == 5 else RATIONAL


def _counted(model: str, values: tuple[float, ...]) -> tuple[str, tuple[float, ...]]:
    """The model that so many coefficients are of, without the zeros beyond its own."""
    if model == EQUIDISTANT:
        return model, _of_fisheye(values)
    if model not in POLYNOMIAL.values():
        return model, values
    most = max(COUNTS[model])
    if len(values) > most and not any(values[most:]):
        values = values[:most]
    return POLYNOMIAL.get(len(values), model), values


def _of_fisheye(values: tuple[float, ...]) -> tuple[float, ...]:
    """Of more than four only zeros are taken, else ValueError: Orbbec's driver writes k1 k2 0 0 k3 k4 0 0,
    five with a last 0 look like plumb_bob's, and camera info does not say who wrote it.
    """
    (count,) = COUNTS[EQUIDISTANT]
    if len(values) > count and any(values):
        raise ValueError(
            f"distortion: expected {count} coefficients of {EQUIDISTANT}, got {len(values)}: "
            f"{shown(values)}; which of them are k1 k2 k3 k4 is not known"
        )
    return values[:count]


def _padded(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Twelve coefficients of the polynomials."""
    return (*coefficients, *[0.0] * 8)[:12]


def _radial(r2: Floats, c: tuple[float, ...]) -> tuple[Floats, Floats]:
    """The radial factor and its derivative by r2."""
    above = 1 + r2 * (c[0] + r2 * (c[1] + r2 * c[4]))
    below = 1 + r2 * (c[5] + r2 * (c[6] + r2 * c[7]))
    above_growth = c[0] + r2 * (2 * c[1] + r2 * 3 * c[4])
    below_growth = c[5] + r2 * (2 * c[6] + r2 * 3 * c[7])
    return above / below, (above_growth * below - above * below_growth) / (below * below)


def _fisheye(angle: Floats, k: tuple[float, ...]) -> Floats:
    a2 = angle * angle
    bent: Floats = angle * (1 + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3]))))
    return bent


def _fisheye_slope(angle: Floats, k: tuple[float, ...]) -> Floats:
    a2 = angle * angle
    slope: Floats = 1 + a2 * (3 * k[0] + a2 * (5 * k[1] + a2 * (7 * k[2] + a2 * 9 * k[3])))
    return slope


def _is_above(x: Floats, y: Floats, limit: float) -> Any:
    """Whether any is; NaN counts as given up."""
    return bool((np.abs(x) > limit).any() or (np.abs(y) > limit).any())
