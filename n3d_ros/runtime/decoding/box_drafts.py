"""What the grammar of box text forces next: `bbox_0=Bbox(red mug,` before a number, commas, closing marks.

In: the text of a reply so far, the class names that the request fixes, and the model's tokenizer. Out: token
ids that follow, a guess for `generate` to confirm. It asks the tokenizer how it cuts the whole line, so it
serves one token per number as well as one per digit, and drops what the free text behind could still change:
in Qwen's vocabulary `(` merges with the class name, so `(` alone is never guessed
(docs/specification/box_text.md 10).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from n3d_ros.protocol.box_text import BOX_OPEN, FIRST_BOX, HEADER, box_start
from n3d_ros.runtime.decoding.text import TextCodec

NUM_FIELDS, ANGLE = 7, 3
# The bin of a box that is not turned; all boxes of the release's data are such.
USUAL_ANGLE = "500"

DIGITS_OF_A_BIN = 3
# Beginnings of class names that tokenizers merge in different ways with what stands before.
CLASS_PROBES = ("person", "a", "chair", "night stand", "orange", "the", "t", "mug", "bottle", "1")

_LABEL = re.compile(HEADER.pattern + r"([^,)]*),")


class BoxDrafter:
    """Drafts one reply of boxes. labels: class names in the order in which they are expected."""

    def __init__(self, codec: TextCodec, labels: Sequence[str] = ()) -> None:
        self._codec, self._labels = codec, tuple(labels)
        self._one_per_number = has_number_tokens(codec)

    def draft(self, ids: Sequence[int], text: str, room: int) -> list[int]:
        """See `Drafter.draft`."""
        line = text[text.rfind("\n") + 1 :]
        closed = text.count("\n")
        if not line:
            return [] if text == "\n" else self._header(closed, text)[:room]
        forced = self._forced(line, text, closed)
        if not forced:
            return []
        behind = "" if forced.endswith("\n") else "5"
        guess = tokens_behind(self._codec, line, forced, behind)
        if forced.endswith("\n") and guess:
            guess += self._header(closed + 1, text)
        return guess[:room]

    def _forced(self, line: str, text: str, number: int) -> str:
        """The characters that must follow within the line, '' where the model decides."""
        header = HEADER.match(line)
        if header is None:
            return ""
        label, *fields = line[header.end() :].split(",")
        if not fields:
            return _rest_of_label(label, self._expected(text, number))
        if len(fields) > NUM_FIELDS or not self._is_complete(fields[-1], len(fields) - 1, text):
            return ""
        if len(fields) == NUM_FIELDS:
            return ")\n"
        return "," + (f"{self._angle(text)}," if len(fields) == ANGLE else "")

    def _is_complete(self, field: str, index: int, text: str) -> bool:
        """Whether a number cannot go on; u and v may have decimals once one had."""
        if not field.isdigit():
            return False
        if index < 2 and "." in text:
            return False
        return self._one_per_number or len(field) == DIGITS_OF_A_BIN

    def _angle(self, text: str) -> str:
        """The angle that the last whole box had."""
        body = text[: text.rfind("\n") + 1].rstrip("\n").rpartition(BOX_OPEN)[2]
        fields = body.rstrip(")").split(",")
        return fields[1 + ANGLE] if len(fields) == 1 + NUM_FIELDS else USUAL_ANGLE

    def _expected(self, text: str, number: int) -> list[str]:
        """Class names, most likely first: the request's for this box, those already written, its others."""
        written = reversed(_LABEL.findall(text))
        return list(dict.fromkeys([*self._labels[number : number + 1], *written, *self._labels]))

    def _header(self, number: int, text: str) -> list[int]:
        expected = self._expected(text, number)
        return list(header_tokens(self._codec, number, expected[0] if expected else ""))


@lru_cache(maxsize=256)
def header_tokens(codec: TextCodec, number: int, label: str) -> tuple[int, ...]:
    """How a box begins, through its class name where that is known."""
    start = box_start(number)
    if label:
        return tuple(tokens_behind(codec, "", f"{start}{label},", "5"))
    cuts = [codec.encode(start + probe) for probe in CLASS_PROBES]
    same = 0
    while all(len(cut) > same and cut[same] == cuts[0][same] for cut in cuts):
        same += 1
    return tuple(cuts[0][:same])


def tokens_behind(codec: TextCodec, before: str, forced: str, after: str) -> list[int]:
    """Tokens of `forced` as they are cut between what stands before and behind it; none where a token reaches
    across its beginning, and up to the one that reaches across its end.
    """
    encoding = codec.tokenizer.encode(before + forced + after, add_special_tokens=False)
    start, end = len(before), len(before) + len(forced)
    inside = [
        (token, span)
        for token, span in zip(encoding.ids, encoding.offsets, strict=True)
        if span[1] > start and span[0] < end
    ]
    if not inside or inside[0][1][0] < start:
        return []
    return [token for token, span in inside if span[1] <= end]


@lru_cache(maxsize=8)
def has_number_tokens(codec: TextCodec) -> bool:
    """Whether a bin is always one token, so that a number is complete with it."""
    before = f"{FIRST_BOX}a,"
    return all(len(tokens_behind(codec, before, str(n), ",")) == 1 for n in (5, 47, 128, 500, 999))


def _rest_of_label(begun: str, labels: Sequence[str]) -> str:
    """What completes a class name that begins like an expected one, or that an expected one ends ("red" where
    mugs are asked for).
    """
    for label in labels:
        if label.startswith(begun):
            return label[len(begun) :] + ","
    return f" {labels[0]}," if labels and begun[-1:].isalnum() and begun.split()[-1] not in labels[0] else ""
