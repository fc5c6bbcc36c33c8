"""How a question about space is understood.

In: text. Out: a `Query` (which relation, between which names) or None. Knows nothing of boxes; `spatial`
answers. Everything is a table of small regular expressions, tried in order, so a new wording is one more row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from n3d_ros.spatial.types import ORDER, VALUE, WHICH, YES_NO, Query
from n3d_ros.spatial.words import CAMERA, SIDES


@dataclass(frozen=True)
class _Rule:
    """A pattern with the groups a, b, c (names) or names (a list of names), and what it means."""

    pattern: re.Pattern[str]
    relation: str
    asks: str
    form: str


def _rule(pattern: str, relation: str, asks: str = "", form: str = VALUE) -> _Rule:
    """Compile a row: A, B, C stand for one name each, NAMES for a list, CAMERA for whoever looks."""
    for word, group in (("NAMES", r"(?P<names>.+)"), ("CAMERA", CAMERA), ("WHICH", _WHICH)):
        pattern = pattern.replace(word, group)
    pattern = re.sub(r"\b([ABC])\b", lambda found: f"(?P<{found[1].lower()}>.+?)", pattern)
    return _Rule(re.compile(pattern, re.IGNORECASE), relation, asks, form)


_WHICH = r"(?:which|what|who)(?: one| object| thing)?(?: of (?:them|these|the two|the three))? is(?: the)?"
_DISTANCE = r"(?:(?:what is|what's|give me|measure|estimate) )?(?:the )?{0}(?:distance|separation|gap) "
_CLOSER = (
    ("closer", r"(?:closer|nearer|closest|nearest) to"),
    ("farther", r"(?:farther|further|farthest|furthest)(?: away)? from"),
)


def _side_rules() -> list[_Rule]:
    rules = []
    for side in SIDES:
        predicates = [rf"(?:{side.comparative_pattern}) than"]
        if side.predicate_pattern:
            predicates.append(rf"(?:located |placed |standing |lying )?(?:{side.predicate_pattern})")
        rules += [_rule(rf"is A {text} B", side.relation, side.asks, YES_NO) for text in predicates]
        for text in (
            rf"WHICH (?:{side.comparative_pattern})(?: one)?[,:]? NAMES",
            rf"which of NAMES is (?:the )?(?:{side.comparative_pattern})(?: one)?",
            rf"is (?P<names>.+ or .+?) (?:the )?(?:{side.comparative_pattern})(?: one)?",
        ):
            rules.append(_rule(text, side.relation, side.asks, WHICH))
    return rules


def _closer_rules() -> list[_Rule]:
    rules = []
    for asks, words in _CLOSER:
        rules += [
            _rule(rf"is B {words} A than C", "closer", asks, YES_NO),
            _rule(rf"WHICH {words} A[,:] B,? or C", "closer", asks, WHICH),
            _rule(rf"(?:is|are) (?:either )?B or C {words} A", "closer", asks, WHICH),
            _rule(rf"which of B and C is {words} A", "closer", asks, WHICH),
        ]
    return rules


def _distance_rules() -> list[_Rule]:
    rules = []
    for relation, adjective, adverb in (
        ("horizontal_distance", "horizontal ", " horizontally"),
        ("vertical_distance", "vertical ", " vertically"),
        ("distance", "(?:direct |total |straight-line )?", ""),
    ):
        rules += [
            _rule(_DISTANCE.format(adjective) + r"(?:between|from|of) A (?:and|to|from) B", relation),
            _rule(rf"how far{adverb} (?:away |apart )?is A (?:away )?from B", relation),
            _rule(rf"how far (?:away |apart )?is A (?:away )?from B{adverb}", relation),
            _rule(rf"how far is it from A to B{adverb}", relation),
            _rule(rf"how far(?: apart)?{adverb} are A and B(?: apart| from each other)?", relation),
            _rule(rf"how far(?: apart)? are A and B(?: apart| from each other)?{adverb}", relation),
        ]
    return [
        _rule(r"how far(?: away)? is A(?: away)? from CAMERA", "distance"),
        _rule(_DISTANCE.format("") + r"(?:(?:between|from) CAMERA (?:and|to)|to) A", "distance"),
        *rules,
        _rule(r"how much (?:higher|lower) is A than B", "vertical_distance"),
        _rule(r"how far(?: away)? is A", "distance"),
    ]


def _other_rules() -> list[_Rule]:
    extents = (("width", "wide|broad", "width"), ("height", "tall|high", "height"))
    rules = [_rule(rf"how (?:{adjective}) is A", relation) for relation, adjective, _ in extents]
    rules += [_rule(rf"(?:what is|what's) the {noun} of A", relation) for relation, _, noun in extents]
    where = r"(?:from|of|relative to|seen from|as seen from|viewed from)"
    direction = (
        r"(?:in |at )?(?:which|what) (?:clock direction|clock position|direction|o'clock(?: direction)?)"
    )
    at = r"(?:(?:if )?(?:you are|i am|i'm|you're) |when )?(?:standing |located )?at"
    rules += [
        _rule(rf"{direction} is B {where} A", "direction"),
        _rule(rf"{at} A, where (?:will|can|would|do|should) (?:you|i) find B", "direction"),
        _rule(rf"{at} A, {direction} is B", "direction"),
    ]
    near, far = r"(?:near|nearest|closest|front)", r"(?:far|farthest|furthest|back)"
    sort = r"(?:order|sort|rank|list|arrange) NAMES(?: by (?:depth|distance))?,? from"
    rules.append(_rule(rf"{sort} {near} to {far}", "depth_order", "near", ORDER))
    rules.append(_rule(rf"{sort} {far} to {near}", "depth_order", "far", ORDER))
    rules.append(_rule(r"WHICH (?:closer|nearer|closest|nearest)[,:]? NAMES", "front_behind", "front", WHICH))
    rules.append(
        _rule(
            r"WHICH (?:farther|further|farthest|furthest)(?: away)?[,:]? NAMES",
            "front_behind",
            "behind",
            WHICH,
        )
    )
    return rules


_RULES = (*_side_rules(), *_closer_rules(), *_distance_rules(), *_other_rules())
_POLITE = re.compile(r"(?:please|can you tell me|could you tell me|tell me|do you know)[, ]+", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:the|an|a|this|that|my|your) ", re.IGNORECASE)
_MAX_CHARS = 300
"""Longer sentences are no templates; three open-ended names in a pattern cost the cube of the length."""
_END = re.compile(r"[?.!](?=\s|$)")


def parse_question(text: str) -> Query | None:
    """Understand a question: every template of `QUESTIONS` and common paraphrases.

    None when it is about something else.
    """
    sentence = _END.split(" ".join(text.split()), maxsplit=1)[0]
    sentence = _POLITE.sub("", sentence, count=1) if _POLITE.match(sentence) else sentence
    if len(sentence) > _MAX_CHARS:
        return None
    for rule in _RULES:
        match = rule.pattern.fullmatch(sentence)
        names = _names(match) if match else ()
        if names and (rule.form not in (WHICH, ORDER) or len(names) >= 2):
            return Query(rule.relation, names, rule.asks, rule.form)
    return None


def plain_name(name: str) -> str:
    """A name without article and outer punctuation, blanks collapsed: "the  red mug," -> "red mug"."""
    words = " ".join(name.split()).strip(" ,;:'\"")
    return _ARTICLE.sub("", words, count=1) if _ARTICLE.match(words) else words


def _names(match: re.Match[str]) -> tuple[str, ...]:
    """The names of a match in the order a, b, c; empty when one of them is empty."""
    groups = match.groupdict()
    found = re.split(r",? (?:or|and) |, ", groups["names"]) if "names" in groups else []
    found = found or [groups[key] for key in ("a", "b", "c") if key in groups]
    names = tuple(plain_name(name) for name in found)
    return names if all(names) else ()
