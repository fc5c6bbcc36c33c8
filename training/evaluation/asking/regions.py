"""How a question says which part of the picture it means: "Region [0]" drawn, or written as numbers.

In: a question whose text calls its rectangles "Region [N]", as SpatialRGPT-Bench does. Out: one that a model
can be asked. Papers differ here: N3D-VLM's draws boxes for every other model, VLM3 writes their numbers
(arXiv 2605.30561), so which way a figure was got has to be said beside it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from n3d_ros.training.qa.records import Question
from n3d_ros.training.qa.sets import DRAWN

DRAW, TEXT = "drawn", "text"
WAYS = (DRAW, TEXT)
REGION = re.compile(r"Region \[(\d+)\]")


def with_regions(question: Question, way: str) -> Question:
    """Every region named as the way says; a question without regions as it is. ValueError for a region that
    has no rectangle, or more of them than there are colours.
    """
    if way not in WAYS:
        raise ValueError(f"regions: expected one of {WAYS}, got {way!r}")
    numbers = [int(number) for number in REGION.findall(question.text)]
    if not numbers:
        return question
    if max(numbers) >= len(question.drawn_px):
        raise ValueError(
            f"question '{question.id}': expected a rectangle for Region [{max(numbers)}], "
            f"got {len(question.drawn_px)} rectangles"
        )
    if way == DRAW and len(question.drawn_px) > len(DRAWN):
        raise ValueError(
            f"question '{question.id}': expected at most {len(DRAWN)} regions to draw, "
            f"got {len(question.drawn_px)}"
        )
    names = [_name(question, number, way) for number in range(len(question.drawn_px))]
    return replace(
        question,
        text=_renamed(question.text, names),
        answer=_renamed(question.answer, names),
        choices=tuple(_renamed(one, names) for one in question.choices),
        choice=None if question.choice is None else _renamed(question.choice, names),
        drawn_px=question.drawn_px if way == DRAW else (),
    )


def _name(question: Question, number: int, way: str) -> str:
    if way == DRAW:
        return f"the object in the {DRAWN[number][0]} box"
    left, top, right, bottom = map(round, question.drawn_px[number])
    return f"the object at [{left}, {top}, {right}, {bottom}]"


def _renamed(text: str, names: list[str]) -> str:
    return REGION.sub(lambda found: names[int(found[1])] if int(found[1]) < len(names) else found[0], text)
