"""The model on ONNX Runtime, on the CPU: two sessions and one buffer of keys and values.

In: a checked model folder. Out: a `Backend`. The only file that imports onnxruntime.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import VISION_PARTS, Manifest
from n3d_ros.model_folder.tensors import EmbeddingTable
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.base import HeldTokens, Rows
from n3d_ros.runtime.backends.positions import (
    RopeTables,
    causal_bias,
    depth_inputs,
    picture_inputs,
    vision_inputs,
)


class OrtCache(HeldTokens):
    """A buffer of rows for `capacity` tokens: the decoder reads its first rows in place, new ones are added.

    It goes back to `free` when nobody holds the cache any more.
    """

    def __init__(self, buffer: Rows, capacity: int, free: list[Rows]) -> None:
        super().__init__(capacity)
        self.buffer = buffer
        weakref.finalize(self, free.append, buffer).atexit = False

    def append(self, rows: npt.NDArray[np.float32]) -> None:
        """Keep the new rows (T, 2 x layers, key-value heads, width)."""
        self.buffer[self._length : self._length + len(rows)] = rows
        self.grew(len(rows))


class OrtBackend:
    """Float32 on the CPU with `threads` threads (None: as many as ONNX Runtime chooses)."""

    name = "ort"

    def __init__(self, folder: Path, manifest: Manifest, threads: int | None = None) -> None:
        if manifest.compute_dtype != "fp32":
            raise ModelFolderError(
                f"{folder}: the CPU needs graphs that compute in fp32, got {manifest.compute_dtype}"
            )
        self.manifest, self.config = manifest, load_config(folder)
        self.tokenizer_path = folder / manifest.tokenizer
        parts = VISION_PARTS if set(VISION_PARTS) <= set(manifest.files) else (manifest.vision,)
        self._vision = [_session(folder / name, threads) for name in parts]
        self._decoder = _session(folder / manifest.decoder, threads)
        self._rope = self._rope_tables(0)
        self._embedding = EmbeddingTable(folder)
        self._free: list[Rows] = []

    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden) float32."""
        if self.has_early_vision:
            return self.finish(self.encode_blocks(inputs.pixel_values, inputs.grid_hw), inputs)
        return _run(self._vision[0], vision_inputs(inputs, self.config))

    @property
    def has_early_vision(self) -> bool:
        """Whether the folder holds the vision graph in two parts."""
        return len(self._vision) == len(VISION_PARTS)

    def encode_blocks(self, pixel_values: npt.NDArray[np.float32], grid_hw: tuple[int, int]) -> Rows:
        """Rows (N, C) float32."""
        return _run(self._vision[0], picture_inputs(pixel_values, grid_hw, self.config))

    def finish(self, blocks: Rows, inputs: ModelInputs) -> Rows:
        """See `EarlyVision.finish`."""
        return _run(self._vision[1], {"block_rows": blocks, **depth_inputs(inputs, self.config)})

    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden) float32."""
        return self._embedding.float32(ids)

    def new_cache(self, capacity: int) -> OrtCache:
        """An empty cache, in the memory of one that is no longer used where that fits.

        The operating system gives new memory page by page as it fills. Ten megabytes taken and freed for
        each picture were worse: the C library cut them from its heap, where small blocks keep them.
        """
        text = self.config.text
        if capacity > self._rope.length:
            self._rope = self._rope_tables(capacity)
        for place, buffer in enumerate(self._free):
            if len(buffer) >= capacity:
                return OrtCache(self._free.pop(place), capacity, self._free)
        self._free.clear()
        shape = (capacity, 2 * text.layers, text.kv_heads, text.head_dim)
        return OrtCache(np.empty(shape, dtype=np.float32), capacity, self._free)

    def _rope_tables(self, length: int) -> RopeTables:
        """For positions below `length`: those of a prompt never exceed its number of tokens."""
        text = self.config.text
        return RopeTables(length, text.head_dim, text.rope_theta, text.mrope_section)

    def forward(
        self,
        cache: OrtCache,
        embeds: Rows,
        positions: npt.NDArray[np.int64],
        logit_rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """Run T new tokens: see `Backend.forward`."""
        cache.require_room(len(embeds))
        past = cache.length
        cos, sin = self._rope.at(positions)
        feeds = {
            "inputs_embeds": embeds,
            "rope_cos": cos,
            "rope_sin": sin,
            "attn_bias": causal_bias(len(embeds), past),
            "past_kv": cache.buffer[:past],
            "logit_index": logit_rows,
        }
        logits, new_kv = self._decoder.run(["logits", "new_kv"], feeds)
        cache.append(new_kv)
        result: npt.NDArray[np.float32] = logits
        return result


def _run(session: onnxruntime.InferenceSession, feeds: dict[str, npt.NDArray[Any]]) -> Rows:
    """The one output of a vision graph."""
    rows: Rows = session.run(None, feeds)[0]
    return rows


def _session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Threads wait asleep, not spinning: a robot's cores are busy, and spinning beside other work was 2 to 4
    times slower.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
