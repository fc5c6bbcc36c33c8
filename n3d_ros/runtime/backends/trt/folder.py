"""An engine folder: vision, the decoder whole or in parts, and `engine.json`, which says of what and for
what they were built.

In: a folder. Out: a checked `EngineRecord`, or the sentence why it cannot be used here. It reads JSON and
checksums only; engines are opened by `trt_backend`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from n3d_ros.errors import BadInputError, EngineError, ModelFolderError
from n3d_ros.model_folder.fields import Fields, read_fields
from n3d_ros.model_folder.manifest import FileRecord, Manifest, read_records, sampled_sha256, sha256_of
from n3d_ros.model_folder.tensors import is_plain_name
from n3d_ros.plain_text import one_line
from n3d_ros.runtime.backends.trt.shapes import EngineShapes

logger = logging.getLogger(__name__)

RECORD_NAME = "engine.json"
FORMAT = 1
VISION, DECODER = "vision.engine", "decoder.engine"
CACHE_VARIABLE = "N3D_ENGINES"
TEXTS = (
    "model_name",
    "model_sha256",
    "runtime",
    "runtime_version",
    "precision",
    "compute",
    "n3d_version",
)
SHAPES = tuple(field.name for field in fields(EngineShapes))


@dataclass(frozen=True)
class LayerPart:
    """One engine of the decoder: its file, and its layers from `first` up to but not `stop`."""

    file: str
    first: int
    stop: int


@dataclass(frozen=True)
class EngineRecord:
    """What an engine folder was built of and for.

    runtime: 'tensorrt' or 'tensorrt_rtx', with `runtime_version`. targets: compute capabilities, 'sm89'.
    precision: of the decoder's weights; compute: type of the graphs. `graphs`: SHA-256 of the ONNX files.
    parts: of the decoder in their order, empty where one engine holds all layers.
    """

    model_name: str
    model_sha256: str
    runtime: str
    runtime_version: str
    targets: tuple[str, ...]
    precision: str
    compute: str
    shapes: EngineShapes
    graphs: dict[str, str]
    files: dict[str, FileRecord]
    n3d_version: str
    format: int = FORMAT
    parts: tuple[LayerPart, ...] = ()

    @property
    def key(self) -> str:
        """One hash over everything that makes this engine another one; not over the files it became.

        Without parts they are left out, as in records from before there were any: those still fit.
        """
        left_out = {"files", "n3d_version"} | (set() if self.parts else {"parts"})
        parts = {name: value for name, value in asdict(self).items() if name not in left_out}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def decoder_parts(self, layers: int) -> tuple[LayerPart, ...]:
        """The decoder's engines in their order, for a model of so many layers."""
        return self.parts or (LayerPart(DECODER, 0, layers),)

    @property
    def folder_name(self) -> str:
        """Readable, and different for every key."""
        return f"{self.model_name}-{self.precision}-{'-'.join(self.targets)}-{self.key[:12]}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


def cache_folder() -> Path:
    """Where engines lie: $N3D_ENGINES, else n3d_ros/engines in the user's cache folder, or the
    system's for a user without a home, as containers have.
    """
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else _users_cache()) / "n3d_ros" / "engines"


def _users_cache() -> Path:
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        return Path("/var/cache")


def read_record(folder: Path) -> EngineRecord:
    """Parse engine.json. EngineError when it is missing, damaged or of another format."""
    path = folder / RECORD_NAME
    if not path.is_file():
        raise EngineError(
            f"{folder}: expected an {RECORD_NAME}, found none; build one with `n3d build --model ...`"
        )
    try:
        record = _record(read_fields(path))
    except (ModelFolderError, BadInputError) as error:
        raise EngineError(f"{error.message}; expected the record of an engine, build it again") from error
    _check_names(path, record)
    return record


def _record(data: Fields) -> EngineRecord:
    if data.get("format") != FORMAT or isinstance(data.get("format"), bool):
        raise EngineError(
            f"{data.where}: expected format {FORMAT}, got {data.get('format')!r}; build it again"
        )
    data.only([field.name for field in fields(EngineRecord)])
    shapes, graphs = data.section("shapes"), data.section("graphs")
    parts = data.get("parts", ())
    if not isinstance(parts, (list, tuple)):
        data.refuse("parts", "a list", parts)
    texts: dict[str, Any] = {name: data.text(name) for name in TEXTS}
    return EngineRecord(
        **texts,
        targets=data.texts("targets"),
        shapes=EngineShapes(**{name: shapes.count(name) for name in SHAPES}),
        graphs={name: graphs.text(name) for name in graphs.values},
        files=read_records(data),
        parts=tuple(_part(Fields({"part": part}, data.where).section("part")) for part in parts),
    )


def _part(data: Fields) -> LayerPart:
    return LayerPart(data.text("file"), data.count("first", least=0), data.count("stop"))


def _check_names(path: Path, record: EngineRecord) -> None:
    """Plain names, a checksum of every engine, parts that follow one another from the first layer on."""
    engines = [VISION, *(part.file for part in record.decoder_parts(0))]
    if not is_plain_name(record.model_name):
        raise EngineError(f"{path}: expected a plain model_name, got {record.model_name!r}; build it again")
    if not set(engines) <= set(record.files):
        found = sorted(record.files)
        raise EngineError(f"{path}: expected checksums of {' and '.join(engines)}, got {found}")
    next_layer = 0
    for part in record.parts:
        if part.first != next_layer or part.stop <= part.first:
            raise EngineError(
                f"{path}: expected a part that begins with layer {next_layer}, got {part.file} with "
                f"{part.first} to {part.stop - 1}; build it again"
            )
        next_layer = part.stop


def check_engines(folder: Path, record: EngineRecord) -> None:
    """Compare the engines with their checksums. EngineError naming the first that is missing or differs."""
    for name, expected in sorted(record.files.items()):
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != expected.num_bytes:
            found = "none" if size is None else f"{size} bytes"
            raise EngineError(
                f"{path}: expected {expected.num_bytes} bytes, found {found}; build it again with "
                "`n3d build --model ... --rebuild`"
            )
        digest = sampled_sha256(path) if expected.sampled else sha256_of(path)
        if digest != expected.sha256:
            raise EngineError(
                f"{path}: expected SHA-256 {expected.sha256[:12]}..., got {digest[:12]}...; "
                "build it again with `n3d build --model ... --rebuild`"
            )


def mismatch(
    record: EngineRecord, manifest: Manifest, runtime: str, version: str, sm: str | None
) -> str | None:
    """Why an engine does not serve this model, runtime and GPU ('sm89', None: unknown); None when it does."""
    if record.model_sha256 != manifest.model_sha256:
        return f"built of model {record.model_sha256[:12]}, this is {manifest.model_sha256[:12]}"
    if record.runtime != runtime:
        return f"built by {record.runtime}, here is {runtime}"
    if record.runtime_version != version:
        return f"built by {record.runtime} {record.runtime_version}, here is {version}"
    if sm is not None and sm not in record.targets:
        return f"built for {', '.join(record.targets)}, this GPU is {sm}"
    return None


def engine_folders(root: Path) -> Iterator[Path]:
    """Engine folders in `root`, by name; also `root` itself."""
    if (root / RECORD_NAME).is_file():
        yield root
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if (path / RECORD_NAME).is_file())


def engines_in(root: Path) -> Iterator[tuple[Path, EngineRecord]]:
    """The engines in `root`. One whose record cannot be read, damaged or of another n3d_ros, is logged and
    stands in no other one's way.
    """
    for path in engine_folders(root):
        try:
            yield path, read_record(path)
        except EngineError as error:
            logger.warning("left out: %s", one_line(error.message))


def warn_if_writable_by_others(folder: Path) -> None:
    """An engine is code: say when somebody else could have put it there."""
    for path in (folder, *sorted(folder.glob("*.engine"))):
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            logger.warning(
                "%s: others can write here, and an engine runs as code; `chmod -R go-w %s`", path, folder
            )
            return
