"""What one training step of a model needs of memory, without its weights and without a GPU.

In: a `FineTuneConfig` and the number of processes. Out: a `MemoryEstimate` in bytes per process, from the
real model class on torch's meta device: every shape is computed, nothing is stored. It does not know data.

What autograd keeps for the backward pass is counted as it is kept, so it holds for the model as it is. Not in
it: what CUDA, NCCL and fragmentation take, and buffers of a moment; leave a tenth of the GPU free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from n3d_ros.model.checkpoint import read_config
from n3d_ros.model.config import N3DConfig
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.model_folder.hub import is_hub_name
from n3d_ros.training.finetune.configs import UNTRAINED, FineTuneConfig
from n3d_ros.training.finetune.models import checkpoint_layers, with_adapters

# A picture of 640x480 in the release's size, in patches, and the place that a turn about it takes.
GRID = (34, 46)
TOKENS_PER_TURN = 640
# Of a row's tokens, those of replies: about 160 of such a turn.
LEARNED_SHARE = 0.25
ADAM_BYTES = 8
# The published sizes (docs/specification/model.md 1), for bases that are not downloaded yet.
_SHARED: dict[str, Any] = {
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 128_000,
    "bos_token_id": 151643,
    "eos_token_id": 151645,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}
SIZES: dict[str, dict[str, Any]] = {
    "3B": {
        "vocab_size": 151_936, "hidden_size": 2048, "intermediate_size": 11_008, "num_hidden_layers": 36,
        "num_attention_heads": 16, "num_key_value_heads": 2, "tie_word_embeddings": True,
    },
    "7B": {
        "vocab_size": 152_064, "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "tie_word_embeddings": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes per process. num_weights, num_trained: of the whole model. kept: by autograd between forward and
    backward pass. peak: of the one layer that is computed again, and of the logits.
    """

    num_weights: int
    num_trained: int
    weights: int
    gradients: int
    optimiser: int
    kept: int
    peak: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.kept + self.peak


def estimate(config: FineTuneConfig, num_processes: int = 1) -> MemoryEstimate:
    """Of one row of `max_tokens`, forward and backward, AdamW, on each of `num_processes`.

    ValueError for a hub name whose size is not known.
    """
    model = meta_model(config)
    parameters = list(model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    everything = sum(p.numel() for p in parameters)
    pieces = num_processes if config.fsdp else 1
    frozen_bytes = 2 if config.bf16 else 4
    kept, layer = _activations(model, config)
    gathered = _largest_layer(model) * (2 if config.bf16 else 4) if pieces > 1 else 0
    return MemoryEstimate(
        everything,
        trained,
        weights=(trained * 4 + (everything - trained) * frozen_bytes) // pieces + gathered,
        gradients=trained * 4 // pieces,
        optimiser=trained * ADAM_BYTES // pieces,
        kept=kept,
        peak=layer + _logits_bytes(model, config),
    )


def meta_model(config: FineTuneConfig) -> Any:
    """The model of the config on the meta device, adapters and all, and its rotary tables with it."""
    with torch.device("meta"):
        model: Any = N3DForConditionalGeneration(model_config(config.base)).train()
        if config.checkpointing:
            checkpoint_layers(model)
        return model if config.lora is None else with_adapters(model, config.lora)


def model_config(base: str) -> N3DConfig:
    """Of a folder that is there, else of a published size that its name says."""
    if base == UNTRAINED:
        return _untrained()
    if not is_hub_name(base):
        return read_config(Path(base))
    size = next((size for size in SIZES if f"-{size}-" in base), None)
    if size is None:
        raise ValueError(f"base: expected a name with one of {', '.join(SIZES)}, or a folder, got '{base}'")
    text = {**_SHARED, **SIZES[size]}
    return N3DConfig(
        vision_config={
            "depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420,
            "out_hidden_size": text["hidden_size"], "fullatt_block_indexes": [7, 15, 23, 31],
        },
        text_config=text, tie_word_embeddings=text["tie_word_embeddings"], image_token_id=151655,
        video_token_id=151656, vision_start_token_id=151652, vision_end_token_id=151653,
    )  # fmt: skip


def _untrained() -> N3DConfig:
    from n3d_ros.training.nano.configs import NanoModel
    from n3d_ros.training.nano.model import nano_config
    from n3d_ros.training.nano.tokenizer import build_tokenizer
    from n3d_ros.training.nano.vocabulary import known_words

    return nano_config(NanoModel(), build_tokenizer(known_words()))


def _plain(model: Any) -> Any:
    """The model without the wrapper of its adapters; the adapters stay in its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def forward(model: Any, config: FineTuneConfig) -> tuple[Tensor, Tensor]:
    """The image tokens (N/4, hidden) of a row's pictures and the last hidden states (1, T, hidden), of meta
    tensors. The tower and the language model run apart: what joins them asks for values.
    """
    inner = _plain(model).model
    num_pictures = max(1, config.max_tokens // TOKENS_PER_TURN)
    grid = torch.tensor([[1, *GRID]] * num_pictures)
    patches = num_pictures * GRID[0] * GRID[1]
    vision = inner.config.vision_config
    values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    dtype = torch.bfloat16 if config.bf16 else torch.float32
    with torch.autocast("cpu", torch.bfloat16, enabled=config.bf16):
        with _tables_on_meta(inner.visual):
            tokens = inner.visual(
                _empty(patches, values), grid, point_coords=_empty(patches, 3)
            ).pooler_output
        rows = _empty(1, config.max_tokens, inner.config.text_config.hidden_size).to(dtype)
        positions = torch.empty(3, 1, config.max_tokens, dtype=torch.int64, device="meta")
        hidden = inner.language_model(
            inputs_embeds=rows.requires_grad_(),
            position_ids=positions,
            attention_mask={"full_attention": None},
            use_cache=False,
        ).last_hidden_state
    return tokens, hidden


@contextmanager
def _tables_on_meta(tower: Any) -> Iterator[None]:
    """The tower computes places from the grid, whose numbers must be there; what meets weights must not."""

    def places(_module: Any, arguments: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return arguments[0], arguments[1].to("meta")

    def code(module: Any, _arguments: Any) -> None:
        module.code = None if module.code is None else module.code.to("meta")

    hooks = (
        tower.rotary_pos_emb.register_forward_pre_hook(places),
        tower.patch_embed.register_forward_pre_hook(code),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _empty(*shape: int) -> Tensor:
    return torch.empty(*shape, device="meta")


def kept_bytes(model: Any, run: Callable[[], Any]) -> int:
    """What autograd keeps of `run` for the backward pass, the weights themselves left out."""
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in weights:
            kept[storage] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _activations(model: Any, config: FineTuneConfig) -> tuple[int, int]:
    """Bytes kept between the passes, and of one layer of the language model while it is computed again."""
    kept = kept_bytes(model, lambda: forward(model, config))
    if not config.checkpointing:
        return kept, 0
    inner = _plain(model).model.language_model
    for layer in inner.layers:
        layer.gradient_checkpointing = False
    without = kept_bytes(model, lambda: forward(model, config))
    return kept, (without - kept) // len(inner.layers)


def _largest_layer(model: Any) -> int:
    """Weights of the largest piece that FSDP gathers at once: a layer, or the embedding."""
    inner = _plain(model).model.language_model
    pieces = (inner.layers[0], inner.embed_tokens)
    return max(sum(p.numel() for p in piece.parameters()) for piece in pieces)


def _logits_bytes(model: Any, config: FineTuneConfig) -> int:
    """Logits of the learned tokens in the run's type and in float32, and their gradients."""
    vocabulary = _plain(model).config.text_config.vocab_size
    learned = int(config.max_tokens * LEARNED_SHARE)
    return learned * vocabulary * (2 * 4 + 2 * (2 if config.bf16 else 4))
