"""What other tools leave in a checkpoint, and what to do about each: packed weights, adapters, wrapped names.

In: a folder, its config, its tensors' names, types and numbers. Out: nothing, or one ModelFolderError that
names the tool's mark and the command that helps. All of it is checked before a model is built. Sources:
transformers' quantization_config (docs, "Quantization"), PEFT's checkpoint format (docs, "PEFT checkpoint
format"), the wrappers of torch (`DistributedDataParallel`, `torch.compile`, FSDP).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.tensors import HEAD, PIECE, TensorEntry, to_float32
from n3d_ros.plain_text import shown

TRAINED_TYPES = ("F32", "F16", "BF16")
# End of the names of weights that `n3d quantize` packed.
QUANTIZED = ".quantized"
QUANTIZATION_KEYS = ("quantization_config", "compression_config", "quantization")
# Beside the weights: of AutoGPTQ and older AWQ, of llm-awq, of NVIDIA's ModelOpt.
QUANTIZATION_FILES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")
PACKED_NAMES = {
    "GPTQ or AWQ": re.compile(r"\.(qweight|qzeros|g_idx)$"),
    "bitsandbytes": re.compile(r"\.(absmax|quant_map|nested_absmax|quant_state\..*|SCB|weight_format)$"),
    "compressed-tensors or FP8": re.compile(
        r"\.(weight_packed|weight_shape|weight_scale(_inv|_2)?|weight_zero_point)$"
    ),
}
WORDS_OF_METHODS = {
    "bitsandbytes": "bitsandbytes",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "fp8": "FP8",
    "fbgemm_fp8": "FP8 (fbgemm)",
    "compressed-tensors": "compressed-tensors",
}
BITSANDBYTES_KEYS = ("load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit")
REMEDY = (
    "take the checkpoint as it was trained (fp32, fp16 or bf16) and run "
    "`n3d quantize --model CHECKPOINT --out DIR`"
)


def check_unpacked_config(config: Mapping[str, Any], where: str) -> None:
    """ModelFolderError, naming the method, where a config says that its weights are packed."""
    for level in (config, *(value for value in config.values() if isinstance(value, Mapping))):
        for key in QUANTIZATION_KEYS:
            if level.get(key) is not None:
                raise ModelFolderError(
                    f"{where}: {key} says {_method(level[key])}, and weights packed by other tools are not "
                    f"read; {REMEDY}"
                )


def check_beside_config(folder: Path) -> None:
    """The same for the files in which other tools say so."""
    for name in QUANTIZATION_FILES:
        if (folder / name).is_file():
            raise ModelFolderError(
                f"{folder / name}: says that the weights are packed by another tool, which is not read; "
                f"{REMEDY}"
            )


def check_tensors(folder: Path, entries: Mapping[str, TensorEntry], is_tied: bool) -> None:
    """ModelFolderError for weights that are no trained numbers: packed by another tool, of integer type,
    NaN or infinite, matrices of zeros; and for an output layer that contradicts the embedding it is tied to.

    Reads every number once, a piece at a time.
    """
    _check_types(folder, entries)
    if is_tied:
        _check_tied(folder, entries)
    for name, entry in entries.items():
        if not entry.is_finite():
            raise ModelFolderError(f"{entry.file}: tensor {name} holds NaN or infinite numbers")
        if len(entry.shape) > 1 and entry.is_zero():
            raise ModelFolderError(
                f"{entry.file}: tensor {name} holds zeros alone, as a file whose download was not finished"
            )


def check_trained(folder: Path, entries: Mapping[str, TensorEntry]) -> None:
    """ModelFolderError where `n3d quantize` packed the weights: only an engine's runtime reads those."""
    packed = next((name for name in entries if name.endswith(QUANTIZED)), None)
    if packed is not None:
        raise ModelFolderError(
            f"{folder}: expected weights as trained, found {packed}, which `n3d quantize` wrote; torch takes "
            "the folder that it was made of, `--backend ort` takes this one"
        )


def _method(found: Any) -> str:
    """The name of a quantisation, as its authors write it where that is known."""
    if not isinstance(found, Mapping):
        return shown(found)
    method = found.get("quant_method", found.get("quant_algo"))
    if method is None and any(found.get(key) for key in BITSANDBYTES_KEYS):
        method = "bitsandbytes"
    if method is None:
        return f"a method without a name ({shown(dict(found))})"
    word = WORDS_OF_METHODS.get(method) if isinstance(method, str) else None
    return word or shown(method)


def _check_types(folder: Path, entries: Mapping[str, TensorEntry]) -> None:
    for method, pattern in PACKED_NAMES.items():
        packed = next((name for name in entries if pattern.search(name)), None)
        if packed is not None:
            raise ModelFolderError(f"{folder}: found {packed}, weights packed by {method}; {REMEDY}")
    for name, entry in entries.items():
        if entry.dtype not in TRAINED_TYPES and not name.endswith(QUANTIZED):
            raise ModelFolderError(
                f"{entry.file}: tensor {name} is stored as {entry.dtype}, expected one of {TRAINED_TYPES}; "
                f"{REMEDY}"
            )


def _check_tied(folder: Path, entries: Mapping[str, TensorEntry]) -> None:
    """A saved head repeats the embedding; one that differs was trained, and tying would drop it silently."""
    embedding, head = entries.get("model.embed_tokens.weight"), entries.get(HEAD)
    if embedding is None or head is None:
        return
    if head.shape != embedding.shape or not _same(_pieces(head), _pieces(embedding)):
        raise ModelFolderError(
            f"{folder}: config.json ties {HEAD} to model.embed_tokens.weight, and the two differ; if the "
            'head was trained by itself, set "tie_word_embeddings": false, else remove it'
        )


def _pieces(entry: TensorEntry) -> Iterable[np.ndarray[Any, Any]]:
    flat = entry.array().reshape(-1)
    return (to_float32(flat[start : start + PIECE], entry.dtype) for start in range(0, flat.size, PIECE))


def _same(a: Iterable[np.ndarray[Any, Any]], b: Iterable[np.ndarray[Any, Any]]) -> bool:
    """Number by number, NaN beside NaN too: that one is another check's finding."""
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))
