"""What asks for boxes: everything, one thing, some, all of a name, one by its place, a marked one, none.

In: a `Maker`. Out: `Question`s whose answer is their boxes. The text of a grounding question is the words
that name what to find, which the robot puts into its own sentence (`prompts.ground_question`); that of a
detection is asked as it is. Which things a place names is decided by `n3d_ros.spatial`, as in any question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from n3d_ros.training.qa.making import templates as t
from n3d_ros.training.qa.making.asking import LeftOut, Maker, is_true_of, pointed_at
from n3d_ros.training.qa.making.names import could_be
from n3d_ros.training.qa.making.reading import Filling
from n3d_ros.training.qa.making.scene import Group, Scene, Thing
from n3d_ros.training.qa.making.spatial import Form
from n3d_ros.training.qa.records import DETECT, GROUND, Question
from n3d_ros.training.qa.sets import DRAWN

NEGATIVE_TRIES = 20
RANKED = {
    "leftmost": "leftmost {g}",
    "rightmost": "rightmost {g}",
    "nearest": "nearest {g}",
    "farthest": "farthest {g}",
    "tallest": "tallest {g}",
    "biggest": "biggest {g}",
    "smallest": "smallest {g}",
}
# What ranks by size needs all of the name to be seen whole.
RANKED_BY_SIZE = ("tallest", "biggest", "smallest")
SECOND = {"left": "second {g} from the left", "right": "second {g} from the right"}


def detect(maker: Maker) -> Question:
    """Everything that is annotated. LeftOut where too much of it has no box."""
    scene = maker.scene
    hidden_share = scene.num_hidden / (scene.num_hidden + len(scene.things))
    if hidden_share > maker.config.max_hidden_share:
        raise LeftOut("hidden_things")
    return _found(maker, "detect_all", maker.choose(t.DETECT), scene.things, kind=DETECT)


def ground(maker: Maker) -> Question:
    """One of the forms of grounding, as often as the configuration says."""
    config = maker.config
    ways: list[tuple[float, Callable[[Maker], Question]]] = [
        (config.absent_share, _absent),
        (config.drawn_share, _drawn),
        (config.relation_share, _by_place),
        (config.several_share, _several_names),
    ]
    for share, make in ways:
        if maker.draw(share):
            return make(maker)
    return _by_name(maker)


def _by_name(maker: Maker) -> Question:
    """One thing by a name that only it has, or all of a name."""
    scene = maker.scene
    group = maker.rng.choice(_groups(scene))
    is_one = len(group.members) == 1
    words = group.name.singular
    if not is_one:
        words = maker.rng.choice((group.name.plural, f"all {group.name.plural}", group.name.singular))
    return _found(maker, "one_of_name" if is_one else "all_of_name", words, group.members)


def _several_names(maker: Maker) -> Question:
    """Two to four names in one prompt, each of one thing."""
    unique = maker.scene.unique
    if len(unique) < 2:
        raise LeftOut("too_few_things")
    things = maker.rng.sample(unique, maker.rng.randint(2, min(4, len(unique))))
    names = [one.name.singular for one in things]
    return _found(maker, "several_names", f"{', '.join(names[:-1])} and {names[-1]}", things)


def _drawn(maker: Maker) -> Question:
    """Things marked with a rectangle in the picture."""
    things = maker.scene.things
    marked = maker.rng.sample(things, maker.rng.randint(1, min(3, len(things))))
    colours = [name for name, _ in DRAWN[: len(marked)]]
    if len(marked) == 1:
        noun = maker.rng.choice(("object", "thing", marked[0].name.singular))
        words = f"{noun} {maker.choose(('in the red rectangle', 'in the red box'))}"
    else:
        words = f"objects in the {', '.join(colours[:-1])} and {colours[-1]} rectangles"
    question = _found(maker, f"drawn_{len(marked)}", words, marked)
    return replace(question, drawn_px=tuple(one.extent_px for one in marked))


def _by_place(maker: Maker) -> Question:
    """Of several things of a name the one, or those, at a place; now and then none is there."""
    many = maker.scene.many
    if not many:
        raise LeftOut("too_few_things")
    group = maker.rng.choice(many)
    if maker.draw(0.5):
        return _by_rank(maker, group)
    others = [one for one in maker.scene.unique if one not in group.members]
    if not others:
        raise LeftOut("too_few_things")
    if maker.draw(0.3):
        return _closest_to(maker, group, maker.rng.choice(others))
    return _beside(maker, group, maker.rng.choice(others))


def _by_rank(maker: Maker, group: Group) -> Question:
    is_whole = all(one.is_whole for one in group.members)
    words = [word for word in RANKED if is_whole or word not in RANKED_BY_SIZE]
    name = group.name.singular
    if len(group.members) > 2 and maker.draw(0.25):
        side = maker.choose(tuple(SECOND))
        return _found(maker, "ranked_second", SECOND[side].format(g=name), [_second(maker, group, side)])
    word = maker.choose(words)
    filling = Filling(group=name, groups=group.name.plural)
    there = pointed_at(maker, f"Which {{g}} is the {word}?", filling, group.members)
    return _found(maker, "ranked", RANKED[word].format(g=name), there)


def _second(maker: Maker, group: Group, side: str) -> Thing:
    """By the order of all, of which every step is clear then."""
    ids = tuple(f"{place}_{one.name.singular}" for place, one in enumerate(group.members))
    template = f"Order {{ands}} from {side} to {'right' if side == 'left' else 'left'}."
    return pointed_at(maker, template, Filling(things=ids), group.members)[1]


def _closest_to(maker: Maker, group: Group, other: Thing) -> Question:
    word, asks = maker.rng.choice((("closest to", "closer"), ("farthest from", "farther")))
    name = group.name.singular
    filling = Filling((other.name.singular,), group=name, groups=group.name.plural)
    there = pointed_at(maker, f"Which {{g}} is {word} the {{a}}?", filling, [other, *group.members])
    return _found(maker, f"{asks}_to", f"{name} {word} the {other.name.singular}", there)


def _beside(maker: Maker, group: Group, other: Thing) -> Question:
    """ "Mug to the left of the bottle": all of which that is true, perhaps none."""
    comparison = maker.rng.choice((t.LEFT_RIGHT, t.FRONT_BEHIND, t.ABOVE_BELOW))
    side = maker.rng.choice(list(comparison.sides.values()))
    predicate = maker.choose(side.predicates)
    template = f"Is the {{a}} {predicate} the {{b}}?"
    there = [one for one in group.members if is_true_of(maker, template, one, other)]
    name = (
        group.name.singular if len(there) < 2 else maker.rng.choice((group.name.singular, group.name.plural))
    )
    form = "beside_none" if not there else "beside"
    return _found(maker, form, f"{name} {predicate} the {other.name.singular}", there)


def _absent(maker: Maker) -> Question:
    """A name of the set that nothing here could mean, often one that shares a word with something here."""
    present = [one.name.singular for one in maker.scene.things]
    is_near = maker.draw(maker.config.near_miss_share)
    for _ in range(NEGATIVE_TRIES):
        name = _near_miss(maker, present) if is_near else maker.rng.choice(maker.vocabulary.names)
        if name and not any(could_be(name, other) for other in (*present, *maker.scene.hidden)):
            return _found(maker, "absent_near_miss" if is_near else "absent", name, ())
    raise LeftOut("no_near_miss" if is_near else "no_absent_name")


def _near_miss(maker: Maker, present: Sequence[str]) -> str:
    """A name of the vocabulary that shares a word with one that is present; empty where none does."""
    words = maker.rng.choice(present).split()
    near = [name for word in words for name in maker.vocabulary.sharing(word) if name not in present]
    return maker.rng.choice(near) if near else ""


def _groups(scene: Scene) -> Sequence[Group]:
    """All names of which everything has a box; those without a plural, too, where they are one thing's."""
    groups = list(scene.groups)
    named = {group.name for group in groups}
    groups += [Group(one.name, (one,)) for one in scene.unique if one.name not in named]
    if not groups:
        raise LeftOut("hidden_things")
    return groups


def _found(maker: Maker, form: str, text: str, things: Sequence[Thing], kind: str = GROUND) -> Question:
    if len(things) > maker.config.max_boxes:
        raise LeftOut("too_many_boxes")
    category = "detection" if kind == DETECT else "grounding"
    boxes = tuple(one.known for one in things)
    return Question("", kind, category, form, text, maker.scene.picture, boxes=boxes)


DETECTION = [Form("detect_all", 1, lambda scene: True, detect)]
GROUNDING = [Form("ground", 1, lambda scene: True, ground)]
