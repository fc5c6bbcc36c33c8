"""One question, from its wording to its answer, or the reason why it is not asked.

In: a scene, wordings with names in them, the things they are about. Out: `Question`, answered by
`n3d_ros.spatial`; `LeftOut` where the answer is too close, too small for two decimals or not determined. It
does not know which question is asked when.

Every answer is computed twice, from the boxes and from the boxes as the prompt's evidence rounds them. Trace
and sentence are those of the rounded ones, since a model can only follow the numbers that it reads; the value
is that of the boxes. Where the two decide otherwise, the question is left out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from n3d_ros.boxes import Box3D
from n3d_ros.spatial import Query, SpatialAnswer, answer, answer_in_order
from n3d_ros.spatial.matching import ids_of
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.types import OPPOSITE, ORDER, SIDE, VALUE, WHICH, YES_NO
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making.names import Vocabulary
from n3d_ros.training.qa.making.reading import Filling, read
from n3d_ros.training.qa.making.scene import Scene, Thing
from n3d_ros.training.qa.making.wordings import KnownWords
from n3d_ros.training.qa.records import SPATIAL, PictureRef, Question

# Compared as a share of the larger one: a hair's breadth differs in scale between a mug and a house.
_SIZES = {
    "wider_thinner": lambda box: box.size[0],
    "taller_shorter": lambda box: box.size[1],
    "bigger_smaller": lambda box: box.volume * 1000.0,
}
Wording = tuple[str, Filling]


class LeftOut(Exception):
    """A question that is not asked; the message is the reason."""


@dataclass
class Tally:
    """What a shard has so far, for its ledger entry and to keep answers balanced."""

    forms: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    pictures: Counter[str] = field(default_factory=Counter)
    num_pictures: int = 0
    objects: Counter[str] = field(default_factory=Counter)

    def add(self, question: Question) -> None:
        """Count an accepted question."""
        self.forms[f"{question.category}/{question.form}"] += 1
        if question.verdict is not None:
            self.verdicts[f"{question.category}/{'yes' if question.verdict else 'no'}"] += 1
        if question.unit == "o'clock" and question.value is not None:
            self.hours[int(question.value)] += 1

    def merge(self, other: Tally) -> None:
        """Add what another shard has."""
        for name in ("forms", "verdicts", "hours", "left_out", "pictures", "objects"):
            getattr(self, name).update(getattr(other, name))
        self.num_pictures += other.num_pictures

    def wanted(self, category: str, rng: random.Random) -> bool:
        """The verdict that the category has less of."""
        lead = self.verdicts[f"{category}/yes"] - self.verdicts[f"{category}/no"]
        return lead < 0 if lead else rng.random() < 0.5


@dataclass(frozen=True)
class Maker:
    """What the forms of one picture share. vocabulary: of the whole set. words: of the model that is to read
    the questions; None where it reads everything.
    """

    scene: Scene
    config: QaConfig
    rng: random.Random
    tally: Tally
    vocabulary: Vocabulary
    words: KnownWords | None = None

    def choose(self, wordings: Sequence[str]) -> str:
        """One of them, of those that the model can read. LeftOut where it can read none."""
        known = wordings if self.words is None else self.words.among(wordings)
        if not known:
            raise LeftOut("words_unknown")
        return self.rng.choice(known)

    def draw(self, share: float) -> bool:
        """True that often."""
        return self.rng.random() < share


def ask(
    maker: Maker, category: str, form: str, wordings: Sequence[Wording], things: Sequence[Thing]
) -> Question:
    """The first of the wordings whose verdict is the one wanted; of questions without verdict the first.

    things: the boxes that the question rests on, in the order in which a model locates them; ids such as
    "0_mug" count in it. LeftOut.
    """
    boxes = [one.box for one in things]
    wanted = maker.tally.wanted(category, maker.rng)
    for template, filling in wordings:
        text, query = read(template, filling)
        if query is None:
            raise LeftOut("not_understood")
        exact = _answered(query, boxes)
        if exact.verdict in (None, wanted):
            shown = _answered(query, [one.quoted for one in things])
            check_clear(exact, boxes, maker.config)
            check_clear(shown, boxes, maker.config)
            _check_alike(exact, shown)
            return _answered_question(
                maker.scene.picture,
                category,
                form,
                text=_in_style(text, maker),
                exact=exact,
                shown=shown,
                things=things,
            )
    raise LeftOut("verdict_not_wanted")


def pointed_at(maker: Maker, template: str, filling: Filling, things: Sequence[Thing]) -> list[Thing]:
    """The things that the answer to a choice or an order names, in its order. LeftOut."""
    _, query = read(template, filling)
    if query is None:
        raise LeftOut("not_understood")
    boxes = [one.box for one in things]
    found = _answered(query, boxes)
    check_clear(found, boxes, maker.config)
    called = dict(zip(ids_of(boxes), things, strict=True)) | {
        one.box.label: one
        for one in things
        if [other.box.label for other in things].count(one.box.label) == 1
    }
    return [called[name] for name in found.names]


def is_true_of(maker: Maker, template: str, a: Thing, b: Thing) -> bool:
    """Whether a statement is true of these two, whatever else is called the same. LeftOut."""
    _, query = read(template, Filling((a.box.label, b.box.label)))
    if query is None:
        raise LeftOut("not_understood")
    found = answer_in_order(query, [a.box, b.box])
    check_clear(found, [a.box, b.box], maker.config)
    return found.verdict is True


def check_clear(found: SpatialAnswer, boxes: Sequence[Box3D], config: QaConfig) -> None:
    """LeftOut where the answer is too close or a length too short."""
    relation = found.relation
    is_length = found.query.form == VALUE and found.unit == "m"
    if is_length and (found.value is None or found.value < config.min_value_m):
        raise LeftOut("value_small")
    if relation in _SIZES and found.query.form != VALUE:
        least = config.min_margin_share * max(map(_SIZES[relation], boxes))
    elif found.query.limit is not None:
        least = config.min_margin_share * found.query.limit.metres
    elif BY_NAME[relation].unit == "o'clock":
        least = config.min_margin_deg
    else:
        least = config.min_margin_m
    if not found.margin >= least:
        raise LeftOut("margin_narrow")


def _answered(query: Query, boxes: Sequence[Box3D]) -> SpatialAnswer:
    try:
        found = answer(query, boxes)
    except ValueError as error:
        raise LeftOut("not_determined") from error
    if query.form == VALUE and found.value is None:
        raise LeftOut("no_value")
    return found


def _check_alike(exact: SpatialAnswer, shown: SpatialAnswer) -> None:
    parts = ("verdict", "names", "side") if exact.unit == "m" else ("verdict", "names", "side", "value")
    if any(getattr(exact, part) != getattr(shown, part) for part in parts if exact.unit != "l"):
        raise LeftOut("margin_narrow")


def _answered_question(
    picture: PictureRef,
    category: str,
    form: str,
    text: str,
    exact: SpatialAnswer,
    shown: SpatialAnswer,
    things: Sequence[Thing],
) -> Question:
    choices, choice = _choice(shown)
    return Question(
        "",
        SPATIAL,
        category,
        form + ("_inverse" if shown.query.facing == OPPOSITE else ""),
        text,
        picture,
        boxes=tuple(one.known for one in things),
        answer=shown.answer,
        reasoning=shown.reasoning,
        value=None if exact.value is None else round(exact.value, 6),
        unit=exact.unit,
        verdict=exact.verdict,
        choices=choices,
        choice=choice,
        viewpoint=shown.query.facing,
    )


def _choice(found: SpatialAnswer) -> tuple[tuple[str, ...], str | None]:
    """Of a choice its things, of two sides both sides, of an order its things as named and the right order
    with commas; nothing for other forms.
    """
    form = found.query.form
    if form == WHICH and len(found.names) == 1:
        return found.among, found.names[0]
    if form == ORDER:
        return tuple(box.label for box in found.evidence), ", ".join(found.names)
    if form == SIDE:
        sides = BY_NAME[found.relation].sides
        return tuple(side.asks for side in sides), found.side
    assert form in (VALUE, YES_NO, WHICH), form
    return (), None


def _in_style(text: str, maker: Maker) -> str:
    """Some people write without capitals and question mark, a few in capitals alone."""
    if not maker.draw(maker.config.plain_share):
        return text
    return text.upper() if maker.draw(0.25) else text.rstrip("?.").lower()
