"""What share of the answers is right, by every way to sort the questions.

In: `Marked` answers to questions about space. Out: rows of figures, as JSON. N3D-Bench's two families, open
and numerical, are those of arXiv 2512.16561.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.judging.judgement import HOUR, LENGTH, OUTCOMES, wanted
from n3d_ros.training.evaluation.metrics.intervals import estimate, share
from n3d_ros.training.evaluation.metrics.values import relative_error
from n3d_ros.training.qa.records import CATEGORIES, NUMERICAL, OPEN

MANY = 4


def answer_figures(marked: Sequence[Marked]) -> dict[str, Any]:
    """Empty where no sentence was wanted."""
    asked = [one for one in marked if one.judgement is not None]
    if not asked:
        return {}
    return {
        "all": _row(asked),
        "family": _by(asked, _family, ("open", "numerical", "other")),
        "category": _by(asked, lambda one: one.question.category, CATEGORIES),
        "answer": _by(asked, lambda one: wanted(one.question)),
        "objects": _by(asked, _objects),
        "viewpoint": _by(asked, lambda one: one.question.viewpoint or "camera"),
        "lengths": _lengths(asked),
    }


def _by(
    asked: Sequence[Marked], name: Callable[[Marked], str], order: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """A row for each name that occurs, in `order`, else by name."""
    groups: dict[str, list[Marked]] = {}
    for one in asked:
        groups.setdefault(name(one), []).append(one)
    names = [found for found in order if found in groups] or sorted(groups)
    return {found: _row(groups[found]) for found in names}


def _row(group: Sequence[Marked]) -> dict[str, Any]:
    """near: of clock directions, at most one hour off counts too; None where there are none."""
    given = [one.judgement for one in group if one.judgement is not None]
    own = [one.own for one in group if one.own is not None]
    outcomes = Counter(one.outcome for one in given)
    has_hours = any(one.is_near is not None for one in given)
    near = share([bool(one.is_near) if one.is_near is not None else one.is_right for one in given])
    return {
        "right": share([one.is_right for one in given]).to_dict(),
        "near": near.to_dict() if has_hours else None,
        "own_right": share([one.is_right for one in own]).to_dict(),
        "own_unparsed": sum(one.outcome == "unparsed" for one in own),
        "computed": sum(one.reply.is_computed for one in group),
        "refused": sum(bool(one.reply.fault) for one in group),
        "outcomes": {outcome: outcomes[outcome] for outcome in OUTCOMES},
    }


def _family(one: Marked) -> str:
    category = one.question.category
    return "open" if category in OPEN else "numerical" if category in NUMERICAL else "other"


def _objects(one: Marked) -> str:
    number = one.question.num_objects
    return f"{MANY} or more" if number >= MANY else str(number)


def _lengths(asked: Sequence[Marked]) -> dict[str, Any]:
    """Of the lengths that were understood: how far off they are, as shares of the truth."""
    said = [
        (one.judgement.said, one.question.value, one.question.picture.key)
        for one in asked
        if one.judgement is not None and one.judgement.said is not None and wanted(one.question) == LENGTH
    ]
    errors = [(relative_error(value, true), key) for value, true, key in said if true]
    values, groups = [error for error, _ in errors], [key for _, key in errors]
    hours = sum(wanted(one.question) == HOUR for one in asked)
    return {"relative_error": estimate(values, groups=groups).to_dict(), "num_hours": hours}
