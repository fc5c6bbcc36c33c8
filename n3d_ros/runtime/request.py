"""What a caller asks the pipeline for, checked: words that the model knows, limits, callbacks.

In: text and callbacks. Out: a `Request`, known text, prompts; `BadInputError` for what cannot be asked. It
does not know models or pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from n3d_ros.errors import BadInputError
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.protocol.prompts import MARKERS
from n3d_ros.runtime.decoding.text import TextCodec
from n3d_ros.runtime.types import GroundedObject, GroundResult, Listener


@dataclass(frozen=True)
class Request:
    """What a caller asked for and who hears of it; `began` starts its clock."""

    words: str
    listener: Listener
    max_tokens: int
    began: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise BadInputError(f"max_tokens: expected a positive number, got {self.max_tokens}")

    def without_text(self) -> Request:
        """The same, but nobody hears of the text."""
        return replace(self, listener=replace(self.listener, on_text=None))

    def tell(self, objects: Sequence[GroundedObject]) -> None:
        """Who listens to boxes hears of these."""
        for thing in objects:
            if self.listener.on_box is not None:
                self.listener.on_box(thing)


class Stop:
    """A listener's `should_cancel`. was_told: whether it said so to anybody, who then left something out."""

    def __init__(self, should_cancel: Callable[[], bool] | None) -> None:
        self._should_cancel = should_cancel
        self.was_told = False

    def __call__(self) -> bool:
        """Once it says so it goes on to."""
        self.was_told = self.was_told or (self._should_cancel is not None and self._should_cancel())
        return self.was_told


def known_text(codec: TextCodec, text: str) -> str:
    """`text` as the tokenizer knows it; BadInputError naming the words that it does not know.

    A tokenizer that knows every byte gets the text as it is (rule R5).
    """
    if codec.unknown_id is None:
        return text
    pieces = MARKERS.split(" ".join(text.split()))
    pieces[::2] = [codec.known_spelling(piece) for piece in pieces[::2]]
    unknown = [word for piece in pieces[::2] for word in codec.unknown_words(piece)]
    if unknown:
        raise BadInputError(f"expected words that this model knows, got {', '.join(map(repr, unknown))}")
    return "".join(pieces)


def checked(make: Callable[[], str]) -> str:
    """A prompt; what the prompts refuse is bad input."""
    try:
        return make()
    except ValueError as error:
        raise BadInputError(str(error)) from error


def check_same_observation(ground: GroundResult, observation: Observation) -> None:
    """BadInputError where an earlier result is about another instant or camera."""
    expected, got = (observation.stamp_ns, observation.frame_id), (ground.stamp_ns, ground.frame_id)
    if expected != got:
        raise BadInputError(
            f"ground: expected a result about the observation of {expected[0]} ns in {expected[1]!r}, "
            f"got one of {got[0]} ns in {got[1]!r}"
        )
