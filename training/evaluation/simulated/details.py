"""What the summary of simulated scenes leaves out: intervals, and figures by relation and by kind of thing.

In: `Trial`s. Out: figures, as JSON, and tables of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from n3d_ros.spatial import parse_question
from n3d_ros.training.evaluation.figures.boxes import bounded, lower_median
from n3d_ros.training.evaluation.metrics.intervals import estimate, share
from n3d_ros.training.evaluation.report.tables import Table, number, percent
from n3d_ros.training.evaluation.simulated.answers import Answered
from n3d_ros.training.evaluation.simulated.grounding import Trial


def details(results: Sequence[Trial]) -> dict[str, Any]:
    """All with intervals. An object's kind is the last word of its name, as the simulator calls things."""
    refusals = [trial.refusal for trial in results if trial.refusal is not None]
    answered = [trial.answered for trial in results if trial.answered is not None]
    return {
        "boxes": _boxes(results),
        "boxes_by_kind": _by(results, lambda trial: trial.words.split()[-1], _boxes),
        "refused": share([not refusal.num_found for refusal in refusals]).to_dict(),
        "answers": _answers(answered),
        "answers_by_relation": _by(answered, _relation, _answers),
        "answers_by_form": _by(answered, _form, _answers),
    }


def _by(
    every: Sequence[Any], name: Callable[[Any], str], figures: Callable[[Sequence[Any]], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[Any]] = {}
    for one in every:
        groups.setdefault(name(one), []).append(one)
    return {found: figures(groups[found]) for found in sorted(groups)}


def _boxes(results: Sequence[Trial]) -> dict[str, Any]:
    errors = [np.inf if trial.center_error_m is None else trial.center_error_m for trial in results]
    return {
        "found": share([trial.num_found > 0 for trial in results]).to_dict(),
        "share_iou_25": share([trial.iou >= 0.25 for trial in results]).to_dict(),
        "share_iou_50": share([trial.iou >= 0.5 for trial in results]).to_dict(),
        "iou": estimate([trial.iou for trial in results], np.mean).to_dict(),
        "center_error_m": bounded(estimate(errors, lower_median).to_dict()),
    }


def _answers(answered: Sequence[Answered]) -> dict[str, Any]:
    return {
        "answered": share([one.found for one in answered]).to_dict(),
        "right": share([one.right for one in answered]).to_dict(),
        "confirmed": share([one.confirmed for one in answered]).to_dict(),
    }


def _relation(one: Answered) -> str:
    query = parse_question(one.question)
    return "not understood" if query is None else query.relation


def _form(one: Answered) -> str:
    query = parse_question(one.question)
    return "not understood" if query is None else query.form


def detail_tables(found: dict[str, Any]) -> list[Table]:
    """For a terminal."""
    boxes = {"all": found["boxes"], **found["boxes_by_kind"]}
    made = [
        Table(
            "Boxes by kind of thing, 95 % intervals",
            ("", "prompts", "found", "IoU >= 0.25", "mean IoU", "median centre error, cm"),
            tuple(_box_row(name, row) for name, row in boxes.items()),
        ),
        Table("Absent things", ("", ""), (("refused", percent(found["refused"])),)),
    ]
    for key, title in (("answers_by_relation", "relation"), ("answers_by_form", "form")):
        rows = {"all": found["answers"], **found[key]}
        header = ("", "questions", "answered", "right", "own sentence confirmed")
        cells = tuple(_answer_row(name, row) for name, row in rows.items())
        made.append(Table(f"Answers by {title} of the question", header, cells))
    return made


def _box_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(row["found"]["of"]),
        percent(row["found"]),
        percent(row["share_iou_25"]),
        number(row["iou"]),
        number(row["center_error_m"], 1, 100.0),
    )


def _answer_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    shares = (percent(row[key]) for key in ("answered", "right", "confirmed"))
    return (name, str(row["right"]["of"]), *shares)
