"""A whole set of questions: which process makes which shard, and going on after a stop.

In: a `QaJob`. Out: its ledger entries, one after another as shards are done. A shard of questions is made of
one shard of the lifted set, so that it does not matter who makes it. It prints nothing.
"""

from __future__ import annotations

import operator
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.apart import Apart
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.lifted import LiftedSet
from n3d_ros.training.qa.making.asking import Maker, Tally
from n3d_ros.training.qa.making.names import Vocabulary
from n3d_ros.training.qa.making.picture import picture_rng, questions_of
from n3d_ros.training.qa.making.scene import NoScene, Scene, scene_of_row
from n3d_ros.training.qa.making.wordings import KnownWords
from n3d_ros.training.qa.records import Question
from n3d_ros.training.qa.rewording.rewriter import Rewriter
from n3d_ros.training.qa.shards import Entry, entry_of, read_entry, write_entry, write_questions
from n3d_ros.training.run_folder import remove_parts
from n3d_ros.training.workers.processes import on_processes


@dataclass(frozen=True)
class QaJob:
    """labels: of the whole lifted set, from which names of absent things come. apart: pictures of another
    set, which are left out. rewriter: None where nothing is reworded. words: of the model that is to read the
    questions; None where it reads everything.
    """

    lifted: LiftedSet
    labels: tuple[str, ...]
    config: QaConfig
    out: Path
    seed: int = 0
    apart: Apart = field(default_factory=Apart)
    rewriter: Rewriter | None = None
    words: KnownWords | None = None

    @property
    def num_shards(self) -> int:
        return len(self.lifted.files)

    def description(self) -> dict[str, Any]:
        """What two runs must share to write one set, as JSON."""
        return {
            "lifted": self.lifted.sha256,
            "config": self.config.to_dict(),
            "seed": self.seed,
            "apart_from": list(self.apart.sets),
            "rewording": None if self.rewriter is None else self.rewriter.identity(),
            "words_of": None if self.words is None else self.words.sha256,
        }


@dataclass(frozen=True)
class Done:
    """One shard. cpu_s: processor time that it took, 0 where an earlier run had made it."""

    entry: Entry
    cpu_s: float = 0.0


def make_shards(job: QaJob, workers: int = 1) -> Iterator[Done]:
    """Make the shards that are not there yet; those that are come first."""
    there = {n: entry for n in range(job.num_shards) if (entry := read_entry(job.out, n)) is not None}
    yield from map(Done, there.values())
    missing = [number for number in range(job.num_shards) if number not in there]
    yield from on_processes(partial(make_shard, job), missing, workers)


def make_shard(job: QaJob, number: int) -> Done:
    """Questions of one shard's pictures, written with their entry."""
    remove_parts(job.out, number)
    start_s = time.process_time()
    tally, rewording = Tally(), Counter[str]()
    questions: Iterator[Question] = (
        one for scene, rng in scenes(job, number, tally) for one in _of(job, scene, rng, tally)
    )
    if job.rewriter is not None:
        questions = job.rewriter.reworded(questions, job.out, number, rewording)
    num_questions = write_questions(shard_file(job.out, number), questions)
    entry = entry_of(
        job.out,
        number,
        tally.num_pictures,
        num_questions,
        forms=tally.forms,
        verdicts=tally.verdicts,
        hours=tally.hours,
        left_out=tally.left_out,
        pictures_left_out=tally.pictures,
        objects_left_out=tally.objects,
        rewording=rewording,
    )
    write_entry(job.out, entry)
    return Done(entry, time.process_time() - start_s)


def scenes(job: QaJob, number: int, tally: Tally) -> Iterator[tuple[Scene, random.Random]]:
    """The pictures of one shard with something to ask about, each with its own chance; others are counted."""
    for row in job.lifted.rows(number):
        tally.num_pictures += 1
        try:
            rng = picture_rng(job.seed, operator.index(row["index"]))
            scene = scene_of_row(row, rng, tally.objects)
        except NoScene as reason:
            tally.pictures[str(reason)] += 1
            continue
        except (KeyError, TypeError, ValueError) as error:
            file = job.lifted.folder / job.lifted.files[number]
            raise ValueError(
                f"'{file}': expected a lifted picture, got '{row.get('picture')}' with {error!r}"
            ) from error
        if scene.picture in job.apart:
            tally.pictures["in_other_set"] += 1
            continue
        yield scene, rng


def _of(job: QaJob, scene: Scene, rng: random.Random, tally: Tally) -> list[Question]:
    return questions_of(maker_of(job, scene, rng, tally))


def maker_of(job: QaJob, scene: Scene, rng: random.Random, tally: Tally) -> Maker:
    """What makes the questions of one picture."""
    return Maker(scene, job.config, rng, tally, vocabulary(job.labels), job.words)


@lru_cache(maxsize=4)
def vocabulary(labels: tuple[str, ...]) -> Vocabulary:
    """Built once a process."""
    return Vocabulary.of_labels(labels)
