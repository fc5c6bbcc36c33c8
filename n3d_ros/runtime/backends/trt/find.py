"""Which engine folder serves a model on this machine, and why the others do not.

In: a model's manifest and where engines lie. Out: a folder and its record, checked, or one error that names
every engine of the model with the reason and the command that mends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from n3d_ros.errors import EngineError
from n3d_ros.model_folder.manifest import Manifest
from n3d_ros.runtime.backends.trt import api, cuda
from n3d_ros.runtime.backends.trt.folder import (
    EngineRecord,
    check_engines,
    engines_in,
    mismatch,
    warn_if_writable_by_others,
)

REMEDY = "`n3d build --model {model}` builds one for this machine"


def engines_of(manifest: Manifest, root: Path) -> list[tuple[Path, EngineRecord]]:
    """Engine folders of a model of this name in `root`, whatever they were built for."""
    return [(path, record) for path, record in engines_in(root) if record.model_name == manifest.name]


def find_engine(model_dir: Path, manifest: Manifest, root: Path) -> tuple[Path, EngineRecord]:
    """The first engine of the model that fits runtime and GPU, its files checked.

    EngineError naming each that does not fit; MissingLibraryError without TensorRT or cuda-python.
    """
    remedy = REMEDY.format(model=model_dir)
    candidates = engines_of(manifest, root)
    if not candidates:
        raise EngineError(f"{root}: expected an engine of {manifest.name}, found none; {remedy}")
    gpu, versions = cuda.current_gpu(), _versions(record.runtime for _, record in candidates)
    reasons = []
    for path, record in candidates:
        reason = mismatch(record, manifest, record.runtime, versions.get(record.runtime, "none"), gpu.sm)
        if reason is None:
            check_engines(path, record)
            warn_if_writable_by_others(path)
            return path, record
        reasons.append(f"{path.name}: {reason}")
    raise EngineError(f"{root}: expected an engine for this machine, found {'; '.join(reasons)}; {remedy}")


def _versions(names: Iterable[str]) -> dict[str, str]:
    """Version of each runtime that is installed; MissingLibraryError when none of them is."""
    wanted = sorted(set(names))
    there = api.installed(wanted)
    if not there:
        api.load(wanted[0])
    return {name: api.load(name).version for name in there}
