"""A checkpoint folder -> a model folder that a robot can run: graphs, weights, tokenizer and a manifest with
checksums.

In: config.json, tokenizer.json and safetensors as training saves them. Out: a new folder, put in place whole
or not at all. Neither torch nor transformers is needed; `onnx` is needed here and nowhere at run time.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import onnx

from n3d_ros.engines.decoder_graph import build_decoder
from n3d_ros.engines.graph_builder import save
from n3d_ros.engines.vision_graph import build_vision
from n3d_ros.engines.weights import STORED, write_converted
from n3d_ros.runtime.manifest import FILE_NAME, FileRecord, Manifest, sha256_of
from n3d_ros.runtime.model_config import ModelConfig, load_config
from n3d_ros.runtime.safetensors_file import TensorEntry, read_entries
from n3d_ros.runtime.types import ModelFolderError
from n3d_ros.version import __version__

CONFIG, TOKENIZER, VISION, DECODER, WEIGHTS = (
    "config.json",
    "tokenizer.json",
    "vision.onnx",
    "decoder.onnx",
    "model.safetensors",
)
GENERATION = "generation_config.json"
DTYPE_NAMES = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
COMPUTE = {name: kind for kind, name in DTYPE_NAMES.items()}


def export(
    model_dir: Path, out_dir: Path, weights_dtype: str | None = None, compute_dtype: str = "fp32"
) -> Manifest:
    """Write `out_dir`, replacing a model folder of that name.

    weights_dtype: 'fp16', 'fp32' or None to copy the files as they are. compute_dtype: what the graphs
    calculate in; fp32 is what ONNX Runtime on a CPU needs. ModelFolderError when the checkpoint is
    incomplete, or `out_dir` holds something else.
    """
    model_dir, out_dir = Path(model_dir), Path(out_dir)
    if weights_dtype not in (None, *STORED):
        raise ModelFolderError(f"weights type: expected one of {list(STORED)} or none, got {weights_dtype!r}")
    if compute_dtype not in COMPUTE:
        raise ModelFolderError(f"compute type: expected one of {list(COMPUTE)}, got {compute_dtype!r}")
    _check_source(model_dir)
    _check_target(out_dir)
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out_dir.name}.", dir=out_dir.parent) as parent:
        folder = Path(parent) / "new"
        folder.mkdir(mode=0o755)
        manifest = _write(model_dir, folder, out_dir.name, weights_dtype, compute_dtype)
        if out_dir.exists():
            out_dir.rename(Path(parent) / "old")
        folder.rename(out_dir)
    return manifest


def _write(
    model_dir: Path, folder: Path, name: str, weights_dtype: str | None, compute_dtype: str
) -> Manifest:
    config = load_config(model_dir)
    _write_config(model_dir, folder)
    shutil.copyfile(model_dir / TOKENIZER, folder / TOKENIZER)
    _write_weights(read_entries(model_dir), config, folder, weights_dtype)
    weights = read_entries(folder)
    save(build_vision(config, weights, COMPUTE[compute_dtype]), folder / VISION)
    save(build_decoder(config, weights, COMPUTE[compute_dtype]), folder / DECODER)
    manifest = _describe(folder, name, config, weights, compute_dtype)
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def _check_source(model_dir: Path) -> None:
    if not model_dir.is_dir():
        raise ModelFolderError(f"{model_dir}: expected a checkpoint folder, found none")
    missing = [name for name in (CONFIG, TOKENIZER) if not (model_dir / name).is_file()]
    if missing:
        raise ModelFolderError(
            f"{model_dir}: expected {CONFIG} and {TOKENIZER}, missing {', '.join(missing)}"
        )


def _check_target(out_dir: Path) -> None:
    """Only a folder that an export wrote, or an empty one, is replaced."""
    if out_dir.is_dir() and (not any(out_dir.iterdir()) or (out_dir / FILE_NAME).is_file()):
        return
    if out_dir.exists():
        raise ModelFolderError(
            f"{out_dir}: expected a new name or an exported model folder, found something else"
        )


def _write_config(model_dir: Path, folder: Path) -> None:
    """The configuration; the stop tokens of a generation_config.json come along."""
    shutil.copyfile(model_dir / CONFIG, folder / CONFIG)
    if (model_dir / GENERATION).is_file():
        shutil.copyfile(model_dir / GENERATION, folder / GENERATION)


def _write_weights(
    entries: dict[str, TensorEntry], config: ModelConfig, folder: Path, dtype: str | None
) -> None:
    """Copy the files, or write all tensors into one file of another type, without a head that the embedding
    stands in for.
    """
    if dtype is None:
        for file in sorted({entry.file for entry in entries.values()}):
            shutil.copyfile(file, folder / file.name)
        return
    kept = {
        name: entry for name, entry in entries.items() if not (config.text.tied and name == "lm_head.weight")
    }
    write_converted(kept, dtype, folder / WEIGHTS)


def _describe(
    folder: Path, name: str, config: ModelConfig, weights: dict[str, TensorEntry], compute_dtype: str
) -> Manifest:
    files = {path.name: FileRecord(path.stat().st_size, sha256_of(path)) for path in sorted(folder.iterdir())}
    shards = tuple(sorted({entry.file.name for entry in weights.values()}))
    stored = sorted({DTYPE_NAMES[entry.dtype] for entry in weights.values()})
    manifest = Manifest(
        name=name,
        model_sha256="",
        config=CONFIG,
        tokenizer=TOKENIZER,
        vision=VISION,
        decoder=DECODER,
        weights=shards,
        weights_dtype="+".join(stored),
        compute_dtype=compute_dtype,
        point_encoding_order=config.point_encoding.order,
        versions={"n3d_ros": __version__, "onnx": onnx.__version__},
        files=files,
    )
    return replace(manifest, model_sha256=_model_hash(manifest))


def _model_hash(manifest: Manifest) -> str:
    """One hash for what defines the model's answers, whatever engine is built from it."""
    parts = {name: manifest.files[name].sha256 for name in (CONFIG, TOKENIZER, *manifest.weights)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
