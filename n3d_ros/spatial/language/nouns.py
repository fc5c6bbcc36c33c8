"""What can fill a slot: the name of a thing, lists of names, lengths.

In: words and a place among them. Out: every place behind, with the meaning. A name is article, adjectives and
noun: a run of words none of which means anything else in a question, so a name never swallows "not", "or",
"2 m" or "left of". Whether such a thing was located is decided later, against the boxes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass

from n3d_ros.spatial.language.patterns import Slot, Words
from n3d_ros.spatial.language.units import BY_WORD, WRITTEN_NUMBERS

MAX_WORDS = 8
# "1.500 mm" is a metre and a half to many, and nobody means micrometres.
_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
DETERMINERS = ("this", "that", "these", "those", "my", "your", "our")
# Who looks. Not "us", "my hand" or "the robot": where those are is not known.
CALLED_CAMERA = ("camera", "viewer", "observer")
CAMERA_WORDS = (*CALLED_CAMERA, "me")
RANKS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}

_NEVER = """
the a an not no never none nothing nobody neither nor without except instead unless
and or but than then versus vs plus minus
in on at to from by with within into onto off over under near beside besides between among around against
across along through toward towards behind beyond past after before above below beneath underneath atop
about inside outside opposite
it its itself they them their he she his her i me we us you myself here there everything anything something
everyone someone everybody nobody each every all both any some either other another others else same one
ones which what who whom whose where when why how if whether
is are was were be been being am do does did has have had can could will would shall should may might must
stand stands standing lie lies lying sit sits sitting move moves
first second third fourth fifth last next previous nearest closest farthest furthest middle center centre
left right top bottom front back side leftmost rightmost topmost
very much more most less least slightly far almost nearly directly exactly approximately roughly quite hardly
barely scarcely somewhat considerably significantly substantially marginally clearly noticeably visibly
definitely certainly really actually truly probably possibly maybe perhaps always ever usually precisely
extremely relatively fairly entirely completely fully wholly totally strictly partly partially mostly mainly
merely simply generally typically normally enough several maximum minimum average total overall getting
currently now already yet way lots
rather too so just only also even still twice thrice half double times as like apart away together
higher taller wider longer shorter deeper lower bigger larger smaller close closer nearer farther further
distance height width depth length size volume
gap space direction facing perspective viewpoint many number count
"""
NEVER_IN_NAMES = frozenset(_NEVER.split())
_ADJECTIVES = """
small big large little long tall short low high wide narrow broad thin thick deep old new round square flat
dark light wooden metal plastic glass steel ceramic leather paper cardboard rubber striped
"""
_COLOURS = """
red green blue yellow orange purple violet pink brown black white gray grey silver golden beige turquoise
"""
COLOURS = frozenset(_COLOURS.split())
# Words that may stand before the noun of a located thing whose label does not say them.
ADJECTIVES = frozenset(_ADJECTIVES.split()) | COLOURS
# No box has a centre that could stand for these: "how high is it above the floor" asks for another length.
NO_THINGS = ("floor", "ground")
_JOINTS = {"and", "or", "than", ","}
# Words of the grammar that things are called by, too.
NAMES_ANYWAY = ADJECTIVES | {
    "clock",
    "measure",
    "scene",
    "place",
    "list",
    "can",
    "object",
    "thing",
    "item",
    "picture",
    "image",
    "photo",
    "view",
}


@dataclass(frozen=True)
class Named:
    """A name as written, without article; `pick` (relation, side, rank) where a selector narrows it down.
    `is_any`: "a mug", whichever.
    """

    text: str
    pick: tuple[str, str, int] | None = None
    is_any: bool = False


@dataclass(frozen=True)
class Listed:
    """Two names or more and the words that join them."""

    names: tuple[Named, ...]
    joints: frozenset[str]


# What a slot for a name holds where the question says the camera, or who looks.
CAMERA = Named("camera", ("", "", 0))


def noun_slot(reserved: Set[str], double: Collection[str], selectors: Mapping[str, tuple[str, str]]) -> Slot:
    """Names, with or without a selector ("second nearest box", "third box from the left"), and the camera.

    No name holds a `reserved` word, and none is a length ("five inches") or the floor. It takes all words
    that it can, but may end before a `double` one, which is a thing as well as a word of the grammar, where
    the grammar goes on behind it ("how many cans can you see"; not "the blue can, the mug").
    """
    ends = {"left": "leftmost", "right": "rightmost"}

    def accept(words: Words, at: int) -> Iterator[tuple[int, Named]]:
        if _key(words, at) in CAMERA_WORDS:
            yield at + 1, CAMERA
        start = at + (_key(words, at) in DETERMINERS)
        rank = RANKS.get(_key(words, start))
        start += rank is not None
        selector = selectors.get(_key(words, start))
        lengths = {end for end, _ in limit_slot(words, start)}
        is_any = at < len(words) and words[at].article in ("a", "an")
        for end in _name_ends(words, start + (selector is not None), reserved, double):
            if end in lengths or words[end - 1].key in NO_THINGS:
                continue
            text = _text(words[start + (selector is not None) : end])
            if selector is not None:
                yield end, Named(text, (*selector, rank or 1))
            elif rank is None:
                yield end, Named(text, is_any=is_any)
            elif _key(words, end) == "from" and _key(words, end + 1) in ends:
                yield end + 2, Named(text, (*selectors[ends[_key(words, end + 1)]], rank))

    return accept


def list_slot(noun: Slot, allowed: Collection[str] = ("and", "or"), needs_joint: bool = True) -> Slot:
    """Two names or more with commas, "and", "or" between them; `allowed` of the two words, of which there is
    at least one where it `needs_joint`.
    """

    def accept(words: Words, at: int) -> Iterator[tuple[int, Listed]]:
        for end, name in noun(words, at):
            yield from more(words, end, (name,), frozenset())

    def more(
        words: Words, at: int, names: tuple[Named, ...], joints: frozenset[str]
    ) -> Iterator[tuple[int, Listed]]:
        has_comma = _key(words, at) == ","
        joint = _key(words, at + has_comma)
        start = at + has_comma + (joint in allowed)
        if start > at:
            seen = joints | ({joint} if joint in allowed else set())
            for end, name in noun(words, start):
                yield from more(words, end, (*names, name), seen)
        if len(names) > 1 and (joints or not needs_joint) and CAMERA not in names:
            yield at, Listed(names, joints)

    return accept


def limit_slot(words: Words, at: int) -> Iterator[tuple[int, float]]:
    """A positive length, in metres: "20 cm", "1.5 meters", "two feet", "a meter", "half a meter"."""
    key = _key(words, at)
    number = WRITTEN_NUMBERS.get(key)
    unit = BY_WORD.get(_key(words, at + 1)) or (BY_WORD["inch"] if _key(words, at + 1) == "in" else None)
    is_unclear = unit is BY_WORD["mm"] and _THOUSANDS.fullmatch(key) is not None
    if number is None and key.replace(".", "", 1).isdecimal() and key.isascii() and not is_unclear:
        number = float(key)
    if number is not None and unit is not None and 0 < number < float("inf"):
        yield at + 2, number * unit.metres
    if key in BY_WORD and words[at].article in ("a", "an"):
        yield at + 1, BY_WORD[key].metres


def unit_slot(words: Words, at: int) -> Iterator[tuple[int, str]]:
    """The name of a unit."""
    if _key(words, at) in BY_WORD:
        yield at + 1, BY_WORD[_key(words, at)].key


def _name_ends(words: Words, start: int, reserved: Set[str], double: Collection[str]) -> Iterator[int]:
    """Places where a name that begins at `start` may end, longest first."""

    def goes_on(end: int) -> bool:
        key, behind = _key(words, end), _key(words, end + 1)
        return key in double and (key not in NAMES_ANYWAY or not behind or behind in reserved - _JOINTS)

    ends: list[int] = []
    at = start
    while at < min(len(words), start + MAX_WORDS) and (at == start or not words[at].article):
        key = words[at].key
        if key in ("of", "'s"):
            if at == start or words[at - 1].key in ("of", "'s"):
                break
        elif key in reserved or key in DETERMINERS or not _is_word(key, at > start):
            break
        else:
            ends.append(at + 1)
            if not any(character.isalpha() for character in key):
                break  # a number ends a name: "box 2"
        at += 1
    return (end for end in reversed(ends) if end == ends[-1] or goes_on(end))


def _is_word(key: str, may_be_number: bool) -> bool:
    return key.replace(".", "", 1).isdecimal() and may_be_number or any(c.isalpha() for c in key)


def _text(words: Words) -> str:
    return "".join(token.text if token.key == "'s" else f" {token.text}" for token in words)[1:]


def _key(words: Words, at: int) -> str:
    return words[at].key if at < len(words) else ""
