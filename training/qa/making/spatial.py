"""The spatial questions about one picture: which things, which wording.

In: a `Maker`. Out: `FORMS`, by category the families of questions, each with what a picture must hold for it
and a function that makes one. Their answers come from `asking.ask`; no relation is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from n3d_ros.training.qa.making import templates as t
from n3d_ros.training.qa.making.asking import LeftOut, Maker, Wording, ask
from n3d_ros.training.qa.making.reading import Filling
from n3d_ros.training.qa.making.scene import Group, Scene, Thing
from n3d_ros.training.qa.records import Question

# Words that pick one of several, and what they rank by.
PICKS = ("leftmost", "rightmost", "highest", "lowest")
BOUNDS = {"over": ("more than", "at least", "over"), "under": ("less than", "at most", "under")}
# Ordered pairs that are looked at for an hour that the shard has little of.
HOUR_TRIES = 8


@dataclass(frozen=True)
class Form:
    """A family of questions. is_possible: whether a picture holds what it needs."""

    name: str
    weight: float
    is_possible: Callable[[Scene], bool]
    make: Callable[[Maker], Question]


def _unique(number: int) -> Callable[[Scene], bool]:
    return lambda scene: len(scene.unique) >= number


def _whole(number: int) -> Callable[[Scene], bool]:
    return lambda scene: len(scene.whole) >= number


def _of_two(comparison: t.Comparison, category: str) -> Callable[[Maker], Question]:
    """Is A on one side of B?"""

    def make(maker: Maker) -> Question:
        is_place = comparison in _PLACES
        names, things = _two(maker, whole=not is_place)
        frame = maker.choose(t.NOT if maker.draw(maker.config.negated_share) else _frames(is_place))
        frame = _seen(maker, frame, comparison)
        sides = maker.rng.sample(list(comparison.sides.values()), 2)
        wordings = [(frame.replace("{p}", maker.choose(side.predicates)), Filling(names)) for side in sides]
        return ask(maker, category, f"{comparison.relation}_yes_no", wordings, things)

    return make


def _which(comparison: t.Comparison, category: str, fewest: int = 2) -> Callable[[Maker], Question]:
    """Which of two or more is the most so?"""

    def make(maker: Maker) -> Question:
        things = _several(maker, whole=comparison not in _PLACES, fewest=fewest)
        side = maker.rng.choice(list(comparison.sides.values()))
        if len(things) > 2:
            template = maker.choose(t.WHICH_OF_MANY).replace("{s}", maker.choose(side.superlatives))
        else:
            frames = t.WHICH_NOT if maker.draw(maker.config.negated_share) else t.WHICH_OF_TWO
            template = maker.choose(frames).replace("{m}", maker.choose(side.comparatives))
        if comparison is not t.FRONT_BEHIND:  # "closer to the camera" is the same from anywhere
            template = _seen(maker, template, comparison)
        filling = Filling(things=tuple(one.box.label for one in things))
        return ask(maker, category, f"{comparison.relation}_which", [(template, filling)], things)

    return make


def _which_of_group(comparison: t.Comparison, category: str) -> Callable[[Maker], Question]:
    """Which of all mugs is the most so?"""

    def make(maker: Maker) -> Question:
        scene = maker.scene
        group = maker.rng.choice(scene.many if comparison in _PLACES else scene.whole_many)
        side = maker.rng.choice(list(comparison.sides.values()))
        template = maker.choose(t.WHICH_OF_GROUP).replace("{s}", maker.choose(side.superlatives))
        return ask(
            maker, category, f"{comparison.relation}_of_all", [(template, _group(group))], group.members
        )

    return make


def _order(comparison: t.Comparison, category: str) -> Callable[[Maker], Question]:
    """Three things or more on one scale."""

    def make(maker: Maker) -> Question:
        things = _several(maker, whole=comparison not in _PLACES, fewest=3)
        first, second = maker.rng.sample([side.end for side in comparison.sides.values()], 2)
        template = maker.choose(t.ORDER).replace("{e}", f"{first} to {second}")
        if comparison is t.LEFT_RIGHT:
            template = _seen(maker, template, comparison)
        filling = Filling(things=tuple(one.box.label for one in things))
        return ask(maker, category, f"{comparison.relation}_order", [(template, filling)], things)

    return make


def _which_side(comparison: t.Comparison, category: str) -> Callable[[Maker], Question]:
    """Is A left or right of B?"""

    def make(maker: Maker) -> Question:
        names, things = _two(maker, whole=comparison not in _PLACES)
        template = maker.choose(t.EITHER).replace("{p}", maker.choose(comparison.either))
        template = _seen(maker, template, comparison)
        return ask(maker, category, f"{comparison.relation}_side", [(template, Filling(names))], things)

    return make


def _how_far(comparison: t.Comparison, category: str) -> Callable[[Maker], Question]:
    """How far is A on that side of B, or how much more so? Asked of the one that is."""

    def make(maker: Maker) -> Question:
        is_place = comparison in _PLACES
        names, things = _two(maker, whole=not is_place)
        slot, frames = ("{p}", t.HOW_FAR) if is_place else ("{m}", t.HOW_MUCH)
        side = maker.rng.choice(list(comparison.sides.values()))
        word = maker.choose(side.predicates if is_place else side.comparatives)
        template = maker.choose(frames).replace(slot, word)
        form = f"{comparison.relation}_how_much"
        try:
            return ask(maker, category, form, [(template, Filling(names))], things)
        except LeftOut as reason:
            if str(reason) != "no_value":
                raise
        return ask(maker, category, form, [(template, Filling(names[::-1]))], things)

    return make


def _closer(maker: Maker) -> Question:
    """Which of two or more is closer to A?"""
    reference, *others = _several(maker, fewest=3)
    asks = maker.rng.choice(("closer", "farther"))
    frames = (t.CLOSER_WHICH if len(others) == 2 else t.CLOSEST_WHICH)[asks]
    names = tuple(one.box.label for one in others)
    wording = (maker.choose(frames), Filling((reference.box.label,), names))
    return ask(maker, "relative_distance", "closer_which", [wording], [reference, *others])


def _closer_of_group(maker: Maker) -> Question:
    group, other = _group_and_other(maker)
    frames = t.CLOSEST_OF_GROUP[maker.rng.choice(("closer", "farther"))]
    filling = Filling((other.box.label,), group=group.name.singular, groups=group.name.plural)
    return ask(
        maker,
        "relative_distance",
        "closer_of_all",
        [(maker.choose(frames), filling)],
        [other, *group.members],
    )


def _closer_yes_no(maker: Maker) -> Question:
    names, things = _named(maker, 3)
    sides = maker.rng.sample(list(t.CLOSER_YES_NO.values()), 2)
    wordings = [(maker.choose(frames), Filling(names)) for frames in sides]
    return ask(maker, "relative_distance", "closer_yes_no", wordings, things)


def _closer_how_much(maker: Maker) -> Question:
    things = _several(maker, fewest=3)[:3]
    a, b, c = (one.box.label for one in things)
    frames = t.CLOSER_HOW_MUCH[maker.rng.choice(("closer", "farther"))]
    template = maker.choose(frames)
    try:
        return ask(maker, "relative_distance", "closer_how_much", [(template, Filling((a, b, c)))], things)
    except LeftOut as reason:
        if str(reason) != "no_value":
            raise
    return ask(maker, "relative_distance", "closer_how_much", [(template, Filling((a, c, b)))], things)


def _length(
    category: str, form: str, frames: t.Words, number: int, limits: t.Words = (), whole: bool = False
) -> Callable[[Maker], Question]:
    """A length, now and then in another unit."""

    def make(maker: Maker) -> Question:
        names, things, template = _maybe_picked(maker, maker.choose(frames), number, whole)
        wording = (_in_unit(maker, template), Filling(names))
        question = ask(maker, category, form, [wording], things)
        is_plain = len(things) == len(names)  # neither ids nor a picked one
        if limits and is_plain and maker.draw(maker.config.limit_share):
            return _against_limit(maker, question, limits, Filling(names), things)
        return question

    return make


def _against_limit(
    maker: Maker, question: Question, frames: t.Words, filling: Filling, things: Sequence[Thing]
) -> Question:
    """The same length as a yes/no question, its limit well above or below."""
    assert question.value is not None
    template = maker.choose(frames)
    factor = maker.rng.uniform(1.3, 2.0)
    metres = question.value * factor if maker.draw(0.5) else question.value / factor
    length = f"{metres * 100:.0f} cm" if metres < 1.0 else f"{metres:.1f} meters"
    if length.startswith("0 "):
        raise LeftOut("value_small")
    bounds = [maker.choose(BOUNDS[way]) for way in maker.rng.sample(list(BOUNDS), 2)]
    wordings = [(template.replace("{limit}", f"{bound} {length}"), filling) for bound in bounds]
    return ask(maker, question.category, f"{question.form}_limit", wordings, things)


def _to_camera(maker: Maker) -> Question:
    names, things, template = _maybe_picked(maker, maker.choose(t.DISTANCE_TO_CAMERA), 1, False)
    wording = (_in_unit(maker, template), Filling(names))
    return ask(maker, "distance", "distance_to_camera", [wording], things)


def _of_pair(maker: Maker) -> Question:
    group = maker.rng.choice(_pairs(maker.scene))
    wording = (maker.choose(t.DISTANCE_OF_PAIR), Filling(groups=group.name.plural))
    return ask(maker, "distance", "distance_of_pair", [wording], group.members)


def _pairs(scene: Scene) -> list[Group]:
    return [group for group in scene.many if len(group.members) == 2]


def _direction(maker: Maker) -> Question:
    """On the clock at A; of several pairs the one whose hour the shard has least of."""
    pairs = [_two(maker, ids=False) for _ in range(HOUR_TRIES)]
    names, things = min(pairs, key=lambda pair: maker.tally.hours[_about_hour(*pair[1])])
    template = _seen(maker, maker.choose(t.DIRECTION), None)
    return ask(maker, "direction", "direction", [(template, Filling(names))], things)


def _about_hour(a: Thing, b: Thing) -> int:
    """The hour at a where b is, only to choose the pair; `spatial` gives the answer."""
    (ax, _, az), (bx, _, bz) = a.box.center, b.box.center
    return (12 - int(math.degrees(math.atan2(ax - bx, bz - az)) % 360 // 30)) or 12


def _direction_facing(maker: Maker) -> Question:
    names, things = _named(maker, 3)
    wording = (maker.choose(t.DIRECTION_FACING), Filling(names))
    return ask(maker, "direction", "direction_facing", [wording], things)


def _direction_turned(maker: Maker) -> Question:
    names, things = _two(maker, ids=False)
    template = maker.choose(t.DIRECTION_TURNED).replace("{way}", maker.choose(t.WAYS))
    return ask(maker, "direction", "direction_turned", [(template, Filling(names))], things)


def _count(maker: Maker) -> Question:
    groups = [group for group in maker.scene.groups if group.members[0].is_askable]
    several = [group for group in groups if len(group.members) > 1]
    group = maker.rng.choice(several if several and maker.draw(0.7) else groups)
    if len(group.members) > maker.config.max_boxes:
        raise LeftOut("too_many_boxes")
    wording = (maker.choose(t.COUNT), Filling(groups=group.name.plural))
    return ask(maker, "counting", "count", [wording], group.members)


def _has_countable(scene: Scene) -> bool:
    return any(group.members[0].is_askable for group in scene.groups)


def _combined(maker: Maker) -> Question:
    """Two statements about places, all four ways of being right or wrong tried in any order."""
    names, things = _named(maker, 3)
    join = maker.rng.choice(tuple(t.COMBINED))
    template = maker.choose(t.COMBINED[join])
    first, second = maker.rng.sample(_PLACES, 2)
    ways = [(one, other) for one in first.sides.values() for other in second.sides.values()]
    wordings: list[Wording] = []
    for one, other in maker.rng.sample(ways, len(ways)):
        p, q = maker.choose(one.predicates), maker.choose(other.predicates)
        wordings.append((template.replace("{p}", p).replace("{q}", q), Filling(names)))
    return ask(maker, "combined", f"combined_{join}", wordings, things)


def _frames(is_place: bool) -> t.Words:
    return (*t.YES_NO, *t.PLACED) if is_place else t.YES_NO


def _seen(maker: Maker, template: str, comparison: t.Comparison | None) -> str:
    """Now and then from the opposite side, where that can be asked for."""
    if comparison in (*_SIZES, t.ABOVE_BELOW) or not maker.draw(maker.config.opposite_share):
        return template
    if template.startswith(t.POLITE) or maker.draw(0.3):
        return template[:-1] + maker.choose(t.OPPOSITE_BEHIND) + template[-1]
    return maker.choose(t.OPPOSITE_BEFORE) + template[0].lower() + template[1:]


def _in_unit(maker: Maker, template: str) -> str:
    if not maker.draw(maker.config.unit_share):
        return template
    return f"{template[:-1]}, in {maker.choose(t.UNITS)}{template[-1]}"


def _group(group: Group) -> Filling:
    return Filling(group=group.name.singular, groups=group.name.plural)


def _named(maker: Maker, number: int, whole: bool = False) -> tuple[tuple[str, ...], list[Thing]]:
    """Things that their names tell apart, in any order."""
    things = maker.rng.sample(maker.scene.whole if whole else maker.scene.unique, number)
    return tuple(one.box.label for one in things), things


def _two(maker: Maker, whole: bool = False, ids: bool = True) -> tuple[tuple[str, ...], list[Thing]]:
    """Two things by their names, or by ids among all of a name."""
    groups = maker.scene.whole_many if whole else maker.scene.many
    if ids and groups and maker.draw(maker.config.ids_share):
        members = list(maker.rng.choice(groups).members)
        if len(members) <= maker.config.max_boxes:
            places = maker.rng.sample(range(len(members)), 2)
            return tuple(f"{place}_{members[place].box.label}" for place in places), members
    return _named(maker, 2, whole)


def _maybe_picked(
    maker: Maker, template: str, number: int, whole: bool
) -> tuple[tuple[str, ...], list[Thing], str]:
    """Names, things and template; now and then the first is "the leftmost mug" of several."""
    groups = maker.scene.whole_many if whole else maker.scene.many
    if not groups or not maker.draw(maker.config.pick_share) or "{a}'s" in template:
        names, things = _two(maker, whole) if number == 2 else _named(maker, number, whole)
        return names, things, template
    group = maker.rng.choice(groups)
    others = [one for one in (maker.scene.whole if whole else maker.scene.unique) if one not in group.members]
    if len(others) < number - 1:
        raise LeftOut("too_few_things")
    rest = maker.rng.sample(others, number - 1)
    pick = maker.choose(PICKS)
    _check_pick(maker, pick, group)
    names = (group.name.singular, *(one.box.label for one in rest))
    return names, [*group.members, *rest], template.replace("{a}", f"{pick} {{a}}")


def _check_pick(maker: Maker, pick: str, group: Group) -> None:
    """LeftOut where the second is about as far left as the first."""
    ask(maker, "left_right", "", [(f"Which {{g}} is the {pick}?", _group(group))], group.members)


def _several(maker: Maker, whole: bool = False, fewest: int = 2) -> list[Thing]:
    """Two things, or as often as the configuration says three to max_listed of them."""
    things = maker.scene.whole if whole else maker.scene.unique
    most = min(len(things), maker.config.max_listed)
    number = fewest
    if most >= 3 and maker.draw(maker.config.many_share):
        number = maker.rng.randint(3, most)
    return maker.rng.sample(things, number)


def _group_and_other(maker: Maker) -> tuple[Group, Thing]:
    group = maker.rng.choice(maker.scene.many)
    others = [one for one in maker.scene.unique if one not in group.members]
    if not others:
        raise LeftOut("too_few_things")
    return group, maker.rng.choice(others)


_PLACES = (t.LEFT_RIGHT, t.FRONT_BEHIND, t.ABOVE_BELOW)
_SIZES = (t.WIDE_THIN, t.TALL_SHORT, t.BIG_SMALL)


def _comparison(comparison: t.Comparison, category: str) -> list[Form]:
    """The forms that all comparisons share."""
    is_place = comparison in _PLACES
    enough = _unique if is_place else _whole
    name = comparison.relation

    def has_group(scene: Scene) -> bool:
        return bool(scene.many if is_place else scene.whole_many)

    return [
        Form(f"{name}_yes_no", 4, enough(2), _of_two(comparison, category)),
        Form(f"{name}_which", 3, enough(2), _which(comparison, category)),
        Form(f"{name}_side", 1, enough(2), _which_side(comparison, category)),
        Form(f"{name}_order", 1, enough(3), _order(comparison, category)),
        Form(f"{name}_of_all", 1, has_group, _which_of_group(comparison, category)),
    ]


def _depth_order() -> list[Form]:
    order = _order(t.FRONT_BEHIND, "depth_order")
    of_all = _which_of_group(t.FRONT_BEHIND, "depth_order")
    which = _which(t.FRONT_BEHIND, "depth_order", fewest=3)
    return [
        Form("order", 4, _unique(3), order),
        Form("of_all", 2, lambda scene: bool(scene.many), of_all),
        Form("which", 1, _unique(3), which),
    ]


def _size() -> list[Form]:
    return [
        Form("width", 3, _whole(1), _length("size", "width", t.WIDTH, 1, t.WIDTH_LIMIT, whole=True)),
        Form("height", 3, _whole(1), _length("size", "height", t.HEIGHT, 1, t.HEIGHT_LIMIT, whole=True)),
        Form("taller", 1, _whole(2), _how_far(t.TALL_SHORT, "size")),
        Form("wider", 1, _whole(2), _how_far(t.WIDE_THIN, "size")),
    ]


def _distance() -> list[Form]:
    return [
        Form("distance", 6, _unique(2), _length("distance", "distance", t.DISTANCE, 2, t.DISTANCE_LIMIT)),
        Form("camera", 2, _unique(1), _to_camera),
        Form("pair", 1, lambda scene: bool(_pairs(scene)), _of_pair),
    ]


def _axis_distance() -> list[Form]:
    category = "axis_distance"
    return [
        Form("horizontal", 3, _unique(2), _length(category, "horizontal_distance", t.HORIZONTAL, 2)),
        Form("vertical", 3, _unique(2), _length(category, "vertical_distance", t.VERTICAL, 2)),
        Form("left", 1, _unique(2), _how_far(t.LEFT_RIGHT, category)),
        Form("behind", 1, _unique(2), _how_far(t.FRONT_BEHIND, category)),
        Form("above", 1, _unique(2), _how_far(t.ABOVE_BELOW, category)),
    ]


FORMS: dict[str, list[Form]] = {
    "left_right": _comparison(t.LEFT_RIGHT, "left_right"),
    "front_behind": _comparison(t.FRONT_BEHIND, "front_behind"),
    "wide_thin": _comparison(t.WIDE_THIN, "wide_thin"),
    "tall_short": _comparison(t.TALL_SHORT, "tall_short"),
    "big_small": _comparison(t.BIG_SMALL, "big_small"),
    "above_below": _comparison(t.ABOVE_BELOW, "above_below"),
    "relative_distance": [
        Form("closer_which", 5, _unique(3), _closer),
        Form("closer_of_all", 2, lambda scene: bool(scene.many) and len(scene.unique) > 0, _closer_of_group),
        Form("closer_yes_no", 2, _unique(3), _closer_yes_no),
        Form("closer_how_much", 1, _unique(3), _closer_how_much),
    ],
    "depth_order": _depth_order(),
    "size": _size(),
    "distance": _distance(),
    "axis_distance": _axis_distance(),
    "direction": [
        Form("direction", 6, _unique(2), _direction),
        Form("direction_facing", 1, _unique(3), _direction_facing),
        Form("direction_turned", 1, _unique(2), _direction_turned),
    ],
    "counting": [Form("count", 1, _has_countable, _count)],
    "combined": [Form("combined", 1, _unique(3), _combined)],
}
