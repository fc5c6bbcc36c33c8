"""All questions about one picture.

In: a scene, the configuration, what the shard has so far. Out: `Question`s with their ids; the tally says
what was left out and why. The same scene, seed and tally give the same questions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from n3d_ros.training.qa.making.asking import LeftOut, Maker
from n3d_ros.training.qa.making.grounding import DETECTION, GROUNDING
from n3d_ros.training.qa.making.scene import Scene
from n3d_ros.training.qa.making.spatial import FORMS, Form
from n3d_ros.training.qa.records import Question

ALL_FORMS: dict[str, list[Form]] = {"detection": DETECTION, "grounding": GROUNDING, **FORMS}
# Of one wanted question, before another category is drawn.
TRIES = 4


def picture_rng(seed: int, index: int) -> random.Random:
    """A source of chance for one picture, the same on every machine."""
    return random.Random(f"{seed} {index}")


def questions_of(maker: Maker, wanted: Mapping[str, int] | None = None) -> list[Question]:
    """Questions of one picture: as many as the configuration says by its shares, or `wanted` by category.

    A question that was there already counts as left out ("repeated").
    """
    possible = possible_forms(maker.scene)
    found: list[Question] = []
    seen: set[tuple[object, ...]] = set()
    for category in _categories(maker, possible, wanted):
        question = _one(maker, possible[category], seen)
        if question is not None:
            question = replace(question, id=f"{maker.scene.index:08d}-{len(found):03d}")
            maker.tally.add(question)
            found.append(question)
    return found


def possible_forms(scene: Scene) -> dict[str, list[Form]]:
    """By category, the forms for which the picture holds enough."""
    found = {name: [form for form in forms if form.is_possible(scene)] for name, forms in ALL_FORMS.items()}
    return {name: forms for name, forms in found.items() if forms}


def _categories(
    maker: Maker, possible: Mapping[str, Sequence[Form]], wanted: Mapping[str, int] | None
) -> list[str]:
    if wanted is not None:
        return [name for name, number in wanted.items() if name in possible for _ in range(number)]
    shares = {name: share for name, share in maker.config.shares.items() if name in possible and share > 0}
    if not shares:
        return []
    return maker.rng.choices(list(shares), list(shares.values()), k=maker.config.num_a_picture)


def _one(maker: Maker, forms: Sequence[Form], seen: set[tuple[object, ...]]) -> Question | None:
    """A question of one of the forms that is not there yet; None after some tries, each counted."""
    weights = [form.weight for form in forms]
    for _ in range(TRIES):
        form = maker.rng.choices(forms, weights)[0]
        try:
            question = form.make(maker)
            _check_words(maker, question)
        except LeftOut as reason:
            maker.tally.left_out[str(reason)] += 1
            continue
        key = (question.text.casefold(), question.drawn_px)
        if key not in seen:
            seen.add(key)
            return question
        maker.tally.left_out["repeated"] += 1
    return None


def _check_words(maker: Maker, question: Question) -> None:
    """LeftOut where the text holds words that the model lacks and that no thing of the set is called."""
    if maker.words is not None and maker.words.lacking(question.text, maker.vocabulary.by_word):
        raise LeftOut("words_unknown")
