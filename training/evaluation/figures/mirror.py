"""Does a model say the same of the world in a mirror?

In: `Marked` answers, and the replies to the same questions about mirrored pictures. Out: figures, as JSON.
Truth plays a part only where an answer has two ways to be: both right or both wrong is the same answer.
Questions whose words say left or right mean something else there and are left out, but for those that ask
just this.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D, iou_3d
from n3d_ros.runtime.looks.second_look import mirrored_box
from n3d_ros.training.evaluation.asking.mirror import names_a_side
from n3d_ros.training.evaluation.asking.reply import Reply
from n3d_ros.training.evaluation.figures.marked import Marked
from n3d_ros.training.evaluation.figures.pairing import ANY
from n3d_ros.training.evaluation.judging.judgement import (
    CHOICE,
    COUNT,
    HOUR,
    LENGTH,
    RIGHT,
    SILENT,
    VERDICT,
    VOLUME,
    WRONG,
    Judge,
    Judgement,
    wanted,
)
from n3d_ros.training.evaluation.metrics import overlap
from n3d_ros.training.evaluation.metrics.intervals import estimate, share
from n3d_ros.training.evaluation.metrics.matching import closest_pairs
from n3d_ros.training.evaluation.metrics.values import hours_apart, mirrored_hour
from n3d_ros.training.qa.records import KnownBox, Question

LEFT_RIGHT = "left_right"
# Two lengths that are the same to who hears them; the tolerance of `spatial.check_answer`.
SAME, SAME_M = 0.10, 0.01


def mirror_figures(marked: Sequence[Marked], replies: Mapping[str, Reply], judge: Judge) -> dict[str, Any]:
    """replies: to the mirrored pictures, by question. Empty where there are none."""
    both = [(one, replies[one.question.id]) for one in marked if one.question.id in replies]
    if not both:
        return {}
    agree = [agrees(one, reply, judge) for one, reply in both if one.judgement is not None]
    told = [agreed for agreed in agree if agreed is not None]
    overlaps = [pair for one, reply in both for pair in _box_overlaps(one, reply)]
    return {
        "answers": share(told).to_dict(),
        "answers_not_compared": len(agree) - len(told),
        "same_number_of_boxes": share(
            [
                len(one.reply.boxes) == len(reply.boxes)
                for one, reply in both
                if _is_same_question(one.question)
            ]
        ).to_dict(),
        "box_iou": estimate([iou for iou, _ in overlaps], np.mean, [key for _, key in overlaps]).to_dict(),
    }


def mirrored_question(question: Question) -> Question | None:
    """The same question with the answer that is true in the mirror; None where the words mean something else
    there, or the answer cannot be known.
    """
    asks_sides = question.category == LEFT_RIGHT
    if (names_a_side(question.text) and not asks_sides) or question.category == "combined":
        return None
    boxes = tuple(_mirrored(known) for known in question.boxes)
    turned = replace(question, boxes=boxes, answer="", reasoning="")
    if wanted(question) == HOUR:
        assert question.value is not None
        return replace(turned, value=mirrored_hour(question.value))
    if not asks_sides:
        return turned
    if question.verdict is not None:
        return replace(turned, verdict=not question.verdict)
    others = [one for one in question.choices if one != question.choice]
    return replace(turned, choice=others[0]) if question.choice is not None and len(others) == 1 else None


def agrees(one: Marked, reply: Reply, judge: Judge) -> bool | None:
    """Whether both answers are the same but for the mirror; None where that cannot be told."""
    turned = mirrored_question(one.question)
    if turned is None or one.judgement is None or one.judgement.outcome == SILENT:
        return None
    there = judge.judge(turned, reply.answer)
    kind = wanted(one.question)
    if kind in (LENGTH, VOLUME, HOUR, COUNT):
        return _same_number(kind, one.judgement, there)
    has_two_ways = kind == VERDICT or (kind == CHOICE and len(one.question.choices) == 2)
    both = {one.judgement.outcome, there.outcome}
    return len(both) == 1 if has_two_ways and both <= {RIGHT, WRONG} else None


def _same_number(kind: str, here: Judgement, there: Judgement) -> bool | None:
    if here.said is None or there.said is None:
        return None
    if kind == HOUR:
        return hours_apart(mirrored_hour(here.said) % 12 or 12, there.said) == 0
    return math.isclose(
        here.said,
        there.said,
        rel_tol=0.0 if kind == COUNT else SAME,
        abs_tol=0.0 if kind == COUNT else SAME_M,
    )


def _is_same_question(question: Question) -> bool:
    return not names_a_side(question.text) or question.category == LEFT_RIGHT


def _box_overlaps(one: Marked, reply: Reply) -> Iterator[tuple[float, str]]:
    """(IoU, picture) of each box found in the picture with its partner in the mirror, 0 without one."""
    if not _is_same_question(one.question):
        return
    back = [mirrored_box(box) for box in reply.boxes]
    closeness = np.where(
        overlap.same_label(one.reply.boxes, back), -overlap.distance_matrix(one.reply.boxes, back), -np.inf
    )
    partner: dict[int, Box3D] = {i: back[j] for i, j in closest_pairs(closeness, ANY)}
    for i, box in enumerate(one.reply.boxes):
        yield (iou_3d(box, partner[i]) if i in partner else 0.0), one.question.picture.key


def _mirrored(known: KnownBox) -> KnownBox:
    x, y, z = known.center_m
    return replace(known, center_m=(-x, y, z))
