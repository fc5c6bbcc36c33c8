"""Which kinds of things a model has words for.

In: its tokenizer, kinds of the simulator. Out: those that it can be asked for, one and several of them. A
word that a tokenizer knows need not have been taught; one that it does not know cannot be asked for.
"""

from collections.abc import Sequence
from pathlib import Path

from n3d_ros.training.qa.making.wordings import KnownWords
from n3d_ros.training.questions import plural


def nameable(tokenizer: Path, kinds: Sequence[str]) -> tuple[str, ...]:
    """Those of `kinds` whose word and plural the tokenizer knows, in their order."""
    words = KnownWords(tokenizer)
    # with the blank that stands before a word in a prompt
    return tuple(kind for kind in kinds if not words.lacking(f"the {kind} {plural(kind)}", ()))
