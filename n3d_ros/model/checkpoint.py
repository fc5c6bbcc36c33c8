"""A checkpoint folder -> the torch class with every weight in place, or one error that names all that does
not fit.

In: config.json (flat as on the hub, or nested) and safetensors (one file or shards) under the hub's names or
the module's. Out: `N3DForConditionalGeneration`. Reads local files only; how a hub name becomes a folder is
`runtime.hub`'s business, what a tensor is called `runtime.safetensors_file`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from n3d_ros.errors import ModelFolderError
from n3d_ros.model.config import N3DConfig
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import TensorEntry, read_entries, short_name

HEAD = "lm_head.weight"
SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> N3DForConditionalGeneration:
    """The model of `folder` on the CPU, in evaluation mode, every weight converted to `dtype`.

    ModelFolderError when config.json or the weights are missing or not of this model; every missing,
    unexpected and wrongly shaped tensor is named in it.
    """
    config = read_config(folder)
    entries = read_entries(folder)
    names = _module_names(config)
    if config.tie_word_embeddings:
        entries.pop(HEAD, None)
        names.pop(HEAD, None)
    _check_fit(folder, {name: shape for name, (_, shape) in names.items()}, entries)
    tensors = _read_tensors(entries, {name: long for name, (long, _) in names.items()})
    model: Any = N3DForConditionalGeneration.from_pretrained(
        None, config=config, state_dict=tensors, dtype=dtype
    )
    loaded: N3DForConditionalGeneration = model.train(False)
    return loaded


def read_config(folder: Path) -> N3DConfig:
    """`config.json` as the torch class wants it; point_encoding_order is the release's 'raster' unless the
    file says otherwise. ModelFolderError for what the other backends would refuse too.
    """
    load_config(folder)
    fields = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if fields.get("text_config"):  # the release keeps these outside, where today's class does not look
        outer = {name: fields[name] for name in SPECIAL_TOKENS if name in fields}
        fields["text_config"] = {**outer, **fields["text_config"]}
    config: N3DConfig = N3DConfig.from_dict(fields)
    return config


def _module_names(config: N3DConfig) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Short name -> (name in the module, shape) of every weight; the module is built without memory."""
    with torch.device("meta"):
        state = N3DForConditionalGeneration(config).state_dict()
    return {short_name(name): (name, tuple(tensor.shape)) for name, tensor in state.items()}


def _check_fit(
    folder: Path, expected: Mapping[str, tuple[int, ...]], entries: Mapping[str, TensorEntry]
) -> None:
    """ModelFolderError that names every difference at once."""
    faults = []
    missing, unexpected = sorted(expected.keys() - entries), sorted(entries.keys() - expected.keys())
    if missing:
        faults.append(f"missing {', '.join(missing)}")
    if unexpected:
        faults.append(f"unexpected {', '.join(unexpected)}")
    for name in sorted(expected.keys() & entries.keys()):
        if expected[name] != entries[name].shape:
            faults.append(f"{name}: expected shape {expected[name]}, got {entries[name].shape}")
    if faults:
        raise ModelFolderError(f"{folder}: expected the weights of its config.json; {'; '.join(faults)}")


def _read_tensors(entries: Mapping[str, TensorEntry], names: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Module name -> tensor, memory-mapped: a shard's bytes are read when they are converted."""
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted({entry.file for entry in entries.values()}):
        with safe_open(str(file), "pt") as opened:
            for short, entry in entries.items():
                if entry.file == file:
                    tensors[names[short]] = opened.get_tensor(entry.name)
    return tensors
