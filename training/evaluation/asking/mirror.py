"""The world in a mirror: left is right, and every answer is known to follow.

In: an observation, a question. Out: the observation mirrored as the pipeline's second look mirrors it. A
model that measures gives mirrored answers; one that has learned how things usually lie does not. Whoever
mirrors twice has what was there before.
"""

from __future__ import annotations

import re

from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.looks import second_look

SIDES = re.compile(r"\b(left|right)", re.IGNORECASE)


def mirrored(seen: Observation) -> Observation:
    """Picture, depth and camera. ValueError for a lens that bends: its mirror image is no lens of ours."""
    if seen.intrinsics.distortion is not None:
        raise ValueError("mirror: expected a camera without distortion, rectify the picture first")
    return second_look.mirrored(seen)


def names_a_side(text: str) -> bool:
    """Whether the words themselves say left or right, so that they mean something else in the mirror."""
    return SIDES.search(text) is not None
