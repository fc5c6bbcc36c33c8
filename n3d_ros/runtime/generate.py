"""The decode loop: run the prompt's new tokens, then one token after the other until the model stops.

In: a backend, a cache that may already hold the beginning of the prompt, the rows still to run. Out: tokens
with their probabilities and the text, streamed on the way. It does not know boxes, prompts or pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from n3d_ros.runtime.backend import Backend, CacheT, Rows
from n3d_ros.runtime.sampling import Sampler
from n3d_ros.runtime.text import TextStream

STOPPED, FULL, CANCELED = "stopped", "full", "canceled"

OnToken = Callable[[str, float], None]
ShouldCancel = Callable[[], bool]


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

    `token_ids` and `probabilities` are of equal length and without the stop token. `prefill_ms` is the
    prompt's pass, `decode_ms` everything after it.
    """

    token_ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    text: str
    finish: str
    prefill_ms: float
    decode_ms: float
    num_forward_passes: int


def generate(
    backend: Backend[CacheT],
    cache: CacheT,
    prompt: PromptRows,
    stream: TextStream,
    stop_ids: Collection[int],
    max_tokens: int,
    sampler: Sampler | None = None,
    on_token: OnToken | None = None,
    should_cancel: ShouldCancel | None = None,
) -> Generation:
    """Write up to `max_tokens` tokens. `should_cancel` is asked before the prompt and between tokens.

    on_token(text, probability): the text that each token adds, empty while a character is incomplete; once
    more at the end if text was held back. Greedy without a sampler.
    """
    sampler, cancel = sampler or Sampler(), should_cancel or _never
    reply = _Reply(stream, on_token or _ignore)
    began = time.perf_counter()
    if cancel():
        return reply.end(CANCELED, began, began)
    logits = reply.count(
        backend.forward(cache, prompt.embeds, prompt.positions, np.array([len(prompt.embeds) - 1]))
    )
    prefilled = time.perf_counter()
    while True:
        token, probability = sampler.pick(logits)
        if token in stop_ids:
            return reply.end(STOPPED, began, prefilled)
        reply.add(token, probability)
        if len(reply.ids) >= max_tokens:
            return reply.end(FULL, began, prefilled)
        if cancel():
            return reply.end(CANCELED, began, prefilled)
        positions = np.full((3, 1), prompt.next_position + len(reply.ids) - 1, dtype=np.int64)
        logits = reply.count(
            backend.forward(cache, backend.embed([token]), positions, np.zeros(1, dtype=np.int64))
        )


class _Reply:
    """The reply so far."""

    def __init__(self, stream: TextStream, on_token: OnToken) -> None:
        self.ids: list[int] = []
        self._probabilities: list[float] = []
        self._pieces: list[str] = []
        self._stream, self._on_token = stream, on_token
        self._num_forward_passes = 0

    def count(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The one row of logits of a forward pass."""
        self._num_forward_passes += 1
        row: npt.NDArray[np.float32] = logits[0]
        return row

    def add(self, token: int, probability: float) -> None:
        self.ids.append(token)
        self._probabilities.append(probability)
        self._pieces.append(self._stream.push(token))
        self._on_token(self._pieces[-1], probability)

    def end(self, finish: str, began: float, prefilled: float) -> Generation:
        rest = self._stream.finish()
        if rest:
            self._pieces.append(rest)
            self._on_token(rest, self._probabilities[-1])
        prefill_ms, decode_ms = (prefilled - began) * 1e3, (time.perf_counter() - prefilled) * 1e3
        return Generation(
            tuple(self.ids),
            tuple(self._probabilities),
            "".join(self._pieces),
            finish,
            prefill_ms,
            decode_ms,
            self._num_forward_passes,
        )


def _never() -> bool:
    return False


def _ignore(_text: str, _probability: float) -> None:
    return None
