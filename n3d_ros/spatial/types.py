"""A spatial question once it is understood, and its exact answer. Data only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.prompts import joined_answer

VALUE, YES_NO, WHICH, ORDER, SIDE = "value", "yes_no", "which", "order", "side"
FORMS = (VALUE, YES_NO, WHICH, ORDER, SIDE)

MORE, AT_LEAST, LESS, AT_MOST = "more than", "at least", "less than", "at most"
NANOMETRE = 1e-9
BOUNDS = (MORE, AT_LEAST, LESS, AT_MOST)

OPPOSITE, LEFT, RIGHT, CAMERA, OBJECT = "opposite", "left", "right", "camera", "object"
FACINGS = ("", OPPOSITE, LEFT, RIGHT, CAMERA, OBJECT)


@dataclass(frozen=True)
class Limit:
    """A threshold: `bound` is one of BOUNDS, `metres` positive."""

    bound: str
    metres: float

    def holds(self, value: float) -> bool:
        """Does a value in metres keep to it? Equal to a nanometre counts as equal, since 0.3 - 0.1 is not
        0.2.
        """
        over = value - self.metres
        return {
            MORE: over > NANOMETRE,
            AT_LEAST: over >= -NANOMETRE,
            LESS: over < -NANOMETRE,
            AT_MOST: over <= NANOMETRE,
        }[self.bound]


@dataclass(frozen=True)
class Pick:
    """Which of the boxes of one name is meant: `object` is the name's place in the query, `relation` and
    `asks` the side that ranks them ("nearest": front_behind, front), `rank` counts from 1.
    """

    object: int
    relation: str
    asks: str
    rank: int = 1


@dataclass(frozen=True)
class Query:
    """One question, understood whole.

    `objects` are the names without article, in the order that the relation needs: a then b; for "closer" and
    "direction" the reference first. Where the camera is one end, it has no name and is left out.

    `form` is what is asked for: a value, yes or no, which of the objects, their order, or which of two sides.
    `asks` is the side ("left", "taller", "farther", ...), empty where the relation has none. `negated`:
    "not". `limit`: a yes/no question whether a length keeps to it. `unit`: the unit that the answer's
    sentence uses; values stay in metres.

    `facing`: who is imagined to look, instead of the camera: OPPOSITE, from the other side, towards the
    camera; LEFT or RIGHT, the camera's; CAMERA or OBJECT, from the object `viewer` towards the camera or
    towards the object `faced`.

    `picks` narrow a name down ("nearest box"). `many`: the last name stands for every box that it fits.
    `parts` with `join` "and" or "or" are the statements of a "combined" question. `names_camera`: the
    question calls the camera so, which a box of that label would make ambiguous. `says_nearness`: it asks for
    the nearer or farther thing, which is answered where depth and distance agree.
    """

    relation: str
    objects: tuple[str, ...]
    asks: str = ""
    form: str = VALUE
    negated: bool = False
    limit: Limit | None = None
    unit: str = "m"
    facing: str = ""
    viewer: str = ""
    faced: str = ""
    picks: tuple[Pick, ...] = ()
    many: bool = False
    parts: tuple[Query, ...] = ()
    join: str = ""
    names_camera: bool = field(default=False, compare=False)
    says_nearness: bool = field(default=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that has to be located, each name once."""
        extras = tuple(name for name in (self.viewer, self.faced) if name)
        return tuple(dict.fromkeys((*self.objects, *extras)))

    @property
    def is_plain(self) -> bool:
        """Is every name one box's, so that boxes can be given one per name?"""
        return not self.picks and not self.many and len(set(self.objects)) == len(self.objects)


@dataclass(frozen=True)
class SpatialAnswer:
    """The exact answer to a query.

    `value` with its `unit`: "m" for lengths, "o'clock" for directions, "l" for volumes, "objects" for counts;
    None where the answer is no number. A yes/no question about a length carries the length as value.
    `answer` is one sentence, `reasoning` the trace before it. `evidence` are the boxes used. `verdict` is the
    truth of a yes/no question. `names` are the objects that the answer picks, in its order, `among` all that
    it could have picked. `side` is the side that holds where one of two was asked for, empty for neither.
    `margin` says how clear-cut the answer is: the difference that decided it, in the unit compared (metres,
    litres for volumes, degrees for directions); infinite where nothing was compared. Training data leaves out
    narrow ones.
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
    side: str = ""
    margin: float = math.inf

    @property
    def relation(self) -> str:
        """The relation of the query."""
        return self.query.relation

    @property
    def text(self) -> str:
        """What a model is trained to write: the trace in think tags, then the sentence."""
        return joined_answer(self.reasoning, self.answer)
