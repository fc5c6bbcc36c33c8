"""The wordings that a model can read: one whose tokenizer lacks a word refuses the question.

In: a model's `tokenizer.json`; wordings with their slots, texts. Out: those wordings whose words it has, and
the words of a text that it lacks. It does not know what wordings mean; what things are called is left to the
set.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.training.run_folder import checksum

TOKENIZER = "tokenizer.json"
_SLOT = re.compile(r"\{\w+\}")
# In the place of a name: every model that writes boxes has digits.
_STAND_IN = "0"


@dataclass(frozen=True)
class KnownWords:
    """Of the model whose tokenizer this is."""

    tokenizer: Path

    @classmethod
    def of_model(cls, folder: Path) -> KnownWords:
        """ModelFolderError for a folder without tokenizer, or with a damaged one."""
        _codec(folder / TOKENIZER)
        return cls(folder / TOKENIZER)

    @property
    def sha256(self) -> str:
        """Of the tokenizer, which decides everything."""
        return checksum(self.tokenizer)

    def among(self, wordings: Sequence[str]) -> tuple[str, ...]:
        """Those that it can read, whatever stands in their slots."""
        return _among(self.tokenizer, tuple(wordings))

    def lacking(self, text: str, names: Collection[str]) -> list[str]:
        """The words that it lacks, in any capitals, apart from those in `names` (small letters)."""
        words = _unknown(self.tokenizer, text)
        return [word for word in words if word.casefold().removesuffix("'s") not in names]


@lru_cache(maxsize=4096)
def _among(tokenizer: Path, wordings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in wordings if not _unknown(tokenizer, _SLOT.sub(_STAND_IN, one)))


def _unknown(tokenizer: Path, text: str) -> list[str]:
    codec = _codec(tokenizer)
    return codec.unknown_words(codec.known_spelling(text))


@lru_cache(maxsize=2)
def _codec(tokenizer: Path) -> TextCodec:
    return TextCodec(tokenizer)
