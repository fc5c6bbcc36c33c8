"""What a backend must do, and nothing of how: encode one picture, look up embedding rows, run the decoder
over a cache.

In and out: numpy arrays. `hidden` is the language model's width, `vocab` its number of tokens. Rows of
`encode_image` and `embed` have the backend's own type; callers only concatenate them and hand them back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from n3d_ros.model_folder.config import ModelConfig
from n3d_ros.model_folder.manifest import Manifest
from n3d_ros.preprocess.prepare import ModelInputs

Rows = npt.NDArray[Any]


class Cache(Protocol):
    """Keys and values of the tokens seen so far, at most `capacity` of them."""

    capacity: int

    @property
    def length(self) -> int:
        """Number of tokens held."""
        ...

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens. ValueError when there are fewer."""
        ...


class HeldTokens:
    """The counting part of a `Cache`; what the tokens' keys and values are is its subclasses' affair."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._length = 0

    @property
    def length(self) -> int:
        """Number of tokens held."""
        return self._length

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens. ValueError when there are fewer."""
        if not 0 <= length <= self._length:
            raise ValueError(f"cache: expected a length of 0 to {self._length}, got {length}")
        self._length = length

    def require_room(self, num_new: int) -> None:
        """ValueError where so many further tokens do not fit."""
        if self._length + num_new > self.capacity:
            raise ValueError(
                f"cache: expected at most {self.capacity} tokens, got {self._length} + {num_new}"
            )

    def grew(self, num_rows: int) -> None:
        """Count rows that a pass has written."""
        self._length += num_rows


CacheT = TypeVar("CacheT", bound=Cache)


class Backend(Protocol[CacheT]):
    """One loaded model. Not thread-safe: one caller at a time."""

    name: str
    config: ModelConfig
    tokenizer_path: Path

    @property
    def manifest(self) -> Manifest | None:
        """Of the folder as it was loaded; None where it has none."""
        ...

    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden), row-major over the merged grid."""
        ...

    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden)."""
        ...

    def new_cache(self, capacity: int) -> CacheT:
        """An empty cache for at most `capacity` tokens."""
        ...

    def forward(
        self, cache: CacheT, embeds: Rows, positions: npt.NDArray[np.int64], logit_rows: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Run T tokens after those in `cache` and keep them there.

        embeds: (T, hidden). positions: (3, T), time, height, width. logit_rows: (R,) rows of embeds wanted.
        Returns logits (R, vocab) float32. ValueError when the cache has no room.
        """
        ...


AnyBackend = Backend[Any]


@runtime_checkable
class EarlyVision(Protocol):
    """What a backend may do besides: begin with a picture before its depth is there."""

    @property
    def has_early_vision(self) -> bool:
        """Whether the loaded model can."""
        ...

    def encode_blocks(self, pixel_values: npt.NDArray[np.float32], grid_hw: tuple[int, int]) -> Any:
        """What stands behind the vision blocks, as `finish` takes it; see `ModelInputs` for the arguments."""
        ...

    def finish(self, blocks: Any, inputs: ModelInputs) -> Rows:
        """What `encode_image(inputs)` gives, where `blocks` were encoded from its picture."""
        ...
