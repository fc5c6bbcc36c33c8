"""Exact spatial relations between boxes: the value, the answer sentence and the reasoning that leads to it.

In: a `Query` and boxes in the optical frame, metres. Out: `SpatialAnswer`. Used to make training data and, at
run time, to give the number that the model's sentence is checked against. Does not know pictures, models or
prompts.

Rules (docs/specification/spatial.md 1, 2):
"left" is larger checkpoint x, which is smaller optical x; "above" is smaller
optical y; front and behind compare the depth of the centres; distance is Euclidean from centre to centre,
vertical distance |dy|. Horizontal distance is |dx| alone, not the distance in the ground plane: the only
published rule is SpatialRGPT's, which N3D-VLM's data follows. Width and height are the box's own x and y
extents, bigger means volume. The clock at A has 12 straight away from the camera and runs 12 - floor(degrees
/ 30), degrees from there towards the left.

A trace quotes the numbers of the prompt's evidence (rounded, checkpoint frame); every result is computed from
the boxes as they are given, so a last digit may differ from what the quoted numbers give.
`evidence.as_shown` rounds a box as the evidence is: from such boxes a trace follows from what it quotes, and
so it can be learned and predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

from n3d_ros.boxes import Box3D
from n3d_ros.spatial.checking import check_answer
from n3d_ros.spatial.questions import parse_question
from n3d_ros.spatial.quoting import Thing
from n3d_ros.spatial.rules import RULES
from n3d_ros.spatial.types import RELATIONS, Query, SpatialAnswer
from n3d_ros.spatial.words import QUESTIONS

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


def answer(query: Query, boxes: Sequence[Box3D]) -> SpatialAnswer:
    """The exact answer. ValueError when a named object has no box, or two names mean the same box."""
    chosen = find_boxes(query.objects, boxes)
    labels = [box.label for box in chosen]
    things = [
        Thing(box.label if labels.count(box.label) == 1 else name, box)
        for name, box in zip(query.objects, chosen, strict=True)
    ]
    return RULES[query.relation](query, things)


def answer_in_order(query: Query, boxes: Sequence[Box3D]) -> SpatialAnswer:
    """The answer if boxes[i] were query.objects[i], whatever its label; the text calls each by its label.

    ValueError unless there is one box per object.
    """
    if len(boxes) != len(query.objects):
        raise ValueError(f"expected {len(query.objects)} boxes, one per object, got {len(boxes)}")
    return RULES[query.relation](query, [Thing(box.label, box) for box in boxes])


def find_boxes(names: Sequence[str], boxes: Sequence[Box3D]) -> list[Box3D]:
    """One box per name, each box once: the best match of the name, then the best score, then the nearest.

    A name matches its own label in any capitals, `<position>_<label>`, a label that holds all its words
    ("mug" finds "red mug"), or a label whose words it all holds. ValueError naming the name and the labels at
    hand otherwise.
    """
    found: list[int] = []
    for name in names:
        ranked = [
            (_match(name, index, box), box.score, -box.center[2], index)
            for index, box in enumerate(boxes)
            if index not in found
        ]
        quality, _, _, index = max(ranked, default=(0, 0.0, 0.0, 0))
        if quality == 0:
            raise ValueError(f"expected a box for '{name}', got boxes for {[box.label for box in boxes]}")
        found.append(index)
    return [boxes[index] for index in found]


def _match(name: str, index: int, box: Box3D) -> int:
    """How well a name fits a label: 3 is the label, 2 part of it, 1 more than it, 0 not at all."""
    wanted, label = name.casefold().split(), box.label.casefold().split()
    if wanted in (label, f"{index}_{box.label}".casefold().split()):
        return 3
    if set(wanted) <= set(label):
        return 2
    return 1 if label and set(label) <= set(wanted) else 0
