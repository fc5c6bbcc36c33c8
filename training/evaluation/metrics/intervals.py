"""How sure a figure is, given how little was asked.

In: counts or values. Out: 95 % intervals. Wilson's interval for shares holds for few trials and for shares
of 0 and 1 (E. B. Wilson 1927, doi.org/10.1080/01621459.1927.10502953); the percentile bootstrap for
everything else (B. Efron 1979, doi.org/10.1214/aos/1176344552).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import Array

# The normal distribution's 97.5 % quantile.
Z_95 = 1.959963984540054
RESAMPLES = 1000

Statistic = Callable[[Array], Any]


@dataclass(frozen=True)
class Share:
    """`num` of `of`, as a share with its Wilson interval; all three None where there was nothing."""

    num: int
    of: int
    value: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Estimate:
    """A statistic of `num` values with its bootstrap interval; None where there was nothing.

    num_drawn: groups (pictures) that the values are of; one alone gives no interval.
    """

    num: int
    value: float | None
    low: float | None
    high: float | None
    num_drawn: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def share(flags: Sequence[bool] | npt.NDArray[np.bool_]) -> Share:
    """The share of True."""
    num, of = int(np.sum(np.asarray(flags, dtype=bool))), len(flags)
    if not of:
        return Share(0, 0, None, None, None)
    return Share(num, of, num / of, *wilson(num, of))


def wilson(num: int, of: int) -> tuple[float, float]:
    """The interval around num/of. ValueError without trials or where num is no count of them."""
    if not 0 <= num <= of or of < 1:
        raise ValueError(f"wilson: expected 0 <= num <= of and of >= 1, got {num} of {of}")
    p, z2 = num / of, Z_95**2
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    reach = Z_95 / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def estimate(
    values: Sequence[float], statistic: Statistic = np.median, groups: Sequence[Hashable] | None = None
) -> Estimate:
    """`statistic` of the values with its interval. groups: one a value, e.g. its picture: whole groups are
    drawn, since questions about one picture fail together. The same values give the same interval.
    """
    if not len(values):
        return Estimate(0, None, None, None)
    numbers = np.asarray(values, dtype=np.float64)
    low, high = bootstrap(numbers, statistic, groups)
    num_drawn = len(numbers) if groups is None else len(set(groups))
    found = Estimate(len(numbers), float(statistic(numbers)), low, high, num_drawn)
    return found if num_drawn > 1 else replace(found, low=None, high=None)


def bootstrap(
    values: Array, statistic: Statistic = np.median, groups: Sequence[Hashable] | None = None
) -> tuple[float, float]:
    """2.5 % and 97.5 % quantiles of `statistic` over RESAMPLES samples drawn with replacement.

    A drawn value, not a mean of two, so that infinite errors stay what they are. ValueError without values,
    or for another number of groups.
    """
    names = list(range(len(values))) if groups is None else list(groups)
    if not len(values) or len(names) != len(values):
        raise ValueError(
            f"bootstrap: expected as many groups as values, at least one; got {len(names)}, {len(values)}"
        )
    members: dict[Hashable, list[int]] = {}
    for index, name in enumerate(names):
        members.setdefault(name, []).append(index)
    clusters = [values[chosen] for chosen in members.values()]
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(clusters), size=len(clusters)) for _ in range(RESAMPLES)]
    found = [float(statistic(np.concatenate([clusters[i] for i in sample]))) for sample in drawn]
    low, high = np.quantile(np.array(found), [0.025, 0.975], method="nearest")
    return float(low), float(high)
