"""The numbers of a Qwen2.5-VL `config.json` that graphs and host code need, without transformers.

In: the JSON (nested as saved today, or flat as older releases). Out: one frozen `ModelConfig` whose numbers
fit one another, or ModelFolderError that names file and field. It does not know weights; the file of the
picture processor is `picture_config`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.fields import Fields, read_fields
from n3d_ros.model_folder.foreign import check_beside_config, check_unpacked_config
from n3d_ros.model_folder.picture_config import read_picture_config
from n3d_ros.plain_text import shown
from n3d_ros.preprocess.pictures import PictureConfig
from n3d_ros.preprocess.point_code import PointEncodingConfig
from n3d_ros.preprocess.prepare import PreprocessConfig

PATCH_POSITIONS = ("none", "sincos")
SECOND_LOOKS = ("off", "mirrored", "closer")
BOX_FITS = ("off", "depth")
ASKABLE = ("any", "spatial")
MODEL_TYPE = "qwen2_5_vl"
FULL_ATTENTION = "full_attention"
# What an absent field of ours means, of those that the class also keeps in vision_config.
RELEASED: dict[str, Any] = {
    "point_encoding_order": "raster",
    "point_encoding_gain": 1.0,
    "patch_position": "none",
}


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
    """Everything of one model. `stop_token_ids`: what ends a reply. `second_look`: which second picture its
    boxes are better for. `box_fit`: 'depth' where they are moved to what depth shows. `questions`: 'spatial'
    where it learned to answer no others.
    """

    vision: VisionConfig
    text: TextConfig
    image_token_id: int
    stop_token_ids: tuple[int, ...]
    point_encoding: PointEncodingConfig
    patch_position: str
    long_side_px: int
    picture: PictureConfig = PictureConfig()
    second_look: str = "off"
    box_fit: str = "off"
    questions: str = "any"

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
    processor's file. ModelFolderError, also for weights that another tool packed.
    """
    path, generation = folder / "config.json", folder / "generation_config.json"
    if not path.is_file():
        raise ModelFolderError(f"{folder}: expected a config.json, found none")
    check_beside_config(folder)
    extra = read_fields(generation) if generation.is_file() else Fields({}, str(generation))
    config = _parse(read_fields(path), extra)
    vision = config.vision
    return replace(
        config, picture=read_picture_config(folder, vision.patch, vision.merge, vision.temporal_patch)
    )


def parse_config(config: Mapping[str, Any], generation: Mapping[str, Any] | None = None) -> ModelConfig:
    """From the parsed JSON. ModelFolderError for a missing field and for an unsupported value."""
    return _parse(Fields(config, "config.json"), Fields(generation or {}, "generation_config.json"))


def _parse(config: Fields, generation: Fields) -> ModelConfig:
    check_unpacked_config(config.values, config.where)
    _check_copies(config)
    config.choice("model_type", (MODEL_TYPE,), MODEL_TYPE)
    text_fields = config.section("text_config") if config.get("text_config", None) is not None else config
    tied = any(_is_said(level, "tie_word_embeddings") for level in (config, text_fields))
    text = _text(text_fields, tied)
    return ModelConfig(
        vision=_vision(config.section("vision_config"), text.hidden),
        text=text,
        image_token_id=_token(config, "image_token_id", config.get("image_token_id"), text.vocab),
        stop_token_ids=_stop_tokens(text.vocab, generation, config, text_fields),
        point_encoding=_point_encoding(config),
        patch_position=config.choice("patch_position", PATCH_POSITIONS, RELEASED["patch_position"]),
        long_side_px=config.count("long_side_px", 640),
        second_look=config.choice("second_look", SECOND_LOOKS, "off"),
        box_fit=config.choice("box_fit", BOX_FITS, "off"),
        questions=config.choice("questions", ASKABLE, "any"),
    )


def _check_copies(config: Fields) -> None:
    """Some of our fields are saved inside vision_config too; a file in which only one of the two is left, or
    was changed, was edited by hand, and the absent one would mean the release's.
    """
    inner = config.values.get("vision_config")
    if not isinstance(inner, Mapping):
        return
    for name, released in RELEASED.items():
        if name in inner and config.values.get(name, released) != inner[name]:
            config.refuse(name, f"{shown(inner[name])}, as vision_config says", config.values.get(name))


def _check_layers(text: Fields, layers: int) -> None:
    """`layer_types` of newer files names each layer's attention."""
    found = text.get("layer_types", None)
    if found is not None and list(text.texts("layer_types")) != [FULL_ATTENTION] * layers:
        text.refuse("layer_types", f"{layers} times '{FULL_ATTENTION}', one a layer", found)


def _vision(vision: Fields, text_hidden: int) -> VisionConfig:
    patch, merge = vision.count("patch_size"), vision.count("spatial_merge_size", 2)
    vision.choice("hidden_act", ("silu",), "silu")
    hidden, heads, depth = vision.count("hidden_size"), vision.count("num_heads"), vision.count("depth")
    full_attention = vision.counts("fullatt_block_indexes")
    window_px = vision.count("window_size", 112)
    if hidden % (4 * heads):
        vision.refuse("hidden_size", f"a multiple of 4 times num_heads {heads}", hidden)
    if any(index >= depth for index in full_attention):
        vision.refuse("fullatt_block_indexes", f"numbers below depth {depth}", list(full_attention))
    if window_px < patch * merge:
        vision.refuse("window_size", f"at least {patch * merge} px, one merged token", window_px)
    return VisionConfig(
        hidden=hidden,
        depth=depth,
        heads=heads,
        mlp=vision.count("intermediate_size"),
        out_hidden=vision.count("out_hidden_size", text_hidden),
        patch=patch,
        merge=merge,
        temporal_patch=vision.count("temporal_patch_size", 2),
        channels=vision.count("in_channels", vision.get("in_chans", 3)),
        window_merged=window_px // merge // patch,
        full_attention=full_attention,
        rope_theta=_rope(vision, "axial").number("rope_theta", 10000.0),
    )


def _text(text: Fields, tied: bool) -> TextConfig:
    rope = _rope(text, "default")
    hidden, heads = text.count("hidden_size"), text.count("num_attention_heads")
    kv_heads = text.count("num_key_value_heads")
    if hidden % (2 * heads):
        text.refuse("hidden_size", f"a multiple of twice num_attention_heads {heads}", hidden)
    if heads % kv_heads:
        text.refuse("num_key_value_heads", f"a divisor of num_attention_heads {heads}", kv_heads)
    if _is_said(text, "use_sliding_window"):
        text.refuse("use_sliding_window", "false", True)
    text.choice("hidden_act", ("silu",), "silu")
    layers = text.count("num_hidden_layers")
    _check_layers(text, layers)
    section = rope.counts("mrope_section", (16, 24, 24))
    if len(section) != 3 or sum(section) != hidden // heads // 2:
        rope.refuse("mrope_section", f"three numbers with the sum {hidden // heads // 2}", list(section))
    return TextConfig(
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=hidden // heads,
        mlp=text.count("intermediate_size"),
        vocab=text.count("vocab_size"),
        norm_eps=text.number("rms_norm_eps"),
        rope_theta=rope.number("rope_theta", 1e6),
        mrope_section=section,
        max_positions=text.count("max_position_embeddings"),
        tied=tied,
    )


def _is_said(level: Fields, name: str) -> bool:
    """A switch that is off where it is absent or null."""
    return level.get(name, None) is not None and level.flag(name)


def _point_encoding(config: Fields) -> PointEncodingConfig:
    try:
        return PointEncodingConfig(
            config.text("point_encoding_order", RELEASED["point_encoding_order"]),
            config.number("point_encoding_unit", 0.001),
            config.text("point_encoding_center", "scene_mean"),
            config.number("point_encoding_gain", RELEASED["point_encoding_gain"]),
        )
    except ModelFolderError:
        raise
    except ValueError as error:
        raise ModelFolderError(f"{config.where}: {error}") from error


def _rope(section: Fields, kind: str) -> Fields:
    """`rope_parameters` of today or `rope_theta` and `rope_scaling` of older files; only unscaled rotary
    positions.
    """
    found: dict[str, Any] = {}
    for name in ("rope_scaling", "rope_parameters"):
        if name == "rope_parameters" and "rope_theta" in section.values:
            found["rope_theta"] = section.get("rope_theta")
        if section.get(name, None) is not None:
            found |= section.section(name).values
    rope = Fields(found, f"{section.where}: rope_parameters")
    rope_type = found.get("rope_type", found.get("type", kind))
    if rope_type not in (kind, "mrope"):
        rope.refuse("rope_type", kind, rope_type)
    return rope


def _stop_tokens(vocab: int, *sources: Fields) -> tuple[int, ...]:
    """`eos_token_id` of the first source that has one, a number or a list."""
    for source in sources:
        found = source.get("eos_token_id", None)
        if found is not None:
            ids = found if isinstance(found, list) and found else [found]
            return tuple(_token(source, "eos_token_id", one, vocab) for one in ids)
    raise ModelFolderError(f"{sources[1].where}: expected an eos_token_id, found none")


def _token(source: Fields, name: str, found: Any, vocab: int) -> int:
    """A token's number. Its text, which some tools write there, is in tokenizer.json beside the number."""
    if isinstance(found, str):
        source.refuse(name, "the token's number (tokenizer.json, added_tokens)", found)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < vocab:
        source.refuse(name, f"a token's number below vocab_size {vocab}", found)
    return int(found)
