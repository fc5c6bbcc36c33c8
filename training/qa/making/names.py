"""What a thing is called: the class name of a set -> words that a person uses, and their plural.

In: labels as data sets write them ("Cabinet/shelf", "Hotair ballon", "night_stand"). Out: `Name`s. It does
not know pictures; whether two names could mean the same thing is `n3d_ros.spatial.matching`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from n3d_ros.boxes import Box3D
from n3d_ros.protocol.prompts import ground_question
from n3d_ros.spatial import parse_question
from n3d_ros.spatial.matching import fitting

# Class names of Objects365 (as its COCO-style annotation files list them) that are misspelt, run together or
# not what a person says, in small letters. Others are taken as they are.
RESPELT = {
    "ballon": "balloon",
    "bakset": "basket",
    "billards": "billiard ball",
    "buttefly": "butterfly",
    "campel": "camel",
    "canned": "food can",
    "cutting/chopping board": "cutting board/chopping board",
    "dinning table": "dining table",
    "extention cord": "extension cord",
    "formula 1": "race car",
    "hamimelon": "hami melon",
    "head phone": "headphone",
    "hotair ballon": "hot air balloon",
    "moniter/tv": "monitor/TV",
    "mushroon": "mushroom",
    "noddles": "noodles",
    "other balls": "ball",
    "other fish": "fish",
    "other shoes": "shoes",
    "skating and skiing shoes": "skating shoes/skiing shoes",
    "soccer": "soccer ball",
    "table teniis paddle": "table tennis paddle",
    "tape measur/ ruler": "tape measure/ruler",
    "tea pot": "teapot",
    "tennis": "tennis ball",
    "trash bin can": "trash can/trash bin",
}
_PLURALS = {"knife": "knives", "person": "people", "man": "men", "woman": "women", "child": "children"}
_PLURALS |= {"mouse": "mice", "shelf": "shelves", "loaf": "loaves", "leaf": "leaves", "foot": "feet"}
_POINT = (0.0, 0.0, 1.0)
# The object's number in the YCB set's names, such as "002_master_chef_can" (ycbbenchmarks.com/object-models).
_CATALOGUE = re.compile(r"^\d{3}(-[a-z])?_(?=[^\W\d])")
# "0_mug" is what prompts call the first mug, so that a label of that form is no name.
_NUMBERED = re.compile(r"^\d+_")


@dataclass(frozen=True)
class Name:
    """plural: empty where the robot would not understand it."""

    singular: str
    plural: str


@lru_cache(maxsize=16384)
def names_of(label: str) -> tuple[Name, ...]:
    """What a label may be called, each part between slashes on its own; none where no prompt can hold it."""
    words = _CATALOGUE.sub("", label.strip())
    words = " ".join((words if _NUMBERED.match(words) else words.replace("_", " ")).split())
    words = RESPELT.get(words.lower(), words)
    parts = [" ".join(_small(word) for word in part.split()) for part in words.split("/")]
    return tuple(Name(part, _plural(part)) for part in dict.fromkeys(parts) if _is_usable(part))


def _small(word: str) -> str:
    """Abbreviations such as TV stay as they are."""
    return word if word.isupper() and len(word) > 1 else word.lower()


def _is_usable(name: str) -> bool:
    """Whether a prompt and the box text can hold it: a comma or bracket would end the class there."""
    try:
        ground_question(name)
    except ValueError:
        return False
    return not set(name) & set(",()<>_") and any(character.isalpha() for character in name)


def _plural(name: str) -> str:
    """The plural, where `matching` reads it as such."""
    head, _, last = name.rpartition(" ")
    plural = f"{head} {_plural_word(last)}".strip()
    return plural if fits(plural, name, name) else ""


def _plural_word(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word  # "scissors", "leather shoes"
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}s"


@lru_cache(maxsize=1 << 16)
def is_understood(name: str) -> bool:
    """Whether questions can be about it: "side" and "camera" mean something else in them."""
    query = parse_question(f"How wide is the {name}?")
    return query is not None and query.objects == (name,)


@lru_cache(maxsize=1 << 16)
def fits(words: str, name: str, other: str) -> bool:
    """Whether `words`, said of things called `name`, could mean a thing called `other` too."""
    boxes = [Box3D(name, _POINT, _POINT), Box3D(other, _POINT, _POINT)]
    return 1 in fitting(words, boxes, ["", ""], plural=True)


@lru_cache(maxsize=1 << 16)
def could_be(words: str, name: str) -> bool:
    """Whether either of two names says the same as, or more or less about, the other."""
    return any(
        bool(fitting(one, [Box3D(other, _POINT, _POINT)], [""], plural=True))
        for one, other in ((words, name), (name, words))
    )


@dataclass(frozen=True)
class Vocabulary:
    """Every name of a set, in order, and by each of its words."""

    names: tuple[str, ...]
    by_word: dict[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def of_labels(cls, labels: Iterable[str]) -> Vocabulary:
        """Of the labels as the set writes them; those that no question can hold are none."""
        names = sorted({name.singular for label in labels for name in names_of(label)})
        by_word: dict[str, list[str]] = {}
        for name in names:
            for word in name.split():
                by_word.setdefault(word, []).append(name)
        return cls(tuple(names), {word: tuple(found) for word, found in by_word.items()})

    def sharing(self, word: str) -> tuple[str, ...]:
        """The names that hold a word."""
        return self.by_word.get(word, ())
