"""The decode loop: run the prompt's new tokens, then what a drafter guesses, until the model stops.

In: a backend, a cache that may already hold the beginning of the prompt, the rows still to run. Out: tokens
and the text, streamed on the way, with their probabilities for whoever listens to those. Guessed tokens ride
along with a pass; those that the model would have written are kept, so the reply is the same with and without
a drafter. It does not know boxes, prompts or pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from n3d_ros.runtime.backends.base import Backend, CacheT, Rows
from n3d_ros.runtime.decoding.drafting import LONGEST_GUESS, Drafter
from n3d_ros.runtime.decoding.sampling import Sampler, softmax_of
from n3d_ros.runtime.decoding.text import TextStream
from n3d_ros.runtime.types import SILENT, Listener

STOPPED, FULL, CANCELED = "stopped", "full", "canceled"

OnToken = Callable[[str, float], None]
Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PromptRows:
    """What is left of a prompt to run: embeds (T, hidden) and positions (3, T). `next_position`: of the first
    new token.
    """

    embeds: Rows
    positions: npt.NDArray[np.int64]
    next_position: int


@dataclass(frozen=True)
class Generation:
    """One reply. `finish`: 'stopped' by the model, 'full' at the token limit, or 'canceled'.

    `token_ids` are without the stop token. `prefill_ms` is the prompt's pass, `decode_ms` everything after
    it. Of `num_drafted` guessed tokens `num_accepted` were written.
    """

    token_ids: tuple[int, ...]
    text: str
    finish: str
    prefill_ms: float
    decode_ms: float
    num_forward_passes: int
    num_drafted: int = 0
    num_accepted: int = 0


class Constraint(Protocol):
    """What may be written, one per reply."""

    def masked(self, logits: Logits) -> Logits:
        """(vocab,) logits with -inf for every token that must not follow."""
        ...

    def advance(self, token: int) -> None:
        """Note that `token` was written."""
        ...


def generate(
    backend: Backend[CacheT],
    cache: CacheT,
    prompt: PromptRows,
    *,
    stream: TextStream,
    stop_ids: Collection[int],
    max_tokens: int,
    sampler: Sampler | None = None,
    drafter: Drafter | None = None,
    constraint: Constraint | None = None,
    on_token: OnToken | None = None,
    listener: Listener = SILENT,
) -> Generation:
    """Write up to `max_tokens` tokens. Greedy without a sampler.

    on_token(text, probability): the text that each token adds, empty while a character is incomplete; once
    more at the end if text was held back. `listener.on_text` hears the same text alone, which spares a
    softmax a token where on_token is None; its `on_box` is not called here.
    """
    cancel = listener.should_cancel or _never
    reply = _Reply(stream, sampler or Sampler(), constraint, on_token, listener.on_text)
    passes = _Passes(backend, cache, prompt, drafter)
    if cancel():
        return reply.end(CANCELED, passes)
    while True:
        guess = passes.guess(reply, max_tokens - len(reply.ids) - 1)
        finish, num_held = _verify(reply, passes.run(guess), guess, stop_ids, max_tokens, cancel)
        passes.keep(num_held, reply)
        if finish:
            return reply.end(finish, passes)


def _verify(
    reply: _Reply,
    logits: Logits,
    guess: Sequence[int],
    stop_ids: Collection[int],
    max_tokens: int,
    cancel: Callable[[], bool],
) -> tuple[str, int]:
    """Write the tokens of one pass: row i of `logits` follows guess[:i]. (Why the reply ends or '', number of
    guessed tokens that held.)
    """
    for num_held, row in enumerate(logits):
        token = reply.pick(row)
        if token in stop_ids:
            return STOPPED, num_held
        reply.add(token, row)
        held = num_held < len(guess) and token == guess[num_held]
        if len(reply.ids) >= max_tokens:
            return FULL, num_held + held
        if cancel():
            return CANCELED, num_held + held
        if not held:
            break
    return "", num_held


class _Passes:
    """The forward passes of one reply: what is fed next, and how many there were."""

    def __init__(
        self, backend: Backend[CacheT], cache: CacheT, prompt: PromptRows, drafter: Drafter | None
    ) -> None:
        self._backend, self._cache, self._drafter = backend, cache, drafter
        self._prompt, self._last = prompt, -1
        self._next_position = prompt.next_position
        self._num_kept = 0
        self.began = self.prefilled = time.perf_counter()
        self.num_forward, self.num_drafted, self.num_accepted = 0, 0, 0

    def guess(self, reply: _Reply, room: int) -> list[int]:
        """What the drafter expects."""
        if self._drafter is None or room <= 0:
            return []
        room = min(room, LONGEST_GUESS)
        return list(self._drafter.draft(reply.ids, reply.text, room))[:room]

    def run(self, guess: Sequence[int]) -> Logits:
        """(1 + guess, vocab) logits of what waits to be fed and of the guessed tokens behind it."""
        embeds, positions = self._prompt_and(guess) if self.num_forward == 0 else self._last_and(guess)
        num_new = len(embeds) - len(guess)
        self._num_kept = self._cache.length + num_new
        rows = np.arange(num_new - 1, num_new + len(guess))
        logits = self._backend.forward(self._cache, embeds, positions, rows)
        self.num_forward, self.num_drafted = self.num_forward + 1, self.num_drafted + len(guess)
        if self.num_forward == 1:
            self.prefilled = time.perf_counter()
        return logits

    def _prompt_and(self, guess: Sequence[int]) -> tuple[Rows, npt.NDArray[np.int64]]:
        """Rows and positions of the first pass."""
        embeds, positions = self._prompt.embeds, self._prompt.positions
        if not guess:
            return embeds, positions
        behind = _text_positions(self._next_position, len(guess))
        embeds = np.concatenate([embeds, self._backend.embed(guess)])
        return embeds, np.concatenate([positions, behind], axis=1)

    def _last_and(self, guess: Sequence[int]) -> tuple[Rows, npt.NDArray[np.int64]]:
        """The same of every other pass, which begins with the last token written."""
        ids = [self._last, *guess]
        return self._backend.embed(ids), _text_positions(self._next_position - 1, len(ids))

    def keep(self, num_held: int, reply: _Reply) -> None:
        """Forget guesses that did not hold; the last token written is fed next."""
        self._cache.truncate(self._num_kept + num_held)
        self.num_accepted += num_held
        if reply.ids:
            self._last = reply.ids[-1]
            self._next_position = self._prompt.next_position + len(reply.ids)


class _Reply:
    """The reply so far."""

    def __init__(
        self,
        stream: TextStream,
        sampler: Sampler,
        constraint: Constraint | None,
        on_token: OnToken | None,
        on_text: Callable[[str], None] | None,
    ) -> None:
        self.ids: list[int] = []
        self.text = ""
        self._probability = 0.0
        self._stream, self._on_token, self._on_text = stream, on_token, on_text
        self._sampler, self._constraint = sampler, constraint

    def pick(self, logits: Logits) -> int:
        """The next token."""
        return self._sampler.pick(logits if self._constraint is None else self._constraint.masked(logits))

    def add(self, token: int, logits: Logits) -> None:
        """Write a token that was picked from `logits`; its probability is that of the model's own softmax."""
        self.ids.append(token)
        if self._constraint is not None:
            self._constraint.advance(token)
        if self._on_token is not None:
            self._probability = softmax_of(logits, token)
        self._say(self._stream.push(token))

    def end(self, finish: str, passes: _Passes) -> Generation:
        rest = self._stream.finish()
        if rest:
            self._say(rest)
        now = time.perf_counter()
        return Generation(
            token_ids=tuple(self.ids),
            text=self.text,
            finish=finish,
            prefill_ms=(passes.prefilled - passes.began) * 1e3,
            decode_ms=(now - passes.prefilled) * 1e3,
            num_forward_passes=passes.num_forward,
            num_drafted=passes.num_drafted,
            num_accepted=passes.num_accepted,
        )

    def _say(self, chunk: str) -> None:
        self.text += chunk
        if self._on_token is not None:
            self._on_token(chunk, self._probability)
        if self._on_text is not None and chunk:
            self._on_text(chunk)


def _text_positions(first: int, count: int) -> npt.NDArray[np.int64]:
    """(3, T): text goes on along all three axes."""
    return np.tile(np.arange(first, first + count, dtype=np.int64), (3, 1))


def _never() -> bool:
    return False
