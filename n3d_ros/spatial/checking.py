"""Does a sentence that a model wrote agree with the exact answer?

In: the model's text and the `SpatialAnswer` computed from the boxes. Out: True, False, or None when the text
says nothing that can be checked. Only the part after `</think>` counts.
"""

from __future__ import annotations

import re

from n3d_ros.protocol.prompts import THINK_END
from n3d_ros.spatial.types import ORDER, WHICH, YES_NO, SpatialAnswer
from n3d_ros.spatial.words import SIDES

RELATIVE_TOLERANCE = 0.10
ABSOLUTE_TOLERANCE_M = 0.01

_METRES = {
    "m": 1.0,
    "meter": 1.0,
    "metre": 1.0,
    "cm": 0.01,
    "centimeter": 0.01,
    "centimetre": 0.01,
    "mm": 0.001,
}
_METRES |= {
    "millimeter": 0.001,
    "inch": 0.0254,
    "inche": 0.0254,
    "foot": 0.3048,
    "feet": 0.3048,
    "ft": 0.3048,
}
_NUMBER = r"(?<![\w.])(\d+(?:\.\d+)?|\.\d+)"
_LENGTH = re.compile(rf"{_NUMBER}\s*({'|'.join(sorted(_METRES, key=len, reverse=True))})s?\b", re.IGNORECASE)
_HOUR = re.compile(r"\b(\d{1,2})\s*o['’]?\s?clock", re.IGNORECASE)
_YES = re.compile(r"\b(?:yes|true|correct|indeed)\b", re.IGNORECASE)
_NO = re.compile(r"\b(?:no|false|incorrect)\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n't\b", re.IGNORECASE)


def check_answer(text: str, expected: SpatialAnswer) -> bool | None:
    """Does the sentence agree: a number within 10 % or 1 cm, the same hour, verdict, name or order?"""
    sentence = text.rsplit(THINK_END, maxsplit=1)[-1]
    form = expected.query.form
    if form == YES_NO:
        return _check_verdict(sentence, expected)
    if form in (WHICH, ORDER):
        return _check_names(sentence, expected)
    return (
        _check_hour(sentence, expected)
        if expected.relation == "direction"
        else _check_length(sentence, expected)
    )


def _check_length(sentence: str, expected: SpatialAnswer) -> bool | None:
    found = _LENGTH.search(_without_names(sentence, expected))
    if found is None or expected.value is None:
        return None
    metres = float(found[1]) * _METRES[found[2].casefold()]
    return abs(metres - expected.value) <= max(RELATIVE_TOLERANCE * abs(expected.value), ABSOLUTE_TOLERANCE_M)


def _check_hour(sentence: str, expected: SpatialAnswer) -> bool | None:
    found = _HOUR.search(sentence)
    return None if found is None else int(found[1]) == expected.value


def _check_verdict(sentence: str, expected: SpatialAnswer) -> bool | None:
    """By "yes" or "no" if there is one, else by the side that the sentence claims."""
    plain = _without_names(sentence, expected)
    said = _said(bool(_YES.search(plain)), bool(_NO.search(plain)))
    if said is None:
        said = _claimed_side(plain, expected)
    return None if said is None else said == expected.verdict


def _claimed_side(plain: str, expected: SpatialAnswer) -> bool | None:
    """Does the text put the first object on the side asked for? "not" turns it round. None: no side."""
    sides = {
        side.asks: re.search(
            rf"\b(?:{side.asks}|{side.predicate}|{side.comparative})\b", plain, re.IGNORECASE
        )
        for side in SIDES
        if side.relation == expected.relation
    }
    said = _said(bool(sides.pop(expected.query.asks, None)), any(sides.values()))
    return said if said is None or not _NOT.search(plain) else not said


def _said(this: bool, other: bool) -> bool | None:
    return None if this == other else this


def _check_names(sentence: str, expected: SpatialAnswer) -> bool | None:
    """The names mentioned, in order, against those the answer picks; None when too few are mentioned."""
    mentioned = list(
        dict.fromkeys(found[0].casefold() for found in _names_pattern(expected).finditer(sentence))
    )
    wanted = [name.casefold() for name in expected.names]
    if len(mentioned) < len(wanted):
        return None
    return mentioned[: len(wanted)] == wanted


def _without_names(sentence: str, expected: SpatialAnswer) -> str:
    """The sentence without the objects' names, whose words ("4_mug", "no entry") could pass for an answer."""
    return _names_pattern(expected).sub(" ", sentence)


def _names_pattern(expected: SpatialAnswer) -> re.Pattern[str]:
    longest_first = sorted(expected.among, key=len, reverse=True)
    return re.compile(
        rf"(?<!\w)(?:{'|'.join(re.escape(name) for name in longest_first)})(?!\w)", re.IGNORECASE
    )
