"""Between text and token ids: encoding, words the tokenizer does not know, and text as it grows token by
token.

In: a `tokenizer.json`. Out: ids, text, names of unknown words. It does not know prompts or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.errors import ModelFolderError
from n3d_ros.plain_text import one_line

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = "<unk>"
# What PyO3 makes of a panic in Rust: no Exception, and in no module that could be imported.
# https://pyo3.rs/main/doc/pyo3/panic/struct.panicexception
RUST_PANIC = "PanicException"
AROUND_WORDS = ".,;:?!'\"()"
# What decoding gives for the first bytes of a character whose last bytes are still to come.
HALF_A_CHARACTER = "\ufffd"


NUMBER, WORD, MARK = 0, 1, 2


class TextCodec:
    """A tokenizer file, opened."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        if not path.is_file():
            raise ModelFolderError(f"{path}: expected a tokenizer file, found none")
        try:
            self.tokenizer: Tokenizer = Tokenizer.from_file(str(path))
            self.tokenizer.decode(self.tokenizer.encode("a word").ids)  # some damage shows only in use
        except BaseException as error:  # the library raises plain Exception, nothing narrower, or panics
            if not isinstance(error, Exception) and type(error).__name__ != RUST_PANIC:
                raise
            reason = one_line(str(error), 300)
            raise ModelFolderError(f"{path}: expected a tokenizer file, got {reason}") from error
        self._path = path
        self.unknown_id: int | None = self.tokenizer.token_to_id(UNKNOWN)
        self._kinds: dict[int, int] = {}

    def check_fits(self, vocab_size: int) -> None:
        """ModelFolderError where it gives ids that a model of `vocab_size` tokens does not have."""
        largest = max(self.tokenizer.get_vocab().values(), default=0)
        if largest >= vocab_size:
            raise ModelFolderError(
                f"{self._path}: expected ids below the model's vocab_size {vocab_size}, got {largest}; it is "
                "another model's tokenizer"
            )

    def encode(self, text: str) -> list[int]:
        """Ids of a text that brings its own special tokens."""
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def kind(self, id: int) -> int:
        """Whether a token holds a digit (NUMBER), else a letter (WORD), else neither (MARK)."""
        if id not in self._kinds:
            text = self.decode([id])
            has_letter = any(character.isalpha() for character in text)
            has_digit = any(character.isdigit() for character in text)
            self._kinds[id] = NUMBER if has_digit else WORD if has_letter else MARK
        return self._kinds[id]

    def unknown_words(self, text: str) -> list[str]:
        """The words of `text`, whole, in which the tokenizer knows some part not; each once, in order."""
        if self.unknown_id is None:
            return []
        encoding = self.tokenizer.encode(text, add_special_tokens=False)
        holes = [
            span for id, span in zip(encoding.ids, encoding.offsets, strict=True) if id == self.unknown_id
        ]
        words = (
            match.group().strip(AROUND_WORDS) or match.group()
            for match in re.finditer(r"\S+", text)
            if any(start < match.end() and match.start() < end for start, end in holes)
        )
        return list(dict.fromkeys(words))

    def known_spelling(self, text: str) -> str:
        """`text` with those words in small letters that the tokenizer knows only so ("Red Mug")."""
        for word in self.unknown_words(text):
            if not self.unknown_words(" " + word.lower()):
                text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", word.lower(), text)
        return text


class TextStream:
    """Text of a growing list of ids; the chunks of all `push` calls and `finish` joined are the decoded
    whole.
    """

    def __init__(self, codec: TextCodec) -> None:
        self._codec = codec
        self._ids: list[int] = []
        self._shown_from = 0
        self._shown_to = 0

    def push(self, token_id: int) -> str:
        """What this token adds to the text; empty while a character is incomplete.

        Only the last few tokens are decoded again: what a token adds can depend on the one before (blanks,
        joined bytes).
        """
        self._ids.append(token_id)
        chunk = self._chunk()
        if not chunk or chunk.endswith(HALF_A_CHARACTER):
            return ""
        self._shown_from, self._shown_to = self._shown_to, len(self._ids)
        return chunk

    def finish(self) -> str:
        """What was held back, incomplete or not."""
        return self._chunk()

    def _chunk(self) -> str:
        shown = _text_of(self._codec, tuple(self._ids[self._shown_from : self._shown_to]))
        return _text_of(self._codec, tuple(self._ids[self._shown_from :]))[len(shown) :]


@lru_cache(maxsize=1 << 14)
def _text_of(codec: TextCodec, ids: tuple[int, ...]) -> str:
    """A token or two, decoded once: replies repeat digits, commas and words."""
    return codec.decode(ids)
