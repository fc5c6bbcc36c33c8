"""One stage of a variant's training: n3d-nano's trainer, with the variant's eyes and questions.

In: a `Lesson`, a base model, a set of views. Out: a run folder with checkpoint and model. It does not know
which variants there are or how they are measured. Every variant has the help that made n3d-nano learn
(`training/nano/losses`), in its own coordinates; what learns no boxes is asked for kinds and colours alone.

A lesson's length is in steps, since a clock would give each variant another number of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from torch import Tensor

from n3d_ros.preprocess.point_code import PointEncodingConfig
from n3d_ros.training.claims.questions import (
    box_samples,
    direct_sample,
    locate_sample,
    reason_sample,
    spatial_questions,
)
from n3d_ros.training.claims.sight import seen_by
from n3d_ros.training.finetune.configs import AS_IN_PAPER, DIRECT, Ablation
from n3d_ros.training.nano.batches import Batch, Packer
from n3d_ros.training.nano.configs import NanoModel, Stage
from n3d_ros.training.nano.labels import Segment
from n3d_ros.training.nano.shards import ViewShards
from n3d_ros.training.nano.train import CHECKPOINT, Trainer
from n3d_ros.training.nano.views import Record
from n3d_ros.training.questions import Sample, ViewObjects

# Of the steps of the first stage, those that come first and teach the tower alone.
TOWER_SHARE = 0.15
# From this share of it on, what a question is about is located too: with it from the start, boxes were
# learned half as fast (docs/log/training.md).
LOCATE_FROM = 0.6
# Answers without boxes taught of each view. With boxes and reasoning it is one, which is as long as many.
DIRECT_ANSWERS = 4


@dataclass(frozen=True)
class Lesson:
    """`steps` of training. answering: the second stage, in which questions are answered."""

    name: str
    steps: int
    ablation: Ablation = AS_IN_PAPER
    answering: bool = False
    seed: int = 0

    @property
    def stage(self) -> Stage:
        """As n3d-nano's trainer takes it; its minutes are never looked at."""
        return Stage(
            self.name, minutes=1.0, warm_share=0.03, decay_share=0.5, pictures_per_pass=8,
            pictures_per_step=8, muon_rate=0.008, adam_rate=2e-3, patch_rate=5e-4, number_sigma=10.0,
            look=(1, 2), copy=(2, 2), owner=(3, 2), save_every_s=300.0, seed=self.seed,
        )  # fmt: skip


class LessonPacker(Packer):
    """Batches of a lesson's own questions, seen as its variant sees."""

    row_step = 16

    def __init__(
        self,
        lesson: Lesson,
        tokenizer: Tokenizer,
        encoding: PointEncodingConfig,
        rng: np.random.Generator,
        done: Callable[[], float],
    ) -> None:
        super().__init__(tokenizer, encoding, rng)
        self.lesson, self.done = lesson, done

    def _objects(self, view: Record) -> tuple[ViewObjects, np.ndarray]:
        seen = seen_by(self.lesson.ablation, view, self.encoding)
        return seen.objects, seen.fields

    def _coords(self, view: Record) -> np.ndarray:
        return seen_by(self.lesson.ablation, view, self.encoding).coords

    def _segments(self, objects: ViewObjects, with_reasoning: bool) -> list[Segment]:
        return [
            self.labeller.segment(sample) for sample in samples(self.lesson, objects, self.rng, self.done())
        ]


def samples(
    lesson: Lesson, objects: ViewObjects, rng: np.random.Generator, done: float = 1.0
) -> list[Sample]:
    """What a lesson teaches about one view, when the share `done` of it is over."""
    if lesson.ablation.answers == DIRECT:
        return [direct_sample(one) for one in spatial_questions(objects, rng, DIRECT_ANSWERS)]
    asked = spatial_questions(objects, rng, 1)
    found = [locate_sample(objects, one) for one in asked]
    if lesson.answering:
        return found + [reason_sample(objects, one, rng) for one in asked]
    return box_samples(objects) + (found if done >= LOCATE_FROM else [])


class FirstViews(ViewShards):
    """The first `share` of the views of a folder: whole scenes but for the last."""

    def __init__(self, folder: Path, share: float) -> None:
        self.share = share
        super().__init__(folder)

    def refresh(self) -> None:
        super().refresh()
        self.index = self.index[: max(1, round(self.share * len(self.index)))]


class Teacher(Trainer):
    """n3d-nano's trainer for the steps of one lesson."""

    def __init__(
        self, lesson: Lesson, preset: NanoModel, tokenizer: Tokenizer, views: Path, folder: Path
    ) -> None:
        self.lesson = lesson
        super().__init__(lesson.stage, preset, tokenizer, views, folder)
        self.rng = np.random.default_rng(lesson.seed)
        self.shards = FirstViews(views, lesson.ablation.data_share)

    @property
    def done(self) -> float:
        return self.step / self.lesson.steps

    def has_text(self) -> bool:
        """Once the tower has begun to see."""
        return self.lesson.answering or self.done >= TOWER_SHARE

    def _packer(self) -> LessonPacker:
        return LessonPacker(
            self.lesson, self.tokenizer, self.preset.point_encoding, self.rng, lambda: self.done
        )

    def dense_losses(self, batch: Batch, tokens: Tensor) -> dict[str, Tensor]:
        """Without boxes for what answers directly: it is told what is to be seen, not where in space."""
        losses = super().dense_losses(batch, tokens)
        if self.lesson.ablation.answers == DIRECT:
            del losses["box"]
        return losses

    def resume(self) -> None:
        super().resume()
        if not self.trained_s:  # the checkpoint of the lesson before
            self.step = 0
        self.rng = np.random.default_rng([self.lesson.seed, self.step])


def teach(
    lesson: Lesson,
    preset: NanoModel,
    tokenizer: Tokenizer,
    views: Path,
    folder: Path,
    after: Path | None = None,
) -> float:
    """Train one lesson, or go on with it; the seconds that its steps took. after: the folder of the lesson
    before it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Teacher(lesson, preset, tokenizer, views, folder)
    if after is not None and not (folder / CHECKPOINT).is_file():
        shutil.copyfile(after / CHECKPOINT, folder / CHECKPOINT)
    if (folder / CHECKPOINT).is_file():
        trainer.resume()
    else:
        trainer.start()
    trainer.run()
    return trainer.trained_s
