"""Marks of all variants and seeds -> one table, with intervals, and what it says about each claim.

In: `Mark`s. Out: figures and text. It does not know models. A share's interval holds 95 % of 2,000 bootstrap
draws of pictures, all questions about a picture together, since they are right or wrong together; the
seeds of a variant are pooled, and their own means stand in the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.text_table import text_table
from n3d_ros.training.claims.measure import RIGHT_IOU, Mark
from n3d_ros.training.claims.variants import (
    BOXES,
    CAMERA_XYZ,
    DIRECTLY,
    GROUNDING_FIRST,
    LESS_DATA,
    NO_DEPTH,
)
from n3d_ros.training.qa.records import OPEN

DRAWS = 2000
# Variant -> its marks, seed by seed.
Results = Mapping[str, Sequence[Sequence[Mark]]]
Read = Callable[[Mark], "float | None"]


@dataclass(frozen=True)
class Figure:
    """A mean with its 95 % interval, the mean of each seed, and over how many questions."""

    mean: float
    low: float
    high: float
    by_seed: tuple[float, ...]
    num_questions: int


def box_right(mark: Mark) -> float | None:
    return None if mark.iou is None else float(mark.iou >= RIGHT_IOU)


def box_iou(mark: Mark) -> float | None:
    return mark.iou


def box_error_m(mark: Mark) -> float | None:
    return mark.center_error_m


def open_right(mark: Mark) -> float | None:
    return None if mark.said is None or mark.category not in OPEN else float(mark.said)


def number_right(mark: Mark) -> float | None:
    return None if mark.said is None or mark.category in OPEN else float(mark.said)


def open_computed(mark: Mark) -> float | None:
    return None if mark.computed is None or mark.category not in OPEN else float(mark.computed)


def number_computed(mark: Mark) -> float | None:
    return None if mark.computed is None or mark.category in OPEN else float(mark.computed)


COLUMNS: dict[str, Read] = {
    "3D IoU >= 0.25": box_right,
    "mean IoU": box_iou,
    "centre error, m": box_error_m,
    "yes/no": open_right,
    "numbers": number_right,
    "yes/no, computed": open_computed,
    "numbers, computed": number_computed,
}
BOX_COLUMNS = ("mean IoU", "centre error, m")
# Claim -> the variant that the paper has ahead, the one behind, what is compared.
CLAIMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "grounding first beats answering directly": (GROUNDING_FIRST, DIRECTLY, ("yes/no", "numbers")),
    "depth beats none": (BOXES, NO_DEPTH, BOX_COLUMNS),
    "u, v, z beats x, y, z": (BOXES, CAMERA_XYZ, BOX_COLUMNS),
    "all data beats 20 %": (BOXES, LESS_DATA, BOX_COLUMNS),
}
TYPICAL = "typical answers"
LESS_IS_BETTER = ("centre error, m",)


def figure(seeds: Sequence[Sequence[Mark]], read: Read) -> Figure | None:
    """Of one variant; None where nothing of the kind was asked."""
    by_seed = [[value for mark in marks if (value := read(mark)) is not None] for marks in seeds]
    values, pictures = _pooled(seeds, read)
    if not len(values):
        return None
    low, high = np.percentile(_draws(values, pictures), (2.5, 97.5))
    means = tuple(float(np.mean(one)) for one in by_seed if one)
    return Figure(float(values.mean()), float(low), float(high), means, len(values))


def difference(
    ahead: Sequence[Sequence[Mark]], behind: Sequence[Sequence[Mark]], read: Read
) -> tuple[float, float] | None:
    """95 % interval of the difference of two means, pictures drawn for both at once."""
    first, second = _pooled(ahead, read), _pooled(behind, read)
    if not len(first[0]) or not len(second[0]):
        return None
    names = sorted(set(first[1]) | set(second[1]))
    draws = _draws(*first, names) - _draws(*second, names)
    low, high = np.nanpercentile(draws, (2.5, 97.5))
    return float(low), float(high)


def _pooled(seeds: Sequence[Sequence[Mark]], read: Read) -> tuple[np.ndarray, list[str]]:
    """Values of all seeds and the picture of each."""
    pairs = [(value, mark.picture) for marks in seeds for mark in marks if (value := read(mark)) is not None]
    return np.array([value for value, _ in pairs], dtype=np.float64), [picture for _, picture in pairs]


def _draws(values: np.ndarray, pictures: list[str], names: list[str] | None = None) -> np.ndarray:
    """(DRAWS,) means over pictures drawn with replacement; the same draws for the same `names`."""
    names = sorted(set(pictures)) if names is None else names
    place = {name: number for number, name in enumerate(names)}
    index = np.array([place[picture] for picture in pictures])
    sums = np.bincount(index, values, len(names))
    counts = np.bincount(index, minlength=len(names))
    chosen = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    with np.errstate(invalid="ignore"):  # a draw without any of the pictures has no mean
        means: np.ndarray = sums[chosen].sum(1) / counts[chosen].sum(1)
    return means


def table(results: Results) -> str:
    """A row a variant: mean [interval] of every column, '-' where it was not asked."""
    rows = [["", *COLUMNS]]
    for name, seeds in results.items():
        rows.append([name, *(_cell(figure(seeds, read)) for read in COLUMNS.values())])
    return text_table(rows)


def _cell(found: Figure | None) -> str:
    return "-" if found is None else f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def verdicts(results: Results) -> list[str]:
    """A line for each claim and column: holds, contradicted, not to be told from chance here, or not decided
    where neither variant does better than typical answers: models that learned nothing contradict nothing.
    """
    lines = []
    for claim, (ahead, behind, columns) in CLAIMS.items():
        for column in columns:
            read = COLUMNS[column]
            found = difference(results.get(ahead, ()), results.get(behind, ()), read)
            if found is None:
                continue
            learned = any(_has_learned(results[name], results, column) for name in (ahead, behind))
            said = verdict(found, column) if learned else f"not decided, neither beats {TYPICAL}"
            lines.append(f"{claim} ({column}): {said}")
    return lines


def _has_learned(seeds: Sequence[Sequence[Mark]], results: Results, column: str) -> bool:
    """Whether a variant does better than typical answers, by more than chance."""
    found = difference(seeds, results.get(TYPICAL, ()), COLUMNS[column])
    return found is not None and verdict(found, column).startswith("holds")


def verdict(found: tuple[float, float], column: str) -> str:
    """What the interval of a difference says."""
    low, high = found
    shown = f"difference [{low:+.3f}, {high:+.3f}]"
    if low <= 0 <= high:
        return f"not to be told from chance here, {shown}"
    holds = (high < 0) if column in LESS_IS_BETTER else (low > 0)
    return f"{'holds' if holds else 'contradicted'}, {shown}"
