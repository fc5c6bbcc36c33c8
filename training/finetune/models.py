"""The model that is fine-tuned: loaded, given its adapters, saved as a folder that the robot loads.

In: a base (folder, hub name, or the untrained small one) and a config. Out: torch modules and folders. It
does not know data or how training runs.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from n3d_ros.model.checkpoint import load_model
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.hub import local_folder
from n3d_ros.preprocess.prepare import PreprocessConfig
from n3d_ros.training.finetune.configs import UNTRAINED, FineTuneConfig, Lora

if TYPE_CHECKING:
    from peft import PeftModel

# What a folder needs beside weights and config to be loaded by the robot.
BESIDE = ("tokenizer.json", "preprocessor_config.json", "generation_config.json")
LANGUAGE_LAYERS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
TOWER_LAYERS = r".*visual\.blocks.*\.(qkv|proj|gate_proj|up_proj|down_proj)"


def base_folder(base: str, out: Path) -> Path:
    """The base's folder; the untrained one is made in `out`, if it is not there."""
    if base != UNTRAINED:
        return local_folder(base)
    folder = out / UNTRAINED
    if not (folder / "config.json").is_file():
        _write_untrained(folder)
    return folder


def _write_untrained(folder: Path) -> None:
    """n3d-nano with random weights that knows the simulator's words."""
    from n3d_ros.training.nano.configs import NanoModel
    from n3d_ros.training.nano.model import build_nano
    from n3d_ros.training.nano.tokenizer import build_tokenizer
    from n3d_ros.training.nano.vocabulary import known_words

    tokenizer = build_tokenizer(known_words())
    build_nano(NanoModel(), tokenizer).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))


def load_trainee(folder: Path, config: FineTuneConfig) -> Any:
    """The model of `folder`, ready to train: the code's order set, adapters put on.

    Weights that are trained are float32, since a step of 1e-5 is lost in bfloat16; those under adapters do
    not change and are bfloat16 where the run is.
    """
    frozen = config.lora is not None and config.bf16
    model = load_model(folder, torch.bfloat16 if frozen else torch.float32)
    if config.ablation.code_order:
        set_code_order(model, config.ablation.code_order)
    if config.checkpointing:
        checkpoint_layers(model)
    return model if config.lora is None else with_adapters(model, config.lora)


def checkpoint_layers(model: Any) -> None:
    """Keep each layer's input alone for the backward pass, and compute the layer again there."""
    # transformers 5.24 has a new name for it and will drop the old one.
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def set_code_order(model: N3DForConditionalGeneration, order: str) -> None:
    """Where the point code is added; saved with the weights that learn it."""
    model.config.point_encoding_order = order
    model.model.visual.config.point_encoding_order = order


def with_adapters(model: N3DForConditionalGeneration, lora: Lora) -> PeftModel:
    """The model with adapters on its linear layers, all else frozen."""
    from peft import LoraConfig, get_peft_model

    layers = f"({LANGUAGE_LAYERS}|{TOWER_LAYERS})" if lora.tower else LANGUAGE_LAYERS
    adapted = get_peft_model(
        model,
        LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=layers),
        autocast_adapter_dtype=True,
    )
    # Of a base with a name peft asks the hub whether its vocabulary was another one, each time it saves.
    adapted.peft_config["default"].base_model_name_or_path = ""
    return adapted


def preprocess_of(folder: Path) -> PreprocessConfig:
    """How pictures are prepared for the model of `folder`."""
    return load_config(folder).preprocess()


def merge_adapters(base: Path, adapters: Path, config: FineTuneConfig) -> N3DForConditionalGeneration:
    """The base with what its adapters learned, as plain weights in bfloat16 or float32 as the run is."""
    from peft import PeftModel

    model = load_model(base, torch.bfloat16 if config.bf16 else torch.float32)
    if config.ablation.code_order:
        set_code_order(model, config.ablation.code_order)
    merged: N3DForConditionalGeneration = PeftModel.from_pretrained(model, str(adapters)).merge_and_unload()
    return merged


def finish_folder(base: Path, folder: Path) -> None:
    """Put what belongs to the base and not to its weights beside the weights in `folder`."""
    for name in BESIDE:
        if (base / name).is_file() and not (folder / name).is_file():
            shutil.copyfile(base / name, folder / name)
