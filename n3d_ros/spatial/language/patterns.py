"""A small pattern language, and how a pattern is compared with words.

In: patterns such as "how far (away)? is A from B", words, slots (what the capital names accept). Out: what
each slot stands for, for every way in which the pattern fits. Knows no question.

`word` is itself; `( x | y z )` one of several; `?` behind a word or a group makes it optional; `,` is a comma
that may be missing; capitals are slots: A1 and A2 are two slots of the kind A. Articles count for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from n3d_ros.spatial.language.tokens import Token

Words = tuple[Token, ...]
Found = Mapping[str, Any]
# From words and a place to every (place behind, meaning).
Slot = Callable[[Words, int], Iterator[tuple[int, Any]]]
Matcher = Callable[[Words, int, Found], Iterator[tuple[int, Found]]]

_SYMBOL = re.compile(r"[()|?,]|[^\s()|?,]+")


def compiled(pattern: str, slots: Mapping[str, Slot]) -> Matcher:
    """The matcher of a pattern; ValueError where brackets do not close or a slot is unknown."""
    symbols = _SYMBOL.findall(pattern)
    matcher = _alternatives(symbols, slots)
    if symbols:
        raise ValueError(f"pattern: unexpected '{symbols[0]}' in '{pattern}'")
    return matcher


def fits(matcher: Matcher, words: Words) -> Iterator[Found]:
    """What the slots stand for, for every way in which the pattern is all of the words."""
    return (found for end, found in matcher(words, 0, {}) if end == len(words))


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


def _alternatives(symbols: list[str], slots: Mapping[str, Slot]) -> Matcher:
    choices = [_sequence(symbols, slots)]
    while symbols and symbols[0] == "|":
        symbols.pop(0)
        choices.append(_sequence(symbols, slots))
    return choices[0] if len(choices) == 1 else _any_of(choices)


def _sequence(symbols: list[str], slots: Mapping[str, Slot]) -> Matcher:
    parts: list[Matcher] = []
    while symbols and symbols[0] not in ")|":
        part = _item(symbols, slots)
        if symbols and symbols[0] == "?":
            symbols.pop(0)
            part = _any_of([part, _nothing])
        parts.append(part)
    return _all_of(parts)


def _item(symbols: list[str], slots: Mapping[str, Slot]) -> Matcher:
    symbol = symbols.pop(0)
    if symbol == "(":
        inner = _alternatives(symbols, slots)
        if not symbols or symbols.pop(0) != ")":
            raise ValueError("pattern: a bracket does not close")
        return inner
    if symbol == ",":
        return _any_of([_word(","), _nothing])
    return _slot(symbol, slots) if _is_slot(symbol) else _word(symbol)


def _word(key: str) -> Matcher:
    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        if at < len(words) and words[at].key == key:
            yield at + 1, found

    return match


def _slot(symbol: str, slots: Mapping[str, Slot]) -> Matcher:
    accept = slots[symbol.rstrip("0123456789")]

    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        for end, meaning in accept(words, at):
            yield end, {**found, symbol: meaning}

    return match


def _nothing(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
    yield at, found


def _any_of(choices: list[Matcher]) -> Matcher:
    def match(words: Words, at: int, found: Found) -> Iterator[tuple[int, Found]]:
        for choice in choices:
            yield from choice(words, at, found)

    return match


def _all_of(parts: list[Matcher]) -> Matcher:
    def match(words: Words, at: int, found: Found, first: int = 0) -> Iterator[tuple[int, Found]]:
        if first == len(parts):
            yield at, found
            return
        for end, more in parts[first](words, at, found):
            yield from match(words, end, more, first + 1)

    return match
