"""This machine and this Python -> `MachineSeen`.

In: what the system says: /proc, environment, packages as they import in this process, a model folder.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from n3d_ros.commands.doctor.seen import MachineSeen, ModelSeen, PackageSeen
from n3d_ros.errors import N3DError
from n3d_ros.model_folder.manifest import FILE_NAME, Manifest, check_files, read_manifest
from n3d_ros.node.transport import SHARED_MEMORY, free_bytes
from n3d_ros.plain_text import one_line
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.trt.find import engines_of, find_engine
from n3d_ros.runtime.backends.trt.folder import cache_folder

PROC = Path("/proc")
IMPORTED = ("numpy", "cv2", "PIL", "tokenizers", "onnxruntime", "rclpy")
FOUND = ("torch", "tensorrt", "tensorrt_rtx")


def look_at_machine(
    packages: Mapping[str, PackageSeen],
    model_path: str | None,
    environment: Mapping[str, str] = os.environ,
    proc: Path = PROC,
) -> MachineSeen:
    """packages: of `look_at_packages`. model_path: folder to check, '' for the model that ships, None: no
    look at it.
    """
    return MachineSeen(
        python=sys.version_info[:3],
        executable=sys.executable,
        environment=_kind(environment),
        ros_distro=environment.get("ROS_DISTRO", ""),
        packages=packages,
        model=None if model_path is None else look_at_model(model_path),
        memory_bytes=_available(proc / "meminfo"),
        receive_buffer_bytes=_number(proc / "sys" / "net" / "core" / "rmem_max"),
        shared_memory_bytes=free_bytes(SHARED_MEMORY),
    )


def look_at_packages() -> dict[str, PackageSeen]:
    """What the node needs is imported: an extension that was built for another NumPy fails no sooner. What
    takes seconds to import, and what few have, is looked up.
    """
    imported = {name: _import(name) for name in IMPORTED}
    return {**imported, **{name: _find(name) for name in FOUND}}


def _import(name: str) -> PackageSeen:
    try:
        module = importlib.import_module(name)
    except (ImportError, AttributeError, ValueError, OSError) as error:
        return PackageSeen(error=one_line(str(error), 200))
    return PackageSeen(str(getattr(module, "__version__", "")) or _installed(name))


def _find(name: str) -> PackageSeen:
    if importlib.util.find_spec(name) is None:
        return PackageSeen(error="not installed")
    return PackageSeen(_installed(name))


def _installed(name: str) -> str:
    """From the package's metadata; '' where it has none."""
    for one in importlib.metadata.packages_distributions().get(name, ()):
        return importlib.metadata.version(one)
    return ""


def look_at_model(model_path: str) -> ModelSeen:
    """Manifest, checksums, and a TensorRT engine that fits."""
    folder = model_path
    try:
        place = Path(model_path) if model_path else default_model_dir()
        folder = str(place)
        if not (place / FILE_NAME).is_file() and (place / "config.json").is_file():
            return ModelSeen(
                folder, place.name, _size(place), engine="no manifest: torch alone runs this folder"
            )
        manifest = read_manifest(place)
        check_files(place, manifest)
    except N3DError as error:
        return ModelSeen(folder, error=error.message)
    num_bytes = sum(one.num_bytes for one in manifest.files.values())
    engine, engine_error = _engine(place, manifest)
    return ModelSeen(folder, manifest.name, num_bytes, engine=engine, engine_error=engine_error)


def _size(place: Path) -> int:
    return sum(path.stat().st_size for path in place.glob("*.safetensors"))


def _engine(place: Path, manifest: Manifest) -> tuple[str, str]:
    """What is known of engines, and what is wrong with them."""
    root = cache_folder()
    try:
        if not engines_of(manifest, root):
            return f"no engine of it in {root}", ""
        found, _ = find_engine(place, manifest, root)
    except N3DError as error:
        return "", error.message
    return found.name, ""


def _kind(environment: Mapping[str, str]) -> str:
    if (Path(sys.prefix) / "conda-meta").is_dir() or environment.get("CONDA_PREFIX") == sys.prefix:
        return "conda"
    return "virtual environment" if sys.prefix != sys.base_prefix else "system"


def _available(path: Path) -> int | None:
    """MemAvailable of /proc/meminfo, bytes."""
    if not path.is_file():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _number(path: Path) -> int | None:
    return int(path.read_text(encoding="utf-8")) if path.is_file() else None
