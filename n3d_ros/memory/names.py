"""What words name, as far as a memory must know it: lists of names, and whether a look had to find a thing.

In: words as they were looked for or asked. Out: names, yes or no. What fits a name is `spatial.matching`'s
affair.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from n3d_ros.boxes import Box3D
from n3d_ros.memory.places import Remembered
from n3d_ros.plain_text import shown
from n3d_ros.spatial.language.nouns import ADJECTIVES, DETERMINERS
from n3d_ros.spatial.language.units import WRITTEN_NUMBERS
from n3d_ros.spatial.matching import ANYTHING, fitting, unclear_words

# Of what is remembered, in one message.
MAX_LABELS = 10

_BETWEEN = re.compile(r"\s*(?:[,;.\n]|\band\b)\s*", re.IGNORECASE)
_COUNTS = [word for word, number in WRITTEN_NUMBERS.items() if number >= 1]
_OR = re.compile(r"\s+or\s+", re.IGNORECASE)
_QUANTITY = re.compile(
    r"^(?:all|every|each|both|any|some|several|many|(?:a\s+)?(?:couple|few|dozen)"
    rf"|\d+|{'|'.join(_COUNTS)})\s+(?:of\s+)?",
    re.IGNORECASE,
)
# What questions end in that is no part of a name.
_END = (
    r"(?:,?\s+(?:last(?:\s+seen)?|seen|now|anywhere|somewhere|lately|recently|today|yesterday|earlier|again|please"
    r"|and\s+when))*\s*[?.!]*$"
)
_WHERE = re.compile(
    r"^(?:where|when)(?:\s+(?:(?:did|have|had)\s+you\s+(?:last\s+)?(?:see|seen|find|found)|(?:is|are|was|were))|'s|'re)"
    rf"\s+(.*?){_END}",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    r"^(?:is|are)\s+(.*?)\s+(?:still\s+(?:there|here|around|in\s+(?:its|their)\s+place)|gone|there)\s*\?*$"
    rf"|^(?:have|did)\s+you\s+(?:ever\s+|last\s+)?(?:seen?|found|find)\s+(.*?){_END}",
    re.IGNORECASE,
)
_ADJECTIVE, _OWN = "|".join(sorted(ADJECTIVES)), "|".join(DETERMINERS)
# A name for certain, also where a question mark alone makes it a question.
_PLAIN = re.compile(rf"^(?:(?:the|an?|{_OWN})\s+)?(?:(?:{_ADJECTIVE})\s+)*\w+$", re.IGNORECASE)
_OWNED = re.compile(rf"^(?:{_OWN})\s+", re.IGNORECASE)
# "The red or the blue mug": adjectives of one thing, and another thing with the noun of both.
_SHARED = re.compile(
    rf"^((?:the\s+)?(?:(?:{_ADJECTIVE})\s+)+)(?:and|or)\s+((?:the\s+)?(?:(?:{_ADJECTIVE})\s+)+([^,]+))$",
    re.IGNORECASE,
)
_EVERYTHING = re.compile(
    rf"^(?:every|any)thing$|^all$|^(?:(?:the|{_OWN})\s+)?(?:things|objects|items)$", re.IGNORECASE
)
# "Red things", "everything else": some of all that is known, and which is not understood.
_SOME = re.compile(r"\b(?:(?:every|any|some)thing|things?|objects?|items?)\b", re.IGNORECASE)
# "The location of the mug": a question without its words, and no other thing than the mug.
_LOCATION = re.compile(r"\b(?:locations?|positions?|whereabouts|place|pose|coordinates)\b", re.IGNORECASE)
# What joins words to one ("red_mug", "mug/cup") or stands around them ("[red mug]", "**red mug**"); and how
# results number their boxes: "red mug/0".
_JOINT, _NUMBER = re.compile(r"(?<=\w)[-_/&+](?=\w)|[^\w\s',.&+-]"), re.compile(r"/\d+$")
# What other scripts have for the marks that part names and end questions.
_MARKS = str.maketrans("\uff0c\u3001\u060c\uff1b\u061b\uff1f\u061f\uff01\u3002\u2019", ",,,;;??!.'")

# An article alone names nothing, nor does a number.
_LETTER = re.compile(r"(?!(?:the|an?)\b)\b\w*[^\W\d_]", re.IGNORECASE)
_PRONOUN = re.compile(
    r"\b(?:it|them|they|he|she|him|her|you|mine|yours|others?|another|any|some|both|ones?|this|that|these|those|what|which|who"
    r"|how|why|where|when)$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"^(?:what|which|who|how|why|where|when|is|are|was|were|did|have)\s|\?\s*$", re.IGNORECASE
)


def names_in(words: str) -> list[str]:
    """ "the red mug, all boxes and 2 cans" -> "the red mug", "boxes", "cans".

    "the blue, small box" is one name: a part that ends in an adjective is no name of its own.
    """
    words = _with_single_blanks(words)
    parts = [_QUANTITY.sub("", part.strip()) for part in _BETWEEN.split(words) if part.strip()]
    return [words] if any(_ends_in_adjective(part) for part in parts) else parts


def names_asked_for(words: str) -> list[str]:
    """As `names_in`, and "the mug or the cup" names both, as does "the red or blue mug"; "where did you last
    see the mug?", "where's my mug?", "is the mug still there?", "have you seen the mug anywhere?" and "mug?"
    name the mug. ValueError for any other question, and for words that name nothing: that nothing of it is
    remembered would be no answer to it.
    """
    words = _straight(words)
    asked = _asked(words)
    names = _listed(re.sub(_END, "", words, flags=re.IGNORECASE) if asked is None else asked)
    is_other = asked is None and _QUESTION.search(words) and not all(map(_PLAIN.match, names))
    if is_other or not _LETTER.search(" ".join(names)) or any(map(_PRONOUN.search, names)):
        raise ValueError(
            "words: expected names, or a question such as 'where did you last see the mug?' or 'is the mug "
            f"still there?', got {shown(words)}"
        )
    return names


def check_understood(name: str, words: str, known: Sequence[Remembered]) -> None:
    """ValueError where a name that fits nothing known may mean some of it nevertheless.

    words: what was asked. A question may end in what is no part of a name: there "mug handle" may be a mug.
    """
    is_bare = _asked(_straight(words)) is None and not _LOCATION.search(name)
    labels = sorted({one.label for one in known})
    unclear = {label: _unclear(name, label, is_bare) for label in labels}
    meant = [label for label in labels if unclear[label]]
    if meant:
        least = min((unclear[label] for label in meant), key=len)
        raise ValueError(
            f"words: {shown(' '.join(least))} of {shown(name)} is not understood, and it may mean what is "
            f"remembered as {', '.join(map(shown, meant[:MAX_LABELS]))}"
        )


def _unclear(name: str, label: str, is_bare: bool) -> list[str]:
    if _SOME.search(name):
        return [name]
    return unclear_words(_JOINT.sub(" ", _NUMBER.sub("", name)), label, may_be_compound=is_bare)


def _straight(words: str) -> str:
    return _with_single_blanks(words.translate(_MARKS))


def _with_single_blanks(words: str) -> str:
    """Line breaks part names and stay. A pattern with several places for blanks tries all ways to part a run
    of them: of two thousand that took minutes.
    """
    lines = (" ".join(line.split()) for line in words.split("\n"))
    return "\n".join(filter(None, lines))


def _asked(words: str) -> str | None:
    """What a question asks for; None where the words are none that is understood."""
    asked = _WHERE.match(words) or _WHETHER.match(words)
    return next(filter(None, asked.groups()), "") if asked else None


def _listed(words: str) -> list[str]:
    """Names of a list, each as a memory has it: whose a thing is, it does not know."""
    shared = _SHARED.match(words)
    parts = [shared[1] + shared[3], shared[2]] if shared else names_in(_OR.sub(", ", words))
    return ["things" if _EVERYTHING.match(part) else _OWNED.sub("the ", part) for part in parts]


def is_named(thing: Remembered, words: Sequence[str]) -> bool:
    """Do the words list a name of the thing?

    Words that are no list of names ("what is on the table", "the nearest mug") name nothing, so that nothing
    is held missing because a sentence was not understood.
    """
    return bool(_fitting(thing.label, thing.name, [name for one in words for name in names_in(one)]))


def is_called(thing: Remembered, words: Sequence[str]) -> bool:
    """As `is_named`, by a name that is not everything's: who looks for "objects" is content with some."""
    return bool(_calling(thing.label, thing.name, words))


def may_be_instead(label: str, thing: Remembered, words: Sequence[str]) -> bool:
    """May what was found and called `label` be what a name of the thing in the words asked for? A model may
    call a "red mug" "mug" in the next picture, or "cup". Not where the words have another name for it.
    """
    names = _calling(label, label, words)
    return not names or bool(set(names) & set(_calling(thing.label, thing.name, words)))


def was_found_by(thing: Remembered, words: Sequence[str]) -> bool:
    """Have the same words found it before?"""
    return any(one in thing.words for one in words)


def _calling(label: str, identity: str, words: Sequence[str]) -> list[str]:
    """The names in the words that fit a label or an id, without those that are everything's."""
    names = [name for one in words for name in names_in(one)]
    return _fitting(label, identity, [name for name in names if name.casefold() not in ANYTHING])


def _fitting(label: str, identity: str, names: Sequence[str]) -> list[str]:
    box = Box3D(label, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    return [name for name in names if fitting(name, [box], [identity], plural=True)]


def _ends_in_adjective(part: str) -> bool:
    return part.split()[-1].casefold() in ADJECTIVES
