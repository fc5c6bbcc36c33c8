"""A recorded case as the inputs of any backend, and the recorded prompt run through it.

In: the arrays of a case, a backend. Out: model inputs, logits, greedy tokens. It compares nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from n3d_ros.engines.parity.inputs import LAYOUT, grid_of
from n3d_ros.engines.parity.report import Record
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.pictures import patch_rows
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.backends.positions import prompt_positions
from n3d_ros.runtime.decoding.sampling import penalised


def model_inputs(record: Record) -> ModelInputs:
    """The recorded patch rows and coordinates; rows of a thinned-out recording come from its picture."""
    rows = (
        record["pixel_values"] if "pixel_values" in record else patch_rows(record["image_bicubic"], LAYOUT)[0]
    )
    some = Intrinsics(1.0, 1.0, 0.0, 0.0, 2, 2)
    return ModelInputs(
        rows, grid_of(record), record["coords_rounded"], SceneScale(1.0, (0.0, 0.0, 0.0)), some, 1.0
    )


def positions_of(record: Record, image_token: int) -> np.ndarray:
    """(3, L) positions of the recorded prompt by our own rule."""
    ids = record["input_ids"][0]
    start, count = int(np.argmax(ids == image_token)), int((ids == image_token).sum())
    height, width = grid_of(record)
    merged = (height // LAYOUT.merge_size, width // LAYOUT.merge_size)
    return prompt_positions(start, merged, len(ids) - start - count)


def run_prompt(backend: AnyBackend, record: Record, tokens: np.ndarray) -> tuple[Any, np.ndarray]:
    """The recorded prompt with the picture's `tokens`: its cache and all logits (L, vocab)."""
    ids = record["input_ids"][0]
    rows = backend.embed(ids.tolist())
    rows[ids == backend.config.image_token_id] = tokens
    cache = backend.new_cache(len(rows) + len(record["greedy_ids"]) + 1)
    positions = positions_of(record, backend.config.image_token_id)
    return cache, backend.forward(cache, rows, positions, np.arange(len(rows)))


def greedy(
    backend: AnyBackend, cache: Any, record: Record, logits: np.ndarray, penalty: float, count: int
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """`count` tokens with the end token forbidden: ids, raw logits of each step, lead of the best token."""
    seen = record["input_ids"][0].tolist()
    position = int(positions_of(record, backend.config.image_token_id).max()) + 1
    ids: list[int] = []
    steps, margins = [], []
    for step in range(count):
        scores = penalised(logits, [*seen, *ids], penalty).copy()
        scores[list(backend.config.stop_token_ids)] = -np.inf
        second, first = np.sort(scores)[-2:]
        ids.append(int(scores.argmax()))
        steps.append(logits)
        margins.append(first - second)
        here = np.full((3, 1), position + step, dtype=np.int64)
        logits = backend.forward(cache, backend.embed(ids[-1:]), here, np.zeros(1, dtype=np.int64))[0]
    return ids, np.array(steps), np.array(margins)
