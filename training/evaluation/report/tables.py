"""Figures -> tables of words: the same ones for a terminal and for a page.

In: what `all_figures` makes. Out: `Table`s. It computes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from n3d_ros.text_table import text_table

NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """rows: cells under `header`. note: how to read it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def tables(figures: dict[str, Any]) -> list[Table]:
    """Every table that has rows."""
    made = [_run(figures)]
    if figures["answers"]:
        made += _answers(figures["answers"])
    if figures["boxes"]:
        made += _boxes(figures["boxes"])
    if figures["mirror"]:
        made.append(_mirror(figures["mirror"]))
    return [table for table in made if table.rows]


def as_text(made: Sequence[Table]) -> str:
    """For a terminal."""
    blocks = [
        "\n".join(
            [table.title, text_table([table.header, *table.rows]), *([table.note] if table.note else [])]
        )
        for table in made
    ]
    return "\n\n".join(blocks)


def percent(share: dict[str, Any] | None) -> str:
    """ "72.5 % [66.0, 78.2]": the share with its interval."""
    if share is None or share["value"] is None:
        return NOTHING
    low, value, high = (100 * share[name] for name in ("low", "value", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def number(estimate: dict[str, Any], digits: int = 2, scale: float = 1.0) -> str:
    """ "0.46 [0.42, 0.50]", of one picture alone "0.46 [?]". What has no bound is said in words."""
    if not estimate["num"]:
        return NOTHING
    low, value, high = (
        "no bound" if estimate[name] is None else f"{scale * estimate[name]:.{digits}f}"
        for name in ("low", "value", "high")
    )
    return f"{value} [{low}, {high}]" if estimate["num_drawn"] > 1 else f"{value} [?]"


def plain(value: float | None, digits: int = 3) -> str:
    """A number without interval."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def _run(figures: dict[str, Any]) -> Table:
    run, judge = figures["questions"], figures["judge"]
    rows = [
        ("questions asked", str(run["asked"])),
        ("pictures", str(run["pictures"])),
        ("refused by the model", str(run["refused"])),
        ("left out, picture does not open", str(run["without_picture"])),
        ("median time per question", f"{plain(run['median_ms'], 0)} ms"),
        ("judge", " ".join(str(value) for value in judge.values())),
    ]
    return Table("Run", ("", ""), tuple(rows))


def _answers(figures: dict[str, Any]) -> list[Table]:
    named = [("all", figures["all"])]
    named += [(f"{family}", row) for family, row in figures["family"].items()]
    note = (
        "right: lengths within 25 %, the exact hour; +-1 h: at most one hour off; own: the model's sentence"
    )
    made = [_answer_table("Answers", named, note + " before it is checked against its boxes; 95 % intervals")]
    for key, title in (
        ("category", "Answers by category"),
        ("answer", "Answers by what is wanted"),
        ("objects", "Answers by number of objects"),
        ("viewpoint", "Answers by viewpoint"),
    ):
        if len(figures[key]) > 1:
            made.append(_answer_table(title, list(figures[key].items())))
    return made


def _answer_table(title: str, named: Sequence[tuple[str, dict[str, Any]]], note: str = "") -> Table:
    has_hours = any(row["near"] for _, row in named)
    header = ("", "questions", "right", *(["+-1 h"] if has_hours else []), "own right", "unparsed", "silent")
    has_failed = any(row["outcomes"]["unjudged"] for _, row in named)
    rows = [
        (
            name,
            str(row["right"]["of"]),
            percent(row["right"]),
            *([percent(row["near"])] if has_hours else []),
            percent(row["own_right"]),
            str(row["outcomes"]["unparsed"]),
            str(row["outcomes"]["silent"]),
            *([str(row["outcomes"]["unjudged"])] if has_failed else []),
        )
        for name, row in named
    ]
    return Table(title, (*header, *(["unjudged"] if has_failed else [])), tuple(rows), note)


def _boxes(figures: dict[str, Any]) -> list[Table]:
    names = list(figures)
    lines = [(words, [_cell(figures[name], path) for name in names]) for words, path in BOX_LINES]
    rows = [(words, *cells) for words, cells in lines if set(cells) != {NOTHING}]
    made = [Table("Boxes", ("", *names), tuple(rows), BOX_NOTE)]
    for name in names:
        for key, title in (("by_distance", "distance from the camera"), ("by_size", "longest side")):
            made.append(_bins(f"Boxes ({name}) by {title}", figures[name].get(key, [])))
    return made


BOX_NOTE = (
    "IoU, centre error: each true box with the nearest found one of its name; none: IoU 0, no bound. "
    "AP3D: IoU 0.05 to 0.50 (Omni3D). AP centre: 5, 10, 20, 50 cm. Aligned: found boxes moved along "
    "their rays to the true depth. Offset: in picture widths and heights"
)
# What a line says, and where its figure is.
BOX_LINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("questions", ("num_questions",)),
    ("true boxes", ("num_boxes",)),
    ("malformed boxes", ("malformed",)),
    ("questions that found a box", ("answered",)),
    ("absent things refused", ("absent_refused",)),
    ("mean 3D IoU", ("iou",)),
    ("boxes at 3D IoU >= 0.25", ("share_iou_25",)),
    ("boxes at 3D IoU >= 0.50", ("share_iou_50",)),
    ("median centre error, cm", ("center_error_m",)),
    ("precision at IoU 0.25", ("at_iou_25", "precision")),
    ("recall", ("at_iou_25", "recall")),
    ("F1", ("at_iou_25", "f1")),
    ("F1, mean of questions", ("at_iou_25_mean_of_pictures", "f1")),
    ("AP3D", ("ap3d",)),
    ("AP3D at 0.15", ("ap3d_15",)),
    ("AP3D at 0.25", ("ap3d_25",)),
    ("AP3D at 0.50", ("ap3d_50",)),
    ("AP3D, mean of classes", ("ap3d_mean_of_classes",)),
    ("AP centre", ("ap_centre",)),
    ("aligned 3D IoU", ("aligned_iou",)),
    ("aligned offset, cm", ("aligned_offset_m",)),
    ("projected IoU", ("projected", "iou")),
    ("projected offset", ("projected", "offset")),
    ("calibration error of the score", ("calibration_error",)),
)


def _cell(figures: dict[str, Any], path: tuple[str, ...]) -> str:
    value: Any = figures
    for key in path:
        value = value.get(key) if value is not None else None
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return plain(value)
    if "of" in value:
        return percent(value)
    return number(value, 1, 100.0) if path[-1].endswith("_m") else number(value, 3)


def _bins(title: str, bins: Sequence[dict[str, Any]]) -> Table:
    rows = [
        (
            bin_name(one),
            str(one["num"]),
            percent(one["share_iou_25"]),
            number(one["center_error_m"], 1, 100.0),
        )
        for one in bins
        if one["num"]
    ]
    return Table(title, ("", "boxes", "IoU >= 0.25", "median centre error, cm"), tuple(rows))


def bin_name(one: dict[str, Any]) -> str:
    """ "1 to 2 m", "above 8 m"."""
    if one["to_m"] is None:
        return f"above {one['from_m']:g} m"
    return f"{one['from_m']:g} to {one['to_m']:g} m"


def _mirror(figures: dict[str, Any]) -> Table:
    rows = (
        ("answers that mirror", percent(figures["answers"])),
        ("answers that cannot be compared", str(figures["answers_not_compared"])),
        ("same number of boxes", percent(figures["same_number_of_boxes"])),
        ("IoU of boxes and their mirror images", number(figures["box_iou"], 3)),
    )
    return Table("In the mirror", ("", ""), rows)
