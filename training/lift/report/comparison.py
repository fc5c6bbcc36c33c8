"""Boxes of a sensor's depth beside boxes of a model's, over all shards: where they differ, and by how much.

In: shards whose rows have `box_of_model`. Out: one `Line` for what was kept and for each filter. Memory does
not grow with the set: ratios are counted in steps of half a percent. It does not know which of two is right:
a model may misjudge every distance, which `distance` says, and a sensor may lack points of an object, which
makes its box smaller than the distance explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from n3d_ros.training.lift.depth_sources import MeasuredAndEstimated
from n3d_ros.training.lift.run import LiftJob
from n3d_ros.training.lift.shards import Entry, shard_file

KEPT = "kept"
QUANTITIES = ("distance", "width", "height", "depth")
HEAD = ("annotations", "model has a box", "differ", *QUANTITIES)
# A side that differs by more than this share, once the distance is allowed for, is said.
DIFFERS = 0.15
# Ratios are counted in steps of 0.5 % from a tenth to ten times; what is beyond counts as the end.
STEP, REACH = np.log(1.005), np.log(10.0)
NUM_STEPS = 2 * int(np.ceil(REACH / STEP)) + 1
# A side shorter than this has no ratio worth a name.
MIN_SIDE_M = 1e-3


@dataclass
class Line:
    """count: annotations. by_model: those of them that the model's depth alone gives a box. differs: kept
    ones whose width or height is off by more than DIFFERS of what the ratio of distances explains.
    """

    name: str
    count: int = 0
    by_model: int = 0
    differs: int = 0
    _steps: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((len(QUANTITIES), NUM_STEPS), dtype=np.int64)
    )

    def add(self, measured: dict[str, Any] | None, guessed: dict[str, Any] | None) -> None:
        """One annotation with its boxes as a row has them."""
        self.count += 1
        self.by_model += guessed is not None
        if measured is not None and guessed is not None:
            values = ratios(measured, guessed)
            self.differs += differ(values)
            for number, value in enumerate(values):
                if value > 0:
                    place = round(float(np.clip(np.log(value), -REACH, REACH)) / STEP) + NUM_STEPS // 2
                    self._steps[number, place] += 1

    def medians(self) -> dict[str, float | None]:
        """Of the sensor's value over the model's, by quantity, to half a percent."""
        return {name: _median(counts) for name, counts in zip(QUANTITIES, self._steps, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        counts = {"name": self.name, "count": self.count, "by_model": self.by_model}
        return counts | ({"differs": self.differs, **self.medians()} if self.name == KEPT else {})

    def cells(self) -> list[str]:
        """Name and HEAD's columns, as text."""
        said = self.to_dict()
        medians = ["" if said.get(name) is None else f"{said[name]:.3f}" for name in QUANTITIES]
        return [self.name, f"{self.count}", f"{self.by_model}", f"{said.get('differs', '')}", *medians]


def compare(shards: Iterable[Path]) -> list[Line]:
    """What was kept, then each filter that rejected something, in the order in which they are met."""
    lines = {KEPT: Line(KEPT)}
    for name, measured, guessed in _pairs(shards):
        lines.setdefault(name, Line(name)).add(measured, guessed)
    return list(lines.values())


def compare_job(job: LiftJob, entries: Iterable[Entry]) -> list[Line]:
    """Of a job's shards; nothing where it has no model beside a sensor."""
    if not isinstance(job.depth_source, MeasuredAndEstimated):
        return []
    return compare(shard_file(job.out, entry.number) for entry in entries)


def ratios(measured: dict[str, Any], guessed: dict[str, Any]) -> tuple[float, ...]:
    """The sensor's values over the model's, by QUANTITIES; 0 where one of the two has next to none."""
    ours = (measured["center_m"][2], *measured["size_m"])
    theirs = (guessed["center_m"][2], *guessed["size_m"])
    return tuple(a / b if min(a, b) >= MIN_SIDE_M else 0.0 for a, b in zip(ours, theirs, strict=True))


def differ(values: tuple[float, ...]) -> bool:
    """Whether width or height is off by more than the ratio of distances explains."""
    distance, width, height, _ = values
    if distance == 0:
        return False
    return any(abs(side / distance - 1) > DIFFERS for side in (width, height) if side > 0)


def _median(counts: npt.NDArray[np.int64]) -> float | None:
    total = int(counts.sum())
    if total == 0:
        return None
    place = int(np.searchsorted(np.cumsum(counts), (total + 1) // 2))
    return float(np.exp((place - NUM_STEPS // 2) * STEP))


def _pairs(shards: Iterable[Path]) -> Iterator[tuple[str, dict[str, Any] | None, dict[str, Any] | None]]:
    for shard in shards:
        for row in pq.read_table(shard, columns=["objects", "rejected"]).to_pylist():
            for one in row["objects"]:
                yield KEPT, one["box"], one["box_of_model"]
            for one in row["rejected"]:
                yield one["reason"], None, one["box_of_model"]
