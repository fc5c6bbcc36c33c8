"""A set of questions on disk -> rows to train on, endless, shuffled by a seed, from any position.

In: a folder of questions (`training/qa`). Out: `packing.Row`s for one of several processes. Memory does not
grow with the set but for a few bytes a question: shards are mapped, pictures are read when their row is. It
does not know models or optimisers.

Every process packs the same rows from texts alone and prepares the pictures of its own. So rows depend on
neither the number of processes nor that of workers, and going on at row N is skipping N rows of text.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch
from torch.utils.data import IterableDataset, get_worker_info

from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.training.finetune.examples import ExampleMaker, PictureKey
from n3d_ros.training.finetune.packing import Row, pack
from n3d_ros.training.finetune.plan import Plan
from n3d_ros.training.finetune.turns import Turn, turns
from n3d_ros.training.qa.records import SPATIAL, Question
from n3d_ros.training.qa.sets import check_shard, read_manifest

TOLD_EXAMPLES = 5
# What is looked at before training begins: more would keep the GPUs of a large set waiting.
PREVIEWED = 1000
UNASKABLE, TOO_LONG = "cannot be asked", "too long"
REASONS = (UNASKABLE, TOO_LONG)

_log = logging.getLogger(__name__)


class QuestionStore:
    """A finished set of questions, any of them at once. cache: where the mapped copy of its shards goes.

    FileNotFoundError for an unfinished set, ValueError for one that is not what its manifest says.
    """

    def __init__(self, folder: Path, cache: Path) -> None:
        from datasets import Dataset

        shards = read_manifest(folder)["shards"]
        for shard in shards:
            check_shard(folder / shard["file"], shard["questions"])
        self._table = Dataset.from_parquet(
            [str(folder / shard["file"]) for shard in shards], cache_dir=str(cache)
        )
        columns = self._table.data.table
        self.is_spatial = pc.equal(columns.column("kind"), SPATIAL).to_numpy()
        keys = pc.struct_field(columns.column("picture"), "key")
        self.pictures = np.concatenate([_hashes(chunk.to_pylist()) for chunk in keys.chunks])

    def __len__(self) -> int:
        return len(self._table)

    def question(self, number: int) -> Question:
        """ValueError for a row that is no question."""
        return Question.from_row(self._table[number])


def _hashes(keys: list[str]) -> np.ndarray:
    """(N,) uint64, the same on every machine."""
    digests = (hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


@dataclass(frozen=True)
class Planned:
    """A turn in a row, its picture not read yet."""

    question: Question
    turn: Turn

    @property
    def picture(self) -> PictureKey:
        return self.question.picture.key, self.question.drawn_px


class RowStream(IterableDataset[Row]):
    """Rows of process `rank` of `world_size`; `start_row`: how many of its own rows were trained on before.

    What does not fit into a row, or has words that the tokenizer does not know, is left out, counted in
    `left_out` by reason, whichever worker of the loader found it, and logged by the first process: the first
    few with their reasons, all as a sum when an epoch ends.
    """

    def __init__(
        self,
        store: QuestionStore,
        plan: Plan,
        maker: ExampleMaker,
        max_tokens: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__()
        self.store, self.plan, self.maker, self.max_tokens = store, plan, maker, max_tokens
        self.rank, self.world_size, self.start_row = rank, world_size, 0
        # In memory that the loader's workers share with the process that tells of it.
        self._left_out = torch.zeros(len(REASONS), dtype=torch.int64).share_memory_()

    @property
    def left_out(self) -> dict[str, int]:
        """Turns, and questions that cannot be asked, by reason, as far as was read."""
        counts: list[int] = self._left_out.tolist()
        return {reason: number for reason, number in zip(REASONS, counts, strict=True) if number}

    def preview(self) -> tuple[int, Counter[str]]:
        """How many questions of the first epoch's beginning were looked at, and those left out of them."""
        seen, found = 0, Counter[str]()
        for number in islice(chain.from_iterable(self.plan.epoch(0)), PREVIEWED):
            seen += 1
            found.update({reason for _, reason, _ in self._judged(self.store.question(number)) if reason})
        return seen, found

    def __iter__(self) -> Iterator[Row]:
        """From `start_row` on. A worker of the loader takes every so many rows; the loader asks in turn."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        for number, row in enumerate(self.planned_rows()):
            own, rank = divmod(number, self.world_size)
            nth = own - self.start_row
            if rank == self.rank and nth >= 0 and nth % workers == worker:
                yield self.read(row)

    def planned_rows(self) -> Iterator[list[Planned]]:
        """All rows of all processes, endless: turns are put into a row as long as they fit."""
        row: list[Planned] = []
        room = self.max_tokens
        for epoch in count():
            found = False
            for planned, length in self._turns(epoch):
                found = True
                if length > room:
                    yield row
                    row, room = [], self.max_tokens
                row.append(planned)
                room -= length
            if self.left_out and self._tells:
                _log.warning("left out by the end of epoch %d: %s", epoch, self.left_out)
            if not found:
                raise ValueError(f"questions: expected some to train on, got none; left out: {self.left_out}")

    def _turns(self, epoch: int) -> Iterator[tuple[Planned, int]]:
        """The turns of an epoch that fit into a row, with their lengths."""
        for unit in self.plan.epoch(epoch):
            for number in unit:
                question = self.store.question(number)
                for turn, reason, length in self._judged(question):
                    if turn is None:
                        self._leave_out(question, reason, length)
                    else:
                        yield Planned(question, turn), length

    def _judged(self, question: Question) -> Iterator[tuple[Turn | None, str, Any]]:
        """Its turns with their lengths; None, the reason and details for what is left out."""
        try:
            asked = turns(self.maker.spelled(question), self.maker.ablation)
            found = [(turn, self.maker.planned_length(turn, question.picture)) for turn in asked]
        except ValueError as error:
            yield None, UNASKABLE, str(error)
            return
        for turn, length in found:
            if length <= self.max_tokens:
                yield turn, "", length
            else:
                yield None, TOO_LONG, f"{length} tokens of {self.max_tokens}"

    @property
    def _tells(self) -> bool:
        """Every worker of every process reads all texts; one of them says what it found."""
        info = get_worker_info()
        return self.rank == 0 and (info is None or info.id == 0)

    def _leave_out(self, question: Question, reason: str, details: str) -> None:
        info = get_worker_info()
        if info is not None and info.id > 0:
            return
        place = REASONS.index(reason)
        self._left_out[place] += 1
        if self._left_out[place] <= TOLD_EXAMPLES and self._tells:
            _log.warning("question '%s' left out, %s: %s", question.id, reason, details)

    def read(self, row: list[Planned]) -> Row:
        """The row's tensors: each picture once. OSError or ValueError that names the file."""
        pictures: dict[PictureKey, ModelInputs] = {}
        for one in row:
            if one.picture not in pictures:
                pictures[one.picture] = self.maker.picture(one.question)
        examples = [self.maker.example(one.turn, pictures[one.picture]) for one in row]
        places = {key: place for place, key in enumerate(pictures)}
        shown = [places[one.picture] for one in row]
        return pack(examples, list(pictures.values()), shown, self.maker.preprocess.merge_size)
