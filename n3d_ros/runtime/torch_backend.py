"""The model in torch, as trained: the reference that other backends are compared with, and what runs a fresh
checkpoint.

In: a model folder (config, tokenizer, safetensors). Out: a `Backend`. Uses a GPU where torch sees one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import DynamicCache

from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.preprocess import ModelInputs
from n3d_ros.runtime.backend import Rows
from n3d_ros.runtime.model_config import load_config
from n3d_ros.runtime.types import ModelFolderError


def load_model(folder: Path, dtype: torch.dtype) -> N3DForConditionalGeneration:
    """The trained module. ModelFolderError where weights are missing: transformers would draw random ones."""
    loaded: Any = N3DForConditionalGeneration.from_pretrained(folder, dtype=dtype, output_loading_info=True)
    model: N3DForConditionalGeneration = loaded[0]
    missing = sorted(loaded[1]["missing_keys"])
    if missing:
        raise ModelFolderError(
            f"{folder}: expected weights for {missing[0]} and {len(missing) - 1} more tensors, found none"
        )
    return model


class TorchCache:
    """transformers' own cache; `capacity` is only a limit, memory grows with use."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.layers = DynamicCache()

    @property
    def length(self) -> int:
        """Number of tokens held."""
        return int(self.layers.get_seq_length())

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cache: expected a length of 0 to {self.length}, got {length}")
        if length == 0:
            self.layers = DynamicCache()
        else:
            self.layers.crop(length - self.length)


class TorchBackend:
    """Float32 on a CPU, bfloat16 on a GPU."""

    name = "torch"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.config = load_config(folder)
        self.tokenizer_path = folder / "tokenizer.json"
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.bfloat16 if self._device.type == "cuda" else torch.float32
        self._model: Any = load_model(folder, dtype)
        self._model.train(False).to(self._device)

    @torch.inference_mode()
    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden) float32."""
        arrays = (inputs.pixel_values, np.array([[1, *inputs.grid_hw]]), inputs.coords)
        rows: Rows = (
            self._model.image_tokens(*(torch.from_numpy(a).to(self._device) for a in arrays))
            .float()
            .cpu()
            .numpy()
        )
        return rows

    @torch.inference_mode()
    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden) float32."""
        rows: Rows = (
            self._model.get_input_embeddings()(torch.tensor(ids, device=self._device)).float().cpu().numpy()
        )
        return rows

    def new_cache(self, capacity: int) -> TorchCache:
        """An empty cache."""
        return TorchCache(capacity)

    @torch.inference_mode()
    def forward(
        self,
        cache: TorchCache,
        embeds: Rows,
        positions: npt.NDArray[np.int64],
        logit_rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """Run T new tokens: see `Backend.forward`."""
        if cache.length + len(embeds) > cache.capacity:
            raise ValueError(
                f"cache: expected at most {cache.capacity} tokens, got {cache.length} + {len(embeds)}"
            )
        hidden = self._model.model.language_model(
            inputs_embeds=torch.from_numpy(embeds)[None].to(self._device, self._model.dtype),
            position_ids=torch.from_numpy(positions)[:, None].to(self._device),
            past_key_values=cache.layers,
            use_cache=True,
        ).last_hidden_state[0]
        logits: npt.NDArray[np.float32] = (
            self._model.lm_head(hidden[torch.from_numpy(logit_rows)]).float().cpu().numpy()
        )
        return logits
