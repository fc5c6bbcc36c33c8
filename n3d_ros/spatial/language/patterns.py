"""A small pattern language, and how a pattern is compared with words.

In: patterns such as "how far (away)? is A from B", words, slots (what the capital names accept). Out: what
each slot stands for, for every way in which the pattern fits. Knows no question.

`word` is itself; `( x | y z )` one of several; `?` behind a word or a group makes it optional; `,` is a comma
that may be missing; capitals are slots: A1 and A2 are two slots of the kind A. Articles count for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from n3d_ros.spatial.language.tokens import Token

Words = tuple[Token, ...]
Found = Mapping[str, Any]
# From words and a place to every (place behind, meaning).
Slot = Callable[[Words, int], Iterator[tuple[int, Any]]]
Matcher = Callable[[Words, int, Found], Iterator[tuple[int, Found]]]

_SYMBOL = re.compile(r"[()|?,]|[^\s()|?,]+")


@dataclass(frozen=True)
class Pattern:
    """A pattern as it is compared. `begins`: one of these words stands first in everything that it fits; None
    where that is not known, as before a slot.
    """

    match: Matcher
    begins: frozenset[str] | None

    def can_begin(self, words: Words, at: int) -> bool:
        """Whether it is worth comparing."""
        return self.begins is None or (at < len(words) and words[at].key in self.begins)


def compiled(pattern: str, slots: Mapping[str, Slot]) -> Pattern:
    """The pattern, ready; ValueError where brackets do not close or a slot is unknown."""
    symbols = _SYMBOL.findall(pattern)
    part = _alternatives(symbols, slots)
    if symbols:
        raise ValueError(f"pattern: unexpected '{symbols[0]}' in '{pattern}'")
    return Pattern(part.match, part.needs)


def fits(pattern: Pattern, words: Words) -> Iterator[Found]:
    """What the slots stand for, for every way in which the pattern is all of the words."""
    if not pattern.can_begin(words, 0):
        return iter(())
    return (found for end, found in pattern.match(words, 0, {}) if end == len(words))


def literals(pattern: str) -> set[str]:
    """The words of a pattern, slots aside."""
    symbols = set(_SYMBOL.findall(pattern)) - set("()|?,")
    return {symbol for symbol in symbols if not _is_slot(symbol)}


def needed(pattern: str) -> frozenset[str]:
    """The words that are in everything that a pattern fits, so that it need not be tried where one lacks."""
    return _needed_of_any(_SYMBOL.findall(pattern))


def _needed_of_any(symbols: list[str]) -> frozenset[str]:
    """As `_alternatives` reads them: what all of them need."""
    found = _needed_of_all(symbols)
    while symbols and symbols[0] == "|":
        symbols.pop(0)
        found &= _needed_of_all(symbols)
    return found


def _needed_of_all(symbols: list[str]) -> frozenset[str]:
    """As `_sequence` reads them: what one of the items needs that may not be missing."""
    found: frozenset[str] = frozenset()
    while symbols and symbols[0] not in ")|":
        symbol = symbols.pop(0)
        part: frozenset[str] = frozenset()
        if symbol == "(":
            part = _needed_of_any(symbols)
            symbols.pop(0)
        elif symbol != "," and not _is_slot(symbol):
            part = frozenset([symbol])
        if symbols and symbols[0] == "?":
            symbols.pop(0)
        else:
            found |= part
    return found


def _is_slot(symbol: str) -> bool:
    return symbol[0].isupper()


@dataclass(frozen=True)
class _Part:
    """A piece of a pattern. `begins`: the words with which it can begin, None for any; where it
    `may_be_empty`, what stands behind it may come at once. `word`: the one that it is, where it is one.
    """

    match: Matcher
    begins: frozenset[str] | None
    may_be_empty: bool = False
    word: str = ""

    @property
    def needs(self) -> frozenset[str] | None:
        """The words of which one has to be the next; None where any may be, or none."""
        return None if self.may_be_empty else self.begins


def _alternatives(symbols: list[str], slots: Mapping[str, Slot]) -> _Part:
    choices = [_sequence(symbols, slots)]
    while symbols and symbols[0] == "|":
        symbols.pop(0)
        choices.append(_sequence(symbols, slots))
    return choices[0] if len(choices) == 1 else _any_of(choices)


def _sequence(symbols: list[str], slots: Mapping[str, Slot]) -> _Part:
    parts: list[_Part] = []
    while symbols and symbols[0] not in ")|":
        part = _item(symbols, slots)
        if symbols and symbols[0] == "?":
            symbols.pop(0)
            part = _any_of([part, _NOTHING])
        parts.append(part)
    return parts[0] if len(parts) == 1 else _all_of(parts)


def _item(symbols: list[str], slots: Mapping[str, Slot]) -> _Part:
    symbol = symbols.pop(0)
    if symbol == "(":
        inner = _alternatives(symbols, slots)
        if not symbols or symbols.pop(0) != ")":
            raise ValueError("pattern: a bracket does not close")
        return inner
    if symbol == ",":
        return _any_of([_word(","), _NOTHING])
    return _slot(symbol, slots) if _is_slot(symbol) else _word(symbol)


def _word(key: str) -> _Part:
    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        if at < len(words) and words[at].key == key:
            yield at + 1, found

    return _Part(match, frozenset([key]), word=key)


def _slot(symbol: str, slots: Mapping[str, Slot]) -> _Part:
    accept = slots[symbol.rstrip("0123456789")]

    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        for end, meaning in accept(words, at):
            yield end, {**found, symbol: meaning}

    return _Part(match, None)


def _match_nothing(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
    yield at, found


_NOTHING = _Part(_match_nothing, frozenset(), may_be_empty=True)


def _any_of(choices: list[_Part]) -> _Part:
    ways = [(part.needs, part.match) for part in choices]

    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        key = words[at].key if at < len(words) else None
        for needs, way in ways:
            if needs is None or key in needs:
                yield from way(words, at, found)

    return _Part(match, _union(choices), any(part.may_be_empty for part in choices))


def _all_of(parts: list[_Part]) -> _Part:
    steps = [(part.word, part.needs, part.match) for part in parts]

    def match(words: Words, at: int, found: Found, first: int = 0) -> Iterator[tuple[int, Found]]:
        for number in range(first, len(steps)):
            word, needs, step = steps[number]
            key = words[at].key if at < len(words) else None
            if needs is not None and key not in needs:
                return
            if word:  # the one way on, so no need to ask the part
                at += 1
                continue
            for end, more in step(words, at, found):
                yield from match(words, end, more, number + 1)
            return
        yield at, found

    return _Part(match, _begin_of_all(parts), all(part.may_be_empty for part in parts))


def _begin_of_all(parts: list[_Part]) -> frozenset[str] | None:
    """Of the first part that cannot be empty, and of all before it."""
    solid = next((at for at, part in enumerate(parts) if not part.may_be_empty), len(parts) - 1)
    return _union(parts[: solid + 1])


def _union(parts: list[_Part]) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for part in parts:
        if part.begins is None:
            return None
        found |= part.begins
    return found
