"""What a wider world costs n3d-nano's training: rendering, reading, steps and memory, in turns.

In: how much to do. Out: `WorldsReport` and its text. Each run is a process of its own (`one_world`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from n3d_ros.text_table import text_table
from n3d_ros.training.speed.measuring import child_result
from n3d_ros.training.speed.one_world import WorldOrder, WorldResult

# The first is what the others are compared with.
WORLDS = ("nano", "wide")
HEAD = [
    "world", "ms a scene", "ms a view read", "ms a step", "kB a view", "MB rendering", "MB training", "words",
]  # fmt: skip


@dataclass(frozen=True)
class WorldsOptions:
    """scenes, steps: of each run. rounds: of all worlds in turn."""

    scenes: int = 8
    steps: int = 4
    rounds: int = 3

    def __post_init__(self) -> None:
        for name in ("scenes", "steps", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")


@dataclass
class WorldsReport:
    """runs: of every world, one a round."""

    options: WorldsOptions
    runs: dict[str, list[WorldResult]] = field(default_factory=lambda: {name: [] for name in WORLDS})

    def figures(self, world: str) -> list[float]:
        """The columns behind the world's name: means of scenes and steps (scenes differ), else medians of
        runs.
        """
        runs = self.runs[world]
        return [
            1e3 * _mean([s for run in runs for s in run.scene_s]),
            1e3 * median(run.read_s for run in runs),
            1e3 * _mean([s for run in runs for s in run.step_s]),
            runs[0].view_kb,
            median(run.render_mb for run in runs),
            median(run.train_mb for run in runs),
            runs[0].num_words,
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def measure_worlds(options: WorldsOptions, progress: Callable[[str], object]) -> WorldsReport:
    """progress: told of every run that begins. CommandFailed where one fails."""
    report = WorldsReport(options)
    with tempfile.TemporaryDirectory(prefix="n3d-bench-") as folder:
        for number in range(options.rounds):
            for world in WORLDS:
                progress(world)
                out = str(Path(folder) / f"{world}-{number}")
                order = WorldOrder(world, out, options.scenes, options.steps)
                found = child_result("one_world", asdict(order), f"the world {world}")
                report.runs[world].append(WorldResult(**found))
    return report


def worlds_text(report: WorldsReport) -> str:
    """A row a world, and how many times the first each of the others is."""
    rows, first = [HEAD], report.figures(WORLDS[0])
    for world in WORLDS:
        figures = report.figures(world)
        rows.append([world, *(f"{value:.4g}" for value in figures)])
        if world != WORLDS[0]:
            ratios = (f"{value / one:.2f}" for value, one in zip(figures, first, strict=True))
            rows.append([f"  times {WORLDS[0]}", *ratios])
    options = report.options
    about = (
        f"processor time of one core; {options.rounds} rounds of {options.scenes} scenes and {options.steps} "
        "steps of four pictures each"
    )
    return f"{about}\n{text_table(rows)}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
