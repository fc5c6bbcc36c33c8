"""Which box a name means.

In: the names of a query, boxes with their labels and ids. Out: the boxes, one or several a name; ValueError
where a name fits none, or fits several equally and so could mean either.

A name fits its own label, or the box's id, in any capitals; else a label that says more about the same noun
("mug" fits "red mug"); else a label that says less, where all that the name adds are plain adjectives ("small
red mug" fits "red mug"). "mug handle" fits no mug, and "blue mug" no red one. Where a name means many ("red
boxes", "the nearest red box"), labels must say its adjectives: a box called plain "box" may have any colour.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import lru_cache

from n3d_ros.boxes import Box3D
from n3d_ros.spatial.language.nouns import ADJECTIVES, CAMERA_WORDS, COLOURS, NAMES_ANYWAY, NEVER_IN_NAMES
from n3d_ros.spatial.language.tokens import tokens_of
from n3d_ros.spatial.types import Query

ANYTHING = ("object", "objects", "thing", "things", "item", "items")
SAME, SAYS_MORE, SAYS_LESS, NO_FIT = 3, 2, 1, 0
_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "knives": "knife",
    "mice": "mouse",
    "feet": "foot",
    "loaves": "loaf",
    "leaves": "leaf",
    "shelves": "shelf",
}


def find_boxes(names: Sequence[str], boxes: Sequence[Box3D], ids: Sequence[str] | None = None) -> list[Box3D]:
    """One box per name, each box once. A name that is there twice ("the two mugs") takes the two that it
    fits.

    ids: how boxes are called in messages and by questions; `<position>_<label>` when None.
    """
    return [boxes[index] for index in find(names, boxes, ids)]


def find(names: Sequence[str], boxes: Sequence[Box3D], ids: Sequence[str] | None = None) -> list[int]:
    """As `find_boxes`, the places of the boxes."""
    ids = ids_of(boxes) if ids is None else ids
    found: dict[str, list[int]] = {}
    for name in dict.fromkeys(names):
        wanted = list(names).count(name)
        fit = fitting(name, boxes, ids, plural=wanted > 1)
        taken = [index for index in fit if any(index in others for others in found.values())]
        if len(fit) < wanted or taken:
            raise ValueError(f"expected a box for '{name}', got boxes for {[box.label for box in boxes]}")
        if len(fit) > wanted:
            raise ValueError(f"'{name}' is ambiguous: it could be {' or '.join(ids[index] for index in fit)}")
        found[name] = fit
    return [found[name].pop(0) for name in names]


def fitting(name: str, boxes: Sequence[Box3D], ids: Sequence[str], plural: bool = False) -> list[int]:
    """The places of all boxes that the name fits best; every box for "objects"."""
    if plural and name.casefold() in ANYTHING:
        return list(range(len(boxes)))
    quality = [_quality(name, box.label, box_id, plural) for box, box_id in zip(boxes, ids, strict=True)]
    best = max(quality, default=NO_FIT)
    if plural and best == SAYS_LESS:
        return []  # which of the boxes are red ones, their labels do not say
    # "mugs" are the red one and the blue one, and one called plain "mug".
    least = min(best, SAYS_MORE) if plural else best
    return [index for index, one in enumerate(quality) if one >= least and one > NO_FIT]


def unclear_words(name: str, label: str, may_be_compound: bool = True) -> list[str]:
    """Of a name that fits no box: its words beside the label's noun, where it may mean the label's thing all
    the same ("the other mug", "the mug on the table", "mug 2", "mug full of tea"; "small mug" and "red" for
    "red mug", "key" for "keys"). None where it means something else: "green mug" for "red mug", and, if it
    may be a compound, "mug handle".
    """
    called, said = _words(label), _words(name)
    if not called:
        return []
    noun = _head(called)
    wanted = tuple(noun if noun in (_singular(word, noun), _plural(word, noun)) else word for word in said)
    if noun not in wanted:
        return list(said) if said and set(said) <= ADJECTIVES & set(called) else []
    beside, last = [word for word in wanted if word not in called], _head(wanted)
    if last == noun:
        is_other = _is_of_another_colour(beside, set(called) - set(wanted))
    else:
        is_described = last in ADJECTIVES or last.isdecimal() or "of" in wanted[wanted.index(noun) :]
        is_other = may_be_compound and not is_described and not set(beside) & (NEVER_IN_NAMES - NAMES_ANYWAY)
    return [] if is_other else beside or list(said)


def plural_of(name: str) -> str:
    """The name of several: "red boxes" of "red box"; it fits the same labels."""
    words = name.split()
    at = _head_at(words)
    noun = words[at]
    irregular = {one: many for many, one in _IRREGULAR.items()}
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        many = f"{noun[:-1]}ies"
    else:
        many = f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"
    return " ".join([*words[:at], irregular.get(noun.casefold(), many), *words[at + 1 :]])


def has_same_noun(name: str, label: str) -> bool:
    """Whether both say their noun alike, and not one of them as a plural."""
    wanted, called = _words(name), _words(label)
    return bool(wanted and called) and _head(wanted) == _head(called)


def ids_of(boxes: Sequence[Box3D]) -> list[str]:
    """The ids that boxes have by their places."""
    return [f"{index}_{box.label}" for index, box in enumerate(boxes)]


def check_camera(query: Query, boxes: Sequence[Box3D], ids: Sequence[str]) -> None:
    """ValueError where "the camera", or "the observer", could be a thing in view."""
    seen = [index for index, box in enumerate(boxes) if set(_words(box.label)[-1:]) & set(CAMERA_WORDS)]
    if query.names_camera and seen:
        word = _words(boxes[seen[0]].label)[-1]
        raise ValueError(f"'{word}' is ambiguous: it could be {ids[seen[0]]} or the camera that looks")


def _quality(name: str, label: str, box_id: str, plural: bool) -> int:
    wanted, called = _words(name), _words(label)
    if not called or not wanted:
        return NO_FIT
    if wanted in (called, _words(box_id)):
        return SAME
    if plural and _head(wanted) != _head(called):
        wanted = (*wanted[:-1], _singular(wanted[-1], called[_head_at(called)]))
    if wanted == called:
        return SAME
    if _head(wanted) != _head(called) or "of" in wanted or "'s" in wanted:
        return NO_FIT
    if set(wanted) <= set(called):
        return SAYS_MORE
    return SAYS_LESS if set(called) <= set(wanted) and set(wanted) - set(called) <= ADJECTIVES else NO_FIT


def _is_of_another_colour(said: Sequence[str], unsaid: Set[str]) -> bool:
    """Words of a name that a label lacks, and the other way round: of other adjectives both may be true."""
    return set(said) <= ADJECTIVES and bool(COLOURS & set(said)) and bool(COLOURS & unsaid)


def _singular(word: str, of: str) -> str:
    """`of` where `word` is its plural, else the word."""
    plurals = {f"{of}s", f"{of}es", f"{of[:-1]}ies" if of.endswith("y") else f"{of}s"}
    return of if word in plurals or _IRREGULAR.get(word) == of else word


def _plural(word: str, of: str) -> str:
    """`of` where it is the plural of `word`, else the word."""
    return of if _singular(of, word) == word else word


def _head(words: Sequence[str]) -> str:
    return words[_head_at(words)]


def _head_at(words: Sequence[str]) -> int:
    """The noun: the last word, or the one before "of" ("cup of tea")."""
    return words.index("of") - 1 if "of" in words[1:] else len(words) - 1


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(token.key for token in tokens_of(text))
