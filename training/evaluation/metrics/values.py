"""When a number counts as right, as the papers do it.

In: a number said and the true one. Out: yes or no, or an error. Lengths: within 25 % of the truth, both ends
included; clock directions: the exact hour or one beside it (docs/evaluation.md; the rule of SpatialRGPT's
evaluator, github.com/AnjieCheng/SpatialRGPT, scripts/srgpt/eval). It does not read sentences.
"""

from __future__ import annotations

HOURS = 12
TOLERANCE = 0.25
# Of the truth: 1.25 * 0.6 and 0.75 differ in the last bit and are the same number.
ROUNDING = 1e-9


def is_within(said: float, true: float, tolerance: float = TOLERANCE) -> bool:
    """|said - true| <= tolerance * |true|; equal numbers always."""
    return abs(said - true) <= (tolerance + ROUNDING) * abs(true)


def relative_error(said: float, true: float) -> float:
    """|said - true| / true. ValueError for a truth of 0."""
    if true == 0:
        raise ValueError("relative error: expected a truth other than 0, got 0")
    return abs(said - true) / abs(true)


def hours_apart(said: float, true: float) -> float:
    """Hours between two clock directions, 0..6, the short way round."""
    for hour in (said, true):
        if not 0 < hour <= HOURS:
            raise ValueError(f"clock direction: expected above 0 and at most {HOURS}, got {hour}")
    apart = abs(said - true) % HOURS
    return min(apart, HOURS - apart)


def mirrored_hour(hour: float) -> float:
    """The hour of a direction in a mirror. Hour h stands for the angles from 30 (12 - h) degrees to the left
    up to 30 more, its own end excluded (docs/specification/spatial.md 2); in the mirror they are those of
    13 - h.
    """
    return 13 - hour
