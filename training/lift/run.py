"""A whole set lifted: which process makes which shard, going on after a stop, and stopping where data are
broken.

In: a `LiftJob`. Out: its ledger entries, one after another as shards are done. It does not know how a picture
is lifted, and prints nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from n3d_ros.training import run_folder
from n3d_ros.training.lift.depth_sources import DepthSource
from n3d_ros.training.lift.filters import RULES, STOPS, Kind, LiftConfig, Reason
from n3d_ros.training.lift.lifting import LiftedPicture, lift_picture
from n3d_ros.training.lift.mask_sources import MaskSource
from n3d_ros.training.lift.shards import Entry, read_entry, write_shard
from n3d_ros.training.lift.sources.records import Source


class TooManyRejects(ValueError):
    """The data are not what they say, or not for these thresholds: the message names the most frequent
    reasons.
    """


@dataclass(frozen=True)
class LiftJob:
    """out: the folder of shards. shard_size: pictures a shard. Shards are numbered from 0."""

    source: Source
    depth_source: DepthSource
    config: LiftConfig
    out: Path
    shard_size: int = 256
    mask_source: MaskSource | None = None

    def __post_init__(self) -> None:
        if self.shard_size < 1:
            raise ValueError(f"shard_size: expected at least 1, got {self.shard_size}")

    @property
    def num_shards(self) -> int:
        return -(-len(self.source) // self.shard_size)

    def pictures_of(self, number: int) -> range:
        """Records of one shard."""
        first = number * self.shard_size
        return range(first, min(first + self.shard_size, len(self.source)))

    def description(self) -> dict[str, Any]:
        """What two runs must share to write one set, as JSON; when to stop may differ."""
        config = {name: value for name, value in self.config.to_dict().items() if name not in STOPS}
        return {
            "source": self.source.identity(),
            "depth_source": self.depth_source.identity(),
            "mask_source": None if self.mask_source is None else self.mask_source.identity(),
            "config": config,
            "shard_size": self.shard_size,
        }

    def lifted(self, index: int) -> LiftedPicture:
        """One picture, by its number in the source."""
        return lift_picture(self.source.record(index), self.depth_source, self.config, self.mask_source)


@dataclass(frozen=True)
class Done:
    """One shard. cpu_s: processor time that it took, 0 where an earlier run had made it."""

    entry: Entry
    cpu_s: float = 0.0


# What calls a function with each of many numbers and gives its results as they come.
Engine = Callable[[Callable[[int], Done], Sequence[int]], Iterable[Done]]


def begin(job: LiftJob) -> None:
    """Say in the folder what is made there. ValueError where something else is."""
    run_folder.begin(job.out, job.description())


def shards_of_task(job: LiftJob, task: int = 0, num_tasks: int = 1) -> range:
    """Every num_tasks-th shard, from `task` on."""
    if not 0 <= task < num_tasks:
        raise ValueError(f"task: expected 0 <= task < {num_tasks}, got {task}")
    return range(task, job.num_shards, num_tasks)


def lift_shards(job: LiftJob, numbers: Sequence[int], engine: Engine = map) -> Iterator[Done]:
    """Make the shards that are not there yet; those that are come first. TooManyRejects stops the run.

    engine: of `training.workers`; without one, this process makes them in turn.
    """
    there = {number: entry for number in numbers if (entry := read_entry(job.out, number)) is not None}
    missing = [number for number in numbers if number not in there]
    tally = _Tally(job.config)
    for entry in there.values():
        tally.add(entry)
        yield Done(entry)
    for done in engine(partial(lift_shard, job), missing):
        tally.add(done.entry)
        yield done
        tally.check()
    tally.check(is_end=True)


def lift_shard(job: LiftJob, number: int) -> Done:
    """Lift the pictures of one shard and write it."""
    run_folder.remove_parts(job.out, number)
    start_s = time.process_time()
    indices = job.pictures_of(number)
    pictures = (job.lifted(index) for index in indices)
    entry = write_shard(job.out, number, indices.start, pictures)
    return Done(entry, time.process_time() - start_s)


class _Tally:
    """Annotations by reason so far, held against the shares at which a run stops."""

    def __init__(self, config: LiftConfig) -> None:
        self._config, self._kept = config, 0
        self._rejected: Counter[Reason] = Counter()

    def add(self, entry: Entry) -> None:
        self._kept += entry.num_kept
        self._rejected.update({Reason(name): count for name, count in entry.rejected.items()})

    def check(self, is_end: bool = False) -> None:
        """At the end, however few there were."""
        rejected = {reason: n for reason, n in self._rejected.items() if RULES[reason].kind != Kind.SKIPPED}
        broken = {reason: n for reason, n in rejected.items() if RULES[reason].kind == Kind.BROKEN}
        judged = self._kept + sum(rejected.values())
        if judged == 0 or (judged < self._config.min_judged and not is_end):
            return
        self._compare("broken", broken, judged, self._config.max_broken_share)
        self._compare("rejected", rejected, judged, self._config.max_reject_share)

    @staticmethod
    def _compare(what: str, counts: dict[Reason, int], judged: int, limit: float) -> None:
        number = sum(counts.values())
        if number > limit * judged:
            reasons = ", ".join(f"{reason.value} {n}" for reason, n in Counter(counts).most_common(4))
            raise TooManyRejects(
                f"expected at most {100 * limit:g} % of annotations {what}, "
                f"got {number} of {judged}: {reasons}"
            )
