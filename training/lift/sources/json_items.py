"""A JSON file of any size -> its top-level values, items of lists one by one.

In: a path of a file that holds one object. Out: (key, item) pairs in the file's order, parsed, at constant
memory: COCO's train2017 is 450 MB and ten times that as Python objects. It does not know what the items mean.
Each item is parsed by `json`, this file only finds where it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

CHUNK_CHARS = 1 << 20
# The longest mask of COCO has 0.2 MB. An item that goes on beyond is a file that was never closed.
MAX_ITEM_CHARS = 1 << 26
BLANKS = " \t\r\n"


class JsonItemsError(ValueError):
    """Why the file cannot be read on; the message says what was expected, what came and where."""


def json_items(path: Path) -> Iterator[tuple[str, Any]]:
    """(key, item) for each item of a list, (key, value) for another value. OSError, JsonItemsError."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            yield from _Reader(stream, path).pairs()
    except UnicodeDecodeError as error:
        raise JsonItemsError(f"'{path}': expected UTF-8 text, got {error}") from error


class _Reader:
    """A window on the text that moves on as values are taken."""

    def __init__(self, stream: IO[str], path: Path) -> None:
        self._stream, self._path = stream, path
        self._text, self._at, self._before = "", 0, 0
        self._decoder = json.JSONDecoder()

    def pairs(self) -> Iterator[tuple[str, Any]]:
        self._expect("{")
        if self._peek() == "}":
            return
        while True:
            key = self._value()
            self._expect(":")
            if self._peek() == "[":
                yield from ((key, item) for item in self._items())
            else:
                yield key, self._value()
            if self._expect(",}") == "}":
                return

    def _items(self) -> Iterator[Any]:
        self._expect("[")
        if self._peek() == "]":
            self._expect("]")
            return
        while True:
            yield self._value()
            if self._expect(",]") == "]":
                return

    def _value(self) -> Any:
        """The value that begins here. More is read until it parses and something stands behind it."""
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise self._error("values nested too deep") from error
            except ValueError as error:
                if not self._more():
                    raise self._error(str(error)) from error
                continue
            if end < len(self._text) or not self._more():  # else a number may go on
                self._at = end
                return value

    def _peek(self) -> str:
        """The next character that is no blank; '' at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in BLANKS:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _expect(self, characters: str) -> str:
        found = self._peek()
        if not found or found not in characters:
            raise self._error(f"expected one of {characters!r}, got {found or 'the end of the file'!r}")
        self._at += 1
        return found

    def _more(self) -> bool:
        """Drop what was taken, read as much again as there is; False at the end of the file."""
        self._before += self._at
        self._text, self._at = self._text[self._at :], 0
        if len(self._text) > MAX_ITEM_CHARS:
            raise self._error(f"an item of more than {MAX_ITEM_CHARS} characters")
        read = self._stream.read(max(CHUNK_CHARS, len(self._text)))  # doubling: a long item stays linear
        self._text += read
        return bool(read)

    def _error(self, what: str) -> JsonItemsError:
        return JsonItemsError(
            f"'{self._path}': expected a JSON object of lists, {what} (character {self._before + self._at})"
        )
