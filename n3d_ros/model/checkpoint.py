"""A checkpoint folder -> the torch class with every weight in place, or one error that names all that does
not fit.

In: config.json (flat as on the hub, or nested) and safetensors (one file or shards) under the hub's names or
the module's. Out: `N3DForConditionalGeneration`. Reads local files only; how a hub name becomes a folder is
`model_folder.hub`'s business, what a tensor is called `model_folder.tensors`'s, what other tools leave in a
checkpoint `model_folder.foreign`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open

from n3d_ros.errors import ModelFolderError
from n3d_ros.model.config import N3DConfig
from n3d_ros.model.n3d_vlm import N3DForConditionalGeneration
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.fields import read_fields
from n3d_ros.model_folder.foreign import check_tensors, check_trained
from n3d_ros.model_folder.tensors import HEAD, TensorEntry, read_entries, short_name
from n3d_ros.plain_text import one_line

SPECIAL_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> N3DForConditionalGeneration:
    """The model of `folder` on the CPU, in evaluation mode, every weight converted to `dtype`.

    ModelFolderError when config.json or the weights are missing or not of this model; every missing,
    unexpected and wrongly shaped tensor is named in it. Numbers are looked at before the model is built.
    """
    config = read_config(folder)
    entries = read_entries(folder)
    check_trained(folder, entries)
    check_tensors(folder, entries, config.tie_word_embeddings)
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
    fields = dict(read_fields(folder / "config.json").values)
    if fields.get("text_config"):  # the release keeps these outside, where today's class does not look
        outer = {name: fields[name] for name in SPECIAL_TOKENS if name in fields}
        fields["text_config"] = {**outer, **fields["text_config"]}
    try:
        config: N3DConfig = N3DConfig.from_dict(fields)
    except (StrictDataclassError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = one_line(f"{type(error).__name__}: {error}", 300)
        raise ModelFolderError(f"{folder / 'config.json'}: transformers refuses it: {reason}") from error
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
        try:
            with safe_open(str(file), "pt") as opened:
                for short, entry in entries.items():
                    if entry.file == file:
                        tensors[names[short]] = opened.get_tensor(entry.name)
        except SafetensorError as error:  # the library refuses gaps between tensors
            raise ModelFolderError(f"{file}: expected a safetensors file, got {error}") from error
    return tensors
