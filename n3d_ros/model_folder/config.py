"""The numbers of a Qwen2.5-VL `config.json` that graphs and host code need, without transformers.

In: the JSON (nested as saved today, or flat as older releases). Out: one frozen `ModelConfig`. It does not
know weights; the file of the picture processor is `picture_config`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.picture_config import read_picture_config
from n3d_ros.preprocess.pictures import PictureConfig
from n3d_ros.preprocess.point_code import PointEncodingConfig
from n3d_ros.preprocess.prepare import PreprocessConfig

PATCH_POSITIONS = ("none", "sincos")
MODEL_TYPE = "qwen2_5_vl"


@dataclass(frozen=True)
class VisionConfig:
    """The vision tower; `window_merged` is a window's side in merged tokens."""

    hidden: int
    depth: int
    heads: int
    mlp: int
    out_hidden: int
    patch: int
    temporal_patch: int
    channels: int
    merge: int
    window_merged: int
    full_attention: tuple[int, ...]
    rope_theta: float

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    @property
    def patch_values(self) -> int:
        """Numbers per patch row."""
        return self.channels * self.temporal_patch * self.patch**2

    @property
    def window_patches(self) -> int:
        return (self.window_merged * self.merge) ** 2


@dataclass(frozen=True)
class TextConfig:
    """The language model; `mrope_section` counts frequencies for time, height and width."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocab: int
    norm_eps: float
    rope_theta: float
    mrope_section: tuple[int, ...]
    max_positions: int
    tied: bool


@dataclass(frozen=True)
class ModelConfig:
    """Everything of one model. `stop_token_ids`: what ends a reply."""

    vision: VisionConfig
    text: TextConfig
    image_token_id: int
    stop_token_ids: tuple[int, ...]
    point_encoding: PointEncodingConfig
    patch_position: str
    long_side_px: int
    picture: PictureConfig = PictureConfig()

    def preprocess(self) -> PreprocessConfig:
        """How observations are prepared for this model."""
        return PreprocessConfig(
            self.long_side_px,
            self.vision.patch,
            self.vision.merge,
            self.point_encoding,
            picture=self.picture,
        )


def load_config(folder: Path) -> ModelConfig:
    """Read `config.json` and, where there are, `generation_config.json` for the stop tokens and the picture
    processor's file.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelFolderError(f"{folder}: expected a config.json, found none")
    generation = folder / "generation_config.json"
    extra = json.loads(generation.read_text(encoding="utf-8")) if generation.is_file() else {}
    try:
        config = parse_config(json.loads(path.read_text(encoding="utf-8")), extra)
    except KeyError as error:
        raise ModelFolderError(f"{path}: expected the field {error}") from error
    except json.JSONDecodeError as error:
        raise ModelFolderError(f"{path}: expected JSON, got {error}") from error
    vision = config.vision
    return replace(
        config, picture=read_picture_config(folder, vision.patch, vision.merge, vision.temporal_patch)
    )


def parse_config(config: Mapping[str, Any], generation: Mapping[str, Any] | None = None) -> ModelConfig:
    """From the parsed JSON. KeyError for a missing field, ModelFolderError for an unsupported value."""
    text = config.get("text_config") or config
    if not isinstance(config["vision_config"], Mapping):
        raise ModelFolderError(f"config.json: expected a vision_config, got {config['vision_config']!r}")
    if config.get("model_type", MODEL_TYPE) != MODEL_TYPE:
        raise ModelFolderError(f"config.json: model_type must be {MODEL_TYPE}, got {config['model_type']!r}")
    patch_position = config.get("patch_position", "none")
    if patch_position not in PATCH_POSITIONS:
        raise ModelFolderError(
            f"config.json: patch_position must be one of {PATCH_POSITIONS}, got {patch_position!r}"
        )
    return ModelConfig(
        vision=_vision(config["vision_config"], text["hidden_size"]),
        text=_text(text, any(level.get("tie_word_embeddings", False) for level in (config, text))),
        image_token_id=config["image_token_id"],
        stop_token_ids=_stop_tokens(generation or {}, config, text),
        point_encoding=PointEncodingConfig(
            config.get("point_encoding_order", "raster"),
            config.get("point_encoding_unit", 0.001),
            config.get("point_encoding_center", "scene_mean"),
            config.get("point_encoding_gain", 1.0),
        ),
        patch_position=patch_position,
        long_side_px=config.get("long_side_px", 640),
    )


def _vision(vision: Mapping[str, Any], text_hidden: int) -> VisionConfig:
    patch, merge = vision["patch_size"], vision.get("spatial_merge_size", 2)
    if vision.get("hidden_act", "silu") != "silu":
        raise ModelFolderError(f"config.json: vision hidden_act must be silu, got {vision['hidden_act']!r}")
    return VisionConfig(
        hidden=vision["hidden_size"],
        depth=vision["depth"],
        heads=vision["num_heads"],
        mlp=vision["intermediate_size"],
        out_hidden=vision.get("out_hidden_size", text_hidden),
        patch=patch,
        merge=merge,
        temporal_patch=vision.get("temporal_patch_size", 2),
        channels=vision.get("in_channels", vision.get("in_chans", 3)),
        window_merged=vision.get("window_size", 112) // merge // patch,
        full_attention=tuple(vision["fullatt_block_indexes"]),
        rope_theta=_rope(vision, "axial").get("rope_theta", 10000.0),
    )


def _text(text: Mapping[str, Any], tied: bool) -> TextConfig:
    rope = _rope(text, "default")
    heads = text["num_attention_heads"]
    head_dim = text["hidden_size"] // heads
    if text.get("use_sliding_window", False):
        raise ModelFolderError("config.json: use_sliding_window must be false, got true")
    section = tuple(rope.get("mrope_section", (16, 24, 24)))
    if sum(section) != head_dim // 2:
        raise ModelFolderError(f"config.json: mrope_section must sum to {head_dim // 2}, got {section}")
    return TextConfig(
        hidden=text["hidden_size"],
        layers=text["num_hidden_layers"],
        heads=heads,
        kv_heads=text["num_key_value_heads"],
        head_dim=head_dim,
        mlp=text["intermediate_size"],
        vocab=text["vocab_size"],
        norm_eps=text["rms_norm_eps"],
        rope_theta=rope.get("rope_theta", 1e6),
        mrope_section=section,
        max_positions=text["max_position_embeddings"],
        tied=tied,
    )


def _rope(section: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """`rope_parameters` of today or `rope_theta` and `rope_scaling` of older files; only unscaled rotary
    positions.
    """
    old = {
        **(section.get("rope_scaling") or {}),
        **({"rope_theta": section["rope_theta"]} if "rope_theta" in section else {}),
    }
    rope = {**old, **(section.get("rope_parameters") or {})}
    found = rope.get("rope_type", rope.get("type", kind))
    if found not in (kind, "mrope"):
        raise ModelFolderError(f"config.json: rope_type must be {kind}, got {found!r}")
    return rope


def _stop_tokens(*sources: Mapping[str, Any]) -> tuple[int, ...]:
    """`eos_token_id` of the first source that has one, a number or a list."""
    for source in sources:
        found = source.get("eos_token_id")
        if found is not None:
            return tuple(found) if isinstance(found, list) else (found,)
    raise ModelFolderError("config.json: expected an eos_token_id, found none")
