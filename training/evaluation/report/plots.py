"""Figures -> plots as SVG text, which a page holds in itself.

In: what `all_figures` makes. Out: SVG. Every bar has its 95 % interval, every axis its unit. It computes
nothing but places.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from n3d_ros.training.evaluation.report.tables import bin_name

WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM = 560, 22, 190, 60, 28, 34
SIDE = 320
INK, GRID, BAR, WHISKER, GHOST = "#eee", "#444", "#4c9be8", "#ffd60a", "#777"


@dataclass(frozen=True)
class Bar:
    """A value on 0..1 with its interval; None where there is none."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    num: int


def plots(figures: dict[str, Any]) -> list[str]:
    """Every plot that has something to show."""
    made = []
    answers = figures["answers"]
    if answers:
        bars = [_bar(name, row["right"]) for name, row in answers["category"].items()]
        made.append(bar_plot("Answers that are right, by category", bars))
    for name, group in figures["boxes"].items():
        for key, title in (("by_distance", "distance"), ("by_size", "longest side")):
            bars = [_bar(bin_name(one), one["share_iou_25"]) for one in group.get(key, []) if one["num"]]
            if bars:
                made.append(bar_plot(f"Boxes at 3D IoU 0.25 by {title} ({name})", bars))
        if any(one["right"]["of"] for one in group.get("reliability", [])):
            made.append(reliability_plot(f"Reliability of the score ({name})", group["reliability"]))
    return made


def _bar(name: str, share: dict[str, Any]) -> Bar:
    return Bar(name, share["value"], share["low"], share["high"], share["of"])


def bar_plot(title: str, bars: Sequence[Bar]) -> str:
    """A row each, with the number of cases behind it."""
    height = TOP + ROW * len(bars) + BOTTOM
    span = WIDTH - LEFT - RIGHT
    parts = [_text(0, 16, title, "start", bold=True)]
    for percent in (0, 25, 50, 75, 100):
        x = LEFT + span * percent / 100
        parts.append(_line(x, TOP, x, height - BOTTOM, GRID))
        parts.append(_text(x, height - BOTTOM + 16, f"{percent} %", "middle"))
    for row, bar in enumerate(bars):
        y = TOP + ROW * row + ROW / 2
        parts.append(_text(LEFT - 8, y + 4, bar.name, "end"))
        parts.append(_text(WIDTH - RIGHT + 8, y + 4, f"n={bar.num}", "start"))
        if bar.value is not None and bar.low is not None and bar.high is not None:
            parts.append(_rectangle(LEFT, y - 7, span * bar.value, 14, BAR))
            parts.append(_line(LEFT + span * bar.low, y, LEFT + span * bar.high, y, WHISKER, 2))
    return _svg(WIDTH, height, parts)


def reliability_plot(title: str, bins: Sequence[dict[str, Any]]) -> str:
    """Share of right boxes over their score. On the diagonal a score means what it says."""
    low, span = 44, SIDE - 64
    bottom = TOP + span

    def place(x: float, y: float) -> tuple[float, float]:
        return low + span * x, bottom - span * y

    parts = [_text(0, 16, title, "start", bold=True), _line(*place(0, 0), *place(1, 1), GHOST)]
    for tick in (0.0, 0.5, 1.0):
        x, y = place(tick, tick)
        parts += [_text(x, bottom + 16, f"{tick:g}", "middle"), _text(low - 6, y + 4, f"{tick:g}", "end")]
        parts += [_line(low, y, low + span, y, GRID), _line(x, TOP, x, bottom, GRID)]
    for one in bins:
        share = one["right"]
        if share["of"]:
            x, y = place(one["score"], share["value"])
            parts.append(_line(x, place(0, share["low"])[1], x, place(0, share["high"])[1], WHISKER, 2))
            parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{BAR}'/>")
    parts.append(_text(low + span / 2, bottom + 32, "score; across it: share at IoU 0.25", "middle"))
    return _svg(SIDE + 40, bottom + 44, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:g}' height='{height:g}' "
        f"viewBox='0 0 {width:g} {height:g}' font-family='sans-serif' font-size='12'>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, words: str, anchor: str, bold: bool = False) -> str:
    weight = " font-weight='bold'" if bold else ""
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} fill='{INK}'{weight}>{html.escape(words)}</text>"


def _line(x: float, y: float, to_x: float, to_y: float, colour: str, width: float = 1) -> str:
    return (
        f"<line x1='{x:.1f}' y1='{y:.1f}' x2='{to_x:.1f}' y2='{to_y:.1f}' stroke='{colour}' "
        f"stroke-width='{width:g}'/>"
    )


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{colour}'/>"
