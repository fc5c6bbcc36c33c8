"""A report as text for the terminal. In: `BenchReport` and `Recording`. Out: lines."""

from __future__ import annotations

from collections.abc import Iterator

from n3d_ros.engines.bench.measure import Recording
from n3d_ros.engines.bench.report.summary import FIGURES, BenchReport, Goal
from n3d_ros.engines.bench.samples import ASK, GROUND, STAGES
from n3d_ros.text_table import text_table

Cells = list[str]

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


def report_text(recording: Recording, report: BenchReport) -> str:
    """Everything that `n3d bench` prints."""
    rows = [*_figures(report), *_stages(recording, report), *_passes(report), *_same_ids(report)]
    return "\n".join(
        [*_heading(recording, report), text_table(rows), text_table(_goals(report.goals), "<><")]
    )


def _heading(recording: Recording, report: BenchReport) -> Iterator[str]:
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


def _figures(report: BenchReport) -> Iterator[Cells]:
    yield ["", *report.figures]
    for name, meaning in FIGURES.items():
        values = [figures.get(name) for figures in report.figures.values()]
        if any(value is not None for value in values):
            unit = ", ms" if name.endswith("_ms") else ""
            yield [meaning + unit, *(_cell(name, value) for value in values)]
    yield []


def _stages(recording: Recording, report: BenchReport) -> Iterator[Cells]:
    for query in (GROUND, ASK):
        if query in recording.options.queries:
            yield [FIGURES[f"{query}_ms"] + ": ms by stage"]
            for stage in STAGES:
                values = [stages[query][stage] for stages in report.stages_ms.values()]
                yield [f"  {stage}", *(_cell("stage_ms", value) for value in values)]
    yield []


def _passes(report: BenchReport) -> Iterator[Cells]:
    """One column a backend; the first figure on the clock, the second of processor time."""
    yield ["a pass of the decoder, ms (processor time)", *report.passes_ms]
    for length in sorted({length for passes in report.passes_ms.values() for length in passes}):
        cells = [
            f"{_cell('pass_ms', passes[length])} ({_cell('pass_ms', report.passes_cpu_ms[name][length])})"
            for name, passes in report.passes_ms.items()
        ]
        yield [f"  {length} token{'s' if length > 1 else ''}", *cells]
    yield []


def _same_ids(report: BenchReport) -> Iterator[Cells]:
    cells = [f"{same} of {count}" if count else "-" for same, count in report.same_ids.values()]
    yield ["answers with Hugging Face's very tokens", *cells]
    yield []


def _goals(goals: list[Goal]) -> list[Cells]:
    return [
        [
            goal.name,
            f"{goal.value:.2f}",
            f"goal {'>=' if goal.at_least else '<='} {goal.limit:.2f}",
            "reached" if goal.met else "missed",
            "" if goal.cpu is None else f"by processor time {goal.cpu:.2f}",
        ]
        for goal in goals
    ]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in SHARES:
        return f"{value:.0%}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
