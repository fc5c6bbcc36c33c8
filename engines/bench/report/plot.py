"""A report as one picture: where the time of a question goes in every system, and how the goals stand.

In: `Recording` and `BenchReport`. Out: a PIL image. Drawn with Pillow, which is there anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from n3d_ros.engines.bench.measure import Recording
from n3d_ros.engines.bench.report.summary import FIGURES, BenchReport, Goal
from n3d_ros.engines.bench.samples import ASK, GROUND, STAGES

Colour = tuple[int, int, int]

WIDTH = 1200
MARGIN, NAME_END, BAR_END = 48, 300, 1010
BAR, GAP = 34, 18
GOAL_NAME_END, GOAL_ROW = 560, 34
INK, PALE, LINE, WHITE = (32, 36, 40), (110, 118, 126), (226, 229, 233), (255, 255, 255)
REACHED, MISSED = (34, 139, 94), (205, 92, 62)
PARTS = STAGES[:-1]
STAGE_COLOURS: dict[str, Colour] = {
    "preprocess": (148, 163, 184),
    "vision": (94, 174, 214),
    "prefill": (59, 110, 181),
    "decode": (240, 173, 78),
    "post": (120, 94, 160),
}
# Goal bars end at twice the goal.
MAX_OF_GOAL = 2.0


@dataclass(frozen=True)
class _Pen:
    """Draws on one picture, top to bottom."""

    draw: Any

    def text(
        self, x: float, y: float, text: str, size: int = 19, fill: Colour = INK, anchor: str = "la"
    ) -> None:
        self.draw.text((x, y), text, font=_font(size), fill=fill, anchor=anchor)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        self.draw.rectangle((round(x0), round(y0), max(round(x0), round(x1) - 1), round(y1)), fill=fill)


def draw_report(recording: Recording, report: BenchReport) -> Image.Image:
    """RGB, 1200 pixels wide, as high as it needs."""
    goals = report.goals
    height = 240 + len(report.figures) * (BAR + GAP) + (60 + len(goals) * GOAL_ROW if goals else 0) + MARGIN
    picture = Image.new("RGB", (WIDTH, height), WHITE)
    pen = _Pen(ImageDraw.Draw(picture))
    y = _heading(pen, recording)
    y = _stages(pen, report, y)
    _goals(pen, goals, y)
    return picture


def _heading(pen: _Pen, recording: Recording) -> int:
    options, machine = recording.options, recording.machine
    where = ", ".join(gpu["name"] for gpu in machine["gpu"]) or machine["board"] or machine["processor"]
    pen.text(MARGIN, 36, f"n3d bench: {options.model.name}", 30)
    threads = "1 thread" if options.threads == 1 else f"{options.threads} threads"
    what = f"{options.num_scenes} scenes, {options.repetitions} repetitions, medians"
    pen.text(MARGIN, 80, f"{where}, {machine['cores']} cores, {threads}; {what}", 18, PALE)
    return 132


def _stages(pen: _Pen, report: BenchReport, y: int) -> int:
    """One stacked bar per system. What a system cannot tell apart is in its next stage."""
    query = ASK if any(stages[ASK]["total"] for stages in report.stages_ms.values()) else GROUND
    pen.text(MARGIN, y, f"{FIGURES[f'{query}_ms'].capitalize()}: milliseconds by stage", 22)
    _legend(pen, y + 40)
    y += 84
    totals = {name: stages[query]["total"] or 0.0 for name, stages in report.stages_ms.items()}
    scale = (BAR_END - NAME_END) / max(totals.values())
    for name, stages in report.stages_ms.items():
        pen.text(MARGIN, y + BAR / 2, name, anchor="lm")
        x = float(NAME_END)
        for part in PARTS:
            width = (stages[query][part] or 0.0) * scale
            pen.box(x, y, x + width, y + BAR, STAGE_COLOURS[part])
            x += width
        ratio = report.figures[name][f"{query}_speedup"]
        times = "" if ratio is None or abs(ratio - 1) < 1e-9 else f"   {ratio:.1f}x faster"
        pen.text(x + 12, y + BAR / 2, f"{totals[name]:.0f} ms{times}", anchor="lm")
        y += BAR + GAP
    return y + 34


def _legend(pen: _Pen, y: int) -> None:
    x = float(NAME_END)
    for part in PARTS:
        pen.box(x, y + 3, x + 15, y + 17, STAGE_COLOURS[part])
        pen.text(x + 22, y + 10, part, 17, PALE, "lm")
        x += 44 + _font(17).getlength(part)
    pen.text(x, y + 10, "huggingface: vision is part of prefill", 17, PALE, "lm")


def _goals(pen: _Pen, goals: list[Goal], y: int) -> None:
    """A bar per goal, all drawn so that the goals stand in one line; longer ones end with the field."""
    if not goals:
        return
    pen.text(MARGIN, y, "Goals", 22)
    y += 44
    middle = GOAL_NAME_END + (BAR_END - GOAL_NAME_END) / MAX_OF_GOAL
    for goal in goals:
        share = min(goal.judged / goal.limit, MAX_OF_GOAL)
        pen.text(MARGIN, y + 10, goal.name, 17, anchor="lm")
        pen.box(GOAL_NAME_END, y, BAR_END, y + 20, (244, 246, 248))
        end = GOAL_NAME_END + share * (middle - GOAL_NAME_END)
        pen.box(GOAL_NAME_END, y, end, y + 20, REACHED if goal.met else MISSED)
        pen.box(middle - 1, y - 4, middle + 2, y + 24, INK)
        rest = f"{goal.limit:.2f} or {'more' if goal.at_least else 'less'}"
        pen.text(BAR_END + 14, y + 10, f"{goal.judged:.2f}", 17, anchor="lm")
        pen.text(BAR_END + 62, y + 10, rest, 17, PALE, "lm")
        y += GOAL_ROW


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    """Pillow's own font; before Pillow 10.1 it has one size."""
    try:
        return ImageFont.load_default(size)
    except TypeError:
        return ImageFont.load_default()


__all__ = ["draw_report"]
