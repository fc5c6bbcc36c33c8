"""`n3d quantize`: a model folder whose decoder products are stored in 4 or 8 bits.

In: a checkpoint or exported folder and what to quantise to. Out: a new model folder with one weights file, in
which `NAME.quantized` and `NAME.scale` replace `NAME.weight`, and an accuracy report by whoever can measure
it. Weights go through memory a piece at a time. Vision, norms, biases and the embedding stay as they are.
Format: docs/specification/engines.md 7.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.engines.export.folder import (
    WEIGHTS,
    check_apart,
    check_compute,
    check_source,
    copy_small_files,
    write_graphs,
    write_manifest,
)
from n3d_ros.engines.export.graph_builder import INPUT_SCALE, SCALE
from n3d_ros.engines.export.weights import NewTensor, copied, write_tensors
from n3d_ros.engines.quantize import rounding
from n3d_ros.engines.quantize.rounding import PRECISIONS
from n3d_ros.engines.work_folder import new_folder
from n3d_ros.errors import BadInputError, ModelFolderError
from n3d_ros.model_folder.config import ModelConfig, load_config
from n3d_ros.model_folder.foreign import QUANTIZED, check_tensors
from n3d_ros.model_folder.manifest import FILE_NAME, Manifest
from n3d_ros.model_folder.tensors import EMBEDDING, TensorEntry, read_entries

logger = logging.getLogger(__name__)

ACCURACY_NAME = "accuracy.json"
METHODS = ("rtn", "awq")
LARGE_HIDDEN, LARGE_BLOCK, SMALL_BLOCK = 2048, 128, 32
# Measures the quantised folder it is given, against what it came from.
MeasureLoss = Callable[[Path], Mapping[str, Any]]


@dataclass(frozen=True)
class QuantizeConfig:
    """What to do: `block` of inputs with one scale (int4; None: 128 for large models, 32 for small), `head`
    whether the output layer too, `compute` what the graphs calculate in, `method` only noted.
    """

    precision: str = "int4"
    method: str = "rtn"
    block: int | None = None
    head: bool = True
    compute: str = "fp32"

    def __post_init__(self) -> None:
        for field, choices in (("precision", tuple(PRECISIONS)), ("method", METHODS)):
            if getattr(self, field) not in choices:
                expected = ", ".join(choices)
                raise BadInputError(f"{field}: expected one of {expected}, got {getattr(self, field)!r}")
        if self.block is not None and (self.block < 2 or self.block % 2):
            raise BadInputError(f"block: expected an even number of inputs, got {self.block}")
        if self.method == "awq" and self.precision != "int4":
            raise BadInputError(f"method awq: expected precision int4, got {self.precision}")

    def block_of(self, config: ModelConfig) -> int:
        return self.block or (LARGE_BLOCK if config.text.hidden >= LARGE_HIDDEN else SMALL_BLOCK)


def quantize_folder(
    model_dir: Path,
    out_dir: Path,
    config: QuantizeConfig,
    input_scales: Mapping[str, np.ndarray] | None = None,
    measure_loss: MeasureLoss | None = None,
    on_bytes: Callable[[int], object] = int,
) -> Manifest:
    """Write `out_dir`, replacing a model folder of that name.

    input_scales: by product, (in,) factors of its input that make rounding hurt less (AWQ); the weights get
    the inverse. measure_loss: its result becomes accuracy.json. on_bytes(n): n more bytes written.
    ModelFolderError when the folder is incomplete, quantised already, or `out_dir` itself.
    """
    model_dir, out_dir = Path(model_dir), Path(out_dir)
    check_compute(config.compute)
    check_apart(model_dir, out_dir)
    check_source(model_dir)
    model, entries = load_config(model_dir), read_entries(model_dir)
    if any(name.endswith(QUANTIZED) for name in entries):
        raise ModelFolderError(f"{model_dir}: expected unquantised weights, found quantised ones")
    check_tensors(model_dir, entries, model.text.tied)
    tensors = plan(entries, model, config, input_scales or {})
    with new_folder(out_dir, FILE_NAME) as folder:
        copy_small_files(model_dir, folder)
        write_tensors(folder / WEIGHTS, tensors, on_bytes)
        write_graphs(model, folder, config.compute)
        about = {**asdict(config), "block": config.block_of(model)}
        manifest = write_manifest(folder, out_dir.name, model, config.compute, about)
        if measure_loss is None:
            return manifest
        (folder / ACCURACY_NAME).write_text(
            json.dumps(measure_loss(folder), indent=1) + "\n", encoding="utf-8"
        )
        return write_manifest(folder, out_dir.name, model, config.compute, about)


def plan(
    entries: Mapping[str, TensorEntry],
    model: ModelConfig,
    config: QuantizeConfig,
    input_scales: Mapping[str, np.ndarray],
) -> list[NewTensor]:
    """Every tensor of the new file, in order; nothing is computed yet."""
    block = config.block_of(model)
    wanted = [name for name in products(model, config.head) if _fits(entries, name, block, config)]
    head = "model.embed_tokens" if model.text.tied else "lm_head"
    replaced = {name + ".weight" for name in wanted} - {EMBEDDING}
    replaced |= {"lm_head.weight"} if model.text.tied else set()
    tensors = [copied(entry) for name, entry in entries.items() if name not in replaced]
    for name in wanted:
        tensors += _quantized(entries[name + ".weight"], name, config, block, input_scales.get(name))
    logger.info("%d products quantised to %s; head: %s", len(wanted), config.precision, head in wanted)
    return tensors


def products(model: ModelConfig, head: bool) -> list[str]:
    """Names of the decoder's matrix products."""
    parts = [f"self_attn.{part}_proj" for part in "qkvo"] + [f"mlp.{n}_proj" for n in ("gate", "up", "down")]
    names = [f"model.layers.{layer}.{part}" for layer in range(model.text.layers) for part in parts]
    return names + (["model.embed_tokens" if model.text.tied else "lm_head"] if head else [])


def _fits(entries: Mapping[str, TensorEntry], name: str, block: int, config: QuantizeConfig) -> bool:
    """Whether the inputs are whole blocks."""
    if name + ".weight" not in entries:
        raise ModelFolderError(f"weights: expected a tensor {name}.weight, found none")
    num_in = entries[name + ".weight"].shape[1]
    if config.precision == "int4" and num_in % block:
        logger.warning("%s: stays as it is, its %d inputs are no multiple of %d", name, num_in, block)
        return False
    return True


def _quantized(
    weight: TensorEntry, name: str, config: QuantizeConfig, block: int, factors: np.ndarray | None
) -> list[NewTensor]:
    """The tensors that stand for one weight. `factors` of the input are taken out of the weight again."""
    precision = PRECISIONS[config.precision]
    kind, numpy_type = rounding.STORED[config.compute]
    rows = None if factors is None else (1.0 / factors).astype(np.float32)
    found: list[np.ndarray] = []

    def scale() -> np.ndarray:
        if not found:
            found.append(rounding.scales(weight, precision, block, config.compute, rows))
        return found[0]

    def values() -> Iterator[np.ndarray]:
        result = scale()
        yield from rounding.quantized(weight, precision, block, result, rows)

    num_out, num_in = weight.shape
    shape = (num_in // block, num_out) if precision.blocked else (num_out,)
    item = np.dtype(numpy_type).itemsize
    num_bytes = num_in * num_out * precision.bits // 8
    stored_shape = (num_bytes,) if precision.bits == 4 else (num_in, num_out)
    tensors = [
        NewTensor(name + QUANTIZED, precision.dtype, stored_shape, num_bytes, values),
        NewTensor(name + SCALE, kind, shape, item * int(np.prod(shape)), lambda: [scale().view(f"u{item}")]),
    ]
    if factors is not None:
        stored = factors.astype(numpy_type).view(f"u{item}")
        tensors.append(NewTensor(name + INPUT_SCALE, kind, (num_in,), stored.nbytes, lambda: [stored]))
    return tensors
