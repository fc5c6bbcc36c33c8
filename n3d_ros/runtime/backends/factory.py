"""Names the backends and chooses one: the only place that does, and each is imported only when it is chosen.

In: a model folder and a name as people write it. Out: a loaded `Backend`. Errors name the choices, or the
folder, file or library that is missing. A new backend is a file of its own and a row of `BACKENDS`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import n3d_ros
from n3d_ros.errors import BadInputError, EngineError, MissingLibraryError, ModelFolderError
from n3d_ros.model_folder.hub import local_folder
from n3d_ros.model_folder.manifest import FILE_NAME, check_files, read_manifest
from n3d_ros.runtime.backends.base import AnyBackend
from n3d_ros.runtime.backends.pytorch.options import BY_DEFAULT, TorchOptions
from n3d_ros.runtime.backends.trt.folder import cache_folder

logger = logging.getLogger(__name__)

AUTO = "auto"


@dataclass(frozen=True)
class BackendChoice:
    """A backend as a caller names it: `name` is 'auto' or a row of `BACKENDS`, `torch` says where it runs."""

    name: str = AUTO
    torch: TorchOptions = BY_DEFAULT

    @classmethod
    def parse(cls, text: str) -> BackendChoice:
        """From 'auto', 'ort', 'torch:cuda', 'torch:cpu:bf16'. BadInputError naming the choices for any other
        text.
        """
        name, _, place = text.partition(":")
        if name not in (AUTO, *BACKENDS) or (place and name != "torch"):
            raise BadInputError(f"backend: expected {BACKEND_FORMS}, got {text!r}")
        return cls(name, TorchOptions.parse(place))


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
    choice = BackendChoice.parse(name)
    if threads is not None and threads < 1:
        raise BadInputError(f"threads: expected a positive number, got {threads}")
    model_dir = local_folder(model_dir)
    if choice.name == AUTO and (built := _load_trt_if_built(model_dir)) is not None:
        return built
    if choice.name == AUTO:
        choice = BackendChoice(_best_here(model_dir))
    kind = BACKENDS[choice.name]
    if kind.missing:
        raise MissingLibraryError(
            f"backend {choice.name}: expected {', '.join(kind.missing)} to import; {kind.remedy}"
        )
    return kind.load(model_dir, threads, choice)


def _best_here(model_dir: Path) -> str:
    has_graphs = (model_dir / FILE_NAME).is_file() or not (model_dir / "config.json").is_file()
    usable = [name for name in ("ort", "torch") if not BACKENDS[name].missing]
    if not usable:
        raise MissingLibraryError(f"expected onnxruntime or torch to import; {BACKENDS['ort'].remedy}")
    return usable[0] if has_graphs else "torch"


def _load_trt_if_built(model_dir: Path) -> AnyBackend | None:
    """The engine of the model, None where none was built or none fits; the log says why."""
    if not (model_dir / FILE_NAME).is_file() or not cache_folder().is_dir():
        return None
    from n3d_ros.runtime.backends.trt.find import engines_of

    try:
        if not engines_of(read_manifest(model_dir), cache_folder()):
            return None
        return _load_trt(model_dir, None, BackendChoice("trt"))
    except (EngineError, MissingLibraryError) as error:
        logger.warning("not on TensorRT: %s", error)
        return None


def _load_trt(model_dir: Path, _threads: int | None, _choice: BackendChoice) -> AnyBackend:
    manifest = read_manifest(model_dir)
    check_files(model_dir, manifest)
    from n3d_ros.runtime.backends.trt.find import find_engine

    folder, record = find_engine(model_dir, manifest, cache_folder())
    from n3d_ros.runtime.backends.trt.backend import TrtBackend

    return TrtBackend(model_dir, manifest, folder, record)


def _load_ort(model_dir: Path, threads: int | None, _choice: BackendChoice) -> AnyBackend:
    manifest = read_manifest(model_dir)
    check_files(model_dir, manifest)
    from n3d_ros.runtime.backends.ort import OrtBackend

    return OrtBackend(model_dir, manifest, threads)


def _load_torch(model_dir: Path, threads: int | None, choice: BackendChoice) -> AnyBackend:
    manifest = read_manifest(model_dir) if (model_dir / FILE_NAME).is_file() else None
    if manifest is not None:
        check_files(model_dir, manifest)
    from n3d_ros.runtime.backends.pytorch.backend import TorchBackend

    return TorchBackend(model_dir, threads, choice.torch, manifest)


@dataclass(frozen=True)
class BackendKind:
    """One way to run a model. `libraries` must import, `remedy` installs them."""

    load: Callable[[Path, int | None, BackendChoice], AnyBackend]
    libraries: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def missing(self) -> list[str]:
        """Those of the libraries that are not installed."""
        return [library for library in self.libraries if find_spec(library) is None]


BACKENDS = {
    "trt": BackendKind(_load_trt),  # TensorRT comes under several names, `trt.api` looks for them
    "ort": BackendKind(_load_ort, ("onnxruntime",), "pip install onnxruntime"),
    "torch": BackendKind(_load_torch, ("torch", "transformers"), "pip install -r requirements/train.txt"),
}
# What a backend's name may be, for help texts and errors.
BACKEND_FORMS = f"{', '.join((AUTO, *BACKENDS))} or torch:DEVICE:TYPE, such as torch:cuda:bf16"
