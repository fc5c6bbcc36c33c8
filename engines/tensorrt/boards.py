"""What can be built for which board, and what fits into it.

In: a target's name and the size of a model. Out: a preset (precision, context, number of parts), or a named
error that says what is lacking. Memory figures are estimates from builds on a CPU
(docs/specification/engines.md 10), not measurements of boards.
"""

from dataclasses import dataclass

from n3d_ros.engines.tensorrt.layer_split import ModelSize, largest_part
from n3d_ros.errors import BadInputError, OutOfMemoryError
from n3d_ros.runtime.backends.trt.api import RTX, TENSORRT

GB = 1e9
BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "fp8": 8, "int4": 4}
QUANTIZED = ("int8", "fp8", "int4")
# Memory of a build by bytes of weights: 16 bits 4.25 of 2.95 GB, 4 bits 10.8 of 3.65 GB [measured with
# TensorRT-RTX], 8 bits estimated between them. Unified: the GPU's copy of the weights lies there too.
BUILD_FACTOR = {"fp32": 1.45, "bf16": 1.45, "fp16": 1.45, "int8": 2.0, "fp8": 2.0, "int4": 3.0}
UNIFIED_FACTOR = {"fp32": 2.45, "bf16": 2.45, "fp16": 2.45, "int8": 2.5, "fp8": 2.5, "int4": 3.0}
# The runtime's own libraries; activations and context of a run.
BUILD_FLOOR_GB, RUN_OVERHEAD_GB = 0.5, 1.0
# Most engines that a preset cuts the decoder into; each costs a launch in every pass.
MAX_PARTS = 8
NO_BF16, NO_FP8 = ("sm75",), ("sm75", "sm80", "sm86", "sm87")


@dataclass(frozen=True)
class Board:
    """One kind of machine. `sms`: its compute capabilities; `memory_gb`: what the GPU may use, None: unknown;
    `unified`: CPU and GPU share it, so a build must fit beside its own engine. precisions: best first.
    """

    name: str
    sms: tuple[str, ...]
    runtime: str
    memory_gb: float | None = None
    context: int = 4096
    unified: bool = False
    precisions: tuple[str, ...] = ("bf16", "int8", "int4")


_RTX_SMS = ("sm86", "sm89", "sm120")
# Memory of a board is what is left for programs of the size in the name [estimated].
BOARDS = {
    board.name: board
    for board in (
        Board("orin-16", ("sm87",), TENSORRT, 14.0, 2048, True),
        Board("orin-32", ("sm87",), TENSORRT, 29.0, 4096, True),
        Board("orin-64", ("sm87",), TENSORRT, 59.0, 4096, True),
        Board("thor", ("sm110",), TENSORRT, 120.0, 4096, True, precisions=("bf16", "fp8", "int4")),
        Board("rtx-8", _RTX_SMS, RTX, 7.0, 2048),
        Board("rtx-12", _RTX_SMS, RTX, 11.0, 2048),
        Board("rtx-16", _RTX_SMS, RTX, 15.0, 4096),
        Board("rtx-24", _RTX_SMS, RTX, 22.5, 4096),
        Board("data-centre", ("sm80", "sm90", "sm100"), TENSORRT, 38.0, 8192),
        Board("sm75", ("sm75",), RTX, precisions=("fp16", "int8", "int4")),
        *(Board(sm, (sm,), RTX) for sm in ("sm80", "sm86", "sm89", "sm120", "sm121")),
    )
}
ALIASES = {"orin": "orin-64"}


@dataclass(frozen=True)
class Memory:
    """Estimated GB: of host memory while building, of GPU memory while running."""

    build_gb: float
    run_gb: float


@dataclass(frozen=True)
class Preset:
    """What a board gets: the products' precision, tokens of context, engines that the decoder is cut into."""

    precision: str
    context: int
    parts: int


def board(name: str) -> Board:
    """A board by its name. BadInputError with the choices."""
    name = ALIASES.get(name, name)
    if name not in BOARDS:
        raise BadInputError(f"target: expected current, {', '.join((*ALIASES, *BOARDS))}, got {name!r}")
    return BOARDS[name]


def estimate_memory(size: ModelSize, precision: str, context: int, unified: bool, parts: int = 1) -> Memory:
    """Memory of building the largest graph, one at a time, and of running all of them.

    Running costs the same whole and in parts: each weight and each cached row lies in one of them.
    """
    factors = UNIFIED_FACTOR if unified else BUILD_FACTOR
    wide = "fp32" if precision == "fp32" else "bf16"
    products, rest = size.products * BITS[precision] / 16, size.rest * BITS[wide] / 16
    part = largest_part(size, parts) * BITS[precision] / 16
    run = (products + rest + size.kv_per_token * context) / GB + RUN_OVERHEAD_GB
    return Memory(max(part * factors[precision], rest * factors[wide]) / GB + BUILD_FLOOR_GB, run)


def choose_preset(
    board: Board, size: ModelSize, context: int | None = None, parts: int | None = None
) -> Preset:
    """The best precision that runs on the board, in as few parts as its build needs (or in `parts`).

    A smaller precision only where the better one does not run, or cannot be built even in `MAX_PARTS`.
    OutOfMemoryError when none fits.
    """
    context, needs = context or board.context, []
    for precision in (name for name in board.precisions if possible(name, board.sms)):
        cut = parts or choose_parts(board, size, precision, context)
        memory = estimate_memory(size, precision, context, board.unified, cut)
        if _runs(board, memory) and _builds(board, memory):
            return Preset(precision, context, cut)
        needs.append((memory.run_gb, memory.build_gb, cut))
    run_gb, build_gb, cut = min(needs)
    raise OutOfMemoryError(
        f"target {board.name}: expected a model that fits into {board.memory_gb:g} GB, this one needs about "
        f"{build_gb:.1f} GB to build{in_parts(cut)} and {run_gb:.1f} GB to run; take a larger board or a "
        "smaller model"
    )


def choose_parts(board: Board, size: ModelSize, precision: str, context: int) -> int:
    """The fewest parts whose build fits the board; the most possible where none does."""
    most = min(MAX_PARTS, size.layers)
    fitting = (
        parts
        for parts in range(1, most + 1)
        if _builds(board, estimate_memory(size, precision, context, board.unified, parts))
    )
    return next(fitting, most)


def parts_that_fit(
    size: ModelSize, precision: str, context: int, unified: bool, parts: int, free_gb: float
) -> int | None:
    """The fewest parts above `parts` whose build fits into `free_gb`; None where cutting does not help."""
    for more in range(parts + 1, min(MAX_PARTS, size.layers) + 1):
        if estimate_memory(size, precision, context, unified, more).build_gb <= free_gb:
            return more
    return None


def _runs(board: Board, memory: Memory) -> bool:
    return board.memory_gb is None or memory.run_gb <= board.memory_gb


def _builds(board: Board, memory: Memory) -> bool:
    """Where CPU and GPU share the memory; another board's host memory is only known when it builds."""
    return board.memory_gb is None or not board.unified or memory.build_gb <= board.memory_gb


def in_parts(parts: int) -> str:
    """Words for a message; none where the decoder is whole."""
    return f" in {parts} parts" if parts > 1 else ""


def possible(precision: str, sms: tuple[str, ...]) -> bool:
    """Whether every GPU of a target has the number format."""
    lacking = {"bf16": NO_BF16, "fp8": NO_FP8}.get(precision, ())
    return not any(sm in lacking for sm in sms)


def check_precision(precision: str, sms: tuple[str, ...]) -> None:
    """BadInputError where a GPU of the target lacks the number format."""
    if not possible(precision, sms):
        raise BadInputError(
            f"precision {precision}: {', '.join(sms)} cannot compute with it; "
            f"expected one of {', '.join(p for p in BITS if possible(p, sms))}"
        )
