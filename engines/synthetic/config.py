"""The sizes of synthetic checkpoints: presets, their config.json, and the shape of every tensor.

In: a preset. Out: plain data. It writes nothing; `synthetic` does.
"""

from dataclasses import dataclass
from typing import Any

from n3d_ros.engines.synthetic.tokenizer import SPECIAL, first_special_id
from n3d_ros.model_folder.config import ModelConfig


@dataclass(frozen=True)
class SyntheticPreset:
    """The numbers that differ between sizes; the rest is Qwen2.5-VL's (docs/specification/model.md 1)."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    mlp: int
    vocab: int
    vision_hidden: int
    vision_depth: int
    vision_heads: int
    vision_mlp: int
    full_attention: tuple[int, ...]
    tied: bool = False
    max_positions: int = 128_000


TOWER: dict[str, Any] = {"vision_hidden": 1280, "vision_heads": 16, "vision_mlp": 3420}
WHOLE_TOWER: dict[str, Any] = {**TOWER, "vision_depth": 32, "full_attention": (7, 15, 23, 31)}
TEXT_7B: dict[str, Any] = {"hidden": 3584, "heads": 28, "kv_heads": 4, "mlp": 18944}
# '7b' and '3b' are whole models; '7b-slice' has the 7B's widths in one text layer and two vision blocks,
# '7b-thin' its widths but for narrow MLPs.
PRESETS = {
    "7b": SyntheticPreset(**TEXT_7B, layers=28, vocab=152_064, **WHOLE_TOWER),
    "3b": SyntheticPreset(
        hidden=2048, layers=36, heads=16, kv_heads=2, mlp=11008, vocab=151_936, **WHOLE_TOWER, tied=True
    ),
    "7b-slice": SyntheticPreset(
        **TEXT_7B, layers=1, vocab=4096, **TOWER, vision_depth=2, full_attention=(1,), max_positions=4096
    ),
    "7b-thin": SyntheticPreset(
        **{**TEXT_7B, "mlp": 512},
        layers=1,
        vocab=1024,
        **{**TOWER, "vision_mlp": 256},
        vision_depth=2,
        full_attention=(1,),
        max_positions=4096,
    ),
    "tiny": SyntheticPreset(
        hidden=96,
        layers=3,
        heads=6,
        kv_heads=2,
        mlp=192,
        vocab=2048,
        full_attention=(1,),
        max_positions=2048,
        vision_hidden=64,
        vision_depth=2,
        vision_heads=4,
        vision_mlp=96,
    ),
}


def config_json(preset: SyntheticPreset, dtype: str) -> dict[str, Any]:
    """config.json, nested as transformers saves it today."""
    p, ids = preset, special_ids(preset.vocab)
    quarter = p.hidden // p.heads // 8
    sections = [quarter, (p.hidden // p.heads // 2 - quarter) // 2]
    text = {
        "model_type": "qwen2_5_vl_text",
        "hidden_size": p.hidden,
        "intermediate_size": p.mlp,
        "num_hidden_layers": p.layers,
        "num_attention_heads": p.heads,
        "num_key_value_heads": p.kv_heads,
        "vocab_size": p.vocab,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "max_position_embeddings": p.max_positions,
        "max_window_layers": p.layers,
        "use_sliding_window": False,
        "tie_word_embeddings": p.tied,
        "bos_token_id": ids["endoftext"],
        "eos_token_id": ids["im_end"],
        "pad_token_id": ids["endoftext"],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [sections[0], sections[1], sections[1]],
        },
    }
    vision = {
        "model_type": "qwen2_5_vl_vision",
        "hidden_size": p.vision_hidden,
        "depth": p.vision_depth,
        "num_heads": p.vision_heads,
        "intermediate_size": p.vision_mlp,
        "out_hidden_size": p.hidden,
        "fullatt_block_indexes": list(p.full_attention),
        "in_channels": 3,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "spatial_merge_size": 2,
        "window_size": 112,
        "tokens_per_second": 2,
        "hidden_act": "silu",
    }
    return {
        "architectures": ["N3DForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "dtype": {"bf16": "bfloat16", "fp32": "float32"}[dtype],
        "image_token_id": ids["image_pad"],
        "video_token_id": ids["video_pad"],
        "vision_start_token_id": ids["vision_start"],
        "vision_end_token_id": ids["vision_end"],
        "tie_word_embeddings": p.tied,
        "point_encoding_order": "raster",
        "text_config": text,
        "vision_config": vision,
    }


def special_ids(vocab: int) -> dict[str, int]:
    """Ids of the special tokens: Qwen's own where the vocabulary reaches so far, else its last ones."""
    return {name: first_special_id(vocab) + place for place, name in enumerate(SPECIAL)}


def tensor_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Every tensor of a checkpoint by its name in a file, in the order of the names, as saved."""
    v, t = config.vision, config.text
    text, tower = "model.language_model.", "model.visual."
    kv = t.kv_heads * t.head_dim
    shapes: dict[str, tuple[int, ...]] = {
        text + "embed_tokens.weight": (t.vocab, t.hidden),
        text + "norm.weight": (t.hidden,),
        tower + "patch_embed.proj.weight": (v.hidden, v.channels, v.temporal_patch, v.patch, v.patch),
        tower + "merger.ln_q.weight": (v.hidden,),
        **_linear(tower + "merger.mlp.0", v.hidden * v.merge**2, v.hidden * v.merge**2, True),
        **_linear(tower + "merger.mlp.2", v.out_hidden, v.hidden * v.merge**2, True),
    }
    if not t.tied:
        shapes["lm_head.weight"] = (t.vocab, t.hidden)
    for layer in range(t.layers):
        name = f"{text}layers.{layer}."
        shapes |= {name + norm + ".weight": (t.hidden,) for norm in _TEXT_NORMS}
        shapes |= _linear(name + "self_attn.q_proj", t.heads * t.head_dim, t.hidden, True)
        shapes |= _linear(name + "self_attn.k_proj", kv, t.hidden, True)
        shapes |= _linear(name + "self_attn.v_proj", kv, t.hidden, True)
        shapes |= _linear(name + "self_attn.o_proj", t.hidden, t.heads * t.head_dim, False)
        shapes |= _gated(name + "mlp.", t.mlp, t.hidden, False)
    for block in range(v.depth):
        name = f"{tower}blocks.{block}."
        shapes |= {name + norm + ".weight": (v.hidden,) for norm in ("norm1", "norm2")}
        shapes |= _linear(name + "attn.qkv", 3 * v.hidden, v.hidden, True)
        shapes |= _linear(name + "attn.proj", v.hidden, v.hidden, True)
        shapes |= _gated(name + "mlp.", v.mlp, v.hidden, True)
    return dict(sorted(shapes.items()))


_TEXT_NORMS = ("input_layernorm", "post_attention_layernorm")


def _linear(name: str, rows: int, columns: int, bias: bool) -> dict[str, tuple[int, ...]]:
    return {name + ".weight": (rows, columns), **({name + ".bias": (rows,)} if bias else {})}


def _gated(name: str, mlp: int, hidden: int, bias: bool) -> dict[str, tuple[int, ...]]:
    gate, up = (_linear(f"{name}{part}_proj", mlp, hidden, bias) for part in ("gate", "up"))
    return gate | up | _linear(name + "down_proj", hidden, mlp, bias)
