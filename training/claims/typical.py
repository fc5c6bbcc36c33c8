"""What is right without looking: the typical box and answer of the training scenes, given to every question.

In: the questions of both sets. Out: `Mark`s, as of any variant. A variant that is no better than this has
learned no more than what is usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.training.claims.measure import Mark, mark_answer, mark_box
from n3d_ros.training.claims.questions import BOX, Asked, Posed


def typical_marks(train: Sequence[Asked], test: Sequence[Posed]) -> Iterator[Mark]:
    """The median box for every name; of each relation the median number or the commoner verdict."""
    box = _median_box(train)
    relations = {one.asked.relation for one in test} - {BOX}
    answers = {relation: _typical_answer(train, relation) for relation in relations}
    for question in test:
        if question.asked.relation == BOX:
            yield mark_box(question, (box,))
        else:
            yield mark_answer(question, answers[question.asked.relation])


def _median_box(train: Sequence[Asked]) -> Box3D:
    boxes = [one.boxes[0] for one in train if one.relation == BOX]
    center, size = (
        np.median([getattr(box, name) for box in boxes], axis=0).tolist() for name in ("center", "size")
    )
    return Box3D("thing", center, size)


def _typical_answer(train: Sequence[Asked], relation: str) -> str:
    """As a sentence of one word or number; empty where the relation was never trained."""
    same = [one for one in train if one.relation == relation]
    if not same:
        return ""
    if same[0].verdict is None:
        return f"{np.median([one.value_m for one in same]):.2f}"
    return "Yes" if np.mean([one.verdict for one in same]) >= 0.5 else "No"
