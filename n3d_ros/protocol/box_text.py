"""Finds `bbox_<id>=Bbox(<class>,<u>,<v>,<z>,<angle>,<sx>,<sy>,<sz>)` in what a model wrote.

In: text, whole or in chunks. Out: ids, class names and the seven numbers as written, plus everything that
looked like a box and was not one, with the reason. Does not know what the numbers mean; that is `box_codec`.

The release reads the last number up to any later ")" and then loses every box of the text (guard G2). Here
each box is read on its own, so one broken box costs one box. Source: docs/specification/box_text.md 1 to 3.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import pairwise

from n3d_ros.plain_text import shown, without_controls

BOX_NAME, BOX_OPEN = "bbox_", "Bbox("
# How the grammar begins a box, whatever its number.
HEADER = re.compile(r"bbox_\d+=Bbox\(")

_LOOSE_HEADER = re.compile(r"bbox_[^\s=(_]*\s*=\s*Bbox\s*\(")
_BOX = re.compile(r"bbox_(\d+)=Bbox\(([^,]+)((?:,[^,)]+){7})\)")
_SHOWN_CHARS = 120
MAX_INDEX_DIGITS = 9
# Of a class name, the longest of published data sets have about 60; beyond it a model has lost its way.
MAX_LABEL_CHARS = 200


def box_start(number: int) -> str:
    """How the box of that number begins: 'bbox_3=Bbox('."""
    return f"{BOX_NAME}{number}={BOX_OPEN}"


FIRST_BOX = box_start(0)


@dataclass(frozen=True)
class ParsedBox:
    """One well-formed box.

    `values` are the seven finite numbers as written: u, v, z, angle, sx, sy, sz; sizes made positive.
    `span` is where it begins and ends in the text.
    """

    index: int
    label: str
    values: tuple[float, ...]
    span: tuple[int, int] = field(default=(0, 0), compare=False)


@dataclass(frozen=True)
class Malformed:
    """Text that announced a box but does not hold one, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Parsed:
    """Everything `parse` found, in the order of the text."""

    boxes: tuple[ParsedBox, ...]
    malformed: tuple[Malformed, ...]


def parse(text: str, max_label_chars: int = MAX_LABEL_CHARS) -> Parsed:
    """Read every box of a text.

    Never raises: broken boxes are counted in `malformed` and the good ones kept.
    """
    boxes: list[ParsedBox] = []
    malformed: list[Malformed] = []
    for start, end in pairwise(_bounds(text)):
        found = _read(text[start:end], max_label_chars, start)
        if isinstance(found, ParsedBox):
            boxes.append(found)
        else:
            malformed.append(found)
    return Parsed(tuple(boxes), tuple(malformed))


@dataclass
class StreamingParser:
    """Reads a growing text.

    The boxes of all `feed` calls together are those of `parse` on the joined text.
    """

    max_label_chars: int = MAX_LABEL_CHARS
    _rest: str = field(default="", init=False)
    _num_read: int = field(default=0, init=False)

    def feed(self, text_chunk: str) -> list[ParsedBox]:
        """The boxes whose closing parenthesis came with this chunk, in order."""
        self._rest += text_chunk
        self._num_read += len(text_chunk)
        rest_start = self._num_read - len(self._rest)
        boxes: list[ParsedBox] = []
        bounds = _bounds(self._rest)
        for start, end in pairwise(bounds):
            found = _read(self._rest[start:end], self.max_label_chars, rest_start + start)
            if isinstance(found, ParsedBox):
                boxes.append(found)
        self._forget(bounds[:-1])
        return boxes

    def _forget(self, starts: list[int]) -> None:
        """Drop what can no longer become part of a box: all before an open box or half a header."""
        if starts:
            closed = _BOX.match(self._rest, starts[-1])
            self._rest = self._rest[closed.end() if closed else starts[-1] :]
        if not _LOOSE_HEADER.match(self._rest):
            last = self._rest.rfind(BOX_NAME)
            self._rest = self._rest[last:] if last >= 0 else self._rest[-(len(BOX_NAME) - 1) :]


def _bounds(text: str) -> list[int]:
    """Where box headers start, and the end of the text: each box is read up to the next one's header."""
    return [*(match.start() for match in _LOOSE_HEADER.finditer(text)), len(text)]


def _read(segment: str, max_label_chars: int, start: int) -> ParsedBox | Malformed:
    """The box at the start of `segment`, which ends before the next box header. start: of it in the text."""
    match = _BOX.match(segment)
    if match is None:
        return Malformed(_shown(segment), _why_no_match(segment))
    fields = match[3][1:].split(",")
    try:
        values = [float(text) for text in fields]
    except ValueError:
        return Malformed(_shown(match[0]), f"expected seven numbers, got {shown(fields)}")
    if not all(math.isfinite(value) for value in values):
        return Malformed(_shown(match[0]), f"expected finite numbers, got {shown(fields)}")
    if not without_controls(match[2]).strip():
        return Malformed(_shown(match[0]), "expected a class name, got blanks")
    if len(match[1]) > MAX_INDEX_DIGITS:  # Python converts 4,300 digits at most, a message holds 32 bits
        digits = len(match[1])
        return Malformed(
            _shown(match[0]), f"expected a number of {MAX_INDEX_DIGITS} digits, got one of {digits}"
        )
    label = match[2].strip()
    if len(label) > max_label_chars:
        return Malformed(
            _shown(match[0]), f"expected a class name of {max_label_chars} characters, got {len(label)}"
        )
    span = start, start + match.end()
    return ParsedBox(int(match[1]), label, (*values[:4], *map(abs, values[4:])), span)


def _why_no_match(segment: str) -> str:
    if HEADER.match(segment) is None:
        return "expected 'bbox_<number>=Bbox(' without blanks or signs"
    body = segment[segment.index("(") + 1 :]
    closing = body.find(")")
    if closing < 0:
        return "no closing parenthesis: cut off"
    fields = body[:closing].split(",")
    if len(fields) != 8:
        return f"expected a class and 7 numbers, got {len(fields)} fields (a comma in the class counts)"
    return f"expected no empty field, got {shown(fields)}"


def _shown(segment: str) -> str:
    """The broken box for a log line: to its parenthesis if it has one, never a whole paragraph."""
    return without_controls(segment[: segment.find(")") + 1 or len(segment)].strip()[:_SHOWN_CHARS])
