"""Every word that n3d-nano knows: those of the scenes, of the questions, and of the answers' reasoning.

In: the simulator's names and the library's own texts. Out: a sorted list of words for the tokenizer. Words
are collected by
running the text generators on made-up objects, so a new template brings its words with it.
"""

import re
from collections.abc import Iterable
from itertools import permutations

from n3d_ros.boxes import Box3D
from n3d_ros.protocol import prompts
from n3d_ros.sim import COLORS, KINDS
from n3d_ros.spatial import QUESTIONS, answer, parse_question
from n3d_ros.training.questions import OPPOSITE_VIEWS, plural

EXTRA = """
a an the of in on at to from is are there this that it object objects thing things all every any and
or not no none nothing please find locate show me where bbox
"""


def known_words(kinds: Iterable[str] = tuple(KINDS)) -> list[str]:
    """All words, as they are written (case matters), where scenes are made of `kinds`. Of other kinds none:
    what was never taught is refused by its name, not guessed.
    """
    texts = [
        *COLORS,
        *(form for kind in kinds for form in (kind, plural(kind))),
        *EXTRA.split(),
        prompts.ground_question("thing"),
        *spatial_texts(),
    ]
    return sorted({word for text in texts for word in re.findall(r"[A-Za-z]+", text)})


def spatial_texts() -> list[str]:
    """Questions, reasoning and answers of every relation, on boxes in every order so that each wording
    appears.
    """
    boxes = [
        Box3D("red mug", (-0.2, 0.1, 0.6), (0.1, 0.2, 0.1)),
        Box3D("blue bowl", (0.2, -0.1, 1.0), (0.2, 0.1, 0.2)),
        Box3D("green can", (0.3, 0.2, 0.8), (0.1, 0.12, 0.1)),
    ]
    texts = []
    templates = [template for templates in QUESTIONS.values() for template in templates]
    turned = [f"{view}, {text[0].lower()}{text[1:]}" for view in OPPOSITE_VIEWS for text in templates]
    for order in permutations(boxes):
        for question in (*templates, *turned):
            text = question.format(**{slot: box.label for slot, box in zip("abc", order, strict=True)})
            query = parse_question(text)
            texts.append(text)
            if query is not None:
                result = answer(query, order)
                texts += [result.answer, result.reasoning]
    return texts
