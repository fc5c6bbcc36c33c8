"""Boxes -> the named, rounded numbers that the second stage reads in its prompt.

In: `Box3D` in the optical frame and the picture's intrinsics. Out: `Evidence`, six numbers in the
checkpoint frame (x left, y up, z forward) and four in picture units, rounded as the release rounds. It does
not know sentences; those are in `prompts`. Source: docs/specification/prompts.md 3.2, 3.3 and
docs/specification/box_text.md 6, 7.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import (
    CORNER_SIGNS,
    Array,
    Intrinsics,
    as_seen,
    checkpoint_to_optical,
)

MENTION_RULES = ("exact_names", "upstream")
MAX_PLAIN_NAMES = 3
# Python and numpy round numbers below it, times 100, to the same whole number.
EXACT_BELOW = 1e12
UPSTREAM_MENTION = re.compile(r"\b\d+_[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evidence:
    """One object as the prompt gives it, every number rounded to 2 decimals.

    box_3d: [x, y, z, size x, size y, size z], metres, checkpoint frame. box_2d: [u, v, width, height],
    shares of the picture's width and height, of the projected centre and of the rectangle around the
    corners, not clipped.
    """

    name: str
    box_3d: tuple[float, float, float, float, float, float]
    box_2d: tuple[float, float, float, float]


def evidence_from_boxes(
    boxes: Sequence[Box3D],
    intrinsics: Intrinsics,
    ids: Sequence[int] | None = None,
    with_ids: bool | None = None,
) -> tuple[Evidence, ...]:
    """Evidence for all boxes, in order; a box whose centre is not in front of the camera is left out (guard
    G3).

    ids: the numbers of the boxes in the model's text, 0, 1, 2, ... when None. with_ids: name them
    `id_class`; None does so from four objects on, as the release does when it asks in one question. The
    box's yaw is ignored, as in the release.
    """
    numbers = range(len(boxes)) if ids is None else ids
    if len(numbers) != len(boxes):
        raise ValueError(f"ids: expected one per box ({len(boxes)}), got {len(numbers)}")
    visible = [(number, box) for number, box in zip(numbers, boxes, strict=True) if box.center[2] > 0]
    if with_ids is None:
        with_ids = len(visible) > MAX_PLAIN_NAMES
    names = [mention_name(number, box.label) if with_ids else _collapse(box.label) for number, box in visible]
    return tuple(
        Evidence(name, box_3d(box), box_2d(box, intrinsics))
        for name, (_, box) in zip(names, visible, strict=True)
    )


def evidence_for_mentions(
    question: str,
    boxes: Sequence[Box3D],
    intrinsics: Intrinsics,
    ids: Sequence[int] | None = None,
    rule: str = "exact_names",
) -> tuple[Evidence, ...]:
    """Evidence for the boxes that a follow-up question names ("How tall is 4_mug?"), in order of mention,
    repeats kept.
    """
    evidence = evidence_from_boxes(boxes, intrinsics, ids, with_ids=True)
    return tuple(evidence[index] for index in mentioned(question, [item.name for item in evidence], rule))


def box_3d(box: Box3D) -> tuple[float, float, float, float, float, float]:
    """Rounded [x, y, z, size x, size y, size z]: x and y by numpy's rule, the others by Python's
    (docs/specification/box_text.md 7).
    """
    x, y, z = box.center  # to the checkpoint frame: x and y are negated
    return (
        _round_numpy(-x), _round_numpy(-y), round(z, 2),
        round(box.size[0], 2), round(box.size[1], 2), round(box.size[2], 2),
    )  # fmt: skip


def as_quoted(box: Box3D) -> Box3D:
    """The box that the evidence tells of, every number rounded: what is computed from it is what a reader of
    the evidence can compute.
    """
    numbers = box_3d(box)
    x, y, z = checkpoint_to_optical(numbers[:3])
    return replace(box, center=(float(x), float(y), float(z)), size=numbers[3:])


def box_2d(box: Box3D, intrinsics: Intrinsics) -> tuple[float, float, float, float]:
    """Rounded [u, v, width, height], shares of the picture; from the corners in front of the camera
    (docs/specification/box_text.md 6).
    """
    corners, (u, v) = projected_corners(box, intrinsics)
    width, height = np.nanmax(corners, axis=0) - np.nanmin(corners, axis=0)
    return _round_numpy(u), _round_numpy(v), _round_numpy(width), _round_numpy(height)


def projected_corners(box: Box3D, intrinsics: Intrinsics, signs: Array = CORNER_SIGNS) -> tuple[Array, Array]:
    """(8, 2) corners and (2,) centre as shares of the picture, yaw ignored; NaN for corners not in front."""
    corners = np.array(box.center) + signs * (np.array(box.size) / 2)
    corners[corners[:, 2] <= 0] = np.nan
    points = as_seen(np.vstack([box.center, corners]), intrinsics)
    rays = points @ intrinsics.normalised().astype(np.float64).T
    uv = rays[:, :2] / rays[:, 2:]
    return uv[1:], uv[0]


def _round_numpy(value: float) -> float:
    """Scale, round half to even, unscale: 2.675 -> 2.68 where Python's correctly rounded decimal gives
    2.67.
    """
    if not abs(value) < EXACT_BELOW:  # NaN too
        return float(np.float64(value).round(2))
    # numpy's own three steps, in a tenth of the time; a zero keeps its sign
    return round(value * 100.0) / 100.0 or math.copysign(0.0, value)


def mention_name(number: int, label: str) -> str:
    """How a question names a box of the first stage: '4_hotair ballon'."""
    return f"{number}_{_collapse(label)}"


def _collapse(label: str) -> str:
    """One blank between words: a streamed reply piles blanks up inside names
    (docs/specification/prompts.md 4.2).
    """
    return " ".join(label.split())


def mentioned(question: str, names: Sequence[str], rule: str = "exact_names") -> list[int]:
    """Indices into `names` (each `id_class`) of the objects a question mentions, in order, repeats kept.

    rule: 'exact_names' finds every known name as a whole, in any capitals. 'upstream' is the release's
    pattern, which swallows the words after a name ("0_chair from 1") and cannot match '/', '-', quotes or
    other letters (quirk W2); what it misses is logged. Equal names resolve to the first.
    """
    if rule not in MENTION_RULES:
        raise ValueError(f"mention_rule: expected one of {MENTION_RULES}, got {rule!r}")
    known = _find_known_names(question, names)
    if rule == "exact_names":
        return known
    position = {name: index for index, name in reversed(list(enumerate(names)))}
    found = [position[text] for text in UPSTREAM_MENTION.findall(question) if text in position]
    missed = [names[index] for index in known if index not in found]
    if missed:
        _log.warning("the release's mention pattern misses %s in %r", missed, question)
    return found


def _find_known_names(question: str, names: Sequence[str]) -> list[int]:
    """Whole-name, any-capitals search; the longest name wins where several fit."""
    position = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}
    if not position:
        return []
    longest_first = sorted(position, key=len, reverse=True)
    pattern = "|".join(re.escape(name) for name in longest_first)
    text = " ".join(question.split()).casefold()
    return [position[name] for name in re.findall(rf"(?<!\w)(?:{pattern})(?!\w)", text)]
