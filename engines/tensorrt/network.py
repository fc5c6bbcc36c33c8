"""One ONNX graph -> one serialised engine, by TensorRT or TensorRT-RTX.

In: a graph beside its weights, its profiles, the GPUs to build for. Out: a file, and progress on the way. It
does not know models; rules of the API are `trt_api`'s.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from n3d_ros.errors import EngineError
from n3d_ros.runtime.backends.trt.api import RTX, ErrorLog, TensorRt, strongly_typed
from n3d_ros.runtime.backends.trt.shapes import Profile

logger = logging.getLogger(__name__)


class BuildProgress(Protocol):
    """What is told of a build; calls come from several threads."""

    def start(self, phase: str, parent: str | None, steps: int) -> None: ...
    def step(self, phase: str, done: int) -> bool:
        """False to stop the build."""
        ...

    def finish(self, phase: str) -> None: ...

    def waiting(self) -> None:
        """Nothing was told for a while, and the build goes on."""
        ...


@dataclass(frozen=True)
class BuildRequest:
    """One engine: `targets` are compute capabilities ('sm89'), empty for the GPU of this machine.
    workspace_bytes: most device memory that a tactic may use, None: the runtime's choice.
    """

    onnx: Path
    engine: Path
    profiles: Sequence[Profile]
    targets: tuple[str, ...] = ()
    workspace_bytes: int | None = None


def build_engine(api: TensorRt, request: BuildRequest, progress: BuildProgress | None = None) -> int:
    """Write `request.engine`, return its bytes. EngineError with everything that was logged when it fails."""
    log = ErrorLog(api)
    trt = api.module
    builder = log.checked(trt.Builder(log.logger), "cannot create a builder")
    network = log.checked(builder.create_network(strongly_typed(api)), "cannot create a network")
    parser = log.checked(trt.OnnxParser(network, log.logger), "cannot create an ONNX parser")
    if not parser.parse_from_file(str(request.onnx)):
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise log.failed(f"{request.onnx.name}: expected a graph that {api.name} {api.version} reads", errors)
    config = log.checked(builder.create_builder_config(), "cannot create a build configuration")
    for profile in request.profiles:
        if config.add_optimization_profile(_profile(builder, network, profile, log)) < 0:
            raise log.failed(f"{request.onnx.name}: {api.name} {api.version} refused a profile")
    _set_targets(api, config, request.targets)
    if request.workspace_bytes is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request.workspace_bytes)
    monitor = _monitor(trt, progress) if progress else None
    if monitor is not None:
        config.progress_monitor = monitor
    return _serialize(api, builder, network, config, request.engine, log)


def _profile(builder: Any, network: Any, shapes: Profile, log: ErrorLog) -> Any:
    """A profile with all of the network's inputs. EngineError where the two disagree."""
    names = {network.get_input(i).name for i in range(network.num_inputs)}
    if names != set(shapes):
        raise EngineError(f"expected a graph with the inputs {sorted(shapes)}, got {sorted(names)}")
    profile = log.checked(builder.create_optimization_profile(), "cannot create a profile")
    for name, (smallest, typical, largest) in shapes.items():
        profile.set_shape(name, smallest, typical, largest)
    return profile


def _set_targets(api: TensorRt, config: Any, targets: tuple[str, ...]) -> None:
    """Choose the GPUs: RTX by name on any machine; TensorRT itself only builds for the one it runs on."""
    if not targets or api.name != RTX:
        return
    known = api.module.ComputeCapability.__members__
    unknown = [target for target in targets if target.upper() not in known]
    if unknown:
        choices = ", ".join(name.lower() for name in known if name.startswith("SM"))
        raise EngineError(f"target {unknown[0]}: {api.name} {api.version} builds for {choices}")
    config.num_compute_capabilities = len(targets)
    for index, target in enumerate(targets):
        config.set_compute_capability(known[target.upper()], index)


def _serialize(api: TensorRt, builder: Any, network: Any, config: Any, path: Path, log: ErrorLog) -> int:
    """Through a stream where there is one: the engine is then never whole in memory."""
    failed = f"{path.name}: {api.name} {api.version} could not build it"
    if not hasattr(builder, "build_serialized_network_to_stream"):
        data = log.checked(builder.build_serialized_network(network, config), failed)
        return path.write_bytes(data)
    with path.open("wb") as stream:
        writer = _stream_writer(api.module, stream.write)
        if not builder.build_serialized_network_to_stream(network, config, writer):
            raise log.failed(failed)
    size = path.stat().st_size
    return log.checked(size or None, failed)


def _stream_writer(trt: Any, write: Callable[[bytes], int]) -> Any:
    def __init__(self: Any) -> None:
        trt.IStreamWriter.__init__(self)

    return type(
        "Writer", (trt.IStreamWriter,), {"__init__": __init__, "write": lambda self, data: write(data)}
    )()


def _monitor(trt: Any, progress: BuildProgress) -> Any:
    """An IProgressMonitor of this module's own class."""

    def __init__(self: Any) -> None:
        trt.IProgressMonitor.__init__(self)

    def phase_start(self: Any, phase: str, parent: str | None, steps: int) -> None:
        progress.start(phase, parent, steps)

    def step_complete(self: Any, phase: str, step: int) -> bool:
        return progress.step(phase, step + 1)

    def phase_finish(self: Any, phase: str) -> None:
        progress.finish(phase)

    methods = [__init__, phase_start, step_complete, phase_finish]
    return type("Monitor", (trt.IProgressMonitor,), {m.__name__: m for m in methods})()


ProgressBar = AbstractContextManager[BuildProgress]
