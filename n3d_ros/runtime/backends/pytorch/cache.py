"""Keys and values in torch tensors that are allocated once and written in place.

In: new keys and values of one layer at a time, as transformers' attention hands them over. Out: views of
everything seen so far. Two ways to write: `AppendWriter` for any number of tokens, and `StepWriter`, whose
operations never change shape or address, so that a CUDA graph can replay them.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor

from n3d_ros.model_folder.config import TextConfig
from n3d_ros.runtime.backends.base import HeldTokens


class KeyValueStore:
    """Memory for `capacity` tokens: `keys` and `values` (layers, 1, kv heads, capacity, head width).

    `steps` keeps what was recorded for these addresses, by span and width: it lives and goes with them.
    """

    def __init__(self, text: TextConfig, capacity: int, device: torch.device, dtype: torch.dtype) -> None:
        shape = (text.layers, 1, text.kv_heads, capacity, text.head_dim)
        # Zeros: what a mask hides is still multiplied by 0, and 0 * NaN of fresh memory is NaN.
        self.keys, self.values = (torch.zeros(shape, device=device, dtype=dtype) for _ in range(2))
        self.capacity = capacity
        self.steps: dict[tuple[int, int], Any] = {}


class AppendWriter:
    """Writes T tokens behind the first `past` ones and shows attention all past + T of them."""

    def __init__(self, store: KeyValueStore, past: int) -> None:
        self._store, self._past = store, past

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """Called by each attention layer: keys and values (1, kv heads, T, head width).

        What else comes, and by which name, differs between releases of transformers; nothing of it is used.
        """
        end = self._past + keys.shape[2]
        seen = self._store.keys[layer, :, :, :end], self._store.values[layer, :, :, :end]
        for view, new in zip(seen, (keys, values), strict=True):
            view[:, :, self._past :] = new
        return seen


class StepWriter:
    """Writes T tokens at the places that the tensor `index` (T,) names; attention sees `span` places."""

    def __init__(self, store: KeyValueStore, index: Tensor, span: int) -> None:
        self._store, self._index, self._span = store, index, span

    def update(
        self, keys: Tensor, values: Tensor, layer: int, *_: object, **__: object
    ) -> tuple[Tensor, Tensor]:
        """As `AppendWriter.update`; the caller masks what lies behind `index`."""
        seen = self._store.keys[layer, :, :, : self._span], self._store.values[layer, :, :, : self._span]
        for view, new in zip(seen, (keys, values), strict=True):
            view.index_copy_(2, self._index, new)
        return seen


class TorchCache(HeldTokens):
    """What a reply has seen so far; its memory goes back to `free` when nobody holds the cache any more."""

    def __init__(self, store: KeyValueStore, capacity: int, free: list[KeyValueStore]) -> None:
        super().__init__(capacity)
        self.store = store
        weakref.finalize(self, free.append, store)
