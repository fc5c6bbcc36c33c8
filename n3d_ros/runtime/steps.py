"""Which ways of saving forward passes are on, and who drafts what.

In: the switches, and per reply what is known about it. Out: a `Guide`. All but the strict grammar leave a
reply as it is; that one can change it, and is off unless asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from n3d_ros.protocol.box_text import BOX_NAME
from n3d_ros.protocol.prompts import IMAGE_MARKER
from n3d_ros.runtime.decoding.box_drafts import BoxDrafter
from n3d_ros.runtime.decoding.drafting import LONGEST_GUESS, Drafter, TextDrafter
from n3d_ros.runtime.decoding.generate import Constraint
from n3d_ros.runtime.decoding.grammar import Begun, BoxGrammar, StrictGrammar
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.decoding.trust import COPIED, EXPECTED, TrustedDrafter
from n3d_ros.spatial import Query

GRAMMARS = ("off", "strict")
SENTENCE = re.compile(rf"[.?!]|{IMAGE_MARKER}")
ARTICLE = re.compile(r"^(?:the|an|a)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Guide:
    """What goes with one reply: who guesses its tokens, what it may hold."""

    drafter: Drafter | None = None
    constraint: Constraint | None = None


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
    longest_draft: int = LONGEST_GUESS

    def __post_init__(self) -> None:
        if self.grammar not in GRAMMARS:
            raise ValueError(f"grammar: expected one of {', '.join(GRAMMARS)}, got {self.grammar!r}")
        if not 1 <= self.longest_draft <= LONGEST_GUESS:
            raise ValueError(f"longest_draft: expected 1 to {LONGEST_GUESS}, got {self.longest_draft}")

    def for_boxes(
        self,
        codec: TextCodec,
        words: str,
        stop_ids: Collection[int],
        query: Query | None = None,
        must_find: bool = False,
    ) -> Guide:
        """For a first stage about `words`, which ask `query` where they are a spatial question. must_find:
        the reply begins with a box, whatever the model thinks.
        """
        boxes = BoxDrafter(codec, expected_labels(words, query))
        drafter = TrustedDrafter(boxes, EXPECTED) if self.jump_forward else None
        strict = self.grammar == "strict"
        constraint = StrictGrammar(_grammar(codec, frozenset(stop_ids))) if strict else None
        return Guide(drafter, Begun(codec.encode(BOX_NAME)[0], constraint) if must_find else constraint)

    def for_answer(self, codec: TextCodec, prompt: str, likely: str) -> Guide:
        """For a second stage that answers `prompt`; `likely` is its expected text, '' if none."""
        if not self.trace_drafts:
            return Guide()
        drafter = TextDrafter(codec.encode(likely), codec.encode(prompt), codec.kind)
        return Guide(TrustedDrafter(drafter, EXPECTED if likely else COPIED, self.longest_draft))


LOSSLESS = Steps()


@lru_cache(maxsize=4)
def _grammar(codec: TextCodec, stop_ids: frozenset[int]) -> BoxGrammar:
    """Compiled once per tokenizer."""
    return BoxGrammar(codec, stop_ids)


def expected_labels(words: str, query: Query | None = None) -> tuple[str, ...]:
    """The class names that a request fixes: a question's objects, or the words, where they are a name."""
    if query is not None:
        return query.names
    name = ARTICLE.sub("", " ".join(words.split()))
    return (name,) if name and not SENTENCE.search(name) else ()
