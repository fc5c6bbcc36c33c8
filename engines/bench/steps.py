"""What one pass of the decoder costs, by how many tokens it takes: the backend alone, without pipeline or
text.

In: loaded backends. Out: milliseconds per pass, interleaved between the backends so that a busy moment hits
all of them. What the tokens say does not matter for their cost, so they are drawn at random.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.runtime.backends.base import AnyBackend

# Tokens a pass: one for plain decoding, more for forced and drafted tokens.
PASS_LENGTHS = (1, 2, 4, 8)


@dataclass(frozen=True)
class StepSample:
    """One pass: `num_tokens` new ones after `context` cached ones; `cpu_ms` of processor time."""

    system: str
    num_tokens: int
    context: int
    ms: float
    cpu_ms: float


def step_samples(
    backends: dict[str, AnyBackend], context: int, repetitions: int, seed: int = 0
) -> Iterator[StepSample]:
    """`repetitions` passes of every length on every backend, taking turns. The first pass of each is not
    counted.
    """
    steppers = {name: _Stepper(backend, context, seed) for name, backend in backends.items()}
    for repetition in range(repetitions + 1):
        for num_tokens in PASS_LENGTHS:
            for name, stepper in steppers.items():
                ms, cpu_ms = stepper.run(num_tokens)
                if repetition:
                    yield StepSample(name, num_tokens, context, ms, cpu_ms)


class _Stepper:
    """A backend with `context` random tokens in its cache."""

    def __init__(self, backend: AnyBackend, context: int, seed: int) -> None:
        self._backend, self._context = backend, context
        self._ids: Sequence[int] = (
            np.random.default_rng(seed)
            .integers(0, backend.config.text.vocab, context + max(PASS_LENGTHS))
            .tolist()
        )
        self._cache = backend.new_cache(context + max(PASS_LENGTHS))
        self._forward(0, context)

    def run(self, num_tokens: int) -> tuple[float, float]:
        """Milliseconds of one pass, from token ids to the most likely next token of each: on the clock, and
        of processor time.
        """
        self._cache.truncate(self._context)
        began, cpu_began = time.perf_counter(), time.process_time()
        self._forward(self._context, num_tokens)
        return (time.perf_counter() - began) * 1e3, (time.process_time() - cpu_began) * 1e3

    def _forward(self, start: int, count: int) -> None:
        positions = np.tile(np.arange(start, start + count, dtype=np.int64), (3, 1))
        embeds = self._backend.embed(self._ids[start : start + count])
        logits = self._backend.forward(self._cache, embeds, positions, np.arange(count, dtype=np.int64))
        logits.argmax(axis=1)
