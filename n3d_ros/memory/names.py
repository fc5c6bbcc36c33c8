"""What words name, as far as a memory must know it: lists of names, and whether a look had to find a thing.

In: words as they were looked for or asked. Out: names, yes or no. What fits a name is `spatial.matching`'s
affair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from n3d_ros.boxes import Box3D
from n3d_ros.memory.places import Remembered
from n3d_ros.plain_text import shown
from n3d_ros.spatial.language.nouns import ADJECTIVES
from n3d_ros.spatial.language.units import WRITTEN_NUMBERS
from n3d_ros.spatial.matching import fitting

_BETWEEN = re.compile(r"\s*(?:[,;.\n]|\band\b)\s*", re.IGNORECASE)
_COUNTS = [word for word, number in WRITTEN_NUMBERS.items() if number >= 1]
_OR = re.compile(r"\s+or\s+", re.IGNORECASE)
_QUANTITY = re.compile(
    rf"^(?:all|every|each|both|any|some|\d+|{'|'.join(_COUNTS)})\s+(?:of\s+)?", re.IGNORECASE
)
_WHERE = re.compile(
    r"^(?:where|when)\s+(?:(?:did|have|had)\s+you\s+(?:last\s+)?(?:see|seen|find|found)|(?:is|are|was|were))\s+"
    r"(.*?)(?:\s+last\s+seen|\s+now)?\s*\?*$",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    r"^(?:is|are)\s+(.*?)\s+(?:still\s+(?:there|here|around|in\s+(?:its|their)\s+place)|gone|there)\s*\?*$"
    r"|^(?:have|did)\s+you\s+(?:ever\s+)?(?:seen?|found|find)\s+(.*?)\s*\?*$",
    re.IGNORECASE,
)

_LETTER = re.compile(r"\w")
_QUESTION = re.compile(
    r"^(?:what|which|who|how|why|where|when|is|are|was|were|did|have)\s|\?\s*$", re.IGNORECASE
)


def names_in(words: str) -> list[str]:
    """ "the red mug, all boxes and 2 cans" -> "the red mug", "boxes", "cans".

    "the blue, small box" is one name: a part that ends in an adjective is no name of its own.
    """
    parts = [_QUANTITY.sub("", part.strip()) for part in _BETWEEN.split(words) if part.strip()]
    return [words] if any(_ends_in_adjective(part) for part in parts) else parts


def names_asked_for(words: str) -> list[str]:
    """As `names_in`, and "the mug or the cup" names both; "where did you last see the mug?", "where is the
    mug?", "is the mug still there?" and "have you seen the mug?" name the mug. ValueError for any other
    question, and for words without a letter: that nothing of it is remembered would be no answer to it.
    """
    words = words.strip()
    asked = _WHERE.match(words) or _WHETHER.match(words)
    name = next(filter(None, asked.groups()), "") if asked else words
    if not _LETTER.search(name) or (not asked and _QUESTION.search(words)):
        raise ValueError(
            "words: expected names, or a question such as 'where did you last see the mug?' or 'is the mug "
            f"still there?', got {shown(words)}"
        )
    return names_in(_OR.sub(", ", name))


def is_named(thing: Remembered, words: Sequence[str]) -> bool:
    """Do the words list a name of the thing?

    Words that are no list of names ("what is on the table", "the nearest mug") name nothing, so that nothing
    is held missing because a sentence was not understood.
    """
    box = Box3D(thing.label, thing.place.center, thing.place.size)
    names = [name for one in words for name in names_in(one)]
    return any(fitting(name, [box], [thing.name], plural=True) for name in names)


def was_found_by(thing: Remembered, words: Sequence[str]) -> bool:
    """Have the same words found it before?"""
    return any(one in thing.words for one in words)


def _ends_in_adjective(part: str) -> bool:
    return part.split()[-1].casefold() in ADJECTIVES
