"""A spatial question once it is understood, and its exact answer. Data only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.prompts import THINK_END, THINK_START

VALUE, YES_NO, WHICH, ORDER = "value", "yes_no", "which", "order"
FORMS = (VALUE, YES_NO, WHICH, ORDER)

NUM_OBJECTS = {
    "distance": (1, 2),
    "horizontal_distance": (2, 2),
    "vertical_distance": (2, 2),
    "width": (1, 1),
    "height": (1, 1),
    "left_right": (2, math.inf),
    "above_below": (2, math.inf),
    "front_behind": (2, math.inf),
    "closer": (3, 3),
    "bigger_smaller": (2, math.inf),
    "taller_shorter": (2, math.inf),
    "wider_thinner": (2, math.inf),
    "direction": (2, 2),
    "depth_order": (2, math.inf),
}
"""Fewest and most objects per relation."""

RELATIONS = tuple(NUM_OBJECTS)


@dataclass(frozen=True)
class Query:
    """One understood question.

    `objects` are the names without article, in the order the relation needs: a then b; for "closer" and
    "direction" the reference first. One name for "distance" means the distance from the camera. `asks` is the
    side asked for ("left", "taller", "farther", ...), empty where the relation has none. `form` is value,
    yes_no, which or order. ValueError for an unknown relation or form and for a wrong number of objects.
    """

    relation: str
    objects: tuple[str, ...]
    asks: str = ""
    form: str = VALUE

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise ValueError(f"query: expected a relation of {RELATIONS}, got '{self.relation}'")
        if self.form not in FORMS:
            raise ValueError(f"query: expected a form of {FORMS}, got '{self.form}'")
        fewest, most = NUM_OBJECTS[self.relation]
        if not fewest <= len(self.objects) <= most:
            raise ValueError(f"{self.relation}: expected {fewest} to {most} objects, got {self.objects}")


@dataclass(frozen=True)
class SpatialAnswer:
    """The exact answer to a query.

    `value` with its `unit` ("m", or "o'clock" for directions), or None where the answer is no number.
    `answer` is one sentence, `reasoning` the trace before it. `evidence` are the boxes used. `verdict` is the
    truth of a yes/no question. `names` are the objects that the answer picks, in its order, `among` all that
    it could have picked. `margin` says how clear-cut the answer is: the difference that decided it, in the
    unit compared (metres, litres for volumes, degrees for directions); infinite where nothing was compared.
    Training data leaves out narrow ones.
    """

    value: float | None
    unit: str
    answer: str
    reasoning: str
    query: Query
    evidence: tuple[Box3D, ...]
    verdict: bool | None = None
    names: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    margin: float = math.inf

    @property
    def relation(self) -> str:
        """The relation of the query."""
        return self.query.relation

    @property
    def text(self) -> str:
        """What a model is trained to write: the trace in think tags, then the sentence."""
        return f"{THINK_START} {self.reasoning} {THINK_END} {self.answer}"
