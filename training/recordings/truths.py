"""What a recorded result teaches: the question, and what was right.

In: a `Recorded` with what was said against it. Out: a `Question`, or the reason why it teaches nothing. A
result that nobody judged is no truth unless the caller trusts it: a model that learns from its own mistakes
keeps them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from n3d_ros.boxes import Box3D
from n3d_ros.recording.reader import CORRECTED, RIGHT, WRONG, Correction, Outcome, Recorded
from n3d_ros.spatial import SpatialAnswer, answer, parse_question
from n3d_ros.training.qa.records import GROUND, SPATIAL, KnownBox, PictureRef, Question

# Relations of n3d_ros.spatial -> categories of `records`.
CATEGORY_OF = {
    "left_right": "left_right",
    "front_behind": "front_behind",
    "above_below": "above_below",
    "wider_thinner": "wide_thin",
    "taller_shorter": "tall_short",
    "bigger_smaller": "big_small",
    "closer": "relative_distance",
    "depth_order": "depth_order",
    "distance": "distance",
    "gap": "distance",
    "horizontal_distance": "axis_distance",
    "vertical_distance": "axis_distance",
    "width": "size",
    "height": "size",
    "depth": "size",
    "direction": "direction",
    "count": "counting",
}
# Boxes of training have no yaw; a box turned by less has sides that are off by less than 2 %.
MAX_YAW_RAD = 0.02


class NotTaught(Exception):
    """Why a result teaches nothing; the text is a name that is counted."""


@dataclass(frozen=True)
class Truth:
    """What was right: boxes, and for a question the sentence."""

    boxes: tuple[Box3D, ...]
    answer: str = ""
    is_recorded: bool = True


def each_name(one: Recorded) -> list[Recorded]:
    """A result of several names as one of each: the node looked for them one after the other, and what was
    answered of one is true whatever became of another. As it is where a correction does not say which name
    its boxes are of. NotTaught where their boxes cannot be told apart.
    """
    if len(one.outcomes) < 2:
        return [one]
    names = {outcome.words for outcome in one.outcomes}
    if len(names) < len(one.outcomes):
        raise NotTaught("repeated_names")
    said = one.correction
    if said is not None and said.verdict == CORRECTED and not names.issuperset(said.box_words):
        return [one]
    return [_of_name(one, outcome) for outcome in one.outcomes]


def _of_name(one: Recorded, outcome: Outcome) -> Recorded:
    said = one.correction
    return replace(
        one,
        words=outcome.words,
        boxes=_found_by(outcome.words, one),
        code=outcome.code,
        outcomes=(outcome,),
        correction=said and replace(said, boxes=_found_by(outcome.words, said)),
    )


def _found_by(words: str, one: Recorded | Correction) -> tuple[Box3D, ...]:
    return tuple(box for box, name in zip(one.boxes, one.box_words, strict=True) if name == words)


def truth_of(one: Recorded, trust: bool) -> Truth:
    """What was right about a result. trust: unjudged results are taken as right. NotTaught."""
    said = one.correction
    if said is not None and said.verdict == CORRECTED:
        return _corrected_answer(one, said) if one.is_question else _corrected_boxes(said)
    if one.code != 0:
        raise NotTaught("failed")
    if said is not None and said.verdict == WRONG:
        raise NotTaught("wrong")
    if any(outcome.is_cut for outcome in one.outcomes):
        raise NotTaught("boxes_left_out")
    is_right = said is not None and said.verdict == RIGHT
    if not is_right and not trust:
        raise NotTaught("not_judged")
    if not is_right and one.is_question and one.is_consistent is not True:
        raise NotTaught("not_confirmed")
    return Truth(one.boxes, one.answer)


def _corrected_boxes(said: Correction) -> Truth:
    if said.answer and not said.boxes:  # which does not say that nothing is there
        raise NotTaught("wrong")
    return Truth(said.boxes, is_recorded=False)


def _corrected_answer(one: Recorded, said: Correction) -> Truth:
    """Of boxes alone with the sentence that follows from them. NotTaught where none does."""
    if said.answer:
        return Truth(said.boxes or one.boxes, said.answer, is_recorded=False)
    exact = _exact(one.words, said.boxes)
    if exact is None:
        raise NotTaught("no_sentence")
    return Truth(said.boxes, exact.answer, is_recorded=False)


def question_of(one: Recorded, truth: Truth, picture: PictureRef) -> Question:
    """The question that a result teaches. NotTaught."""
    boxes = known_boxes(truth.boxes)
    key = f"{picture.key}-{'ask' if one.is_question else 'ground'}-{one.words}"
    if not one.is_question:
        return Question(key, GROUND, "grounding", "recorded", text=one.words, picture=picture, boxes=boxes)
    exact = _exact(one.words, truth.boxes)
    category = CATEGORY_OF.get(exact.relation, "combined") if exact is not None else "combined"
    agreed = exact is not None and truth.is_recorded
    return Question(
        key,
        SPATIAL,
        category,
        "recorded",
        text=one.words,
        picture=picture,
        boxes=boxes,
        answer=truth.answer,
        reasoning=one.reasoning if truth.is_recorded else "",
        value=exact.value if agreed and exact is not None else None,
        unit=exact.unit if agreed and exact is not None else "",
        verdict=exact.verdict if agreed and exact is not None else None,
    )


def known_boxes(boxes: Sequence[Box3D]) -> tuple[KnownBox, ...]:
    """As the records have them. NotTaught where one is turned."""
    if any(abs(box.yaw) > MAX_YAW_RAD for box in boxes):
        raise NotTaught("turned_box")
    return tuple(KnownBox(box.label, box.center, box.size, str(n)) for n, box in enumerate(boxes))


def _exact(question: str, boxes: Sequence[Box3D]) -> SpatialAnswer | None:
    """The answer that follows from the boxes, None where the question is not understood of them."""
    query = parse_question(question)
    if query is None:
        return None
    try:
        return answer(query, boxes)
    except ValueError:
        return None
