"""What the slots of question patterns accept: names, lengths, and the words of every comparison's sides.

In: the relations and the words of all patterns, which no name may hold. Out: the table of slots for
`compiled`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from n3d_ros.spatial.language.nouns import (
    CAMERA,
    NAMES_ANYWAY,
    NEVER_IN_NAMES,
    Named,
    limit_slot,
    list_slot,
    noun_slot,
    unit_slot,
)
from n3d_ros.spatial.language.patterns import Slot, Words, compiled
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.relations.base import Relation, Side
from n3d_ros.spatial.types import AT_LEAST, AT_MOST, LEFT, LESS, MORE, OBJECT, RIGHT
from n3d_ros.spatial.types import CAMERA as FACES_CAMERA

BOUND_PATTERNS = {
    MORE: "(more | greater | larger | bigger | longer | farther | further) than | over | above | exceeding",
    LESS: "(less | smaller | lower) than | under | below",
    # "not less than" is "less than" behind "not".
    AT_LEAST: "at least | no less than",
    AT_MOST: "at most | no more than | up to | within",
}
COMPARISONS = tuple(relation for relation in BY_NAME.values() if any(side.more for side in relation.sides))
SIDES = tuple((relation, side) for relation in COMPARISONS for side in relation.sides)
FACING_PATTERN = "and? (facing | looking) (to | at | towards | toward)?"


def predicate(side: Side) -> str:
    """The pattern between two names."""
    return f"{side.stem} {side.tail}"


def side_patterns() -> list[str]:
    """Every pattern about sides, for their words."""
    return [text for _, side in SIDES for text in (predicate(side), side.more, side.most)]


def selectors() -> dict[str, tuple[str, str]]:
    """The words that pick one of many -> (relation, side)."""
    return {word: (relation.name, side.asks) for relation, side in SIDES for word in side.selector}


def slots(used: Collection[str]) -> dict[str, Slot]:
    """Every slot by its name; `used` are the words of all patterns."""
    reserved = (NEVER_IN_NAMES | set(used)) - NAMES_ANYWAY
    noun = noun_slot(reserved, NAMES_ANYWAY & set(used) | {"of", "'s"}, selectors())
    with_stem = [(one, side) for one, side in SIDES if side.stem]
    found = {
        "NOT": _words({True: "not"}),
        "BOUND": _words(BOUND_PATTERNS),
        "LIMIT": limit_slot,
        "UNIT": unit_slot,
        "LIST": list_slot(noun),
        "ANYLIST": list_slot(noun, needs_joint=False),
        "ORLIST": list_slot(noun, ("or",)),
        "ANDLIST": list_slot(noun, ("and",)),
        "MANY": _plain(noun),
        "COMMA": _comma,
        "BARE": _bare,
        "PRED": _sides(with_stem, predicate),
        "STEM": _sides(with_stem, lambda side: side.stem),
        "MORE": _sides(SIDES, lambda side: side.more),
        "THAN": _sides(SIDES, lambda side: f"{side.more} than"),
        "REL": _sides(
            SIDES, lambda side: f"{predicate(side)} | {side.more} than" if side.stem else f"{side.more} than"
        ),
        "COMP": _sides(SIDES, lambda side: f"{side.more} | {side.most}"),
        "MOST": _sides(SIDES, lambda side: side.most),
        "END": _words({(one.name, side.asks): " | ".join(_ends(side)) for one, side in SIDES}),
        "EITHER": _either(),
        "FACE": _facing(noun),
        "MYFACE": _facing(noun, not_camera=("me",)),
    }
    return found | {letter: noun for letter in "ABC"} | {"PAIR": _pair(_plain(noun))}


def _words(patterns: Mapping[Any, str]) -> Slot:
    """The meaning whose pattern fits."""
    all_compiled = [(meaning, compiled(pattern, {})) for meaning, pattern in patterns.items()]

    def accept(words: Words, at: int) -> Iterator[tuple[int, Any]]:
        for meaning, pattern in all_compiled:
            if pattern.can_begin(words, at):
                for end in {end for end, _ in pattern.match(words, at, {})}:
                    yield end, meaning

    return accept


def _sides(sides: Iterable[tuple[Relation, Side]], pattern: Any) -> Slot:
    return _words({(relation.name, side.asks): pattern(side) for relation, side in sides})


# What an order runs from or to, besides a side's own words.
_MORE_ENDS = {
    "near": ("front",),
    "far": ("back",),
    "smallest": ("small",),
    "biggest": ("big", "large"),
    "shortest": ("short",),
    "tallest": ("tall",),
}


def _ends(side: Side) -> tuple[str, ...]:
    return (side.end, *side.selector, *_MORE_ENDS.get(side.end, ()))


def _either() -> Slot:
    """ "left or right of", "in front of or behind", "taller or shorter than": (relation, the first side)."""
    patterns = {}
    for relation in COMPARISONS:
        for first, second in (relation.sides, relation.sides[::-1]):
            ways = [f"either? {first.more} than? or {second.more} than"]
            if first.stem:
                tail = f"({first.tail})?" if first.tail else ""
                ways.append(f"either? {first.stem} {tail} or {second.stem} {second.tail}")
            patterns[(relation.name, first.asks)] = " | ".join(ways)
    return _words(patterns)


def _plain(noun: Slot) -> Slot:
    """Names without selector, and not the camera."""

    def accept(words: Words, at: int) -> Iterator[tuple[int, Named]]:
        return ((end, name) for end, name in noun(words, at) if name.pick is None)

    return accept


def _comma(words: Words, at: int) -> Iterator[tuple[int, bool]]:
    """A comma that is there."""
    if at < len(words) and words[at].key == ",":
        yield at + 1, True


def _bare(words: Words, at: int) -> Iterator[tuple[int, bool]]:
    """Nothing, where no article follows: "the nearest mug", but not "nearest the mug"."""
    if at < len(words) and not words[at].article:
        yield at, True


def _pair(noun: Slot) -> Slot:
    """ "the two mugs"."""

    def accept(words: Words, at: int) -> Iterator[tuple[int, Named]]:
        if at < len(words) and words[at].key in ("two", "both"):
            yield from noun(words, at + 1)

    return accept


def _facing(noun: Slot, not_camera: Collection[str] = ()) -> Slot:
    """ "facing left", "looking at the box": (facing, what is faced). not_camera: words that mean no camera
    here.
    """
    opening = compiled(FACING_PATTERN, {})
    parallel = {LEFT: "left", RIGHT: "right"}

    def accept(words: Words, at: int) -> Iterator[tuple[int, tuple[str, Named | None]]]:
        for start, _ in opening.match(words, at, {}):
            for facing, word in parallel.items():
                if start < len(words) and words[start].key == word:
                    yield start + 1, (facing, None)
            for end, name in noun(words, start):
                if name is CAMERA and words[start].key in not_camera:
                    continue
                if name is CAMERA:
                    yield end, (FACES_CAMERA, None)
                elif name.pick is None:
                    yield end, (OBJECT, name)

    return accept
