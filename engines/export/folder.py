"""A checkpoint folder -> a model folder that a robot can run: graphs, weights, tokenizer and a manifest with
checksums.

In: config.json, tokenizer.json and safetensors as training saves them. Out: a new folder, put in place whole
or not at all, whose weights are the same files (hard links). Neither torch nor transformers is needed; `onnx`
is needed here and nowhere at run time.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.export.vision_graph import build_vision, build_vision_parts
from n3d_ros.engines.export.weights import STORED, write_converted
from n3d_ros.engines.work_folder import new_folder
from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder import picture_config
from n3d_ros.model_folder.config import ModelConfig, load_config
from n3d_ros.model_folder.foreign import check_tensors
from n3d_ros.model_folder.manifest import FILE_NAME, VISION_PARTS, Manifest, record_of
from n3d_ros.model_folder.tensors import TensorEntry, read_entries
from n3d_ros.version import __version__

logger = logging.getLogger(__name__)

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
    model_dir: Path,
    out_dir: Path,
    weights_dtype: str | None = None,
    compute_dtype: str = "fp32",
    full_checksums: bool = False,
) -> Manifest:
    """Write `out_dir`, replacing a model folder of that name.

    weights_dtype: 'fp16', 'fp32' or None to use the files as they are. compute_dtype: what the graphs
    calculate in; fp32 is what ONNX Runtime on a CPU needs. full_checksums: read every byte of large files
    too (see `manifest.record_of`). ModelFolderError when the checkpoint is incomplete, or `out_dir` holds
    something else.
    """
    model_dir, out_dir = Path(model_dir), Path(out_dir)
    if weights_dtype not in (None, *STORED):
        raise ModelFolderError(f"weights type: expected one of {list(STORED)} or none, got {weights_dtype!r}")
    check_compute(compute_dtype)
    check_apart(model_dir, out_dir)
    check_source(model_dir)
    config, entries = load_config(model_dir), read_entries(model_dir)
    check_tensors(model_dir, entries, config.text.tied)
    with new_folder(out_dir, FILE_NAME) as folder:
        copy_small_files(model_dir, folder)
        _write_weights(entries, config, folder, weights_dtype)
        write_graphs(config, folder, compute_dtype)
        return write_manifest(folder, out_dir.name, config, compute_dtype, full_checksums=full_checksums)


def check_compute(compute_dtype: str) -> None:
    if compute_dtype not in COMPUTE:
        raise ModelFolderError(f"compute type: expected one of {list(COMPUTE)}, got {compute_dtype!r}")


def check_apart(model_dir: Path, out_dir: Path) -> None:
    """ModelFolderError where what is made of the model would replace it, and nothing would be left of it."""
    if out_dir.exists() and model_dir.exists() and out_dir.samefile(model_dir):
        raise ModelFolderError(f"{out_dir}: expected another folder to write than the model's own")


def check_source(model_dir: Path) -> None:
    """A folder with configuration and tokenizer. ModelFolderError else."""
    if not model_dir.is_dir():
        raise ModelFolderError(f"{model_dir}: expected a checkpoint folder, found none")
    missing = [name for name in (CONFIG, TOKENIZER) if not (model_dir / name).is_file()]
    if missing:
        raise ModelFolderError(
            f"{model_dir}: expected {CONFIG} and {TOKENIZER}, missing {', '.join(missing)}"
        )


def copy_small_files(model_dir: Path, folder: Path) -> None:
    """Configuration and tokenizer; stop tokens and the picture processor's settings come along."""
    for name in (CONFIG, TOKENIZER, GENERATION, picture_config.PREPROCESSOR_NAME, picture_config.NESTED_NAME):
        if (model_dir / name).is_file():
            shutil.copyfile(model_dir / name, folder / name)


def write_graphs(config: ModelConfig, folder: Path, compute_dtype: str) -> None:
    """vision.onnx, its two parts and decoder.onnx beside the weights in `folder`."""
    weights = read_entries(folder)
    parts = build_vision_parts(config, weights, COMPUTE[compute_dtype])
    for name, part in zip(VISION_PARTS, parts, strict=True):
        save(part, folder / name)
    save(build_vision(config, weights, COMPUTE[compute_dtype]), folder / VISION)
    save(build_decoder(config, weights, COMPUTE[compute_dtype]), folder / DECODER)


def write_manifest(
    folder: Path,
    name: str,
    config: ModelConfig,
    compute_dtype: str,
    quantization: Mapping[str, object] | None = None,
    full_checksums: bool = False,
) -> Manifest:
    """Describe what lies in `folder`."""
    weights = read_entries(folder)
    files = {
        path.name: record_of(path, full_checksums)
        for path in sorted(folder.iterdir())
        if path.name != FILE_NAME
    }
    stored = sorted({DTYPE_NAMES[entry.dtype] for entry in weights.values() if entry.dtype in DTYPE_NAMES})
    manifest = Manifest(
        name=name,
        model_sha256="",
        config=CONFIG,
        tokenizer=TOKENIZER,
        vision=VISION,
        decoder=DECODER,
        weights=tuple(sorted({entry.file.name for entry in weights.values()})),
        weights_dtype="+".join(stored),
        compute_dtype=compute_dtype,
        point_encoding_order=config.point_encoding.order,
        versions={"n3d_ros": __version__, "onnx": onnx.__version__},
        files=files,
        quantization=dict(quantization or {}),
    )
    manifest = replace(manifest, model_sha256=_model_hash(manifest))
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return manifest


def link_file(source: Path, target: Path) -> None:
    """The same file under a second name; a copy, and a word about it, only across file systems.

    Of a symbolic link, as the hub's cache has them, it is the file behind it: ONNX Runtime refuses weights
    behind a link.
    """
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        logger.warning("%s: copied, for it cannot be linked (%s)", source, error.strerror)
        shutil.copyfile(source, target)


def _write_weights(
    entries: dict[str, TensorEntry], config: ModelConfig, folder: Path, dtype: str | None
) -> None:
    """Link the files, or write all tensors into one file of another type, without a head that the embedding
    stands in for.
    """
    if dtype is None:
        for file in sorted({entry.file for entry in entries.values()}):
            link_file(file, folder / file.name)
        return
    kept = {
        name: entry for name, entry in entries.items() if not (config.text.tied and name == "lm_head.weight")
    }
    write_converted(kept, dtype, folder / WEIGHTS)


def _model_hash(manifest: Manifest) -> str:
    """One hash for what defines the model's answers, whatever engine is built from it."""
    parts = {name: manifest.files[name].sha256 for name in (CONFIG, TOKENIZER, *manifest.weights)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
