"""What a free sentence says: a length, an hour, a count, yes or no, one of some names.

In: a sentence, and the names that may stand in it. Out: what it says, or None where it says nothing, two
things, or cannot be understood for sure. Strict on purpose: a number without a unit is no length, a "not"
beside a number is none either. It does not know what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from n3d_ros.protocol.prompts import THINK_END
from n3d_ros.spatial.language.units import BY_WORD, WRITTEN_NUMBERS

NUMBERS = {**WRITTEN_NUMBERS, "eleven": 11, "twelve": 12}
# "in." of "12 in." is left out: "in" is a word of every second sentence. A unit that goes on is another one:
# "m/s", "m\u00b2", "m per second", "1m20".
NUMBER = re.compile(
    r"(?<![\w.,])(-?\d+(?:\.\d+)?)(?![\d,.]*\d)\s*([a-z]+(?![\w\u00b2\u00b3^/]|\s*per\b))?", re.IGNORECASE
)
CLOCK = re.compile(r"(?<!\w)(\d{1,2}|[a-z]+)\s*(?::00\s*)?o\s?'?\s?clock\b", re.IGNORECASE)
WORD = re.compile(r"[a-z']+", re.IGNORECASE)
YES = {"yes", "true", "correct", "indeed", "yeah"}
NO = {"no", "false", "incorrect", "wrong", "nope"}
DENIALS = {"not", "isn't", "aren't", "doesn't", "don't", "cannot", "can't", "neither", "nor", "never"}
LETTER = re.compile(r"\s*\(?([a-z])\)?\s*(?:[.:]?\s*$|(?<=\))|[.:)]\s)", re.IGNORECASE)
COMPARING = {"thing", "than", "is", "the", "to", "it", "appears", "more"}
# "20.1 inches (0.51 meters)" is one length, rounded twice.
SAME_LENGTH, SAME_LENGTH_M = 0.02, 0.01


def sentence_of(text: str) -> str:
    """What stands behind the reasoning, on one line, with plain apostrophes."""
    plain = text.rsplit(THINK_END, maxsplit=1)[-1].translate({0x2018: "'", 0x2019: "'"})
    return " ".join(plain.split())


def without_names(sentence: str, names: Sequence[str]) -> str:
    """Names could pass for answers ("4_mug", "no entry", "12 inch ruler"): each becomes `thing`."""
    for name in sorted({name for name in names if name.strip()}, key=len, reverse=True):
        sentence = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "thing", sentence, flags=re.IGNORECASE)
    return sentence


def length_m(sentence: str) -> float | None:
    """The one length, metres."""
    return _quantity(sentence, {word: unit.metres for word, unit in BY_WORD.items()})


def volume_l(sentence: str) -> float | None:
    """The one volume, litres."""
    return _quantity(sentence, dict.fromkeys(("l", "liter", "liters", "litre", "litres"), 1.0))


def _quantity(sentence: str, units: Mapping[str, float]) -> float | None:
    """What all its numbers say, each with a unit; None where they differ by more than rounding."""
    found = [(float(number), (unit or "").lower()) for number, unit in NUMBER.findall(sentence)]
    if not found or any(unit not in units for _, unit in found) or is_denied(sentence):
        return None
    values = [number * units[unit] for number, unit in found]
    spread = max(values) - min(values)
    if min(values) < 0:
        return None
    return values[0] if spread <= max(SAME_LENGTH * max(values), SAME_LENGTH_M) else None


def hour(sentence: str) -> float | None:
    """The one clock direction, 1..12."""
    said = {_number(word) for word in CLOCK.findall(sentence)}
    others = {_number(number) for number, _ in NUMBER.findall(CLOCK.sub(" ", sentence))}
    if len(said) != 1 or others or is_denied(sentence):
        return None
    (found,) = said
    return found if found is not None and 1 <= found <= 12 and found == int(found) else None


def count(sentence: str) -> float | None:
    """The one number of things; "no" is 0."""
    said = {float(number) for number, _ in NUMBER.findall(sentence)}
    said |= {float(NUMBERS[word]) for word in words_of(sentence) if word in NUMBERS and word != "half"}
    if not said and set(words_of(sentence)) & {"no", "none", "zero"}:
        return 0.0
    if len(said) != 1 or is_denied(sentence):
        return None
    (found,) = said
    return found if found == int(found) and found >= 0 else None


def verdict(sentence: str) -> bool | None:
    """Yes or no, said with one of their words; a "yes" with a "not" is neither, nor is "not false"."""
    words = set(words_of(sentence))
    yes, no = bool(words & YES), bool(words & NO)
    is_turned = any(one in DENIALS and other in NO for one, other in pairwise(words_of(sentence)))
    if yes == no or (yes and is_denied(sentence)) or is_turned:
        return None
    return yes


def choice(sentence: str, choices: Sequence[str], question: str = "") -> str | None:
    """The one of `choices` that is named, the subject of a comparison in the question's own words, or a
    letter where that is all that is said, as "(B)".
    """
    places = {name: place for name in choices if (place := _place(sentence, name, choices)) is not None}
    named = sorted(places, key=lambda name: places[name])
    plain = without_names(sentence, choices)
    if named and is_denied(plain):
        return None
    if len(named) == 1 or (named and _compares_as_asked(plain, question)):
        return named[0]
    letter = None if named else LETTER.match(sentence)
    index = len(choices) if letter is None else ord(letter[1].upper()) - ord("A")
    return choices[index] if index < len(choices) else None


def _compares_as_asked(sentence: str, question: str) -> bool:
    """Whether a sentence with "than" says nothing that the question did not say: "closer" for "closer"."""
    said, asked = words_of(sentence), set(words_of(question))
    if "than" not in said or not set(said) <= asked | COMPARING:
        return False
    return said.index("thing") < said.index("than")


def _place(sentence: str, name: str, choices: Sequence[str]) -> int | None:
    """Where a name stands by itself: a "box" is no "box lid" where both can be chosen."""
    longer = [other for other in choices if name.casefold() in other.casefold() and other != name]
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", without_names(sentence, longer), re.IGNORECASE)
    return found.start() if found else None


def is_denied(sentence: str) -> bool:
    return bool(set(words_of(sentence)) & DENIALS)


def words_of(sentence: str) -> list[str]:
    """In small letters."""
    return [word.lower() for word in WORD.findall(sentence)]


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        value = NUMBERS.get(word.lower())
        return None if value is None else float(value)
