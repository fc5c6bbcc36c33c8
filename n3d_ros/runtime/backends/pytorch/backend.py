"""The model in torch, as trained: the reference that other backends are compared with, and a way to run a
checkpoint as it is, on a CPU or an NVIDIA GPU.

In: a model folder (config, tokenizer, safetensors). Out: a `Backend`. Keys and values are written in place;
on a GPU passes of few tokens are replayed as CUDA graphs. It does not know prompts, boxes or how tokens are
chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from n3d_ros.errors import BadInputError, N3DError, ResultCode
from n3d_ros.model.checkpoint import load_model
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import Manifest
from n3d_ros.model_folder.tensors import EmbeddingTable
from n3d_ros.preprocess.prepare import ModelInputs
from n3d_ros.runtime.backends.base import Rows
from n3d_ros.runtime.backends.pytorch.cache import AppendWriter, KeyValueStore, TorchCache
from n3d_ros.runtime.backends.pytorch.options import BY_DEFAULT, TorchOptions
from n3d_ros.runtime.backends.pytorch.step import StepRunner

TORCH_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class TorchBackend:
    """One model on one device; see `TorchOptions`."""

    name = "torch"

    def __init__(
        self,
        folder: Path,
        threads: int | None = None,
        options: TorchOptions = BY_DEFAULT,
        manifest: Manifest | None = None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self.manifest, self.config = manifest, load_config(folder)
        self.tokenizer_path = folder / "tokenizer.json"
        self._device = device_of(options)
        self._dtype = dtype_of(options, self._device)
        with _named_memory_error():
            model: Any = load_model(folder, self._dtype)
            self.model: Any = model.to(self._device)
        self._embedding = EmbeddingTable(folder)
        self._free: list[KeyValueStore] = []
        graphs = options.cuda_graphs and self._device.type == "cuda"
        self._steps = StepRunner(self.model, self.config.text) if graphs else None

    @torch.inference_mode()
    def encode_image(self, inputs: ModelInputs) -> Rows:
        """Merged image tokens (M, hidden) float32."""
        arrays = (inputs.pixel_values, np.array([[1, *inputs.grid_hw]]), inputs.coords)
        with _named_memory_error():
            tokens = self.model.image_tokens(*(torch.from_numpy(a).to(self._device) for a in arrays))
            return _to_numpy(tokens)

    has_early_vision = True

    @torch.inference_mode()
    def encode_blocks(self, pixel_values: npt.NDArray[np.float32], grid_hw: tuple[int, int]) -> Any:
        """See `EarlyVision.encode_blocks`; the rows stay on the device."""
        grid = torch.tensor([[1, *grid_hw]], device=self._device)
        with _named_memory_error():
            return self.model.model.visual.run_blocks(torch.from_numpy(pixel_values).to(self._device), grid)

    @torch.inference_mode()
    def finish(self, blocks: Any, inputs: ModelInputs) -> Rows:
        """See `EarlyVision.finish`."""
        grid = torch.tensor([[1, *inputs.grid_hw]], device=self._device)
        coords = torch.from_numpy(inputs.coords).to(self._device)
        with _named_memory_error():
            return _to_numpy(self.model.model.visual.finish(blocks, grid, coords))

    def embed(self, ids: Sequence[int]) -> Rows:
        """Embedding rows (T, hidden) float32, read from the checkpoint's file: no way to the GPU and back."""
        return self._embedding.float32(ids)

    def new_cache(self, capacity: int) -> TorchCache:
        """An empty cache, in the memory of one that is no longer used where that fits."""
        for place, store in enumerate(self._free):
            if store.capacity >= capacity:
                return TorchCache(self._free.pop(place), capacity, self._free)
        self._free.clear()
        with _named_memory_error():
            store = KeyValueStore(self.config.text, capacity, self._device, self._dtype)
        return TorchCache(store, capacity, self._free)

    @torch.inference_mode()
    def forward(
        self,
        cache: TorchCache,
        embeds: Rows,
        positions: npt.NDArray[np.int64],
        logit_rows: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.float32]:
        """Run T new tokens: see `Backend.forward`."""
        past, num_new = cache.length, len(embeds)
        cache.require_room(num_new)
        rows, places = torch.from_numpy(embeds)[None], torch.from_numpy(positions)[:, None]
        with _named_memory_error():
            wanted = torch.from_numpy(logit_rows).to(self._device)
            if self._steps is not None and self._steps.takes(past, num_new, cache.capacity):
                found = self._steps.run(cache.store, past, rows, places)[wanted]
            else:
                found = self._append(cache, rows, places, wanted)
            logits = _to_numpy(found)
        cache.grew(num_new)
        return logits

    def _append(self, cache: TorchCache, embeds: Tensor, positions: Tensor, wanted: Tensor) -> Tensor:
        """Logits (R, vocab) of the wanted rows, any number of new tokens."""
        hidden = self.model.model.language_model(
            inputs_embeds=embeds.to(self._device, self._dtype),
            position_ids=positions.to(self._device),
            attention_mask={"full_attention": _causal_mask(cache.length, embeds.shape[1], self._device)},
            past_key_values=AppendWriter(cache.store, cache.length),
            use_cache=True,
        ).last_hidden_state[0]
        logits: Tensor = self.model.lm_head(hidden[wanted])
        return logits


def device_of(options: TorchOptions) -> torch.device:
    """BadInputError for a GPU that torch does not see."""
    if options.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    number = options.device.partition(":")[2] or "0"
    if options.device == "cpu":
        return torch.device("cpu")
    if not number.isdigit() or int(number) >= torch.cuda.device_count():
        raise BadInputError(
            f"device: expected one of the {torch.cuda.device_count()} GPUs that torch sees, "
            f"got {options.device!r}"
        )
    return torch.device("cuda", int(number))


def dtype_of(options: TorchOptions, device: torch.device) -> torch.dtype:
    """The type of weights and activations."""
    auto = "bf16" if device.type == "cuda" else "fp32"
    return TORCH_TYPES[auto if options.dtype == "auto" else options.dtype]


def _causal_mask(past: int, num_new: int, device: torch.device) -> Tensor | None:
    """(1, 1, T, past + T) True where a token may look; None where torch's own rule says the same."""
    if past == 0 or num_new == 1:
        return None
    mask = torch.ones(num_new, past + num_new, dtype=torch.bool, device=device).tril(past)
    return mask[None, None]


def _to_numpy(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.float().cpu().numpy()
    return array


@contextmanager
def _named_memory_error() -> Iterator[None]:
    """N3DError with code OOM instead of torch's own; the backend stays usable."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise N3DError(
            ResultCode.OOM,
            f"GPU memory: expected room for the model and this request, got {error}; "
            "use fp16 or bf16, a smaller picture or the INT4 engine",
        ) from error
