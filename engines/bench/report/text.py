"""A report as text for the terminal. In: `Report` and `Recording`. Out: lines."""

from __future__ import annotations

from collections.abc import Iterator

from n3d_ros.engines.bench.measure import Recording
from n3d_ros.engines.bench.report.summary import FIGURES, Goal, Report
from n3d_ros.engines.bench.samples import ASK, GROUND, STAGES

NAME_WIDTH, CELL_WIDTH = 46, 15
SHARES = (
    "second_question",
    "second_question_cpu",
    "early_vision",
    "first_box_share",
    "box_guesses_held",
    "reasoning_guesses_held",
    "bandwidth_share",
    "bandwidth_share_cpu",
)


def table(recording: Recording, report: Report) -> str:
    """Everything that `n3d bench` prints."""
    parts = [_heading(recording, report), _figures(report), _stages(recording, report), _passes(report)]
    return "\n".join(line for part in [*parts, _same_ids(report), _goals(report.goals)] for line in part)


def _heading(recording: Recording, report: Report) -> Iterator[str]:
    options, machine = recording.options, recording.machine
    where = ", ".join(gpu["name"] for gpu in machine["gpu"]) or machine["board"] or machine["processor"]
    size = f"{options.num_scenes} scenes x {options.repetitions} repetitions, medians"
    yield f"{options.model.name} on {where}, {machine['cores']} cores, {options.threads} thread(s)"
    yield f"{size}; load {machine['load_average']} before, {recording.load_after} after"
    yield f"copy bandwidth {report.copy_gb_s:.1f} GB/s (large blocks {report.copy_large_gb_s:.1f})"
    if recording.skipped:
        seeds = ", ".join(map(str, recording.skipped))
        yield f"left out, the model found fewer than three objects: seeds {seeds}"
    yield ""


def _figures(report: Report) -> Iterator[str]:
    yield _row("", list(report.figures))
    for name, meaning in FIGURES.items():
        values = [figures.get(name) for figures in report.figures.values()]
        if any(value is not None for value in values):
            unit = ", ms" if name.endswith("_ms") else ""
            yield _row(meaning + unit, [_cell(name, value) for value in values])
    yield ""


def _stages(recording: Recording, report: Report) -> Iterator[str]:
    for query in (GROUND, ASK):
        if query in recording.options.queries:
            yield _row(FIGURES[f"{query}_ms"] + ": ms by stage", [""] * len(report.figures))
            for stage in STAGES:
                values = [stages[query][stage] for stages in report.stages_ms.values()]
                yield _row(f"  {stage}", [_cell("stage_ms", value) for value in values])
    yield ""


def _passes(report: Report) -> Iterator[str]:
    """One column a backend; the first figure on the clock, the second of processor time."""
    yield _row("a pass of the decoder, ms (processor time)", list(report.passes_ms))
    for length in sorted({length for passes in report.passes_ms.values() for length in passes}):
        cells = [
            f"{_cell('pass_ms', passes[length])} ({_cell('pass_ms', report.passes_cpu_ms[name][length])})"
            for name, passes in report.passes_ms.items()
        ]
        yield _row(f"  {length} token{'s' if length > 1 else ''}", cells)
    yield ""


def _same_ids(report: Report) -> Iterator[str]:
    cells = [f"{same} of {count}" if count else "-" for same, count in report.same_ids.values()]
    yield _row("answers with Hugging Face's very tokens", cells)
    yield ""


def _goals(goals: list[Goal]) -> Iterator[str]:
    width = max((len(goal.name) for goal in goals), default=0)
    for goal in goals:
        sign, word = (">=" if goal.at_least else "<="), ("reached" if goal.met else "missed")
        cpu = "" if goal.cpu is None else f", by processor time {goal.cpu:.2f}"
        yield f"{goal.name:<{width}}  {goal.value:6.2f}  goal {sign} {goal.limit:.2f}  {word}{cpu}"


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:>{CELL_WIDTH}}" for cell in cells)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in SHARES:
        return f"{value:.0%}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
