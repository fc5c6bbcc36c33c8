"""Chooses the backend: the only place that does, and each is imported only when it is chosen.

In: a model folder and a name. Out: a loaded `Backend`. Errors name the folder, file or library that is
missing.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import n3d_ros
from n3d_ros.errors import BadInputError, EngineError, MissingLibraryError, ModelFolderError
from n3d_ros.model_folder.hub import local_folder
from n3d_ros.model_folder.manifest import FILE_NAME, check_files, read_manifest
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.backends.trt.folder import cache_folder

logger = logging.getLogger(__name__)

BACKENDS = ("auto", "trt", "ort", "torch")
LIBRARIES: dict[str, tuple[str, ...]] = {
    "trt": (),
    "ort": ("onnxruntime",),
    "torch": ("torch", "transformers"),
}
"""What must import; TensorRT comes under several names, `trt_api` looks for them."""
REMEDIES = {"ort": "pip install onnxruntime", "torch": "pip install -r requirements/train.txt"}


def default_model_dir() -> Path:
    """The shipped n3d-nano."""
    place = Path(n3d_ros.__file__).parent / "engines" / "n3d-nano"
    if not place.is_dir():
        raise ModelFolderError(f"expected the shipped model in {place}, found none")
    return place


def create_backend(model_dir: Path, name: str = "auto", threads: int | None = None) -> AnyBackend:
    """Load `model_dir`. 'auto' takes an engine that was built of it for this GPU (an engine that does not fit
    is named in the log), else the first of ort and torch whose libraries import and that the folder serves.

    A folder as training saves it, without graphs and manifest, can only be run by torch, which takes a device
    and a type: 'torch:cuda', 'torch:cpu:bf16'. A `model_dir` 'hub:owner/name' is downloaded first.
    """
    model_dir = local_folder(model_dir)
    name, _, place = name.partition(":")
    if place and name != "torch":
        raise BadInputError(f"backend: expected a device or type for torch alone, got '{name}:{place}'")
    if name not in BACKENDS:
        raise BadInputError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if threads is not None and threads < 1:
        raise BadInputError(f"threads: expected a positive number, got {threads}")
    if name == "auto" and (engine := _load_trt_if_built(model_dir)) is not None:
        return engine
    chosen = _choose(model_dir) if name == "auto" else name
    missing = [library for library in LIBRARIES[chosen] if find_spec(library) is None]
    if missing:
        raise MissingLibraryError(
            f"backend {chosen}: expected {', '.join(missing)} to import; {REMEDIES[chosen]}"
        )
    if chosen == "trt":
        return _load_trt(model_dir)
    return _load_ort(model_dir, threads) if chosen == "ort" else _load_torch(model_dir, threads, place)


def _choose(model_dir: Path) -> str:
    has_graphs = (model_dir / FILE_NAME).is_file() or not (model_dir / "config.json").is_file()
    usable = [name for name in ("ort", "torch") if all(find_spec(library) for library in LIBRARIES[name])]
    if not usable:
        raise MissingLibraryError(f"expected onnxruntime or torch to import; {REMEDIES['ort']}")
    return usable[0] if has_graphs else "torch"


def _load_trt_if_built(model_dir: Path) -> AnyBackend | None:
    """The engine of the model, None where none was built or none fits; the log says why."""
    if not (model_dir / FILE_NAME).is_file() or not cache_folder().is_dir():
        return None
    from n3d_ros.runtime.backends.trt.find import engines_of

    try:
        if not engines_of(read_manifest(model_dir), cache_folder()):
            return None
        return _load_trt(model_dir)
    except (EngineError, MissingLibraryError) as error:
        logger.warning("not on TensorRT: %s", error)
        return None


def _load_trt(model_dir: Path) -> AnyBackend:
    manifest = read_manifest(model_dir)
    check_files(model_dir, manifest)
    from n3d_ros.runtime.backends.trt.find import find_engine

    folder, record = find_engine(model_dir, manifest, cache_folder())
    from n3d_ros.runtime.backends.trt.backend import TrtBackend

    return TrtBackend(model_dir, manifest, folder, record)


def _load_ort(model_dir: Path, threads: int | None) -> AnyBackend:
    manifest = read_manifest(model_dir)
    check_files(model_dir, manifest)
    from n3d_ros.runtime.backends.ort import OrtBackend

    return OrtBackend(model_dir, manifest, threads)


def _load_torch(model_dir: Path, threads: int | None, place: str) -> AnyBackend:
    if (model_dir / FILE_NAME).is_file():
        check_files(model_dir, read_manifest(model_dir))
    from n3d_ros.runtime.backends.pytorch.backend import TorchBackend, TorchOptions

    return TorchBackend(model_dir, threads, TorchOptions.parse(place))
