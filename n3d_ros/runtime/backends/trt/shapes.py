"""Sizes that an engine is built for, and its optimisation profiles. Numbers only: no runtime is imported.

In: the model's configuration and how much context is wanted. Out: for each graph its profiles, each input
with its smallest, typical and largest shape (docs/specification/engines.md 2, 3, 8).
"""

from __future__ import annotations

from dataclasses import dataclass

from n3d_ros.errors import BadInputError
from n3d_ros.model_folder.config import ModelConfig

# Numbers of the decoder's profiles.
PREFILL, DECODE = 0, 1
TYPICAL_PROMPT, TYPICAL_PAST = 512, 640
Profile = dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]


@dataclass(frozen=True)
class EngineShapes:
    """Largest sizes: `context` tokens in the cache, `prompt` new tokens in one pass, `draft` tokens and rows
    of logits in a decode pass, `windows` and `image_tokens` of a picture.
    """

    context: int
    prompt: int
    draft: int
    windows: int
    image_tokens: int

    def __post_init__(self) -> None:
        for name in ("context", "prompt", "draft", "windows", "image_tokens"):
            if getattr(self, name) < 1:
                raise BadInputError(f"engine shapes: {name} must be positive, got {getattr(self, name)}")
        if self.prompt > self.context:
            raise BadInputError(f"engine shapes: prompt {self.prompt} must fit into context {self.context}")


def shapes_for(config: ModelConfig, context: int, draft: int = 16) -> EngineShapes:
    """Sizes for a model: pictures up to a square of its long side, prompts up to half the context."""
    context = min(context, config.text.max_positions)
    side = -(-config.long_side_px // (config.vision.patch * config.vision.merge)) + 1
    windows = (-(-side // config.vision.window_merged)) ** 2
    return EngineShapes(context, max(context // 2, 1), min(draft, context // 2), windows, side**2)


def vision_profiles(config: ModelConfig, shapes: EngineShapes) -> list[Profile]:
    """One profile: any picture up to the largest, patches and windows."""
    v = config.vision
    windows = (1, -(-shapes.windows * 3 // 4), shapes.windows)
    tokens = (1, -(-shapes.image_tokens * 3 // 4), shapes.image_tokens)
    by_patch: dict[str, tuple[int, ...]] = {
        "pixel_values": (v.patch_values,),
        "pos3d": (v.hidden,),
        "rope_cos": (v.head_dim,),
        "rope_sin": (v.head_dim,),
        "row_slots": (),
    }
    if config.patch_position == "sincos":
        by_patch["patch_pos"] = (v.hidden,)
    by_window = {"window_rows": (v.window_patches,), "key_mask": (1, 1, v.window_patches)}
    patches = [count * v.merge**2 for count in tokens]
    profile: Profile = {name: _three([(n, *rest) for n in patches]) for name, rest in by_patch.items()}
    return [profile | {name: _three([(w, *rest) for w in windows]) for name, rest in by_window.items()}]


def decoder_input(layer: int) -> str:
    """Name of what layer `layer` takes: embeddings, or the hidden state that the layers before it leave. The
    number in it tells engines of layer ranges apart.
    """
    return f"hidden_{layer}" if layer else "inputs_embeds"


def decoder_output(stop: int, layers: int) -> str:
    """Name of what the last layer before `stop` leaves, of `layers` in all."""
    return "logits" if stop == layers else decoder_input(stop)


def decoder_profiles(
    config: ModelConfig, shapes: EngineShapes, layers: tuple[int, int] | None = None
) -> list[Profile]:
    """Prefill (long or short prompts over any past) and decode (few tokens over any past), of all layers or
    of a range (first, one past the last).
    """
    layers = layers or (0, config.text.layers)
    past = (1, min(TYPICAL_PAST, shapes.context), shapes.context)
    prompt = (1, min(TYPICAL_PROMPT, shapes.prompt), shapes.prompt)
    rows = (1, 1, shapes.draft)
    return [
        _decoder_profile(config, layers, prompt, (1, 1, shapes.context), rows),
        _decoder_profile(config, layers, rows, past, rows),
    ]


def _decoder_profile(
    config: ModelConfig,
    layers: tuple[int, int],
    new: tuple[int, ...],
    past: tuple[int, ...],
    rows: tuple[int, ...],
) -> Profile:
    t, (first, stop) = config.text, layers
    profile: Profile = {
        decoder_input(first): _three([(n, t.hidden) for n in new]),
        "rope_cos": _three([(n, t.head_dim) for n in new]),
        "rope_sin": _three([(n, t.head_dim) for n in new]),
        "attn_bias": _three([(n, s + n) for n, s in zip(new, past, strict=True)]),
        "past_kv": _three([(s, 2 * (stop - first), t.kv_heads, t.head_dim) for s in past]),
    }
    if stop == t.layers:
        profile["logit_index"] = _three([(r,) for r in rows])
    return profile


def _three(
    shapes: list[tuple[int, ...]],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    smallest, typical, largest = shapes
    return smallest, typical, largest
