"""What is right without looking: the typical box and answer of the training scenes, given to every question.

In: the questions of both sets. Out: `Mark`s, as of any variant. A variant that is no better than this has
learned no more than what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.training.claims.measure import Mark, is_right, mark_box
from n3d_ros.training.qa.records import GROUND, SPATIAL, Question


def typical_marks(train: Sequence[Question], test: Sequence[Question]) -> Iterator[Mark]:
    """The median box for every name; of each form of question the median number or the commoner verdict."""
    box = _median_box(train)
    for question in test:
        if question.kind == GROUND:
            yield mark_box(question, (box,))
        elif question.kind == SPATIAL:
            same = [one for one in train if one.form == question.form]
            said = is_right(question, _typical_answer(same))
            yield Mark(question.id, question.picture.key, question.category, said=said)


def _median_box(train: Sequence[Question]) -> Box3D:
    boxes = [one.boxes[0] for one in train if one.kind == GROUND]
    center, size = (
        np.median([getattr(box, name) for box in boxes], axis=0).tolist() for name in ("center_m", "size_m")
    )
    return Box3D("thing", center, size)


def _typical_answer(questions: Sequence[Question]) -> str:
    """As a sentence of one word or number; empty where the form was never trained."""
    if not questions:
        return ""
    if questions[0].verdict is None:
        return f"{np.median([one.value for one in questions]):.2f}"
    return "Yes" if np.mean([one.verdict for one in questions]) >= 0.5 else "No"
