"""A trained variant -> how right it is on scenes that it never saw.

In: a model folder, its ablation, a set of questions. Out: `Mark`s, one a question. It does not know training
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

import torch

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.model.checkpoint import load_model
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.protocol import prompts
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.finetune.configs import DIRECT, Ablation
from n3d_ros.training.finetune.examples import ExampleMaker
from n3d_ros.training.finetune.models import preprocess_of
from n3d_ros.training.finetune.packing import picture_tensors
from n3d_ros.training.finetune.turns import read_boxes
from n3d_ros.training.qa.records import GROUND, OPEN, SPATIAL, Question

RIGHT_IOU = 0.25
RIGHT_SHARE = 0.25
MAX_BOX_TOKENS, MAX_ANSWER_TOKENS = 48, 160
AT_ONCE = 32


@dataclass(frozen=True)
class Mark:
    """One question. iou and center_error_m: of the first box found, 0 and None without one. said: the model's
    own answer is right; computed: the one computed from its boxes is, as the robot would give it. None where
    nothing of the kind was asked.
    """

    id: str
    picture: str
    category: str
    iou: float | None = None
    center_error_m: float | None = None
    said: bool | None = None
    computed: bool | None = None


class Examinee:
    """A variant that answers: the folder's model with its tokenizer and preprocessing."""

    def __init__(self, folder: Path, ablation: Ablation, root: Path) -> None:
        self.model: N3DForConditionalGeneration = load_model(folder)
        self.codec = TextCodec(folder / "tokenizer.json")
        self.maker = ExampleMaker(self.codec, preprocess_of(folder), ablation, root)
        self.ablation = ablation
        (self.end,) = self.codec.encode(prompts.TURN_END)

    def replies(self, asked: Sequence[tuple[str, ModelInputs]], max_tokens: int) -> list[str]:
        """The reply to each chat text about its picture."""
        found: list[str] = []
        for start in range(0, len(asked), AT_ONCE):
            found += self._replies(asked[start : start + AT_ONCE], max_tokens)
        return found

    def _replies(self, asked: Sequence[tuple[str, ModelInputs]], max_tokens: int) -> list[str]:
        inputs = self._padded([self._prompt(text, picture) for text, picture in asked])
        pictures = picture_tensors([picture for _, picture in asked], self.maker.preprocess.merge_size)
        with torch.inference_mode():
            out: Any = self.model.generate(
                **inputs, **pictures, max_new_tokens=max_tokens, do_sample=False, use_cache=True,
                eos_token_id=self.end, pad_token_id=self.end,
            )  # fmt: skip
        return [self.codec.decode(ids) for ids in out[:, inputs["input_ids"].shape[1] :].tolist()]

    def _prompt(self, text: str, picture: ModelInputs) -> list[int]:
        ids, count = (
            self.codec.encode(text),
            math.prod(picture.grid_hw) // self.maker.preprocess.merge_size**2,
        )
        place = ids.index(self.maker.pad)
        return [*ids[:place], *[self.maker.pad] * count, *ids[place + 1 :]]

    def _padded(self, rows: list[list[int]]) -> dict[str, torch.Tensor]:
        """Rows that end together, so that all replies begin at one place."""
        length = max(map(len, rows))
        ids = torch.tensor([[self.end] * (length - len(row)) + row for row in rows])
        seen = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
        return {
            "input_ids": ids,
            "attention_mask": seen,
            "mm_token_type_ids": (ids == self.maker.pad).int(),
        }


def examine(examinee: Examinee, questions: Sequence[Question]) -> Iterator[Mark]:
    """A mark for each question, asked in the way that the variant was trained."""
    pictures = {question.id: examinee.maker.picture(question) for question in questions}
    spatial = [question for question in questions if question.kind == SPATIAL]
    if examinee.ablation.answers == DIRECT:
        yield from _direct(examinee, spatial, pictures)
        return
    grounds = [question for question in questions if question.kind == GROUND]
    asked = [(prompts.ground_prompt(prompts.ground_question(one.text)), pictures[one.id]) for one in grounds]
    for question, text in zip(grounds, examinee.replies(asked, MAX_BOX_TOKENS), strict=True):
        yield mark_box(question, _boxes(examinee, text, pictures[question.id]))
    yield from _in_two_calls(examinee, spatial, pictures)


def _direct(
    examinee: Examinee, questions: Sequence[Question], pictures: dict[str, ModelInputs]
) -> Iterator[Mark]:
    asked = [(prompts.answer_prompt(one.text), pictures[one.id]) for one in questions]
    for question, text in zip(questions, examinee.replies(asked, MAX_ANSWER_TOKENS), strict=True):
        yield Mark(question.id, question.picture.key, question.category, said=is_right(question, text))


def _in_two_calls(
    examinee: Examinee, questions: Sequence[Question], pictures: dict[str, ModelInputs]
) -> Iterator[Mark]:
    """As the robot asks: locate, then reason; without all objects there is no answer, which is wrong."""
    asked = [(prompts.locate_prompt(one.text), pictures[one.id]) for one in questions]
    replies = examinee.replies(asked, MAX_BOX_TOKENS)
    found = {
        one.id: _boxes(examinee, text, pictures[one.id]) for one, text in zip(questions, replies, strict=True)
    }
    answerable = [one for one in questions if found[one.id]]
    second = [
        (
            prompts.answer_prompt(
                one.text, prompts.evidence_from_boxes(found[one.id], one.picture.intrinsics)
            ),
            pictures[one.id],
        )
        for one in answerable
    ]
    said = dict(zip([one.id for one in answerable], examinee.replies(second, MAX_ANSWER_TOKENS), strict=True))
    for question in questions:
        computed = is_right(question, computed_answer(question.text, found[question.id]))
        yield Mark(
            question.id,
            question.picture.key,
            question.category,
            said=is_right(question, said.get(question.id, "")),
            computed=computed,
        )


def _boxes(examinee: Examinee, text: str, inputs: ModelInputs) -> tuple[Box3D, ...]:
    """Those in front of the camera."""
    boxes = read_boxes(text, inputs.scene, inputs.intrinsics, examinee.ablation.coordinates)
    return tuple(box for box in boxes if box.center[2] > 0)


def mark_box(question: Question, found: Sequence[Box3D]) -> Mark:
    """The first box found against the one asked for."""
    truth = question.boxes[0].box
    if not found:
        return Mark(question.id, question.picture.key, question.category, iou=0.0)
    error = math.dist(found[0].center, truth.center)
    return Mark(question.id, question.picture.key, question.category, iou_3d(found[0], truth), error)


def computed_answer(question: str, boxes: Sequence[Box3D]) -> str:
    """What the library computes from boxes; empty where they do not hold what the question is about."""
    query = parse_question(question)
    try:
        return "" if query is None else answer(query, boxes).answer
    except ValueError:
        return ""


def is_right(question: Question, reply: str) -> bool:
    """The reply's sentence against the truth: yes or no, or its first number within 25 %."""
    _, sentence = prompts.split_answer(reply)
    if question.category in OPEN:
        verdict = {"yes": True, "no": False}.get(re.split(r"\W", sentence.lower(), maxsplit=1)[0])
        return verdict is question.verdict
    number = re.search(r"\d+(?:\.\d+)?", sentence)
    assert question.value is not None
    return number is not None and abs(float(number.group()) - question.value) <= RIGHT_SHARE * question.value
