"""Ways to name things: one by its name, all of a kind or colour, the one beside another, in capitals.

In: a loaded `Pipeline`, one view and its true boxes, called "red mug" as the simulator calls them. Out:
`Named`, how many boxes were wanted, found, and right. A box is right where its 3D IoU with a true one is 0.25
or more, one partner each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.pipeline import Pipeline
from n3d_ros.runtime.types import GroundResult
from n3d_ros.training.evaluation.metrics.matching import Pairs, closest_pairs
from n3d_ros.training.evaluation.metrics.overlap import iou_matrix
from n3d_ros.training.questions import beside_words, plural

NAME, GROUP, BESIDE, CAPITALS = "one name", "all the ...", "one beside another", "in capitals"
IOU = 0.25


@dataclass(frozen=True)
class Named:
    """A prompt for boxes in one of the ways above: how many there are, were found, and are right."""

    way: str
    words: str
    num_true: int
    num_found: int
    num_right: int


def right_pairs(found: Sequence[Box3D], true: Sequence[Box3D]) -> Pairs:
    """(found, true) indices of the boxes that are right."""
    return closest_pairs(iou_matrix(found, true), IOU)


def named(way: str, words: str, found: Sequence[Box3D], true: Sequence[Box3D]) -> Named:
    """Count."""
    return Named(way, words, len(true), len(found), len(right_pairs(found, true)))


def try_group(
    pipeline: Pipeline,
    observation: Observation,
    boxes: Sequence[Box3D],
    visible: Sequence[int],
    rng: np.random.Generator,
) -> tuple[Named, GroundResult] | None:
    """Ask for two or more things of one kind or colour, all of them visible; None where there are none."""
    found = group_words(boxes, visible, rng)
    if found is None:
        return None
    words, members = found
    result = pipeline.ground(observation, words)
    true = [boxes[i] for i in members]
    return named(GROUP, words, [thing.box for thing in result.objects], true), result


def group_words(
    boxes: Sequence[Box3D], visible: Sequence[int], rng: np.random.Generator
) -> tuple[str, list[int]] | None:
    """ "all the mugs" or "all the red things", and which boxes that means."""
    labels = [box.label.split() for box in boxes]
    groups: dict[str, list[int]] = {}
    for i, (color, kind) in enumerate(labels):
        groups.setdefault(f"all the {plural(kind)}", []).append(i)
        groups.setdefault(f"all the {color} things", []).append(i)
    whole = [words for words, members in groups.items() if len(members) > 1 and set(members) <= {*visible}]
    if not whole:
        return None
    words = whole[int(rng.integers(len(whole)))]
    return words, groups[words]


def try_beside(
    pipeline: Pipeline,
    observation: Observation,
    boxes: Sequence[Box3D],
    visible: Sequence[int],
    rng: np.random.Generator,
) -> Named | None:
    """Ask for "the mug to the left of the blue bowl"; None where nothing can be named so."""
    found = beside_words(boxes, [i in visible for i in range(len(boxes))], rng)
    if found is None:
        return None
    words, members = found
    result = pipeline.ground(observation, f"the {words}")
    return named(BESIDE, words, [thing.box for thing in result.objects], [boxes[i] for i in members])


def try_capitals(pipeline: Pipeline, observation: Observation, truth: Box3D) -> Named:
    """Ask for "THE RED MUG"."""
    words = f"the {truth.label}".upper()
    result = pipeline.ground(observation, words)
    return named(CAPITALS, words, [thing.box for thing in result.objects], [truth])
