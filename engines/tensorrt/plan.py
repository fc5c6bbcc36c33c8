"""What `n3d build` builds: precision, context and parts for one model folder and board, and whether it fits.

In: a folder, a board, what the user fixed. Out: a `BuildPlan`, or a named error before anything is built. It
does not know how engines are made.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from n3d_ros.engines.tensorrt.boards import (
    QUANTIZED,
    Board,
    check_precision,
    choose_parts,
    choose_preset,
    estimate_memory,
    in_parts,
    parts_that_fit,
    possible,
)
from n3d_ros.engines.tensorrt.layer_split import ModelSize, layer_ranges
from n3d_ros.errors import BadInputError, OutOfMemoryError
from n3d_ros.model_folder.config import ModelConfig, load_config
from n3d_ros.model_folder.manifest import read_manifest
from n3d_ros.model_folder.tensors import read_entries

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildPlan:
    """What to build: `targets` compute capabilities; precision of the products; compute type of the rest;
    engines that the decoder is cut into.
    """

    board: Board
    targets: tuple[str, ...]
    precision: str
    compute: str
    context: int
    parts: int = 1


def plan_build(
    folder: Path,
    board: Board,
    precision: str = "auto",
    context: int | None = None,
    parts: int | None = None,
) -> BuildPlan:
    """Settle precision, context and number of parts for a model folder.

    Named errors: OutOfMemoryError when nothing fits the board, BadInputError when the GPU lacks the
    precision, the model has fewer layers than parts, or the folder has to be quantised (or must not be)
    first.
    """
    manifest, config = read_manifest(folder), load_config(folder)
    stored = manifest.quantization.get("precision")
    size, context = model_size(folder, config), context or board.context
    if parts is not None:
        layer_ranges(size, parts)
    if precision == "auto":
        precision = stored or choose_preset(board, size, context, parts).precision
    check_precision(precision, board.sms)
    if (stored or precision) != precision or (precision in QUANTIZED and not stored):
        raise BadInputError(_quantise_first(folder, stored, precision))
    compute = precision if precision not in QUANTIZED else _compute_type(board, manifest.compute_dtype)
    parts = parts or choose_parts(board, size, precision, context)
    return BuildPlan(board, board.sms, precision, compute, context, parts)


def _compute_type(board: Board, wanted: str) -> str:
    """What the rest of a quantised model computes in: the 16 bits that it was quantised for, else bf16 (large
    activations fit), fp16 only where a GPU has nothing else.
    """
    choices = [name for name in ("bf16", "fp16") if possible(name, board.sms)]
    return wanted if wanted in choices else choices[0]


def _quantise_first(folder: Path, stored: str | None, wanted: str) -> str:
    if wanted not in QUANTIZED:
        return (
            f"{folder}: expected unquantised weights for {wanted}, found {stored}; "
            "build the folder that it was made of"
        )
    found = stored or "unquantised weights"
    return (
        f"{folder}: expected weights in {wanted}, found {found}; `n3d quantize --model DIR "
        f"--precision {wanted} --out DIR-{wanted}` writes them and measures what they lose, "
        "then build that folder"
    )


def model_size(folder: Path, config: ModelConfig) -> ModelSize:
    """Sizes at 16 bits, from the shapes of the configuration and the file's headers."""
    t = config.text
    kv_width = t.kv_heads * t.head_dim
    layer = t.hidden * (2 * t.heads * t.head_dim + 2 * kv_width) + 3 * t.hidden * t.mlp
    head = 2.0 * t.vocab * t.hidden
    tower = [e for name, e in read_entries(folder).items() if name.startswith("visual.")]
    rest = 2.0 * sum(e.num_bytes for e in tower) / _item(tower[0].dtype)
    return ModelSize(2.0 * t.layers * layer + head, rest, 2.0 * 2 * t.layers * kv_width, head, t.layers)


def _item(dtype: str) -> int:
    return {"F32": 4, "F16": 2, "BF16": 2}[dtype]


def check_build_memory(folder: Path, plan: BuildPlan, free_gb: float | None) -> None:
    """OutOfMemoryError when the build needs more than what is free (None: unknown, not checked)."""
    size = model_size(folder, load_config(folder))
    wanted = (size, plan.precision, plan.context, plan.board.unified, plan.parts)
    needed = estimate_memory(*wanted).build_gb
    if free_gb is not None and needed > free_gb:
        more = parts_that_fit(*wanted, free_gb)
        split = f"cut the decoder with `--parts {more}`, " if more else ""
        raise OutOfMemoryError(
            f"building {plan.precision}{in_parts(plan.parts)} needs about {needed:.1f} GB of memory, "
            f"{free_gb:.1f} GB are free; stop other programs, add swap, {split}quantise further with "
            "`n3d quantize`, or build elsewhere"
        )
    logger.info("memory: about %.1f GB of %s free", needed, f"{free_gb:.1f} GB" if free_gb else "unknown")
