"""Chooses the backend: the only place that does, and each is imported only when it is chosen.

In: a model folder and a name. Out: a loaded `Backend`. Errors name the folder, file or library that is
missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from n3d_ros.runtime.backend import AnyBackend
from n3d_ros.runtime.manifest import FILE_NAME, check_files, read_manifest
from n3d_ros.runtime.types import BadInputError, MissingLibraryError, ModelFolderError

BACKENDS = ("auto", "ort", "torch")
PLANNED = ("trt",)
LIBRARIES = {"ort": ("onnxruntime",), "torch": ("torch", "transformers")}
REMEDIES = {"ort": "pip install onnxruntime", "torch": "pip install -r requirements/train.txt"}


def default_model_dir() -> Path:
    """The shipped n3d-nano: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parents[1]
    places = [package.parent / "engines" / "n3d-nano", package / "engines" / "n3d-nano"]
    for place in places:
        if place.is_dir():
            return place
    raise ModelFolderError(f"expected the shipped model in {places[0]} or {places[1]}, found none")


def create_backend(model_dir: Path, name: str = "auto", threads: int | None = None) -> AnyBackend:
    """Load `model_dir`. 'auto' takes the first of ort and torch whose libraries import and that the folder
    serves.

    A folder as training saves it, without graphs and manifest, can only be run by torch.
    """
    if name not in BACKENDS + PLANNED:
        raise BadInputError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if name in PLANNED:
        raise BadInputError(f"backend {name}: not in this version; expected one of {', '.join(BACKENDS)}")
    if threads is not None and threads < 1:
        raise BadInputError(f"threads: expected a positive number, got {threads}")
    chosen = _choose(model_dir) if name == "auto" else name
    missing = [library for library in LIBRARIES[chosen] if find_spec(library) is None]
    if missing:
        raise MissingLibraryError(
            f"backend {chosen}: expected {', '.join(missing)} to import; {REMEDIES[chosen]}"
        )
    return _load_ort(model_dir, threads) if chosen == "ort" else _load_torch(model_dir, threads)


def _choose(model_dir: Path) -> str:
    has_graphs = (model_dir / FILE_NAME).is_file() or not (model_dir / "config.json").is_file()
    usable = [name for name in ("ort", "torch") if all(find_spec(library) for library in LIBRARIES[name])]
    if not usable:
        raise MissingLibraryError(f"expected onnxruntime or torch to import; {REMEDIES['ort']}")
    return usable[0] if has_graphs else "torch"


def _load_ort(model_dir: Path, threads: int | None) -> AnyBackend:
    manifest = read_manifest(model_dir)
    check_files(model_dir, manifest)
    from n3d_ros.runtime.ort_backend import OrtBackend

    return OrtBackend(model_dir, manifest, threads)


def _load_torch(model_dir: Path, threads: int | None) -> AnyBackend:
    if (model_dir / FILE_NAME).is_file():
        check_files(model_dir, read_manifest(model_dir))
    from n3d_ros.runtime.torch_backend import TorchBackend

    return TorchBackend(model_dir, threads)
