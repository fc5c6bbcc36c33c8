"""What stands around a question and changes nothing: politeness, "in this scene", the unit wanted.

In: words. Out: the words inside, and the unit. Knows no question.
"""

from __future__ import annotations

import re

from n3d_ros.spatial.language.nouns import limit_slot, unit_slot
from n3d_ros.spatial.language.patterns import Pattern, Words, compiled, fits
from n3d_ros.spatial.language.tokens import Token
from n3d_ros.spatial.language.units import BY_WORD

_BEFORE = """
please | pls | kindly | (hi | hello | hey) there? | ok | okay | well | so | excuse me | in (this)? scene
| sorry | just | right? now | currently
| (can | could | would | will) you (please | kindly)? | (may | can | could) i (ask | know | have | get)
| help me find? out? | would you mind telling me | do you happen to know | any idea
| are you able to (tell | say) me? | (tell | give | show) (me | us)? | let (me | us) know | do you know
| i wonder | i (am | was) (wondering | curious)
| i (want | need | wish | would like | like) to know | i (want | need | would like) | get | return
| measure | estimate | calculate | compute | determine | find out? | work out | provide | state | report
| check | verify | confirm | say | is it (true | correct)
"""
_AFTER = """
please | pls | thanks | thank you | thx | for me | in (this)? scene | i need to know
| right? now | at moment | currently
"""
# Of what "in the scene" says where it is and not how large: "how high is the mug in the scene".
_PLACES = (["how", "high"], ["how", "deep"])
_UNIT_AFTER = (
    "(measured | expressed | given | please? (answer | reply | give your? answer))? in UNIT | use UNIT"
)
FRAME_PATTERNS = (_BEFORE, _AFTER, _UNIT_AFTER)

_SLOTS = {"UNIT": unit_slot}
_OPENINGS, _CLOSINGS = compiled(_BEFORE, _SLOTS), compiled(_AFTER, _SLOTS)
_UNIT = compiled(_UNIT_AFTER, _SLOTS)
_SIZES = ("tall", "wide", "high", "deep", "broad", "close")
_COMPARATIVE_WORDS = (
    "taller shorter wider narrower thinner broader higher lower closer nearer farther further"
)
_COMPARATIVES = frozenset(_COMPARATIVE_WORDS.split())
# What is computed is no rougher for it; not of "is it roughly left of", which has no exact meaning.
_ROUGHLY, _ASKS_HOW_MUCH = ("roughly", "approximately", "about"), ("how", "what")
# One of these says that a number of metres is a distance: "how many metres is the table" may be its width.
_DISTANT_WORDS = (
    "from to away off apart between separate separates left right above over below under underneath beneath "
    "front behind back"
)
_DISTANT = frozenset(_DISTANT_WORDS.split())

_EITHER = r"(?:yes or no|yes/no|true or false|true/false)"
# At the beginning, or behind the question, in brackets or as an order.
_VERDICT = re.compile(
    rf"^{_EITHER} ?[:?,-] ?|"
    rf"[,.?!]? [(\[]?(?:(?:please )?(?:answer|reply) (?:only )?(?:with )?)?{_EITHER}[)\].?! ]*$|"
    r",? or not[.?! ]*$",
    re.IGNORECASE,
)


def without_verdict(text: str) -> str:
    """The text without "yes or no" before or behind it, which only a statement's truth answers."""
    plain = " ".join(text.split())
    shorter = _VERDICT.sub("", plain)
    return text if shorter == plain else shorter


def unframed(words: Words) -> Words:
    """The words without polite openings and closings, and commas beside them."""
    while True:
        shorter = _without_roughly(_without_closing(_without_opening(words, _OPENINGS), _CLOSINGS))
        if shorter == words:
            return words
        words = shorter


def with_unit(words: Words) -> tuple[Words, str]:
    """The words without "in cm" at the end, "(cm)" or "in cm" between others, "how many cm" as "how far" or
    "how", and the unit's key; '' where none is named.
    """
    words = _unbracketed(words)
    if words and words[0].key in ("measured", "expressed"):
        words = words[1:]
    if [word.key for word in words[:3]] == ["by", "how", "many"] and _names_unit(words, 3):
        return (*words[:2], Token("much", "much"), *words[4:]), BY_WORD[words[3].key].key
    for at in range(1, len(words)):
        found = next(fits(_UNIT, words[at:]), None)
        if found is not None and not words[-1].article:
            return _without_commas(words[:at]), str(found["UNIT"])
        is_inch = any(True for _ in limit_slot(words, at - 1))
        if words[at].key == "in" and not is_inch and _names_unit(words, at + 1):
            return _joined(words[:at], words[at + 2 :]), BY_WORD[words[at + 1].key].key
    if len(words) > 3 and words[0].key == "in" and _names_unit(words, 1):
        return _without_commas(words[2:]), BY_WORD[words[1].key].key
    if [word.key for word in words[:2]] == ["how", "many"] and len(words) > 3 and words[2].key in BY_WORD:
        rest = words[3:]
        degree = () if rest[0].key in _SIZES else ("much",) if rest[0].key in _COMPARATIVES else ("far",)
        if degree != ("far",) or _DISTANT & {word.key for word in rest}:
            return (words[0], *(Token(word, word) for word in degree), *rest), BY_WORD[words[2].key].key
    return words, ""


def _unbracketed(words: Words) -> Words:
    """ "How wide is it (cm)" as "how wide is it in cm"."""
    opening = next((at for at, word in enumerate(words) if word.key in ("(", "[")), len(words))
    closing = next((at for at, word in enumerate(words) if word.key in (")", "]")), len(words))
    inside = words[opening + 1 : closing]
    if closing == len(words) or not _names_unit(inside, len(inside) - 1):
        return words
    is_whole = len(inside) == 1 or (len(inside) == 2 and inside[0].key == "in")
    unit = (Token("in", "in"), inside[-1])
    return (*words[:opening], *unit, *words[closing + 1 :]) if is_whole else words


def _names_unit(words: Words, at: int) -> bool:
    """Whether a unit stands there, and no place ("in the yard")."""
    return 0 <= at < len(words) and words[at].key in BY_WORD and not words[at].article


def _joined(before: Words, after: Words) -> Words:
    """The words around what was taken out, without the commas that set it apart."""
    return _without_commas(before) + _without_commas(after)


def _without_roughly(words: Words) -> Words:
    if len(words) > 2 and words[0].key in _ROUGHLY and words[1].key in _ASKS_HOW_MUCH:
        return words[1:]
    if len(words) > 2 and words[-1].key in _ROUGHLY[:2] and words[0].key in _ASKS_HOW_MUCH:
        return _without_commas(words[:-1])
    return words


def _without_opening(words: Words, openings: Pattern) -> Words:
    longest = max((end for end, _ in openings.match(words, 0, {})), default=0)
    return _without_commas(words[longest:]) if 0 < longest < len(words) else words


def _without_closing(words: Words, closings: Pattern) -> Words:
    says_where = [word.key for word in words[:2]] in _PLACES
    for at in range(1, len(words)):
        is_place = says_where and words[at].key == "in"
        if not is_place and any(True for _ in fits(closings, words[at:])):
            return _without_commas(words[:at])
    return words


def _without_commas(words: Words) -> Words:
    while words and words[0].key == ",":
        words = words[1:]
    while words and words[-1].key == ",":
        words = words[:-1]
    return words
