"""Marks of all variants and seeds -> one table, with intervals, and what it says about each claim.

In: `Mark`s. Out: figures and text. It does not know models. An interval holds 95 % of 2,000 bootstrap draws
of scenes, all questions about a scene together, since they are right or wrong together. Two variants are
compared question by question. The seeds of a variant are pooled, and their own means stand in the figure;
an interval of one seed says nothing of what another seed would bring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3d_ros.text_table import text_table
from n3d_ros.training.claims.measure import RIGHT_IOU, Mark
from n3d_ros.training.claims.questions import OPEN
from n3d_ros.training.claims.variants import (
    BOXES,
    CAMERA_XYZ,
    DIRECTLY,
    DIRECTLY_AFTER,
    GROUNDING_FIRST,
    LESS_DATA,
    NO_DEPTH,
)

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
    return None if mark.said is None or mark.relation not in OPEN else float(mark.said)


def number_right(mark: Mark) -> float | None:
    return None if mark.said is None or mark.relation in OPEN else float(mark.said)


COLUMNS: dict[str, Read] = {
    "3D IoU >= 0.25": box_right,
    "mean IoU": box_iou,
    "centre error, m": box_error_m,
    "yes/no": open_right,
    "numbers": number_right,
}
BOX_COLUMNS = ("3D IoU >= 0.25", "mean IoU", "centre error, m")
ANSWER_COLUMNS = ("yes/no", "numbers")
# Grounding first, but answers are computed from its boxes, as the robot's are.
COMPUTED = "grounding first, computed"
# Claim -> the row that the paper has ahead, the one behind, what is compared.
CLAIMS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "grounding first beats answering directly": (GROUNDING_FIRST, DIRECTLY, ANSWER_COLUMNS),
    "the same, answers computed": (COMPUTED, DIRECTLY, ANSWER_COLUMNS),
    "grounding first beats directly, after grounding": (GROUNDING_FIRST, DIRECTLY_AFTER, ANSWER_COLUMNS),
    "depth beats none": (BOXES, NO_DEPTH, BOX_COLUMNS),
    "u, v, z beats x, y, z": (BOXES, CAMERA_XYZ, BOX_COLUMNS),
    "all data beats 20 %": (BOXES, LESS_DATA, BOX_COLUMNS),
}
TYPICAL = "typical answers"
LESS_IS_BETTER = ("centre error, m",)


def figure(seeds: Sequence[Sequence[Mark]], read: Read) -> Figure | None:
    """Of one variant; None where nothing of the kind was asked."""
    by_seed = [
        [(value, mark.scene) for mark in marks if (value := read(mark)) is not None] for marks in seeds
    ]
    values = [pair for one in by_seed for pair in one]
    if not values:
        return None
    mean, (low, high) = _mean_and_interval(values)
    means = tuple(float(np.mean([value for value, _ in one])) for one in by_seed if one)
    return Figure(mean, low, high, means, len(values))


def difference(
    ahead: Sequence[Sequence[Mark]], behind: Sequence[Sequence[Mark]], read: Read
) -> tuple[float, float] | None:
    """95 % interval of the mean difference over the questions that both have a value for, seed by seed; of
    what has fewer seeds they are taken again. None where there is no such question.
    """
    if not ahead or not behind:
        return None
    pairs = []
    for seed in range(max(len(ahead), len(behind))):
        second = {mark.id: read(mark) for mark in behind[seed % len(behind)]}
        for mark in ahead[seed % len(ahead)]:
            mine, other = read(mark), second.get(mark.id)
            if mine is not None and other is not None:
                pairs.append((mine - other, mark.scene))
    return _mean_and_interval(pairs)[1] if pairs else None


def _mean_and_interval(values: Sequence[tuple[float, str]]) -> tuple[float, tuple[float, float]]:
    """Mean of (value, scene), and its 95 % interval over scenes drawn with replacement."""
    scenes, index = np.unique([scene for _, scene in values], return_inverse=True)
    numbers = np.array([value for value, _ in values])
    sums, counts = np.bincount(index, numbers), np.bincount(index)
    chosen = np.random.default_rng(0).integers(0, len(scenes), (DRAWS, len(scenes)))
    low, high = np.percentile(sums[chosen].sum(1) / counts[chosen].sum(1), (2.5, 97.5))
    return float(numbers.mean()), (float(low), float(high))


def table(results: Results) -> str:
    """A row a variant: mean [interval] of every column, '-' where it was not asked."""
    rows = [["", *COLUMNS]]
    for name, seeds in _with_computed(results).items():
        rows.append([name, *(_cell(figure(seeds, read)) for read in COLUMNS.values())])
    return text_table(rows)


def _with_computed(results: Results) -> Results:
    """Behind what finds boxes first, the same with the answers that are computed from them."""
    rows: dict[str, Sequence[Sequence[Mark]]] = {}
    for name, seeds in results.items():
        rows[name] = seeds
        if name == GROUNDING_FIRST:
            rows[COMPUTED] = [[replace(mark, said=mark.computed) for mark in marks] for marks in seeds]
    return rows


def _cell(found: Figure | None) -> str:
    return "-" if found is None else f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def verdicts(results: Results) -> list[str]:
    """A line for each claim and column: holds, contradicted, not to be told from chance here, or not decided
    where neither variant does better than typical answers: models that learned nothing contradict nothing.
    """
    results, lines = _with_computed(results), []
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
