"""`n3d build`: a model folder -> an engine folder for one kind of GPU, in the user's cache.

In: an exported or quantised folder and a plan. Out: two engines with their record, put in place whole or not
at all. An engine of the same model for the same GPU that no longer fits is named, and replaced only if
allowed.
"""

import logging
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from n3d_ros.engines.boards import (
    QUANTIZED,
    Board,
    ModelSize,
    check_precision,
    choose_precision,
    estimate,
    possible,
)
from n3d_ros.engines.build_network import BuildRequest, Progress, build_engine
from n3d_ros.engines.export import copy_small_files, new_folder, write_graphs
from n3d_ros.runtime.manifest import Manifest, check_files, read_manifest, record_of, sha256_of
from n3d_ros.runtime.model_config import ModelConfig, load_config
from n3d_ros.runtime.safetensors_file import read_entries
from n3d_ros.runtime.trt_api import TENSORRT, TensorRt
from n3d_ros.runtime.trt_folder import (
    DECODER,
    FILE_NAME,
    VISION,
    EngineRecord,
    engine_folders,
    read_record,
)
from n3d_ros.runtime.trt_folder import check_files as check_engines
from n3d_ros.runtime.trt_shapes import decoder_profiles, shapes_for, vision_profiles
from n3d_ros.runtime.types import BadInputError, EngineError, OutOfMemoryError
from n3d_ros.version import __version__

logger = logging.getLogger(__name__)
MeasureGB = Callable[[], float | None]
Bar = Callable[[str], AbstractContextManager[Progress | None]]


@dataclass(frozen=True)
class BuildPlan:
    """What to build: `targets` compute capabilities; precision of the products; compute type of the rest."""

    board: Board
    targets: tuple[str, ...]
    precision: str
    compute: str
    context: int


def plan_build(folder: Path, board: Board, precision: str = "auto", context: int | None = None) -> BuildPlan:
    """Settle precision and context for a model folder.

    Named errors: OutOfMemoryError when nothing fits the board, BadInputError when the GPU lacks the precision
    or the folder has to be quantised (or must not be) first.
    """
    manifest, config = read_manifest(folder), load_config(folder)
    stored = manifest.quantization.get("precision")
    if precision == "auto":
        precision = stored or choose_precision(board, model_size(folder, config))
    check_precision(precision, board.sms)
    if (stored or precision) != precision or (precision in QUANTIZED and not stored):
        raise BadInputError(_quantise_first(folder, stored, precision))
    compute = precision if precision not in QUANTIZED else _compute_type(board, manifest.compute_dtype)
    return BuildPlan(board, board.sms, precision, compute, context or board.context)


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
    products = 2.0 * (t.layers * layer + t.vocab * t.hidden)
    tower = [e for name, e in read_entries(folder).items() if name.startswith("visual.")]
    rest = 2.0 * sum(e.num_bytes for e in tower) / _item(tower[0].dtype)
    return ModelSize(products, rest, 2.0 * 2 * t.layers * kv_width)


def _item(dtype: str) -> int:
    return {"F32": 4, "F16": 2, "BF16": 2}[dtype]


def check_memory(folder: Path, plan: BuildPlan, free_gb: float | None) -> None:
    """OutOfMemoryError when the build needs more than what is free (None: unknown, not checked)."""
    needed = estimate(
        model_size(folder, load_config(folder)), plan.precision, plan.context, plan.board.unified
    ).build_gb
    if free_gb is not None and needed > free_gb:
        raise OutOfMemoryError(
            f"building {plan.precision} needs about {needed:.1f} GB of memory, {free_gb:.1f} GB are free; "
            "stop other programs, add swap, quantise further with `n3d quantize`, or build elsewhere"
        )
    logger.info("memory: about %.1f GB of %s free", needed, f"{free_gb:.1f} GB" if free_gb else "unknown")


def build(
    folder: Path,
    plan: BuildPlan,
    api: TensorRt,
    root: Path,
    rebuild: bool = False,
    bar: Bar = lambda _: nullcontext(),
) -> tuple[Path, EngineRecord, bool]:
    """(engine folder, its record, whether it was built now). The folder lies in `root` under its key's name.

    EngineError when an engine for the same use is there that does not fit any more and `rebuild` is false.
    """
    if api.name == TENSORRT and len(plan.targets) > 1:
        raise BadInputError(f"target {plan.board.name}: TensorRT builds for the GPU it runs on; use current")
    manifest, config = read_manifest(folder), load_config(folder)
    check_files(folder, manifest)
    root.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".build.", dir=root) as work:
        source = _graphs(folder, Path(work), manifest, config, plan)
        wanted = _record(manifest, config, plan, api, source)
        target = root / wanted.folder_name
        old = _others(root, wanted)
        if not rebuild and _is_whole(target, wanted):
            return target, read_record(target), False
        if old and not rebuild:
            raise EngineError(stale_message(old, wanted))
        with new_folder(target, proof=FILE_NAME) as new:
            record = _build_into(new, source, wanted, config, plan, api, bar)
    for path, _ in old:
        shutil.rmtree(path)
    return target, record, True


def _graphs(folder: Path, work: Path, manifest: Manifest, config: ModelConfig, plan: BuildPlan) -> Path:
    """Graphs that compute in the plan's type, beside links to the weights."""
    for name in manifest.weights:
        (work / name).symlink_to((folder / name).resolve())
    copy_small_files(folder, work)
    write_graphs(config, work, plan.compute)
    return work


def _record(
    manifest: Manifest, config: ModelConfig, plan: BuildPlan, api: TensorRt, source: Path
) -> EngineRecord:
    return EngineRecord(
        model_name=manifest.name,
        model_sha256=manifest.model_sha256,
        runtime=api.name,
        runtime_version=api.version,
        targets=plan.targets,
        precision=plan.precision,
        compute=plan.compute,
        shapes=shapes_for(config, plan.context),
        graphs={name: sha256_of(source / name) for name in (manifest.vision, manifest.decoder)},
        files={},
        n3d_version=__version__,
    )


def _build_into(
    new: Path,
    source: Path,
    wanted: EngineRecord,
    config: ModelConfig,
    plan: BuildPlan,
    api: TensorRt,
    bar: Bar,
) -> EngineRecord:
    graphs = {
        VISION: ("vision.onnx", vision_profiles(config, wanted.shapes)),
        DECODER: ("decoder.onnx", decoder_profiles(config, wanted.shapes)),
    }
    for name, (onnx, profiles) in graphs.items():
        with bar(name) as progress:
            build_engine(api, BuildRequest(source / onnx, new / name, profiles, plan.targets), progress)
    record = replace(wanted, files={name: record_of(new / name) for name in graphs})
    (new / FILE_NAME).write_text(record.to_json(), encoding="utf-8")
    return record


def _is_whole(target: Path, wanted: EngineRecord) -> bool:
    """Whether `target` holds exactly what is wanted. EngineError when it does but a file differs."""
    if not (target / FILE_NAME).is_file() or read_record(target).key != wanted.key:
        return False
    check_engines(target, read_record(target))
    return True


def _others(root: Path, wanted: EngineRecord) -> list[tuple[Path, EngineRecord]]:
    """Engines for the same use (model name, precision, GPUs, runtime) with another key."""
    found = [(path, read_record(path)) for path in engine_folders(root)]
    return [
        (path, record) for path, record in found if _use(record) == _use(wanted) and record.key != wanted.key
    ]


def _use(record: EngineRecord) -> tuple[object, ...]:
    return record.model_name, record.precision, record.targets, record.runtime


def stale_message(old: list[tuple[Path, EngineRecord]], wanted: EngineRecord) -> str:
    """Names the engines and every respect in which they differ."""
    fields = ("model_sha256", "runtime_version", "compute", "shapes", "graphs")
    texts = []
    for path, record in old:
        differs = [name for name in fields if getattr(record, name) != getattr(wanted, name)]
        texts.append(f"{path} (another {', '.join(differs)})")
    return f"stale engine: {'; '.join(texts)}; replace it with `n3d build ... --rebuild`"
