"""Lifting by one process, by two and by two Ray workers, in turns; its memory with very many records; rows to
train on.

In: how much to do. Out: `SpeedReport`. Each run is a process of its own (`child`), so that none has what
another one loaded, and the ways take turns, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from n3d_ros.child_process import package_environment
from n3d_ros.errors import CommandFailed
from n3d_ros.plain_text import one_line
from n3d_ros.training.speed.bench_set import BenchSet, write_bench_set
from n3d_ros.training.speed.child import PROCESSES, RAY, RunOrder, RunResult
from n3d_ros.training.speed.results import PICTURES, LoadingOrder, LoadingResult, StageResult

ONE, TWO, TWO_RAY = "one process", "two processes", "two Ray workers"
WAYS = {ONE: (PROCESSES, 1), TWO: (PROCESSES, 2), TWO_RAY: (RAY, 2)}
SHARD_PICTURES = 8
# Of the rows, those that the model is trained on: a step takes a second.
STEPS = 4


@dataclass(frozen=True)
class SpeedOptions:
    """pictures: lifted by each run. rounds: of all ways. records: of the long set; 0 leaves it out. rows:
    loaded to train on in each stage; 0 leaves them out.
    """

    pictures: int = 400
    rounds: int = 3
    records: int = 100_000
    rows: int = 40

    def __post_init__(self) -> None:
        # two workers need some shards each
        for name, lowest in (("pictures", 4 * SHARD_PICTURES), ("rounds", 1), ("records", 0), ("rows", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}: expected at least {lowest}, got {getattr(self, name)}")


@dataclass
class SpeedReport:
    """runs: of every way, one a round. memory: of the long set's run. load: of the machine, before and after
    (1 minute). loading: of rows to train on.
    """

    options: SpeedOptions
    runs: dict[str, list[RunResult]] = field(default_factory=dict)
    memory: RunResult | None = None
    load: tuple[float, float] = (0.0, 0.0)
    loading: LoadingResult | None = None

    def rate(self, way: str) -> float:
        """Pictures per second once work is under way, median."""
        return median(one.pictures_later / (one.wall_s - one.start_s) for one in self.runs[way])

    def ratio(self, way: str) -> float:
        """Of that rate to one process's in the same round, median."""
        pairs = zip(self.runs[way], self.runs[ONE], strict=True)
        return median(_later_s(single) / _later_s(one) for one, single in pairs)

    def cpu_ms(self, way: str) -> float:
        """Processor time of one picture, median."""
        return 1e3 * median(one.cpu_s / one.pictures for one in self.runs[way])

    def start_s(self, way: str) -> float:
        """Until the first shard was done, median."""
        return median(one.start_s for one in self.runs[way])

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def measure(options: SpeedOptions, progress: Callable[[str], object]) -> SpeedReport:
    """progress: told of every run that begins. CommandFailed where one fails."""
    ways = {name: way for name, way in WAYS.items() if way[0] != RAY or importlib.util.find_spec("ray")}
    report = SpeedReport(options, {name: [] for name in ways})
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="n3d-bench-") as folder:
        instances = write_bench_set(BenchSet(options.pictures), Path(folder) / "set")
        for number in range(options.rounds):
            for name, (engine, workers) in ways.items():
                progress(name)
                report.runs[name].append(_run(instances, engine, workers, f"{number}-{engine}-{workers}"))
        if options.records:
            progress("many records")
            instances = write_bench_set(BenchSet(options.records), Path(folder) / "long")
            report.memory = _run(instances, PROCESSES, 1, "long", options.pictures // SHARD_PICTURES)
        if options.rows:
            progress("rows to train on")
            report.loading = _load(Path(folder), options.rows)
    report.load = (before, os.getloadavg()[0])
    return report


def num_runs(options: SpeedOptions) -> int:
    """How often `measure` tells of progress, with Ray."""
    return options.rounds * len(WAYS) + bool(options.records) + bool(options.rows)


def _run(instances: Path, engine: str, workers: int, name: str, num_shards: int = sys.maxsize) -> RunResult:
    folder = instances.parent.parent
    order = RunOrder(
        instances=str(instances),
        index=str(folder / f"index-{instances.parent.name}"),
        out=str(folder / f"out-{name}"),
        engine=engine,
        workers=workers,
        shard_size=SHARD_PICTURES,
        num_shards=num_shards,
    )
    return RunResult(**child_result("child", asdict(order), f"{workers} {engine}"))


def _load(folder: Path, rows: int) -> LoadingResult:
    instances = write_bench_set(BenchSet(PICTURES), folder / "questions")
    order = LoadingOrder(str(instances), str(folder / "loading"), rows, min(rows, STEPS))
    found = child_result("loading", asdict(order), "rows to train on")
    return LoadingResult(**{**found, "stages": [StageResult(**one) for one in found["stages"]]})


def child_result(module: str, order: dict[str, Any], what: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"n3d_ros.training.speed.{module}", json.dumps(order)]
    # one thread a process, whatever numpy was built with
    environment = {**package_environment(), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    if ran.returncode:
        raise CommandFailed(f"a run of {what} failed: {one_line(ran.stderr[-300:], 300)}")
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _later_s(one: RunResult) -> float:
    """Seconds a picture once work is under way."""
    return (one.wall_s - one.start_s) / one.pictures_later
