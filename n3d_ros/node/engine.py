"""What the node needs of a model: the interface, how one is loaded, and what it says of itself.

In: the node's parameters. Out: an `Engine`, which several cameras may share, and strings from its backend and
its folder's manifest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.manifest import Manifest
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.node.plain.engine.thread import Engines
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.limits import Limits
from n3d_ros.runtime.types import AskResult, GroundResult, Listener


class Backend(Protocol):
    """Of the engine runtime: its name, the file that lies in the model's folder, and that folder's manifest
    as it was loaded.
    """

    @property
    def name(self) -> str: ...

    @property
    def tokenizer_path(self) -> Path: ...

    @property
    def manifest(self) -> Manifest | None: ...


class Engine(Protocol):
    """The methods of n3d_ros.runtime.pipeline.Pipeline that the node calls, from one thread."""

    @property
    def backend(self) -> Backend: ...

    def beside(self, limits: Limits) -> Engine:
        """The same loaded model for one camera more; what it keeps of pictures is that camera's alone."""

    def start(self, rgb: npt.NDArray[np.uint8]) -> bool: ...

    def ground(
        self, observation: Observation, words: str, *, listener: Listener, max_tokens: int
    ) -> GroundResult: ...

    def ask(
        self, observation: Observation, question: str, *, listener: Listener, max_tokens: int
    ) -> AskResult: ...


NodeEngines: TypeAlias = Engines[Parameters, Engine]


def load_pipeline(wanted: Parameters) -> Engine:
    """The engine of the model folder; N3DError naming what is missing or differs."""
    from n3d_ros.runtime.backends.factory import default_model_dir
    from n3d_ros.runtime.options import Options
    from n3d_ros.runtime.pipeline import Pipeline

    return Pipeline.load(
        Path(wanted.model_path or default_model_dir()),
        backend=wanted.backend,
        threads=wanted.model_threads or None,
        options=Options(box_fit=wanted.model_box_fit),
        limits=wanted.limits,
    )


def key_of(wanted: Parameters) -> tuple[str, str, int, str]:
    """Equal for those who can share an engine: model folder, backend, threads, how boxes are fitted."""
    return _folder(wanted), wanted.backend, wanted.model_threads, wanted.model_box_fit


def _folder(wanted: Parameters) -> str:
    """Resolved; as it was given where nothing is there: loading says so."""
    from n3d_ros.runtime.backends.factory import default_model_dir

    try:
        return str(Path(wanted.model_path or default_model_dir()).resolve())
    except ModelFolderError:
        return wanted.model_path


def describe(engine: Engine) -> dict[str, str]:
    """model, model_path, backend, precision; no precision without a manifest. Of what runs, whatever became
    of the folder since.
    """
    folder, manifest = engine.backend.tokenizer_path.parent, engine.backend.manifest
    described = {"model": folder.name, "model_path": str(folder), "backend": engine.backend.name}
    if manifest is not None:
        described["model"] = f"{manifest.name} {manifest.model_sha256[:12]}"
        described["precision"] = f"weights {manifest.weights_dtype}, computing {manifest.compute_dtype}"
    return described
