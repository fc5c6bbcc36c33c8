"""Exact spatial relations between boxes: the value, the answer sentence and the reasoning that leads to it.

In: a question or a `Query`, and boxes in the optical frame, metres. Out: `SpatialAnswer`. Used to make
training data and, at run time, to give the number that the model's sentence is checked against. Does not know
pictures, models or prompts.

The way of a question: `questions` reads it once into a `Query`, with the patterns of `grammar` and
`language`; `matching` says which boxes its names mean; `answering` hands them to the rule of `relations`,
where every relation's words and rule are one entry; `checking` compares a model's sentence with the result.

What each relation means: docs/specification/spatial.md 1, 2. A trace quotes the numbers of the prompt's
evidence (rounded, checkpoint frame); every result is computed from the boxes as they are given, so a last
digit may differ from what the quoted numbers give. `evidence.as_quoted` rounds a box as the evidence is: from
such boxes a trace follows from what it quotes, and so it can be learned and predicted.
"""

from __future__ import annotations

from n3d_ros.spatial.answering import answer, answer_in_order
from n3d_ros.spatial.checking import check_answer
from n3d_ros.spatial.matching import find_boxes
from n3d_ros.spatial.questions import parse_question
from n3d_ros.spatial.relations import QUESTIONS, RELATIONS
from n3d_ros.spatial.types import Query, SpatialAnswer

__all__ = [
    "QUESTIONS",
    "RELATIONS",
    "Query",
    "SpatialAnswer",
    "answer",
    "answer_in_order",
    "check_answer",
    "find_boxes",
    "parse_question",
]
