"""One token from one row of logits: the most likely, or drawn by temperature, top-k and top-p.

In: (vocab,) float32 logits, the ids seen so far. Out: a token id; asked for apart, since it costs a pass over
the vocabulary, the token's probability under the unchanged model. Order of the filters as in the release:
repetition penalty, temperature, top-k, top-p (docs/specification/prompts.md 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from n3d_ros.model_folder.fields import Fields, read_fields


@dataclass(frozen=True)
class Sampling:
    """temperature 0 takes the most likely token; top_k 0, top_p 1 and repetition_penalty 1 switch these
    filters off. Same seed, same text. The penalty makes tokens of the prompt and the reply less likely.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ValueError(f"temperature: expected a number >= 0, got {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k: expected >= 0, got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: expected a number above 0 and at most 1, got {self.top_p}")
        if not (math.isfinite(self.repetition_penalty) and self.repetition_penalty > 0):
            raise ValueError(f"repetition_penalty: expected a number > 0, got {self.repetition_penalty}")


GREEDY = Sampling()
# What the release passes to `generate`; everything else comes from the checkpoint's own settings.
RELEASED = Sampling(temperature=0.6, top_k=10, top_p=0.95)

SAMPLINGS = {"greedy": GREEDY, "upstream": RELEASED}


def sampling_for(name: str, model_dir: Path, seed: int = 0) -> Sampling:
    """A named sampling with the repetition penalty of the folder's generation_config.json, where it has one.

    transformers applies that penalty whether it draws or takes the most likely token, and so do we.
    ValueError for an unknown name, ModelFolderError for a penalty that is no positive number.
    """
    if name not in SAMPLINGS:
        raise ValueError(f"sampling: expected one of {tuple(SAMPLINGS)}, got {name!r}")
    path = model_dir / "generation_config.json"
    settings = read_fields(path) if path.is_file() else Fields({}, str(path))
    said = settings.get("repetition_penalty", None) is not None
    penalty = settings.number("repetition_penalty") if said else 1.0
    return replace(SAMPLINGS[name], seed=seed, repetition_penalty=penalty)


class Sampler:
    """Draws the tokens of one reply; holds its random state and which tokens it and the prompt hold."""

    def __init__(self, sampling: Sampling = GREEDY, prompt: Iterable[int] = ()) -> None:
        self._sampling = sampling
        self._random = np.random.default_rng(sampling.seed)
        self._penalises = sampling.repetition_penalty != 1
        self._seen = np.unique(np.array(list(prompt) if self._penalises else [], dtype=np.int64))

    def pick(self, logits: npt.NDArray[np.float32]) -> int:
        """A token id; it counts as seen from here."""
        scores = penalised(logits, self._seen, self._sampling.repetition_penalty)
        token = int(scores.argmax()) if self._sampling.temperature == 0 else self._draw(scores)
        if self._penalises and token not in self._seen:
            self._seen = np.append(self._seen, token)
        return token

    def _draw(self, scores: npt.NDArray[np.float32]) -> int:
        probability = probabilities(scores, self._sampling)
        possible = np.flatnonzero(probability)  # among few ids a draw is the same, and sooner
        return int(self._random.choice(possible, p=probability[possible]))


def softmax_of(logits: npt.NDArray[np.float32], token: int) -> float:
    """The probability of one token, 0..1, by the model's own softmax over (vocab,) logits."""
    weights = logits - logits.max()
    np.exp(weights, out=weights)
    return float(weights[token]) / float(weights.sum())


def penalised(
    logits: npt.NDArray[np.float32], seen: npt.ArrayLike, penalty: float
) -> npt.NDArray[np.float32]:
    """(vocab,) logits with those of the ids `seen` made less likely, once each; the same array when there is
    nothing to do.
    """
    ids = np.asarray(seen, dtype=np.int64)
    if penalty == 1 or not len(ids):
        return logits
    scores: npt.NDArray[np.float32] = logits.copy()
    old, factor = logits[ids], np.float32(penalty)
    scores[ids] = np.where(old < 0, old * factor, old / factor)
    return scores


def probabilities(scores: npt.NDArray[np.float32], sampling: Sampling) -> npt.NDArray[np.float64]:
    """(vocab,) what a token is drawn from, summing to 1. Temperature must be above 0. Scores that tie with
    the last of the top k stay.
    """
    kept_ids = np.arange(len(scores))
    if 0 < sampling.top_k < len(scores):
        least = np.partition(scores, -sampling.top_k)[-sampling.top_k]
        kept_ids = np.flatnonzero(scores >= least)
    order = kept_ids[np.argsort(-scores[kept_ids], kind="stable")]
    scaled = scores[order].astype(np.float64) / sampling.temperature
    kept = np.exp(scaled - scaled[0])
    kept /= kept.sum()
    kept[np.cumsum(kept) - kept >= sampling.top_p] = 0.0
    result = np.zeros(len(scores))
    result[order] = kept / kept.sum()
    return result
