"""What is asked about a view, and the text a perfect model would answer.

In: the objects of a view (names, visibility, box bins). Out: `Sample`s of chat text, split into the words
after the picture and the answer, with the object that each box of the answer describes. The prompts come
from `n3d_ros.protocol.prompts`, the questions from `n3d_ros.spatial`: training and robot cannot drift apart.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import format_box
from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.spatial import QUESTIONS, answer, parse_question

MIN_VISIBLE_PX = 60
MIN_VISIBLE = 0.35
JITTER_M, JITTER_SIZE = 0.015, 0.12
# How often a relation trains, where 1 is as often as another: what a small model learns last comes more often
# (docs/log/training.md), a value that it only quotes less.
TRAINED = {
    "direction": 3.0, "depth_order": 3.0, "closer": 2.0,
    "left_right": 1.5, "above_below": 1.5, "front_behind": 1.5,
    "bigger_smaller": 1.5, "taller_shorter": 1.5, "wider_thinner": 1.5,
    "distance": 1.0, "horizontal_distance": 0.5, "vertical_distance": 0.5, "width": 0.5, "height": 0.5,
}  # fmt: skip
# Of the questions that reason: those that call things by id, as a follow-up does ("4_red mug"), and those
# seen from the opposite side, where that is another question.
IDS_SHARE, OPPOSITE_SHARE = 0.15, 0.15
NUM_IDS = 10
OPPOSITE_VIEWS = (
    "From the opposite side",
    "Seen from the opposite side",
    "From the opposite side of the camera",
)
# Of the groups that are asked for, how many have several members where there is such a group: a model that
# mostly saw groups of one finds one.
SEVERAL_SHARE = 0.8
# How people ask for a group: all of a kind, all of a colour.
KIND_GROUPS = ("{one}", "{many}", "{one}", "all the {many}", "all {many}")
COLOR_GROUPS = (
    "{} object",
    "{} objects",
    "{} things",
    "all the {} things",
    "all {} objects",
    "all the {} objects",
)
# How often boxes are asked for in each way. What a small model learns last comes more often than a person
# would ask for it: groups, where the next box is of what was not written yet, and things beside others.
# Where a view has nothing for one of the ways, it is asked for a group.
ASKED = {"name": 0.24, "question": 0.18, "group": 0.26, "beside": 0.10, "absent": 0.22}
DRILLED = {name: often for name, often in TRAINED.items() if often > 1.0}
# Of a trace, behind its facts: the values that are compared or put together, and what follows from them.
DRILL = re.compile(r"(?P<given>The \w+ values are .*?\.(?= The | From )|dx = .*?\d\.(?= angle))(?P<said> .*)")
# The same of a volume, which is to be computed from sizes that are given.
VOLUME_DRILL = re.compile(r"(?P<given>The size of .*\.)(?P<said> The volume values are .*)")
VOLUMES = {"bigger_smaller": 1.0}
# Their sizes are stretched by up to so much each, as a factor's logarithm: products are learned from many.
VOLUME_STRETCH = 0.6
# How people say which of several they mean: words, axis of the optical frame, side of another thing on it.
BESIDE = (
    ("to the left of", 0, -1), ("left of", 0, -1), ("to the right of", 0, 1), ("right of", 0, 1),
    ("in front of", 2, -1), ("behind", 2, 1),
)  # fmt: skip
# Nearer than this on that axis, and people would say neither.
BESIDE_M = 0.03
END = prompts.TURN_END


@dataclass(frozen=True)
class Sample:
    """`question`: everything after the image tokens, up to the assistant's turn. `answer`: with its end
    token. `targets`: per box. `names`: what the answer quotes of the question.
    """

    question: str
    answer: str
    targets: tuple[int, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ViewObjects:
    """Objects of one view: names 'red mug', kinds, colours, bins and boxes, which may be asked for, and the
    camera.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    colors: tuple[str, ...]
    bins: np.ndarray
    askable: tuple[bool, ...]
    boxes: tuple[Box3D, ...]
    intrinsics: Intrinsics

    def unique(self) -> list[int]:
        """Objects that are visible enough and the only one of their name in the scene."""
        count = Counter(self.names)
        return [i for i, name in enumerate(self.names) if self.askable[i] and count[name] == 1]


def ground_sample(words: str, objects: ViewObjects, targets: list[int]) -> Sample:
    """Ask for `words`; the answer lists `targets`, left to right."""
    return box_sample(
        prompts.ground_prompt(prompts.ground_question(words)),
        objects,
        sorted(targets, key=lambda i: objects.bins[i][0]),
    )


def box_sample(prompt: str, objects: ViewObjects, targets: list[int]) -> Sample:
    """Ask with `prompt`; the answer lists `targets` in this order."""
    lines = "".join(format_box(n, objects.names[i], objects.bins[i]) + "\n" for n, i in enumerate(targets))
    question = prompt.split(prompts.IMAGE_PAD, 1)[1]
    return Sample(question, (lines or "\n") + END, tuple(targets), tuple(objects.names[i] for i in targets))


def sample_questions(
    objects: ViewObjects,
    rng: np.random.Generator,
    count: int,
    vocabulary: tuple[tuple[str, ...], tuple[str, ...]],
) -> list[Sample]:
    """`count` samples on one view: mostly one named object, some groups, some absent things, some spatial
    questions.
    """
    unique = objects.unique()
    order = list(rng.permutation(unique)) if unique else []
    samples = []
    for n in range(count):
        way = str(rng.choice(list(ASKED), p=list(ASKED.values())))
        if way == "name" and order:
            target = int(order[n % len(order)])
            samples.append(ground_sample(objects.names[target], objects, [target]))
        elif way == "question" and len(unique) >= 2:
            samples.append(locate_sample(objects, unique, rng))
        elif way == "beside" and (beside := beside_words(objects.boxes, objects.askable, rng)):
            samples.append(ground_sample(beside[0], objects, list(beside[1])))
        elif way == "absent":
            samples.append(absent_sample(objects, rng, vocabulary))
        else:
            samples.append(group_sample(objects, rng))
    return samples


def spatial_question(
    names: Sequence[str],
    unique: list[int],
    rng: np.random.Generator,
    often: Mapping[str, float] | None = None,
) -> tuple[str, list[int]]:
    """A random spatial question about `unique` objects of a view, and those in the order of mention.

    often: how often each relation is drawn, others never; every wording as often as another when None.
    """
    possible = {
        name: fitting
        for name, templates in QUESTIONS.items()
        if (fitting := [t for t in templates if 1 <= _num_slots(t) <= len(unique)])
    }
    if often is not None:
        weights = np.array([often.get(name, 0.0) for name in possible])
        drawn = str(rng.choice(list(possible), p=weights / weights.sum()))
        possible = {drawn: possible[drawn]}
    template = str(rng.choice([t for templates in possible.values() for t in templates]))
    chosen = [int(i) for i in rng.permutation(unique)[: _num_slots(template)]]
    question = template.format(**{slot: names[i] for slot, i in zip("abc", chosen, strict=False)})
    return question, sorted(chosen, key=lambda i: question.index(names[i]))


def _num_slots(template: str) -> int:
    return sum("{" + slot + "}" in template for slot in "abc")


def locate_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """A spatial question's first stage: its objects must be located, in the order of mention."""
    question, order = spatial_question(objects.names, unique, rng, TRAINED)
    if rng.random() < OPPOSITE_SHARE:
        question = from_opposite(question, rng)
    return box_sample(prompts.locate_prompt(question), objects, order)


def reason_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """A spatial question's second stage, with evidence as inexact as a model's own boxes would be."""
    question, boxes, text = _reasoned(objects, unique, rng, TRAINED)
    prompt = prompts.answer_prompt(question, prompts.evidence_from_boxes(boxes, objects.intrinsics))
    return Sample(prompt.split(prompts.IMAGE_PAD, 1)[1], text + END, (), tuple(box.label for box in boxes))


def drill_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """The end of a second stage alone: values are given with their owners, what follows from comparing them
    is to be said. It is a third as long, so that it can come often.
    """
    return _end_alone(_reasoned(objects, unique, rng, DRILLED), DRILL)


def volume_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """Sizes are given with their owners, the volumes and what follows from comparing them are to be said."""
    stretch = np.exp(rng.uniform(-VOLUME_STRETCH, VOLUME_STRETCH, (len(objects.boxes), 3)))
    boxes = tuple(
        replace(box, size=tuple(np.multiply(box.size, factors)))
        for box, factors in zip(objects.boxes, stretch, strict=True)
    )
    return _end_alone(_reasoned(replace(objects, boxes=boxes), unique, rng, VOLUMES), VOLUME_DRILL)


def _end_alone(reasoned: tuple[str, list[Box3D], str], drill: re.Pattern[str]) -> Sample:
    """A question with a part of its trace, of which the rest is to be said. reasoned: as `_reasoned`'s."""
    question, boxes, text = reasoned
    found = drill.search(text)
    assert found is not None, text
    prompt = f"{prompts.answer_prompt(question, ())}{prompts.THINK_START} {found['given']}"
    return Sample(
        prompt.split(prompts.IMAGE_PAD, 1)[1], found["said"] + END, (), tuple(box.label for box in boxes)
    )


def _reasoned(
    objects: ViewObjects, unique: list[int], rng: np.random.Generator, often: Mapping[str, float]
) -> tuple[str, list[Box3D], str]:
    """A question that has an answer, the boxes it is about, and the text that follows from their rounded
    numbers.
    """
    names = with_ids(objects.names, rng) if rng.random() < IDS_SHARE else objects.names
    while True:
        question, order = spatial_question(names, unique, rng, often)
        if rng.random() < OPPOSITE_SHARE:
            question = from_opposite(question, rng)
        boxes = [jittered(replace(objects.boxes[i], label=names[i]), rng) for i in order]
        text = _quoted_answer(question, boxes)
        if text is not None:
            return question, boxes, text


def _quoted_answer(question: str, boxes: Sequence[Box3D]) -> str | None:
    """What follows from the rounded numbers; None where nothing does, as of a direction straight up."""
    query = parse_question(question)
    assert query is not None, question
    try:
        return answer(query, [as_quoted(box) for box in boxes]).text
    except ValueError:
        return None


def with_ids(names: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """'red mug' -> '4_red mug', a different number each while there are so many."""
    first = int(rng.integers(NUM_IDS))
    return tuple(f"{(first + n) % NUM_IDS}_{name}" for n, name in enumerate(names))


def from_opposite(question: str, rng: np.random.Generator) -> str:
    """The question from the opposite side of the camera, or as it is where that makes no other question."""
    turned = f"{rng.choice(OPPOSITE_VIEWS)}, {question[0].lower()}{question[1:]}"
    query = parse_question(turned)
    return question if query is None or not query.facing else turned


def jittered(box: Box3D, rng: np.random.Generator) -> Box3D:
    """`box` moved by about JITTER_M and stretched by up to JITTER_SIZE."""
    x, y, z = np.array(box.center) + rng.normal(0, JITTER_M, 3)
    w, h, d = np.array(box.size) * rng.uniform(1 - JITTER_SIZE, 1 + JITTER_SIZE, 3)
    return Box3D(box.label, (float(x), float(y), max(float(z), 0.05)), (float(w), float(h), float(d)))


def group_sample(objects: ViewObjects, rng: np.random.Generator) -> Sample:
    """All objects of one kind or one colour, mostly several; each of them can be seen. Where no group is like
    that, all that can be asked for by one name.
    """
    groups: dict[tuple[bool, str], list[int]] = {}
    for i, (kind, color) in enumerate(zip(objects.kinds, objects.colors, strict=True)):
        groups.setdefault((True, kind), []).append(i)
        groups.setdefault((False, color), []).append(i)
    whole = [key for key, members in groups.items() if all(objects.askable[i] for i in members)]
    several = [key for key in whole if len(groups[key]) > 1]
    if several and rng.random() < SEVERAL_SHARE:
        whole = several
    if not whole:
        name = str(rng.choice(objects.names))
        members = [i for i, other in enumerate(objects.names) if other == name and objects.askable[i]]
        return ground_sample(name, objects, members)
    by_kind, word = whole[int(rng.integers(len(whole)))]
    wording = str(rng.choice(KIND_GROUPS if by_kind else COLOR_GROUPS))
    words = wording.format(word, one=word, many=plural(word))
    return ground_sample(words, objects, groups[by_kind, word])


def plural(kind: str) -> str:
    """Several of a kind: mugs, boxes, brushes, knives."""
    if kind.endswith("fe"):
        return kind.removesuffix("fe") + "ves"
    return kind + ("es" if kind.endswith(("s", "x", "ch", "sh")) else "s")


def beside_words(
    boxes: Sequence[Box3D], askable: Sequence[bool], rng: np.random.Generator
) -> tuple[str, tuple[int, ...]] | None:
    """Words like "mug to the left of the blue bowl" about `boxes` called "red mug", optical frame, and which
    of them are meant: none in about a quarter. None where all is too near or cannot be asked for.
    """
    label, axis, sign = BESIDE[int(rng.integers(len(BESIDE)))]
    wants_some = rng.random() < 0.75
    count = Counter(box.label for box in boxes)
    for a in rng.permutation(len(boxes)):
        if not askable[a] or count[boxes[a].label] > 1:
            continue
        for kind in rng.permutation(sorted({box.label.split()[-1] for box in boxes})):
            others = [i for i, box in enumerate(boxes) if i != a and box.label.split()[-1] == kind]
            leads = [sign * (boxes[i].center[axis] - boxes[a].center[axis]) for i in others]
            clear = all(askable[i] for i in others) and all(abs(lead) > BESIDE_M for lead in leads)
            meant = tuple(i for i, lead in zip(others, leads, strict=True) if lead > 0)
            if others and clear and bool(meant) == wants_some:
                return f"{kind} {label} the {boxes[a].label}", meant
    return None


def absent_sample(
    objects: ViewObjects, rng: np.random.Generator, vocabulary: tuple[tuple[str, ...], tuple[str, ...]]
) -> Sample:
    """Something that is not there; the answer lists no box."""
    pairs = list(zip(objects.colors, objects.kinds, strict=True))
    return ground_sample(absent_name(pairs, rng, vocabulary), objects, [])


def absent_name(
    present: Sequence[tuple[str, str]],
    rng: np.random.Generator,
    vocabulary: tuple[tuple[str, ...], tuple[str, ...]],
) -> str:
    """A name like none of the `present` (colour, kind) pairs, often one word away from one of them."""
    colors, kinds = vocabulary
    while True:
        color, kind = present[int(rng.integers(len(present)))]
        color = color if rng.random() < 0.5 else str(rng.choice(colors))
        kind = kind if rng.random() < 0.5 else str(rng.choice(kinds))
        if (color, kind) not in present:
            return f"{color} {kind}"
