"""Does a rewording still ask the same?

In: a question and a text that a language model made of it. Out: `Verdict`. It does not know where the text
comes from; nothing in it is trusted.

Every name and every number must be there as often as before, and no other number. Where the robot's grammar
reads both, it must read the same; a text that it does not read is kept as such, since people say things that
it does not read either, but it can have lost more than names and numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from enum import Enum

from n3d_ros.spatial import Query, parse_question
from n3d_ros.spatial.language.tokens import MAX_CHARS
from n3d_ros.training.qa.records import SPATIAL, Question

_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?!\w*_)")
# No question needs these, and every mark of a prompt has them.
_MARKS = frozenset("<>")


class Verdict(str, Enum):
    """SAME: read as the same query. FREE: not read, names and numbers survive. The others are refused."""

    SAME = "same"
    FREE = "free"
    UNCHANGED = "unchanged"
    EMPTY = "empty_or_long"
    MARKS = "control_marks"
    NAMES = "names_lost"
    NUMBERS = "numbers_changed"
    MEANING = "means_something_else"


def verdict_of(question: Question, text: str) -> Verdict:
    """What can be said of `text` as a rewording of a spatial question."""
    assert question.kind == SPATIAL, question.kind
    if not text or len(text) > MAX_CHARS or any(ord(character) < 32 for character in text):
        return Verdict.EMPTY
    if _MARKS & set(text):
        return Verdict.MARKS
    if text.casefold() == question.text.casefold():
        return Verdict.UNCHANGED
    if _names_in(question, text) != _names_in(question, question.text):
        return Verdict.NAMES
    if _numbers_in(text) != _numbers_in(question.text):
        return Verdict.NUMBERS
    meant, read = parse_question(question.text), parse_question(text)
    if read is None:
        return Verdict.FREE
    return Verdict.SAME if _plain(read) == _plain(meant) else Verdict.MEANING


def _names_in(question: Question, text: str) -> Counter[str]:
    """How often each name is said, the longest first, so that "mug" is not found in "coffee mug"."""
    names = {box.label.casefold() for box in question.boxes}
    names |= {f"{index}_{box.label.casefold()}" for index, box in enumerate(question.boxes)}
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return Counter(re.findall(rf"(?<!\w)(?:{longest_first})(?=s?(?!\w)|es(?!\w))", text.casefold()))


def _numbers_in(text: str) -> Counter[float]:
    return Counter(float(number) for number in _NUMBER.findall(text))


def _plain(query: Query | None) -> Query | None:
    """Names in any capitals are the same; so is a unit that only the sentence uses."""
    if query is None:
        return None
    return replace(
        query,
        objects=tuple(name.casefold() for name in query.objects),
        viewer=query.viewer.casefold(),
        faced=query.faced.casefold(),
        parts=tuple(part for one in query.parts if (part := _plain(one)) is not None),
    )
