"""How a question about space is understood: whole, or not at all.

In: text. Out: a `Query` or None. Knows nothing of boxes. Frames of politeness come off, then every pattern of
every relation is compared with all the words that are left. Where a word is left over, or two patterns mean
different things, the question is not understood: nothing is guessed and nothing is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from n3d_ros.spatial.grammar.rows import Builder, all_rows, facing
from n3d_ros.spatial.grammar.slots import (
    BOUND_PATTERNS,
    FACING_PATTERN,
    selectors,
    side_patterns,
    slots,
)
from n3d_ros.spatial.language.frames import FRAME_PATTERNS, unframed, with_unit, without_verdict
from n3d_ros.spatial.language.nouns import (
    ADJECTIVES,
    CALLED_CAMERA,
    CAMERA_WORDS,
    DETERMINERS,
    MAX_WORDS,
    NAMES_ANYWAY,
    NEVER_IN_NAMES,
    NO_THINGS,
    RANKS,
    Named,
)
from n3d_ros.spatial.language.patterns import Pattern, Words, compiled, fits, literals, needed
from n3d_ros.spatial.language.tokens import tokens_of
from n3d_ros.spatial.language.units import BY_WORD, WRITTEN_NUMBERS
from n3d_ros.spatial.relations import BY_NAME
from n3d_ros.spatial.types import OPPOSITE, VALUE, WHICH, YES_NO, Query

_SEEN = "as? (seen | viewed | looking | when seen | when viewed)?"
_VIEW = "(perspective | point of view | viewpoint | view)"
_VIEWS = {
    OPPOSITE: f"{_SEEN} from opposite side (of (camera | viewer | me | scene))?",
    "other": f"{_SEEN} from other side of (camera | scene)",
    "": f"{_SEEN} from ((camera | viewer | observer) 's | my) {_VIEW}",
    "same": f"{_SEEN} from {_VIEW} of (camera | viewer | observer)",
    "facing": f"{_SEEN} from A 's {_VIEW} , FACE",
    "facing too": f"{_SEEN} from {_VIEW} of A , FACE",
}
_NEARNESS = frozenset(
    ("closer", "nearer", "closest", "nearest", "farther", "further", "farthest", "furthest")
)
_DEPTH_ENDS = frozenset(("near", "far"))
# Asked for as "closer to the camera", which is the same from anywhere.
_NO_TURN = (("front_behind", WHICH),)


@dataclass(frozen=True)
class _View:
    """A viewpoint that a question names: facing and viewer, both empty for the camera's own."""

    way: str = ""
    face: tuple[str, Named | None] | None = None
    viewer: Named | None = None


_Rows = tuple[tuple[frozenset[str], Pattern, Builder, bool], ...]


@dataclass(frozen=True)
class _Grammar:
    """`rows`: by a question's first word those that can begin so; `others` for all other words. A row begins
    with the words without which it cannot fit. `reserved`: every word that can mean something else than a
    part of a name.
    """

    rows: dict[str, _Rows]
    others: _Rows
    views: tuple[tuple[str, Pattern], ...]
    reserved: frozenset[str]


def parse_question(text: str) -> Query | None:
    """Understand a question: every template of `QUESTIONS` and what people write instead.

    None when it is about something else, or not understood to the last word.
    """
    inside = without_verdict(text)
    if inside == text:
        return _parsed(text)
    query = _parsed(inside) or _parsed(f"whether {inside}")
    return query if query is not None and query.form == YES_NO else None


def _parsed(text: str) -> Query | None:
    words = unframed(tokens_of(text))
    words, unit = with_unit(words)
    words = unframed(words)
    if not words:
        return None
    queries = {query for rest, view in _views(words) for query in _readings(rest, view)}
    if len(queries) != 1:
        return None
    query = _in_unit(queries.pop(), unit)
    if query is None:
        return None
    keys = {word.key for word in words}
    nearness = _NEARNESS | _DEPTH_ENDS if query.relation == "depth_order" else _NEARNESS
    return replace(
        query, names_camera=not keys.isdisjoint(CALLED_CAMERA), says_nearness=not keys.isdisjoint(nearness)
    )


def is_plain_name(name: str) -> bool:
    """Whether no word of a name means anything else in a question: then a question about it is understood
    just as about any other such name. "Blue can" is a name, too, but no plain one.
    """
    words = tokens_of(name)
    reserved = _grammar().reserved
    return (
        0 < len(words) <= MAX_WORDS
        and words[-1].key not in NO_THINGS
        and all(
            not word.article and word.key not in reserved and any(map(str.isalpha, word.key))
            for word in words
        )
    )


def _in_unit(query: Query, unit: str) -> Query | None:
    """The query with the unit asked for; None where the answer is no length."""
    if not unit:
        return query
    is_length = query.form == VALUE and BY_NAME[query.relation].unit == "m"
    return replace(query, unit=unit) if is_length else None


def _readings(words: Words, view: _View | None) -> Iterator[Query]:
    """Every query that all the words can mean."""
    keys = {word.key for word in words}
    grammar = _grammar()
    for needs, pattern, build, turns in grammar.rows.get(words[0].key, grammar.others) if words else ():
        if not needs <= keys or (view is not None and not turns):
            continue
        for found in fits(pattern, words):
            query = build(found)
            query = query if query is None or view is None else _turned(query, view)
            if query is not None:
                yield query


def _turned(query: Query, view: _View) -> Query | None:
    """The query from that viewpoint, None where it would be the same from any, or the facing is not said."""
    if not BY_NAME[query.relation].turns or (query.relation, query.form) in _NO_TURN or query.facing:
        return None
    if len(query.objects) < BY_NAME[query.relation].fewest or query.relation == "viewer_side":
        return None
    if view.face is not None and view.viewer is not None:
        return facing(query, view.face, view.viewer)
    return replace(query, facing=view.way)


def _views(words: Words) -> Iterator[tuple[Words, _View | None]]:
    """The words as they are, and without each viewpoint at their beginning or end."""
    yield words, None
    if not any(word.key == "from" for word in words):  # every viewpoint is seen from somewhere
        return
    for name, pattern in _grammar().views:
        way = OPPOSITE if name in (OPPOSITE, "other") else ""
        for end, found in pattern.match(words, 0, {}):
            start = end + (end < len(words) and words[end].key == ",")
            yield words[start:], _View(way, found.get("FACE"), found.get("A"))
        for start in range(1, len(words)):
            for found in fits(pattern, words[start:]):
                stop = start - (words[start - 1].key == ",")
                yield words[:stop], _View(way, found.get("FACE"), found.get("A"))


@lru_cache(maxsize=1)
def _grammar() -> _Grammar:
    """All patterns, compiled once. No name may hold a word that a pattern uses."""
    rows = all_rows()
    patterns = [*(row.pattern for row in rows), *_VIEWS.values(), *side_patterns(), *BOUND_PATTERNS.values()]
    patterns += [*FRAME_PATTERNS, FACING_PATTERN]
    used = {word for pattern in patterns for word in literals(pattern)}
    table = slots(used)
    apart = {*CAMERA_WORDS, *DETERMINERS, *RANKS, *selectors(), *BY_WORD, *WRITTEN_NUMBERS, "of", "'s"}
    return _Grammar(
        *_by_first_word(
            tuple((needed(row.pattern), compiled(row.pattern, table), row.build, row.turns) for row in rows)
        ),
        tuple((name, compiled(pattern, table)) for name, pattern in _VIEWS.items()),
        frozenset(NEVER_IN_NAMES | used | NAMES_ANYWAY - ADJECTIVES | apart),
    )


def _by_first_word(rows: _Rows) -> tuple[dict[str, _Rows], _Rows]:
    first = set().union(*(pattern.begins or () for _, pattern, _, _ in rows))
    by_word = {
        word: tuple(row for row in rows if row[1].begins is None or word in row[1].begins) for word in first
    }
    return by_word, tuple(row for row in rows if row[1].begins is None)
