"""What is asked about a view, to train and to measure.

In: the objects of a view. Out: `Asked` with the exact answer, and the `Sample`s that teach it, in the robot's
own prompts. It does not know tokens, pictures or models. Few forms of questions, and none that is a close
call: what a small model can learn in minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.protocol import prompts
from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.spatial import QUESTIONS, answer, parse_question
from n3d_ros.training.questions import Sample, ViewObjects, box_sample, ground_sample, jittered

BOX = "box"
# Relations of `n3d_ros.spatial`: those answered yes or no, and those answered by a number.
OPEN = ("left_right", "front_behind")
NUMBERS = ("height", "width")
# Metres between the compared values, and of a number, below which not even the truth is clear.
MIN_MARGIN_M, MIN_VALUE_M = 0.05, 0.05
TRIES = 20


@dataclass(frozen=True)
class Asked:
    """A question about the objects `targets` of a view, in the order of mention. relation: BOX for the box of
    one thing, else what is asked about them; then verdict or value_m is the truth and answer its sentence.
    """

    relation: str
    text: str
    targets: tuple[int, ...]
    boxes: tuple[Box3D, ...]
    answer: str = ""
    verdict: bool | None = None
    value_m: float | None = None


@dataclass(frozen=True)
class Posed:
    """A question put about view number `view` of a set; views of one `scene` are alike."""

    id: str
    view: int
    scene: str
    asked: Asked


def askable(objects: ViewObjects) -> list[int]:
    """The objects that are seen well enough."""
    return [i for i, seen in enumerate(objects.askable) if seen]


def box_questions(objects: ViewObjects) -> list[Asked]:
    """One for each thing, by its name."""
    return [Asked(BOX, objects.names[i], (i,), (objects.boxes[i],)) for i in askable(objects)]


def spatial_questions(objects: ViewObjects, rng: np.random.Generator, count: int) -> list[Asked]:
    """`count` random ones; fewer where all are too close to call or there is one thing alone."""
    if len(askable(objects)) < 2:
        return []
    drawn = (_spatial(objects, rng) for _ in range(TRIES * count))
    return list(islice((one for one in drawn if one is not None), count))


def _spatial(objects: ViewObjects, rng: np.random.Generator) -> Asked | None:
    """A random question; None where it is too close a call."""
    relation = str(rng.choice(OPEN + NUMBERS))
    forms = [form for form in QUESTIONS[relation] if relation in NUMBERS or form.startswith("Is ")]
    template = str(rng.choice(forms))
    chosen = [int(i) for i in rng.permutation(askable(objects))[: 1 + ("{b}" in template)]]
    text = template.format(**{slot: objects.names[i] for slot, i in zip("ab", chosen, strict=False)})
    order = sorted(chosen, key=lambda i: text.index(objects.names[i]))
    boxes = tuple(objects.boxes[i] for i in order)
    query = parse_question(text)
    assert query is not None, text
    exact = answer(query, [as_quoted(box) for box in boxes])
    value_m = None if relation in OPEN else exact.value
    close = exact.margin < MIN_MARGIN_M if value_m is None else value_m < MIN_VALUE_M
    if close:
        return None
    return Asked(
        relation, text, tuple(order), boxes, answer=exact.answer, verdict=exact.verdict, value_m=value_m
    )


def box_samples(objects: ViewObjects) -> list[Sample]:
    """Teach the box of each thing."""
    return [ground_sample(objects.names[i], objects, [i]) for i in askable(objects)]


def locate_sample(objects: ViewObjects, asked: Asked) -> Sample:
    """Teach the first of the robot's two calls: find what the question is about."""
    return box_sample(prompts.locate_prompt(asked.text), objects, list(asked.targets))


def reason_sample(objects: ViewObjects, asked: Asked, rng: np.random.Generator) -> Sample:
    """Teach the second: answer with evidence as inexact as a model's own boxes would be."""
    boxes = [jittered(box, rng) for box in asked.boxes]
    query = parse_question(asked.text)
    assert query is not None, asked.text
    evidence = prompts.evidence_from_boxes(boxes, objects.intrinsics)
    reply = answer(query, [as_quoted(box) for box in boxes]).text
    return _answered(prompts.answer_prompt(asked.text, evidence), reply, boxes)


def direct_sample(asked: Asked) -> Sample:
    """Teach the answer alone."""
    return _answered(prompts.answer_prompt(asked.text), asked.answer, asked.boxes)


def _answered(prompt: str, reply: str, boxes: Sequence[Box3D]) -> Sample:
    question = prompt.split(prompts.IMAGE_PAD, 1)[1]
    return Sample(question, reply + prompts.TURN_END, (), tuple(box.label for box in boxes))
