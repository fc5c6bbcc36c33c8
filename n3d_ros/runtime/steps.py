"""Which ways of saving forward passes are on, and who drafts what.

In: the switches, and per reply what is known about it. Out: a drafter. All but the strict grammar leave a
reply as it is; that one can change it, and is off unless asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from n3d_ros.runtime.box_drafts import BoxDrafter
from n3d_ros.runtime.drafting import Drafter, TextDrafter
from n3d_ros.runtime.text import TextCodec
from n3d_ros.spatial import Query, SpatialAnswer

GRAMMARS = ("off", "strict")
LONGEST_DRAFT = 16
ARTICLE = re.compile(r"^(?:the|an|a)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Steps:
    """jump_forward: guess what the box grammar forces. trace_drafts: guess the reasoning that the calculator
    expects, else copies from the prompt, at most `longest_draft` tokens a pass. frame_reuse: further
    questions on an observation start after its picture. early_start: `Pipeline.start` runs the picture
    before depth arrives. grammar: 'strict' makes malformed boxes impossible.
    """

    jump_forward: bool = True
    trace_drafts: bool = True
    frame_reuse: bool = True
    early_start: bool = True
    grammar: str = "off"
    longest_draft: int = LONGEST_DRAFT

    def __post_init__(self) -> None:
        if self.grammar not in GRAMMARS:
            raise ValueError(f"grammar: expected one of {', '.join(GRAMMARS)}, got {self.grammar!r}")
        if self.longest_draft < 1:
            raise ValueError(f"longest_draft: expected a positive number, got {self.longest_draft}")

    def box_drafter(self, codec: TextCodec, labels: Sequence[str]) -> Drafter | None:
        """For a first stage that is expected to name `labels`."""
        return BoxDrafter(codec, labels) if self.jump_forward else None

    def answer_drafter(self, codec: TextCodec, prompt: str, exact: SpatialAnswer | None) -> Drafter | None:
        """For a second stage that answers `prompt`."""
        if not self.trace_drafts:
            return None
        expected = codec.encode(exact.text) if exact is not None else []
        return TextDrafter(expected, codec.encode(prompt), codec.kind, self.longest_draft)


LOSSLESS = Steps()


def expected_labels(words: str, query: Query | None) -> tuple[str, ...]:
    """The class names that a request fixes: a question's objects, or the words themselves."""
    if query is not None:
        return query.objects
    name = ARTICLE.sub("", " ".join(words.split()))
    return (name,) if name else ()
