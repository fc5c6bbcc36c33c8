"""What was measured, for people: a table, and every goal with whether it was met.

In: a `SpeedReport`. Out: text. It measures nothing.
"""

from __future__ import annotations

from n3d_ros.text_table import text_table
from n3d_ros.training.speed.measuring import ONE, SpeedReport
from n3d_ros.training.speed.results import MODEL_THREADS, LoadingResult

GOAL_RATE, GOAL_RATIO, GOAL_MB = 20.0, 1.7, 300.0
LOADING_HEAD = ["loading", "rows/s", "tokens/s", "times the model", "CPU ms a row", "times the model by CPU"]
LOADING_WAYS = ("one process", "two workers", "the model on two threads")
HEAD = ["lifting", "pictures/s", "times one", "CPU ms a picture", "times one by CPU", "start s"]


def report_text(report: SpeedReport) -> str:
    """Of two workers with a core each, every one needs cpu_ms a picture: 'times one by CPU' is what they can
    gain at most, whatever else the machine does meanwhile.
    """
    ways = list(report.runs)
    rows = [HEAD]
    for name in ways:
        by_cpu = (1 if name == ONE else 2) * report.cpu_ms(ONE) / report.cpu_ms(name)
        cells = (report.rate(name), report.ratio(name), report.cpu_ms(name), by_cpu, report.start_s(name))
        rows.append(
            [name, *(f"{value:.{digits}f}" for value, digits in zip(cells, (1, 2, 1, 2, 1), strict=True))]
        )
    one = report.runs[ONE][0]
    lines = [
        f"640x480, {one.boxes / one.pictures:.1f} boxes a picture, {one.pictures} pictures a run, "
        f"{report.options.rounds} rounds; load {report.load[0]:.1f} before, {report.load[1]:.1f} after",
        text_table(rows),
        _goal("pictures/s of processor time", 1e3 / report.cpu_ms(ONE), GOAL_RATE, "at least"),
    ]
    lines += [_goal(f"{name} times one", report.ratio(name), GOAL_RATIO, "at least") for name in ways[1:]]
    return "\n".join([*lines, *_memory(report), *_loading(report.loading)])


def _memory(report: SpeedReport) -> list[str]:
    found = report.memory
    if found is None:
        return []
    if found.index_mb is None or found.quarter_mb is None or found.peak_mb is None:
        return ["memory: not told on this system"]
    return [
        f"memory with {report.options.records} records: {found.index_mb:.0f} MB once the index was there, "
        f"{found.quarter_mb:.0f} MB after a quarter of {found.pictures} pictures spread over them",
        _goal("MB at most", found.peak_mb, GOAL_MB, "at most"),
    ]


def _loading(found: LoadingResult | None) -> list[str]:
    """Rows a second of each stage. 'times the model by CPU': what one core loads over what two consume."""
    if found is None:
        return []
    rows, lines = [LOADING_HEAD], []
    for stage in found.stages:
        step_ms, load_ms = 1e3 * stage.step_cpu_s / stage.steps, 1e3 * stage.load_cpu_s / stage.rows
        model = stage.steps / stage.step_s
        by_cpu = step_ms / MODEL_THREADS / load_ms
        rates = (stage.rows / stage.load_s, (stage.rows - 1) / stage.workers_s, model)
        costs = ((f"{load_ms:.0f}", f"{by_cpu:.1f}"), ("-", "-"), (f"{step_ms:.0f}", "1.0"))
        for way, rate, cost in zip(LOADING_WAYS, rates, costs, strict=True):
            tokens = rate * stage.tokens / stage.rows
            rows.append(
                [f"{stage.name}, {way}", f"{rate:.1f}", f"{tokens:.0f}", f"{rate / model:.1f}", *cost]
            )
        lines.append(_goal(f"{stage.name}, one process times the model by CPU", by_cpu, 1.0, "at least"))
    first = found.stages[0]
    about = (
        f"{first.rows} rows of each stage, in the first of {first.tokens / first.rows:.0f} tokens and "
        f"{first.pictures / first.rows:.1f} pictures; the model is trained on {first.steps}"
    )
    rate = found.questions / found.questions_cpu_s
    return [
        f"{found.questions} questions made at {rate:.0f} a second of CPU, their wordings read for the "
        "first time",
        about,
        text_table(rows),
        *lines,
    ]


def _goal(what: str, value: float, goal: float, how: str) -> str:
    is_met = value >= goal if how == "at least" else value <= goal
    return f"{what}: {value:.3g} (goal {how} {goal:g}: {'met' if is_met else 'missed'})"
