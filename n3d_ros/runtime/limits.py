"""How much text a caller or a model may bring: beyond it nothing is asked, logged or published.

In: words, and how long they may be. Out: nothing, or BadInputError that names the limit and shows the start.
It does not know what the words mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from n3d_ros.errors import BadInputError
from n3d_ros.plain_text import CONTROLS, LINE_BREAKS, shown
from n3d_ros.protocol.box_text import MAX_LABEL_CHARS

# How a user raises the limit.
MAX_WORDS_OPTION = "--max-words, limits.max_words_chars of the node"


@dataclass(frozen=True)
class Limits:
    """max_words_chars: of words or a question (the release's longest question has 460). max_label_chars: of
    a class name that the model writes; a box with a longer one counts as malformed.
    """

    max_words_chars: int = 2000
    max_label_chars: int = MAX_LABEL_CHARS

    def __post_init__(self) -> None:
        for name in ("max_words_chars", "max_label_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"limits: {name} must be positive, got {getattr(self, name)}")


DEFAULT = Limits()


def check_words(words: str, limits: Limits = DEFAULT) -> None:
    """BadInputError for words that are too long or hold control characters other than line breaks."""
    if len(words) > limits.max_words_chars:
        raise BadInputError(
            f"words: expected at most {limits.max_words_chars} characters ({MAX_WORDS_OPTION}), "
            f"got {shown(words)}"
        )
    strange = CONTROLS.search(LINE_BREAKS.sub(" ", words))
    if strange:
        raise BadInputError(f"words: expected text, got the control character {strange.group()!r}")
