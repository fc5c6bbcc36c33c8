"""Checkpoints with the shapes of a real model and random weights: for speed, memory and build tests without
the real ones.

In: a folder, a preset's name, a seed. Out: sharded safetensors, config.json, generation_config.json and
tokenizer.json as a release would have them. Written in pieces, so the 7B costs its 16.6 GB of disk and a few
dozen MB of memory. Values are finite and of the size of trained ones; every tensor differs from every other
(builders merge equal ones). What such a model says means nothing.
"""

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.engines.synthetic.config import PRESETS, config_json, tensor_shapes
from n3d_ros.engines.synthetic.tokenizer import write_tokenizer
from n3d_ros.errors import BadInputError
from n3d_ros.model_folder.config import parse_config

PIECE_BYTES = 1 << 24
SHARD_BYTES = 5_000_000_000
ITEM_BYTES = {"bf16": 2, "fp32": 4}


def write_synthetic(
    folder: Path,
    preset: str = "7b",
    seed: int = 0,
    dtype: str = "bf16",
    on_bytes: Callable[[int], object] | None = None,
) -> Path:
    """Write a checkpoint into the new or empty `folder`, and return it; the same seed gives the same bytes.

    dtype: 'bf16' or 'fp32'. on_bytes(n) is called after every n bytes written. BadInputError for an unknown
    preset or type, or a folder that holds something.
    """
    folder = Path(folder)
    if preset not in PRESETS:
        raise BadInputError(f"synthetic model: expected one of {', '.join(PRESETS)}, got {preset!r}")
    if dtype not in ITEM_BYTES:
        raise BadInputError(f"synthetic model: expected a type of {', '.join(ITEM_BYTES)}, got {dtype!r}")
    if folder.exists() and any(folder.iterdir()):
        raise BadInputError(f"{folder}: expected a new or empty folder, found files in it")
    folder.mkdir(parents=True, exist_ok=True)
    config = config_json(PRESETS[preset], dtype)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    stop = {"eos_token_id": config["text_config"]["eos_token_id"]}
    (folder / "generation_config.json").write_text(json.dumps(stop) + "\n", encoding="utf-8")
    write_tokenizer(folder / "tokenizer.json", config["text_config"]["vocab_size"])
    _write_shards(folder, tensor_shapes(parse_config(config)), seed, dtype, on_bytes or _ignore)
    return folder


def num_bytes(preset: str, dtype: str = "bf16") -> int:
    """Bytes of all weights of a preset."""
    shapes = tensor_shapes(parse_config(config_json(PRESETS[preset], dtype)))
    return ITEM_BYTES[dtype] * sum(int(np.prod(shape)) for shape in shapes.values())


def _write_shards(
    folder: Path, shapes: dict[str, tuple[int, ...]], seed: int, dtype: str, on_bytes: Callable[[int], object]
) -> None:
    shards = list(_shards(shapes, ITEM_BYTES[dtype]))
    names = [f"model-{n + 1:05}-of-{len(shards):05}.safetensors" for n in range(len(shards))]
    if len(shards) == 1:
        names = ["model.safetensors"]
    places = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    numbers = {tensor: number for number, tensor in enumerate(shapes)}
    for name, shard in zip(names, shards, strict=True):
        with (folder / name).open("wb") as stream:
            stream.write(_header(shard, dtype))
            for tensor, shape in shard.items():
                rng = np.random.Generator(np.random.SFC64([seed, numbers[tensor]]))
                for piece in _values(rng, int(np.prod(shape)), dtype, "norm" in tensor or "ln_q" in tensor):
                    stream.write(piece.data)
                    on_bytes(piece.nbytes)
    if len(shards) > 1:
        index = {"metadata": {}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _shards(shapes: dict[str, tuple[int, ...]], item: int) -> Iterator[dict[str, tuple[int, ...]]]:
    """Cut into files of at most SHARD_BYTES."""
    shard: dict[str, tuple[int, ...]] = {}
    size = 0
    for name, shape in shapes.items():
        more = item * int(np.prod(shape))
        if shard and size + more > SHARD_BYTES:
            yield shard
            shard, size = {}, 0
        shard[name] = shape
        size += more
    yield shard


def _header(shard: dict[str, tuple[int, ...]], dtype: str) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shard.items():
        end = offset + ITEM_BYTES[dtype] * int(np.prod(shape))
        kind = {"bf16": "BF16", "fp32": "F32"}[dtype]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _values(rng: np.random.Generator, count: int, dtype: str, is_norm: bool) -> Iterator[np.ndarray]:
    """Random numbers as stored: norms 1 to 1.12, others of both signs, 2^-7 to 2^-5, deviation 0.019.

    Made from random bits of the upper half of a float32: sign, a fixed exponent but for its last bit (norms:
    whole), mantissa.
    """
    keep, base = (0x000F, 0x3F80) if is_norm else (0x80FF, 120 << 7)
    step = PIECE_BYTES // ITEM_BYTES[dtype]
    for start in range(0, count, step):
        size = min(step, count - start)
        bits = rng.integers(0, 1 << 16, size, dtype=np.uint16)
        bits &= np.uint16(keep)
        bits |= np.uint16(base)
        if dtype == "bf16":
            yield bits
        else:
            yield (bits.astype(np.uint32) << 16) | rng.integers(0, 1 << 16, size, dtype=np.uint16)


def _ignore(_count: int) -> None:
    return None
