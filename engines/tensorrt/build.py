"""`n3d build`: a model folder -> an engine folder for one kind of GPU, in the user's cache.

In: an exported or quantised folder and a plan. Out: engines with their record, put in place whole or not at
all. An engine of the same model for the same GPU that no longer fits is named, and replaced only if allowed.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.folder import COMPUTE, copy_small_files, write_graphs
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.tensorrt.layer_split import layer_ranges
from n3d_ros.engines.tensorrt.network import BuildProgress, BuildRequest
from n3d_ros.engines.tensorrt.plan import BuildPlan, model_size
from n3d_ros.engines.tensorrt.process import build_apart
from n3d_ros.engines.work_folder import new_folder, work_folder
from n3d_ros.errors import BadInputError, EngineError, OutOfMemoryError
from n3d_ros.model_folder.config import ModelConfig, load_config
from n3d_ros.model_folder.manifest import Manifest, check_files, read_manifest, record_of, sha256_of
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.runtime.backends.trt.api import TENSORRT, TensorRt
from n3d_ros.runtime.backends.trt.folder import (
    RECORD_NAME,
    VISION,
    EngineRecord,
    LayerPart,
    check_engines,
    engines_in,
    read_record,
)
from n3d_ros.runtime.backends.trt.shapes import decoder_profiles, shapes_for, vision_profiles
from n3d_ros.version import __version__

Bar = Callable[[str], AbstractContextManager[BuildProgress | None]]
BuildEngine = Callable[[TensorRt, BuildRequest, BuildProgress | None], int]


def build(
    folder: Path,
    plan: BuildPlan,
    api: TensorRt,
    root: Path,
    rebuild: bool = False,
    bar: Bar = lambda _: nullcontext(),
    run: BuildEngine = build_apart,
) -> tuple[Path, EngineRecord, bool]:
    """(engine folder, its record, whether it was built now). The folder lies in `root` under its key's name.

    EngineError when an engine for the same use is there that does not fit any more and `rebuild` is false,
    OutOfMemoryError when the memory does not suffice.
    """
    if api.name == TENSORRT and len(plan.targets) > 1:
        raise BadInputError(f"target {plan.board.name}: TensorRT builds for the GPU it runs on; use current")
    if (root / RECORD_NAME).is_file():  # a stale one is removed, and all that was built in it
        raise BadInputError(f"{root}: expected a folder for engines, got an engine; give the one it lies in")
    manifest, config = read_manifest(folder), load_config(folder)
    check_files(folder, manifest)
    root.mkdir(parents=True, exist_ok=True)
    with work_folder("build", root) as source:
        parts = _parts(folder, config, plan)
        _write_graphs(folder, source, manifest, config, plan, parts)
        wanted = _record(manifest, config, plan, api, source, parts)
        target = root / wanted.folder_name
        old = _others(root, wanted)
        if not rebuild and _is_whole(target, wanted):
            return target, read_record(target), False
        if old and not rebuild:
            raise EngineError(stale_message(old, wanted))
        with new_folder(target, proof=RECORD_NAME) as new:
            record = _build_into(new, source, wanted, config, plan, api, bar=bar, run=run)
    for path, _ in old:
        with suppress(FileNotFoundError):  # another build has replaced it as well
            shutil.rmtree(path)
    return target, record, True


def _parts(folder: Path, config: ModelConfig, plan: BuildPlan) -> tuple[LayerPart, ...]:
    """The decoder's parts, none where it is whole."""
    if plan.parts == 1:
        return ()
    ranges = layer_ranges(model_size(folder, config), plan.parts)
    names = (f"decoder-{number}-of-{plan.parts}.engine" for number in range(1, plan.parts + 1))
    return tuple(LayerPart(name, *layers) for name, layers in zip(names, ranges, strict=True))


def _graph_of(engine: str) -> str:
    return Path(engine).with_suffix(".onnx").name


def _write_graphs(
    folder: Path,
    work: Path,
    manifest: Manifest,
    config: ModelConfig,
    plan: BuildPlan,
    parts: tuple[LayerPart, ...],
) -> None:
    """Graphs that compute in the plan's type, beside links to the weights."""
    for name in manifest.weights:
        (work / name).symlink_to((folder / name).resolve())
    copy_small_files(folder, work)
    write_graphs(config, work, plan.compute)
    weights = read_entries(work)
    for part in parts:
        graph = build_decoder(config, weights, COMPUTE[plan.compute], (part.first, part.stop))
        save(graph, work / _graph_of(part.file))


def _record(
    manifest: Manifest,
    config: ModelConfig,
    plan: BuildPlan,
    api: TensorRt,
    source: Path,
    parts: tuple[LayerPart, ...],
) -> EngineRecord:
    graphs = (manifest.vision, *([_graph_of(part.file) for part in parts] or [manifest.decoder]))
    return EngineRecord(
        model_name=manifest.name,
        model_sha256=manifest.model_sha256,
        runtime=api.name,
        runtime_version=api.version,
        targets=plan.targets,
        precision=plan.precision,
        compute=plan.compute,
        shapes=shapes_for(config, plan.context),
        graphs={name: sha256_of(source / name) for name in graphs},
        files={},
        n3d_version=__version__,
        parts=parts,
    )


def _build_into(
    new: Path,
    source: Path,
    wanted: EngineRecord,
    config: ModelConfig,
    plan: BuildPlan,
    api: TensorRt,
    *,
    bar: Bar,
    run: BuildEngine,
) -> EngineRecord:
    """One engine after the other: the memory of a build is that of the largest."""
    profiles = {VISION: vision_profiles(config, wanted.shapes)}
    for part in wanted.decoder_parts(config.text.layers):
        profiles[part.file] = decoder_profiles(config, wanted.shapes, (part.first, part.stop))
    for name, shapes in profiles.items():
        with bar(name) as progress:
            request = BuildRequest(source / _graph_of(name), new / name, shapes, plan.targets)
            try:
                run(api, request, progress)
            except OutOfMemoryError as error:
                raise OutOfMemoryError(f"{error.message}; {_remedy(name, plan, config)}") from error
    record = replace(wanted, files={name: record_of(new / name) for name in profiles})
    (new / RECORD_NAME).write_text(record.to_json(), encoding="utf-8")
    return record


def _remedy(engine: str, plan: BuildPlan, config: ModelConfig) -> str:
    """What may help when memory ran out in a build: smaller parts of the decoder, where it can be cut."""
    more = min(2 * plan.parts, config.text.layers)
    split = f"cut the decoder with `--parts {more}`, " if engine != VISION and more > plan.parts else ""
    return f"{split}stop other programs, add swap, or build with less --context or a smaller --precision"


def _is_whole(target: Path, wanted: EngineRecord) -> bool:
    """Whether `target` holds exactly what is wanted. EngineError when it does but a file differs."""
    if not (target / RECORD_NAME).is_file() or read_record(target).key != wanted.key:
        return False
    check_engines(target, read_record(target))
    return True


def _others(root: Path, wanted: EngineRecord) -> list[tuple[Path, EngineRecord]]:
    """Engines for the same use (model name, precision, GPUs, runtime) with another key."""
    return [
        (path, record)
        for path, record in engines_in(root)
        if _use(record) == _use(wanted) and record.key != wanted.key
    ]


def _use(record: EngineRecord) -> tuple[object, ...]:
    return record.model_name, record.precision, record.targets, record.runtime


def stale_message(old: list[tuple[Path, EngineRecord]], wanted: EngineRecord) -> str:
    """Names the engines and every respect in which they differ."""
    fields = ("model_sha256", "runtime_version", "compute", "shapes", "parts", "graphs")
    texts = []
    for path, record in old:
        differs = [name for name in fields if getattr(record, name) != getattr(wanted, name)]
        texts.append(f"{path} (another {', '.join(differs)})")
    return f"stale engine: {'; '.join(texts)}; replace it with `n3d build ... --rebuild`"
