"""Does a sentence that a model wrote agree with the exact answer?

In: the model's text and the `SpatialAnswer` computed from the boxes. Out: True, False, or None where that
cannot be told. Only the part after `</think>` counts. A sentence is judged when every word of it is one that
such an answer needs; another thing, another number, a doubt, a "not" in an odd place, and it cannot be told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from n3d_ros.protocol.prompts import THINK_END
from n3d_ros.spatial.language.patterns import Pattern, compiled
from n3d_ros.spatial.language.tokens import Token, tokens_of
from n3d_ros.spatial.language.units import BY_WORD, WRITTEN_NUMBERS
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.types import ORDER, SIDE, WHICH, YES_NO, SpatialAnswer

RELATIVE_TOLERANCE = 0.10
ABSOLUTE_TOLERANCE_M = 0.01

_YES, _NO = {"yes", "true", "correct", "indeed"}, {"no", "false", "incorrect"}
_FILLER_WORDS = (
    "it they that this is are about around approximately roughly apart away from to of at in , . < !"
)
_FILLERS = set(_FILLER_WORDS.split())
_CLOSER = {"closer": "(closer | nearer) to", "farther": "(farther | further) away? from"}
# Orders in which "<" can only mean "and then".
_ASCENDING = {"near", "left", "below", "front", "smaller", "shorter", "thinner"}
_NAME = re.compile(r"name\d+")


@dataclass(frozen=True)
class _Said:
    """A sentence in tokens; names are `name0`, `name1`, ... by their place in the answer's `among`, further
    ones behind those. `sides` are those mentioned, from `first_side` on, the place of a word.
    """

    words: tuple[Token, ...]
    keys: tuple[str, ...]
    sides: frozenset[str]
    first_side: int

    @property
    def names(self) -> list[int]:
        """The names in their order, each once."""
        return list(dict.fromkeys(int(key[4:]) for key in self.keys if _NAME.fullmatch(key)))

    @property
    def in_order(self) -> bool:
        """Is the first thing named first, or nothing? "B is on the left" tells of B, whatever was asked."""
        return self.names == list(range(len(self.names)))

    @property
    def is_inverted(self) -> bool:
        """ "Left of B is A" and "than B, A is taller": two names, and the side or "than" before the first."""
        first = next((at for at, key in enumerate(self.keys) if _NAME.fullmatch(key)), 0)
        return len(self.names) > 1 and (self.first_side < first or "than" in self.keys[:first])

    @property
    def is_repeating(self) -> bool:
        """ "A is left of A" compares nothing."""
        return sum(_NAME.fullmatch(key) is not None for key in self.keys) > len(self.names)

    @property
    def num_not(self) -> int:
        return self.keys.count("not")


def check_answer(text: str, expected: SpatialAnswer) -> bool | None:
    """Does the sentence agree: a number within 10 % or 1 cm, the same hour, verdict, name, side or order?"""
    sentence = text.rsplit(THINK_END, maxsplit=1)[-1]
    if _plain(sentence) and _plain(sentence) == _plain(expected.answer):
        return True
    said = _read(sentence, expected)
    if said is None:
        return None
    if expected.query.form == YES_NO:
        return _check_verdict(said, expected)
    if expected.query.form == WHICH:
        return _check_choice(said, expected)
    if expected.query.form == ORDER:
        return _check_order(said, expected)
    if expected.query.form == SIDE:
        return _check_side(said, expected)
    return _check_number(said, expected)


def _plain(sentence: str) -> str:
    return " ".join(token.key for token in tokens_of(sentence))


def _read(sentence: str, expected: SpatialAnswer) -> _Said | None:
    """The sentence, None where it holds a word that no such answer needs."""
    known = tokens_of(_numbered(expected.answer, expected))
    words = tokens_of(_numbered(sentence, expected))
    sides, used = _sides(words, expected)
    allowed = {token.key for token in known} | _FILLERS | _YES | _NO | {"not", "than", "then", "one", "and"}
    for place, word in enumerate(words):
        is_free = word.key in allowed or place in used or _NAME.fullmatch(word.key) is not None
        if not is_free and not _is_number(word.key) and word.key not in BY_WORD:
            return None
    if not words:
        return None
    said = _Said(words, tuple(word.key for word in words), frozenset(sides), min(used, default=len(words)))
    return None if said.is_inverted or said.is_repeating else said


def _numbered(sentence: str, expected: SpatialAnswer) -> str:
    """The sentence with a plain word for every name, since names ("4_mug", "no entry") could pass for
    answers.
    """
    names = _names(expected)
    longest_first = sorted(range(len(names)), key=lambda index: len(names[index]), reverse=True)
    for index in longest_first:
        name = re.escape(names[index])
        sentence = re.sub(rf"(?<!\w){name}(?!\w)", f"name{index}", sentence, flags=re.IGNORECASE)
    return sentence


def _names(expected: SpatialAnswer) -> list[str]:
    return list(dict.fromkeys((*expected.among, *(box.label for box in expected.evidence))))


def _sides(words: tuple[Token, ...], expected: SpatialAnswer) -> tuple[set[str], set[int]]:
    """The sides of the relation that the words name, and the places of those words."""
    found: set[str] = set()
    used: set[int] = set()
    for asks, pattern in _side_patterns(expected).items():
        for start in range(len(words)):
            for end, _ in pattern.match(words, start, {}):
                found.add(asks)
                used |= set(range(start, end))
    return found, used


def _side_patterns(expected: SpatialAnswer) -> dict[str, Pattern]:
    if expected.relation == "closer":
        patterns = dict(_CLOSER)
    else:
        patterns = {
            side.asks: " | ".join(
                part for part in (side.stem and f"{side.stem} {side.tail}", side.more, side.most) if part
            )
            for side in BY_NAME[expected.relation].sides
        }
    return {asks: compiled(pattern, {}) for asks, pattern in patterns.items()}


def _is_number(key: str) -> bool:
    return key.isascii() and key.replace(".", "", 1).isdecimal()


def _check_number(said: _Said, expected: SpatialAnswer) -> bool | None:
    if expected.value is None or said.num_not or said.sides - {expected.query.asks} or _has_verdict(said):
        return None
    if expected.unit == "m":
        is_this = _in_this_order(said, expected) and _is_of_all(said, expected)
        return _check_lengths(said, expected) if is_this else None
    if any(key in BY_WORD for key in said.keys):
        return None  # "1 m" counts nothing
    numbers = [
        float(key) if _is_number(key) else WRITTEN_NUMBERS[key]
        for key in said.keys
        if _is_number(key) or key in WRITTEN_NUMBERS
    ]
    if len(numbers) != 1 or (expected.unit == "o'clock" and ("o'clock" not in said.keys or not _faces(said))):
        return None
    if expected.unit == "l":
        return None
    return numbers[0] == expected.value


def _faces(said: _Said) -> bool:
    """ "A will find B" or "B is at ... of A", not the other way round."""
    if len(said.names) < 2:
        return True
    return said.names == ([0, 1] if "find" in said.keys else [1, 0])


def _in_this_order(said: _Said, expected: SpatialAnswer) -> bool:
    """Are the things named in the question's order, where that matters?"""
    return not expected.query.asks or said.in_order


def _is_of_all(said: _Said, expected: SpatialAnswer) -> bool:
    """Of two things "the distance to A" is another length, and of a horizontal distance "the distance"."""
    is_elsewhere = not expected.query.asks and 0 < len(said.names) < len(expected.among)
    kind = {"horizontal_distance": "horizontal", "vertical_distance": "vertical"}.get(expected.relation)
    is_total = kind is not None and "distance" in said.keys and kind not in said.keys
    return not is_elsewhere and not is_total


def _check_lengths(said: _Said, expected: SpatialAnswer) -> bool | None:
    """Every length that is said against the value; None without one, or where they differ from each other."""
    lengths = _lengths(said)
    if not lengths or expected.value is None:
        return None
    agree = {_is_near(length, expected.value) for length in lengths}
    return agree.pop() if len(agree) == 1 else None


def _lengths(said: _Said) -> list[float]:
    """All lengths in metres; none where a number is no length, or two are one ("2 feet 6 inches")."""
    keys = said.keys
    places = [at for at, key in enumerate(keys) if _is_number(key)]
    if any(at + 1 >= len(keys) or keys[at + 1] not in BY_WORD or at + 2 in places for at in places):
        return []
    return [float(keys[at]) * BY_WORD[keys[at + 1]].metres for at in places]


def _is_near(length: float, value: float) -> bool:
    return abs(length - value) <= max(RELATIVE_TOLERANCE * abs(value), ABSOLUTE_TOLERANCE_M)


def _has_verdict(said: _Said) -> bool:
    return bool((_YES | _NO) & set(said.keys))


def _check_verdict(said: _Said, expected: SpatialAnswer) -> bool | None:
    """By "yes" or "no", by the side that the sentence claims, or by both where they do not contradict. Of
    several statements no sentence is taken apart: only a bare "yes" or "no" tells.
    """
    if expected.query.parts and not set(said.keys) <= _YES | _NO | {","}:
        return None
    by_word = _verdict_by_word(said, expected)
    by_claim = _verdict_by_claim(said, expected)
    told = {verdict for verdict in (by_word, by_claim) if verdict is not None}
    if len(told) != 1 or not _numbers_agree(said, expected) or (said.sides and by_claim is None):
        return None
    return told.pop() == expected.verdict


def _verdict_by_word(said: _Said, expected: SpatialAnswer) -> bool | None:
    """None also for a bare answer to a question with "not": "no" to that can mean either."""
    yes, no = bool(_YES & set(said.keys)), bool(_NO & set(said.keys))
    if yes == no or (expected.query.negated and not said.sides) or _is_no_verdict(said.keys):
        return None
    if said.num_not and not said.sides and (yes or said.num_not > 1):
        return None
    return yes


def _is_no_verdict(keys: tuple[str, ...]) -> bool:
    """ "Not false" turns the word round, and "no mug" says that there is none."""
    pairs = list(pairwise(keys))
    turned = any(first == "not" and second in _YES | _NO for first, second in pairs)
    return turned or any(first == "no" and _NAME.fullmatch(second) for first, second in pairs)


def _verdict_by_claim(said: _Said, expected: SpatialAnswer) -> bool | None:
    """ "A is left of B" claims the side; "A is not left of B" denies it; "not right of" says neither."""
    if len(said.sides) != 1 or said.num_not > 1 or not said.in_order or expected.query.parts:
        return None
    (side,) = said.sides
    if said.num_not and side != expected.query.asks:
        return None
    claim = (side == expected.query.asks) and not said.num_not
    return claim != expected.query.negated


def _numbers_agree(said: _Said, expected: SpatialAnswer) -> bool:
    if not any(map(_is_number, said.keys)):
        return True
    limit = expected.query.limit
    is_this = limit is not None and expected.value is not None and _is_of_all(said, expected)
    return is_this and _check_lengths(said, expected) is True


def _check_choice(said: _Said, expected: SpatialAnswer) -> bool | None:
    """The thing that the sentence says is most so; "A is smaller than B" says that B is bigger."""
    names, choices = said.names, len(expected.among)
    if not names or said.num_not or expected.query.negated or _has_verdict(said) or len(said.sides) > 1:
        return None
    if any(map(_is_number, said.keys)) or names[0] >= choices or _is_near_another(said, expected):
        return None
    if not said.sides:
        picked: int | None = names[0] if len(names) == 1 else None
    elif said.sides == {expected.query.asks}:
        picked = names[0]
    else:
        picked = 1 - names[0] if choices == 2 else None
    return None if picked is None else _names(expected)[picked] == expected.names[0]


def _is_near_another(said: _Said, expected: SpatialAnswer) -> bool:
    """ "A is closer to B", where C is what nearness was asked to: C stands behind all that may be picked."""
    return expected.relation == "closer" and any(name < len(expected.among) for name in said.names[1:2])


def _check_order(said: _Said, expected: SpatialAnswer) -> bool | None:
    num_said = sum(_NAME.fullmatch(key) is not None for key in said.keys)
    if said.num_not or _has_verdict(said) or num_said != len(expected.names) or _falls(said, expected):
        return None
    ends = [key for key in tokens_of(expected.answer.split(":")[0]) if key.key not in _FILLERS]
    places = [said.keys.index(end.key) for end in ends if end.key in said.keys]
    if places != sorted(places) or len(places) == 1:
        return None
    return said.names == list(range(len(expected.names)))


def _falls(said: _Said, expected: SpatialAnswer) -> bool:
    """Whether "<" stands between names that are asked for from the largest on: then it may mean "less"."""
    return "<" in said.keys and expected.query.asks not in _ASCENDING


def _check_side(said: _Said, expected: SpatialAnswer) -> bool | None:
    if len(said.sides) != 1 or said.num_not or _has_verdict(said) or not said.in_order:
        return None
    return expected.side in said.sides
