"""A trained variant -> how right it is on views that it never saw.

In: a model folder, its ablation, a set of views. Out: `Mark`s, one a question. It does not know training
or tables. Frames: optical, metres. Replies are greedy.

Boxes are marked as in the paper (arXiv 2512.16561, table 5): right at a 3D IoU of 0.25. So are answers (table
6): a verdict must be the same, a number within 25 % of the truth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.model.checkpoint import load_model
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.preprocess.pictures import patch_rows
from n3d_ros.protocol import prompts
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.claims.questions import BOX, Asked, Posed
from n3d_ros.training.claims.sight import Sight, seen_by
from n3d_ros.training.finetune.configs import DIRECT, Ablation
from n3d_ros.training.finetune.models import preprocess_of
from n3d_ros.training.finetune.turns import read_boxes
from n3d_ros.training.nano.shards import ViewShards
from n3d_ros.training.nano.views import SMALL, Record

RIGHT_IOU = 0.25
RIGHT_SHARE = 0.25
MAX_BOX_TOKENS, MAX_ANSWER_TOKENS = 48, 128
AT_ONCE = 64


@dataclass(frozen=True)
class Mark:
    """One question about a view of `scene`. iou and center_error_m: of the first box found, 0 and None
    without one. said: the model's own answer is right; computed: the one computed from its boxes is, as the
    robot would give it. None where nothing of the kind was asked.
    """

    id: str
    scene: str
    relation: str
    iou: float | None = None
    center_error_m: float | None = None
    said: bool | None = None
    computed: bool | None = None


class Examinee:
    """A variant that answers: the folder's model with its tokenizer and preprocessing."""

    def __init__(self, folder: Path, ablation: Ablation) -> None:
        self.model: N3DForConditionalGeneration = load_model(folder)
        self.codec = TextCodec(folder / "tokenizer.json")
        self.preprocess, self.ablation = preprocess_of(folder), ablation
        (self.end,), (self.pad,) = self.codec.encode(prompts.TURN_END), self.codec.encode(prompts.IMAGE_PAD)

    def sight(self, view: Record) -> Sight:
        """The view as the variant sees it."""
        return seen_by(self.ablation, view, self.preprocess.point_encoding)

    def found_in(self, reply: str, view: Record) -> tuple[Box3D, ...]:
        """The boxes of a reply that lie in front of the camera."""
        sight = self.sight(view)
        boxes = read_boxes(reply, sight.scene, sight.objects.intrinsics, self.ablation.coordinates)
        return tuple(box for box in boxes if box.center[2] > 0)

    def evidence(self, boxes: Sequence[Box3D], view: Record) -> tuple[prompts.Evidence, ...]:
        """What the second call is told of the boxes that the first one found."""
        return prompts.evidence_from_boxes(boxes, self.sight(view).objects.intrinsics)

    def replies(self, texts: Sequence[str], views: Sequence[Record], max_tokens: int) -> list[str]:
        """The reply to each chat text about its view."""
        found: list[str] = []
        for start in range(0, len(texts), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found += self._replies(texts[part], views[part], max_tokens)
        return found

    def _replies(self, texts: Sequence[str], views: Sequence[Record], max_tokens: int) -> list[str]:
        inputs = self._padded([self._prompt(text) for text in texts])
        with torch.inference_mode():
            out: Any = self.model.generate(
                **inputs, **self._pictures(views), max_new_tokens=max_tokens, do_sample=False,
                use_cache=True, eos_token_id=self.end, pad_token_id=self.end,
            )  # fmt: skip
        return [self.codec.decode(ids) for ids in out[:, inputs["input_ids"].shape[1] :].tolist()]

    def _prompt(self, text: str) -> list[int]:
        ids = self.codec.encode(text)
        place, count = ids.index(self.pad), math.prod(SMALL.grid) // self.preprocess.merge_size**2
        return [*ids[:place], *[self.pad] * count, *ids[place + 1 :]]

    def _pictures(self, views: Sequence[Record]) -> dict[str, Tensor]:
        rows = [patch_rows(view["rgb"], self.preprocess.layout)[0] for view in views]
        coords = [self.sight(view).coords for view in views]
        return {
            "pixel_values": torch.from_numpy(np.concatenate(rows)),
            "point_coords": torch.from_numpy(np.concatenate(coords)),
            "image_grid_thw": torch.tensor([[1, *SMALL.grid]] * len(views)),
        }

    def _padded(self, rows: list[list[int]]) -> dict[str, Tensor]:
        """Rows that end together, so that all replies begin at one place."""
        length = max(map(len, rows))
        ids = torch.tensor([[self.end] * (length - len(row)) + row for row in rows])
        seen = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
        return {"input_ids": ids, "attention_mask": seen, "mm_token_type_ids": (ids == self.pad).int()}


def examine(
    examinee: Examinee, questions: Sequence[Posed], views: ViewShards, answers: bool
) -> Iterator[Mark]:
    """A mark for each question about a box, or with `answers` for each of the others, asked in the way that
    the variant was trained.
    """
    chosen = [one for one in questions if (one.asked.relation == BOX) != answers]
    if not answers:
        yield from _boxes_of(examinee, chosen, views)
    elif examinee.ablation.answers == DIRECT:
        yield from _direct(examinee, chosen, views)
    else:
        yield from _in_two_calls(examinee, chosen, views)


def _boxes_of(examinee: Examinee, questions: Sequence[Posed], views: ViewShards) -> Iterator[Mark]:
    texts = [prompts.ground_prompt(prompts.ground_question(one.asked.text)) for one in questions]
    replies = examinee.replies(texts, [views.view(one.view) for one in questions], MAX_BOX_TOKENS)
    for question, reply in zip(questions, replies, strict=True):
        yield mark_box(question, examinee.found_in(reply, views.view(question.view)))


def _direct(examinee: Examinee, questions: Sequence[Posed], views: ViewShards) -> Iterator[Mark]:
    texts = [prompts.answer_prompt(one.asked.text) for one in questions]
    replies = examinee.replies(texts, [views.view(one.view) for one in questions], MAX_ANSWER_TOKENS)
    for question, reply in zip(questions, replies, strict=True):
        yield mark_answer(question, reply)


def _in_two_calls(examinee: Examinee, questions: Sequence[Posed], views: ViewShards) -> Iterator[Mark]:
    """As the robot asks: locate, then reason. Without boxes there is no answer, which is wrong."""
    seen = [views.view(one.view) for one in questions]
    texts = [prompts.locate_prompt(one.asked.text) for one in questions]
    replies = examinee.replies(texts, seen, MAX_BOX_TOKENS)
    boxes = [examinee.found_in(reply, view) for reply, view in zip(replies, seen, strict=True)]
    answerable = [n for n, found in enumerate(boxes) if found]
    reasoned = [
        prompts.answer_prompt(questions[n].asked.text, examinee.evidence(boxes[n], seen[n]))
        for n in answerable
    ]
    said = examinee.replies(reasoned, [seen[n] for n in answerable], MAX_ANSWER_TOKENS)
    spoken = dict(zip(answerable, said, strict=True))
    for n, question in enumerate(questions):
        computed = computed_answer(question.asked.text, boxes[n])
        yield mark_answer(question, spoken.get(n, ""), computed)


def mark_box(question: Posed, found: Sequence[Box3D]) -> Mark:
    """The first box found against the one asked for."""
    iou, error_m = 0.0, None
    if found:
        truth = question.asked.boxes[0]
        iou, error_m = iou_3d(found[0], truth), math.dist(found[0].center, truth.center)
    return Mark(question.id, question.scene, question.asked.relation, iou, error_m)


def mark_answer(question: Posed, said: str, computed: str | None = None) -> Mark:
    """What was said, and what was computed where boxes were found first, against the truth."""
    asked = question.asked
    right = None if computed is None else is_right(asked, computed)
    return Mark(question.id, question.scene, asked.relation, said=is_right(asked, said), computed=right)


def computed_answer(question: str, boxes: Sequence[Box3D]) -> str:
    """What the library computes from boxes; empty where they do not hold what the question is about."""
    query = parse_question(question)
    try:
        return "" if query is None else answer(query, boxes).answer
    except ValueError:
        return ""


def is_right(question: Asked, reply: str) -> bool:
    """The reply's sentence against the truth: yes or no, or its first number within 25 %."""
    _, sentence = prompts.split_answer(reply)
    if question.verdict is not None:
        verdict = {"yes": True, "no": False}.get(re.split(r"\W", sentence.lower(), maxsplit=1)[0])
        return verdict is question.verdict
    number = re.search(r"\d+(?:\.\d+)?", sentence)
    assert question.value_m is not None
    return (
        number is not None and abs(float(number.group()) - question.value_m) <= RIGHT_SHARE * question.value_m
    )
