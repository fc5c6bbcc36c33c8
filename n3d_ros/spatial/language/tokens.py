"""Text -> words.

In: one question as a person writes it. Out: `Token`s in small letters, articles noted beside the word that
they stand before. Numbering, quotation marks and the sentence's end are gone; everything else stays, so that
what nobody understands is noticed. Knows no grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Longer sentences are no questions about a few objects, and backtracking over names costs time.
MAX_CHARS = 300

_PIECE = re.compile(r"\d+(?:\.\d+)?(?=[a-z]+\b)(?!\d*_)|\d+\.\d+|\w+(?:[-/'&.]\w+)*|\S", re.IGNORECASE)
# "Mug-to-box distance"; a "floor-to-ceiling lamp" stays one.
_BETWEEN = re.compile(r"(?<=\w)-to-(?=(?:[\w'-]+ ){1,4}(?:distance|separation)\b)", re.IGNORECASE)
_NUMBERING = re.compile(
    r"\s*(?:(?:q|(?:quick )?question|query|user|task)\s*\d*\s*[.:)]|\(?\d{1,3}\s*[.:)]|\(?[a-z][.)]|"
    r"[-*\u2022#])\s+",
    re.IGNORECASE,
)
_PLAIN = {
    "'": "\u2018\u2019\u201b\u2039\u203a",
    '"': "\u201c\u201d\u201e\u201f\u00ab\u00bb",
    "-": "\u2010\u2011",
    " ": "\u00a0",
    "?": "\uff1f",
    "!": "\uff01",
    ".": "\u3002",
    ",": "\uff0c",
    "": "\u200b\ufeff",
}
_CURLY = str.maketrans({odd: plain for plain, odds in _PLAIN.items() for odd in odds})
# Also the stars around **bold** words.
_QUOTES = re.compile(r"[\"`]|(?<!\w)'|'(?!\w)|(?<!\w)\*+(?=\w)|(?<=\w)\*+(?!\w)")
_LAST_WORDS = re.compile(
    r"[?.!]+\s+(?=(?:(?:please|pls|thanks|thank you|thx|i need to know)\b"
    r"|(?:please )?(?:answer |reply |give (?:the|your) answer )?in \w+(?:,? please)?"
    r"|(?:please )?use \w+|[(\[](?:in )?\w+[)\]])[?.! ]*$)",
    re.IGNORECASE,
)
_END = re.compile(r"[\s?.!\u2026]+$")
_PAUSES = (":", ";", "-", "\u2013", "\u2014")
_ARTICLES = ("the", "a", "an")
# "In the front of the box" is a part of it, "in front of the box" is not.
_PARTS = ("front", "back")
_CONTRACTIONS = {
    **{
        f"{word}'s": (word, "is")
        for word in ["what", "which", "who", "where", "how", "it", "that", "there", "here", "one"]
    },
    "whats": ("what", "is"),
    "&": ("and",),
    **{
        f"{word}n't": (word, "not")
        for word in ["is", "are", "does", "do", "was", "were", "could", "would", "should", "did"]
    },
    "i'm": ("i", "am"),
    "i'd": ("i", "would"),
    "you're": ("you", "are"),
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
}


@dataclass(frozen=True)
class Token:
    """`text` as written, `key` in small letters, `article`: the one dropped before it, if any."""

    text: str
    key: str
    article: str = ""


def tokens_of(text: str) -> tuple[Token, ...]:
    """The words of a question; none where it is longer than MAX_CHARS."""
    plain = " ".join(text.translate(_CURLY).split())
    plain = _NUMBERING.sub("", plain, count=1) if _NUMBERING.match(plain) else plain
    if len(plain) > MAX_CHARS:
        return ()
    plain = _BETWEEN.sub(" to ", _END.sub("", _QUOTES.sub("", plain)))
    plain = _LAST_WORDS.sub(" ", plain)
    return tuple(_without_articles([token for word in _PIECE.findall(plain) for token in _split(word)]))


def _split(word: str) -> list[Token]:
    """Contractions and possessives are two words: "what's" is "what is", "mug's" is "mug 's"."""
    key = "," if word in _PAUSES else word.casefold()
    if key in _CONTRACTIONS:
        return [Token(part, part) for part in _CONTRACTIONS[key]]
    if key.endswith("'s"):
        return [Token(word[:-2], key[:-2]), Token(word[-2:], "'s")]
    return [Token(word, key)]


def _without_articles(tokens: list[Token]) -> list[Token]:
    found: list[Token] = []
    article = ""
    for token in tokens:
        if token.key in _ARTICLES:
            article = token.key
        elif article and token.key in _PARTS and found and found[-1].key == "in":
            found += [Token(article, article), token]
            article = ""
        else:
            found.append(Token(token.text, token.key, article))
            article = ""
    return found if not article else [*found, Token(article, article)]
