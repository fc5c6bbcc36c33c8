"""What is asked about a view, and the text a perfect model would answer.

In: the objects of a view (names, visibility, box bins). Out: `Sample`s of chat text, split into the words
after the picture and the answer, with the object that each box of the answer describes. The prompts come
from `n3d_ros.protocol.prompts`, the questions from `n3d_ros.spatial`: training and robot cannot drift apart.
"""

from collections import Counter
from collections.abc import Sequence
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
# Of the questions that train, those about three objects: a tenth of all templates, and the hardest.
THREE_SHARE = 0.4
# Of the questions that reason: those that call things by id, as a follow-up does ("4_red mug"), and those
# seen from the opposite side, where that is another question.
IDS_SHARE, OPPOSITE_SHARE = 0.15, 0.15
NUM_IDS = 10
OPPOSITE_VIEWS = (
    "From the opposite side",
    "Seen from the opposite side",
    "From the opposite side of the camera",
)
# How people ask for a group: all of a kind, all of a colour.
KIND_GROUPS = ("{}", "{}s", "{}", "all the {}s", "all {}s")
COLOR_GROUPS = (
    "{} object",
    "{} objects",
    "{} things",
    "all the {} things",
    "all {} objects",
    "all the {} objects",
)
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
        draw = rng.random()
        if draw < 0.40 and order:
            target = int(order[n % len(order)])
            samples.append(ground_sample(objects.names[target], objects, [target]))
        elif draw < 0.65 and len(unique) >= 2:
            samples.append(locate_sample(objects, unique, rng))
        elif draw < 0.73:
            samples.append(group_sample(objects, rng))
        else:
            samples.append(absent_sample(objects, rng, vocabulary))
    return samples


def spatial_question(
    names: Sequence[str], unique: list[int], rng: np.random.Generator, three_share: float = 0.0
) -> tuple[str, list[int]]:
    """A random spatial question about `unique` objects of a view, and those in the order of mention.

    three_share: how often it must be about three objects, where there are so many.
    """
    fewest = 3 if three_share and len(unique) >= 3 and rng.random() < three_share else 1
    possible = range(fewest, len(unique) + 1)
    templates = [t for relation in QUESTIONS.values() for t in relation if _num_slots(t) in possible]
    template = str(rng.choice(templates))
    chosen = [int(i) for i in rng.permutation(unique)[: _num_slots(template)]]
    question = template.format(**{slot: names[i] for slot, i in zip("abc", chosen, strict=False)})
    return question, sorted(chosen, key=lambda i: question.index(names[i]))


def _num_slots(template: str) -> int:
    return sum("{" + slot + "}" in template for slot in "abc")


def locate_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """A spatial question's first stage: its objects must be located, in the order of mention."""
    question, order = spatial_question(objects.names, unique, rng, THREE_SHARE)
    return box_sample(prompts.locate_prompt(question), objects, order)


def reason_sample(objects: ViewObjects, unique: list[int], rng: np.random.Generator) -> Sample:
    """A spatial question's second stage, with evidence as inexact as a model's own boxes would be."""
    names = with_ids(objects.names, rng) if rng.random() < IDS_SHARE else objects.names
    question, order = spatial_question(names, unique, rng, THREE_SHARE)
    if rng.random() < OPPOSITE_SHARE:
        question = from_opposite(question, rng)
    boxes = [jittered(replace(objects.boxes[i], label=names[i]), rng) for i in order]
    query = parse_question(question)
    assert query is not None, question
    prompt = prompts.answer_prompt(question, prompts.evidence_from_boxes(boxes, objects.intrinsics))
    text = answer(query, [as_quoted(box) for box in boxes]).text
    return Sample(prompt.split(prompts.IMAGE_PAD, 1)[1], text + END, (), tuple(names[i] for i in order))


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
    """All objects of one kind or one colour, when each of them can be seen; else all that can be asked for by
    name.
    """
    by_kind = rng.random() < 0.7
    keys = objects.kinds if by_kind else objects.colors
    key = str(rng.choice(keys))
    members = [i for i, k in enumerate(keys) if k == key]
    if not all(objects.askable[i] for i in members):
        return ground_sample(
            objects.names[members[0]],
            objects,
            [i for i, n in enumerate(objects.names) if n == objects.names[members[0]] and objects.askable[i]],
        )
    wordings = KIND_GROUPS if by_kind else COLOR_GROUPS
    return ground_sample(str(rng.choice(wordings)).format(key), objects, members)


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
