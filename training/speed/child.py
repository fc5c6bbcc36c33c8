"""One measured run of lifting, in a process of its own: `python -m n3d_ros.training.speed.child ORDER`.

In: a `RunOrder` as JSON. Out: a `RunResult` as one line of JSON. It does not know what it is compared with.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2

from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.run import Done, Engine, LiftJob, lift_shards
from n3d_ros.training.lift.sources.coco import CocoSource, build_index
from n3d_ros.training.workers.processes import on_processes
from n3d_ros.training.workers.ray_tasks import on_ray

PROCESSES, RAY = "processes", "ray"


@dataclass(frozen=True)
class RunOrder:
    """instances: the set. index: folder of its index. out: a new folder. num_shards: of the set's, spread
    evenly over it.
    """

    instances: str
    index: str
    out: str
    engine: str
    workers: int
    shard_size: int
    num_shards: int


@dataclass(frozen=True)
class RunResult:
    """start_s: until the first shard was done. wall_s: all. cpu_s: processor time of lifting, all workers.

    pictures, boxes: that were lifted. pictures_later: those of all shards but the first, whose time is
    wall_s - start_s. index_mb, quarter_mb, peak_mb: the most memory of this process up to when the index was
    there, a quarter of the shards, all of them; None where the system does not tell.
    """

    start_s: float
    wall_s: float
    cpu_s: float
    pictures: int
    boxes: int
    pictures_later: int
    index_mb: float | None
    quarter_mb: float | None
    peak_mb: float | None


def run(order: RunOrder) -> RunResult:
    """Lift and measure."""
    cv2.setNumThreads(1)  # as in every worker: one core each is what is compared
    instances = Path(order.instances)
    folder = instances.parent
    source = CocoSource(build_index(instances, Path(order.index)), folder / "images", folder)
    job = LiftJob(source, SensorDepth(), LiftConfig(), Path(order.out), order.shard_size)
    index_mb, began_s = _peak_mb(), time.perf_counter()
    marks, done = [], []
    for one in lift_shards(job, _spread(job.num_shards, order.num_shards), _engine(order)):
        done.append(one)
        marks.append((time.perf_counter() - began_s, _peak_mb()))
    return _result(done, marks, index_mb)


def _result(done: list[Done], marks: list[tuple[float, float | None]], index_mb: float | None) -> RunResult:
    """marks: seconds and memory at each shard's end."""
    pictures = sum(one.entry.num_pictures for one in done)
    return RunResult(
        start_s=marks[0][0],
        wall_s=marks[-1][0],
        cpu_s=sum(one.cpu_s for one in done),
        pictures=pictures,
        boxes=sum(one.entry.num_kept for one in done),
        pictures_later=pictures - done[0].entry.num_pictures,
        index_mb=index_mb,
        quarter_mb=marks[len(marks) // 4][1],
        peak_mb=_peak_mb(),
    )


def _engine(order: RunOrder) -> Engine:
    if order.engine == RAY:
        return partial(on_ray, workers=order.workers)
    return partial(on_processes, workers=order.workers)


def _spread(there: int, wanted: int) -> list[int]:
    """`wanted` of the numbers below `there`, first and last among them."""
    most = min(there, wanted)
    return sorted({round(n * (there - 1) / max(most - 1, 1)) for n in range(most)})


def _peak_mb() -> float | None:
    """The most memory of this process so far, 1e6 bytes; None where the system has no such file.

    Not `getrusage`: its peak begins with that of the process that started this one.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"))
    return int(kilobytes) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(asdict(run(RunOrder(**json.loads(sys.argv[1]))))))
