"""One token from one row of logits: the most likely, or drawn by temperature, top-k and top-p.

In: (vocab,) float32 logits. Out: a token id and its probability under the unchanged model. Order of the
filters as in the release: temperature, top-k, top-p (spec 6.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Sampling:
    """temperature 0 takes the most likely token; top_k 0 and top_p 1 switch these filters off. Same seed,
    same text.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature: expected a number >= 0, got {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k: expected >= 0, got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: expected a number above 0 and at most 1, got {self.top_p}")


GREEDY = Sampling()
RELEASED = Sampling(temperature=0.6, top_k=10, top_p=0.95)


class Sampler:
    """Draws tokens; holds the random state of one reply."""

    def __init__(self, sampling: Sampling = GREEDY) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def pick(self, logits: npt.NDArray[np.float32]) -> tuple[int, float]:
        """(token id, its probability 0..1 by the model's own softmax)."""
        token = int(logits.argmax()) if self._sampling.temperature == 0 else self._draw(logits)
        top = float(logits.max())
        return token, math.exp(float(logits[token]) - top) / float(np.exp(logits - top).sum())

    def _draw(self, logits: npt.NDArray[np.float32]) -> int:
        probability = probabilities(logits, self._sampling)
        return int(self._random.choice(len(probability), p=probability))


def probabilities(logits: npt.NDArray[np.float32], sampling: Sampling) -> npt.NDArray[np.float64]:
    """(vocab,) what a token is drawn from, summing to 1. Temperature must be above 0."""
    order = np.argsort(-logits, kind="stable")[: sampling.top_k or None]
    scaled = logits[order].astype(np.float64) / sampling.temperature
    kept = np.exp(scaled - scaled[0])
    kept /= kept.sum()
    kept[np.cumsum(kept) - kept >= sampling.top_p] = 0.0
    result = np.zeros(len(logits))
    result[order] = kept / kept.sum()
    return result
