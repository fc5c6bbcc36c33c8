"""What the summary of simulated scenes leaves out: intervals, and figures by relation, by kind of thing and
by the way of asking.

In: `Trial`s. Out: figures, as JSON, and tables of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.spatial import parse_question
from n3d_ros.spatial.checking import ABSOLUTE_TOLERANCE_M, RELATIVE_TOLERANCE
from n3d_ros.training.evaluation.figures.boxes import bounded, lower_median
from n3d_ros.training.evaluation.metrics.intervals import bootstrap, estimate, share
from n3d_ros.training.evaluation.metrics.matching import scores_of
from n3d_ros.training.evaluation.report.tables import NOTHING, Table, number, percent, plain
from n3d_ros.training.evaluation.simulated.answers import Answered
from n3d_ros.training.evaluation.simulated.grounding import Trial
from n3d_ros.training.evaluation.simulated.naming import Named

CHANCE = "chance: right without looking, one of the possible answers or the length that fits most often"


def details(results: Sequence[Trial]) -> dict[str, Any]:
    """All with intervals. An object's kind is the last word of its name, as the simulator calls things."""
    refusals = [trial.refusal for trial in results if trial.refusal is not None]
    premises = [trial.premise for trial in results if trial.premise is not None]
    answered = [trial.answered for trial in results if trial.answered is not None]
    return {
        "boxes": _boxes(results),
        "boxes_by_kind": _by(results, lambda trial: trial.words.split()[-1], _boxes),
        "refused": share([not refusal.num_found for refusal in refusals]).to_dict(),
        "premises_unanswered": share([not one.answer for one in premises]).to_dict(),
        "answers": _answers(answered),
        "answers_by_relation": _by(answered, _relation, _answers),
        "answers_by_form": _by(answered, _form, _answers),
        "answers_by_way": _by(
            [one for trial in results for one in trial.further], lambda one: one.way, _answers
        ),
        "names_by_way": _by([one for trial in results for one in trial.named], lambda one: one.way, _names),
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


def _names(prompts: Sequence[Named]) -> dict[str, Any]:
    counts = np.array([(one.num_right, one.num_found, one.num_true) for one in prompts], np.float64)
    scores = scores_of(*(int(total) for total in counts.sum(axis=0)))
    low, high = bootstrap(counts, _f1)
    return {
        "exact": share([one.num_right == one.num_found == one.num_true for one in prompts]).to_dict(),
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": {
            "num": len(prompts),
            "value": _f1(counts),
            "low": low,
            "high": high,
            "num_drawn": len(prompts),
        },
    }


def _f1(counts: Array) -> float:
    """Of rows (right, found, true); 1 where nothing was there and nothing was found."""
    right, found, true = counts.sum(axis=0)
    return float(2 * right / (found + true)) if found + true else 1.0


def chance(answered: Sequence[Answered]) -> float | None:
    """What share is right without looking: one of the possible answers, or the length that is right most
    often among those wanted of the same relation. None where there is nothing.
    """
    lengths: dict[str, list[float]] = {}
    for one in answered:
        if one.true_m is not None:
            lengths.setdefault(_relation(one), []).append(one.true_m)
    right = float(sum(_most_often_right(wanted) for wanted in lengths.values()))
    right += sum(1 / one.num_choices for one in answered if one.num_choices)
    return right / len(answered) if answered else None


def _most_often_right(wanted: Sequence[float]) -> int:
    """How many of these lengths, metres, the best one of them would answer rightly."""
    values = np.asarray(wanted)
    reach = np.maximum(RELATIVE_TOLERANCE * values, ABSOLUTE_TOLERANCE_M)
    return int((np.abs(values[:, None] - values) <= reach).sum(axis=1).max())


def _answers(answered: Sequence[Answered]) -> dict[str, Any]:
    within = [one.within_25 for one in answered if one.within_25 is not None]
    return {
        "answered": share([one.found for one in answered]).to_dict(),
        "right": share([one.right for one in answered]).to_dict(),
        "within_25": share(within).to_dict(),
        "confirmed": share([one.confirmed for one in answered]).to_dict(),
        "chance": chance(answered),
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
            ("", "prompts", "found", "IoU >= 0.25", "IoU >= 0.50", "mean IoU", "median centre error, cm"),
            tuple(_box_row(name, row) for name, row in boxes.items()),
        ),
        Table(
            "Boxes by the way of naming things, at IoU 0.25",
            ("", "prompts", "F1", "precision", "recall", "all right and no other"),
            tuple(_name_row(name, row) for name, row in found["names_by_way"].items()),
        ),
        Table("Absent things", ("", ""), (("refused", percent(found["refused"])),)),
    ]
    for key, title in (
        ("answers_by_relation", "relation of the question"),
        ("answers_by_form", "form of the question"),
        ("answers_by_way", "the way of asking"),
    ):
        rows = {"all": found["answers"], **found[key]} if key != "answers_by_way" else found[key]
        header = ("", "questions", "answered", "right", "within 25 %", "own sentence confirmed", "chance")
        cells = tuple(_answer_row(name, row) for name, row in rows.items())
        made.append(Table(f"Answers by {title}", header, cells, CHANCE if key != "answers_by_way" else ""))
    return [table for table in made if table.rows]


def _box_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        name,
        str(row["found"]["of"]),
        percent(row["found"]),
        percent(row["share_iou_25"]),
        percent(row["share_iou_50"]),
        number(row["iou"]),
        number(row["center_error_m"], 1, 100.0),
    )


def _name_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    scores = (number(row["f1"]), plain(row["precision"], 2), plain(row["recall"], 2))
    return (name, str(row["f1"]["num"]), *scores, percent(row["exact"]))


def _answer_row(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    shares = (percent(row[key]) for key in ("answered", "right", "within_25", "confirmed"))
    by_chance = NOTHING if row["chance"] is None else f"{100 * row['chance']:.0f} %"
    return (name, str(row["right"]["of"]), *shares, by_chance)
