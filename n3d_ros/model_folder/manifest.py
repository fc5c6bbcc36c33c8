"""The sidecar of an exported model folder: what it holds, where it came from, and the checksum of every file.

In: a folder. Out: a checked `Manifest`. It does not open graphs or weights; a file that disagrees is named
with the remedy.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.fields import Fields, read_fields
from n3d_ros.model_folder.tensors import is_plain_name
from n3d_ros.plain_text import shown

FILE_NAME = "manifest.json"
# The vision graph in two, so that the blocks can run before depth arrives; folders may lack them.
VISION_PARTS = ("vision_blocks.onnx", "vision_merger.onnx")
# 2: pictures go into the vision graph without padding.
FORMAT = 2
TEXTS = (
    "name",
    "model_sha256",
    "config",
    "tokenizer",
    "vision",
    "decoder",
    "weights_dtype",
    "compute_dtype",
    "point_encoding_order",
)
SHA256 = re.compile("[0-9a-f]{64}")
CHUNK_BYTES = 1 << 20
LARGE_BYTES = 1 << 28
SAMPLE_STRIDE, SAMPLE_BYTES = 1 << 20, 1 << 12


@dataclass(frozen=True)
class FileRecord:
    """Size and SHA-256 of one file of the folder; `sampled`: over a part of it, see `sampled_sha256`."""

    num_bytes: int
    sha256: str
    sampled: bool = False


@dataclass(frozen=True)
class Manifest:
    """`name` of the model; `model_sha256` over config, tokenizer and weights, so engines of one model can be
    told. `quantization`: how the decoder's products are stored, empty where as trained.

    Types are 'fp16', 'fp32' or 'bf16': `weights_dtype` as stored, `compute_dtype` as the graphs compute.
    `point_encoding_order` is the order that the weights were trained with. `versions`: of the tools that
    wrote the folder.
    """

    name: str
    model_sha256: str
    config: str
    tokenizer: str
    vision: str
    decoder: str
    weights: tuple[str, ...]
    weights_dtype: str
    compute_dtype: str
    point_encoding_order: str
    versions: dict[str, str]
    files: dict[str, FileRecord]
    quantization: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Parse `manifest.json`. ModelFolderError when folder or manifest is missing or of another format."""
    if not folder.is_dir():
        raise ModelFolderError(
            f"{folder}: expected a model folder, found {'a file' if folder.exists() else 'nothing'}"
        )
    path = folder / FILE_NAME
    if not path.is_file():
        raise ModelFolderError(
            f"{folder}: expected a {FILE_NAME}, found none; write one with `n3d export --model ... --out ...`"
        )
    try:
        manifest = _manifest(read_fields(path))
    except ModelFolderError as error:
        raise ModelFolderError(
            f"{error.message}; expected the manifest of an exported model, export it again"
        ) from error
    _check_names(path, manifest)
    return manifest


def _manifest(data: Fields) -> Manifest:
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        raise ModelFolderError(f"{data.where}: expected format {FORMAT}, got {shown(data.get('format'))}")
    data.only([field.name for field in fields(Manifest)])
    texts: dict[str, Any] = {name: data.text(name) for name in TEXTS}
    versions = data.section("versions")
    return Manifest(
        **texts,
        weights=data.texts("weights"),
        versions={tool: versions.text(tool) for tool in versions.values},
        files=read_records(data),
        quantization=dict(data.section("quantization", {}).values),
    )


def read_records(data: Fields) -> dict[str, FileRecord]:
    """The checksums under "files", by plain file name. ModelFolderError."""
    files = data.section("files")
    odd = next((name for name in files.values if not is_plain_name(name)), None)
    if odd is not None:
        raise ModelFolderError(f"{files.where}: expected plain file names, got {shown(odd)}")
    return {name: _record(files.section(name)) for name in files.values}


def _record(data: Fields) -> FileRecord:
    data.only([field.name for field in fields(FileRecord)])
    sha256, num_bytes = data.text("sha256"), data.get("num_bytes")
    if not SHA256.fullmatch(sha256):
        data.refuse("sha256", "64 hexadecimal digits", sha256)
    if type(num_bytes) is not int or num_bytes < 0:
        data.refuse("num_bytes", "a number of bytes", num_bytes)
    return FileRecord(num_bytes, sha256, data.flag("sampled", False))


def _check_names(path: Path, manifest: Manifest) -> None:
    """Every named file lies in the folder itself, and is listed with its checksum."""
    used = {manifest.config, manifest.tokenizer, manifest.vision, manifest.decoder, *manifest.weights}
    odd = [name for name in (manifest.name, *sorted(used)) if not is_plain_name(name)]
    if odd:
        raise ModelFolderError(f"{path}: expected plain file names, got {odd[0]!r}")
    if not used <= set(manifest.files):
        raise ModelFolderError(
            f"{path}: expected a checksum of {sorted(used - set(manifest.files))[0]}, found none"
        )


def check_files(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its record. ModelFolderError naming the first that is missing or differs."""
    for name, expected in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            raise ModelFolderError(f"{folder}: expected the file {name}, found none; export the model again")
        size = path.stat().st_size
        if size != expected.num_bytes:
            raise ModelFolderError(
                f"{path}: expected {expected.num_bytes} bytes, got {size}; export the model again"
            )
        found = sampled_sha256(path) if expected.sampled else sha256_of(path)
        if found != expected.sha256:
            raise ModelFolderError(
                f"{path}: expected SHA-256 {expected.sha256[:12]}..., got {found[:12]}...; export it again"
            )


def record_of(path: Path, full: bool = False) -> FileRecord:
    """The record of a file; from LARGE_BYTES on by samples unless `full`, so that a 16 GB checkpoint costs a
    second.
    """
    size = path.stat().st_size
    if size < LARGE_BYTES or full:
        return FileRecord(size, sha256_of(path))
    return FileRecord(size, sampled_sha256(path), sampled=True)


def sampled_sha256(path: Path) -> str:
    """SHA-256 of 4 KiB in every MiB, the first (a safetensors header) and the last included.

    Finds other weights, a merged adapter or a cut file; not a single flipped byte between samples.
    """
    digest = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb", buffering=0) as stream:
        if hasattr(os, "posix_fadvise"):  # without it a disk reads 128 KiB around each sample
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for start in (*range(0, size, SAMPLE_STRIDE), max(size - SAMPLE_BYTES, 0)):
            stream.seek(start)
            digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
