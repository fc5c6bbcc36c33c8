"""One loaded engine: its inputs' device memory, its profiles, and running it.

In: an engine file. Out: results at device addresses. Names, types and shapes are the engine's own; it does
not know models, caches or tokens. Not thread-safe.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import EngineError, OutOfMemoryError
from n3d_ros.runtime.backends.trt.api import ErrorLog, TensorRt
from n3d_ros.runtime.backends.trt.cuda import Cuda, DeviceBuffer, to_bfloat16

logger = logging.getLogger(__name__)

NUMPY_TYPES = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "BF16": np.uint16,
    "INT64": np.int64,
    "INT32": np.int32,
}


class EngineGraph:
    """An engine with one context per profile.

    Contexts and input memory, at the profiles' largest shapes, are made here: what does not fit fails on
    loading, and no later request can run out of them. Addresses never change, so graphs stay valid.
    """

    def __init__(
        self, api: TensorRt, cuda: Cuda, path: Path, captured: int | None = None, borrows: bool = False
    ) -> None:
        """captured: the profile whose passes repeat with the same addresses, worth a CUDA graph.
        borrows: the contexts get no work memory of their own, see `borrow`.
        """
        self.api, self.cuda, self.name, self._captured = api, cuda, path.name, captured
        self._borrows = borrows
        self.log = ErrorLog(api)
        trt = api.module
        runtime = self._checked(trt.Runtime(self.log.logger), "create a runtime")
        engine = read_engine(api, runtime, path)
        self._runtime, self._engine = runtime, self._checked(engine, "read the engine")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        self.types = {name: str(self._engine.get_tensor_dtype(name)).rpartition(".")[2] for name in names}
        is_input = trt.TensorIOMode.INPUT
        self.inputs = [name for name in names if self._engine.get_tensor_mode(name) == is_input]
        self.outputs = [name for name in names if name not in self.inputs]
        self._contexts = [self._context(i) for i in range(self._engine.num_optimization_profiles)]
        self._buffers: dict[str, DeviceBuffer] = {}

    def reserve_inputs(self, names: Iterable[str]) -> None:
        """Get memory for these inputs; others are bound where their data already lies."""
        for name in names:
            largest = max(int(np.prod(shape)) for shape in self.largest_shapes(name))
            self._buffers[name] = DeviceBuffer(self.cuda, largest * self.item_bytes(name))

    def largest_shapes(self, name: str) -> list[tuple[int, ...]]:
        """Of an input, for each profile."""
        profiles = range(len(self._contexts))
        return [tuple(self._engine.get_tensor_profile_shape(name, profile)[2]) for profile in profiles]

    @property
    def reserved(self) -> list[str]:
        """Inputs whose memory lies here."""
        return list(self._buffers)

    @property
    def work_bytes(self) -> int:
        """Work memory that a run needs, in any profile."""
        return int(self._engine.device_memory_size_v2)

    def borrow(self, memory: DeviceBuffer) -> None:
        """Work in `memory`, which engines that never run at the same time may share."""
        self._lent = memory  # kept as long as the contexts that point there
        for context in self._contexts:
            context.set_device_memory(memory.address, memory.num_bytes)

    def as_stored(self, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """`values` contiguous in the type of tensor `name`; bfloat16 as uint16."""
        kind = self.types[name]
        if kind == "BF16":
            return np.ascontiguousarray(values) if values.dtype == np.uint16 else to_bfloat16(values)
        return np.ascontiguousarray(values, dtype=NUMPY_TYPES[kind])

    def item_bytes(self, name: str) -> int:
        return int(np.dtype(NUMPY_TYPES[self.types[name]]).itemsize)

    def upload(self, feeds: Mapping[str, npt.NDArray[Any]]) -> dict[str, tuple[int, tuple[int, ...]]]:
        """Copy inputs to the device: name -> (address, shape)."""
        bindings = {}
        for name, values in feeds.items():
            array = self.as_stored(name, values)
            buffer = self._buffers[name]
            if array.nbytes > buffer.num_bytes:
                raise EngineError(f"{self.name}: {name} of shape {array.shape} is larger than every profile")
            self.cuda.to_device(buffer.address, array)
            bindings[name] = (buffer.address, tuple(array.shape))
        self.cuda.synchronize()
        return bindings

    def bind(
        self, profile: int, inputs: Mapping[str, tuple[int, tuple[int, ...]]], outputs: Mapping[str, int]
    ) -> None:
        """Set shapes and addresses. EngineError where the profile does not hold them."""
        context = self._contexts[profile]
        for name, (address, shape) in inputs.items():
            if not context.set_input_shape(name, shape):
                raise self.log.failed(f"{self.name}: {name} of shape {shape} does not fit profile {profile}")
            context.set_tensor_address(name, address)
        for name, address in outputs.items():
            context.set_tensor_address(name, address)

    def enqueue(self, profile: int) -> None:
        """Put one run on the stream. OutOfMemoryError or EngineError with the runtime's words."""
        if not self._contexts[profile].execute_async_v3(int(self.cuda.stream)):
            raise self._failure("run the engine")

    def capturable(self, profile: int) -> bool:
        """Whether its work can be recorded; not where the runtime does so itself. True where it cannot be
        asked.
        """
        if self.captures_itself:
            return False
        ask = getattr(self._contexts[profile], "is_stream_capturable", None)
        return bool(ask(int(self.cuda.stream))) if ask else True

    def _context(self, profile: int) -> Any:
        context = self._checked(self._new_context(profile), f"create the context of profile {profile}")
        if profile and not context.set_optimization_profile_async(profile, int(self.cuda.stream)):
            raise self._failure(f"use profile {profile}")
        return context

    def _new_context(self, profile: int) -> Any:
        """With the runtime's own CUDA graphs where it has them (TensorRT-RTX) and they pay."""
        trt = self.api.module
        strategies = getattr(trt, "CudaGraphStrategy", None)
        if strategies is None or profile != self._captured:
            lent = (trt.ExecutionContextAllocationStrategy.USER_MANAGED,) if self._borrows else ()
            return self._engine.create_execution_context(*lent)
        config = self._checked(self._engine.create_runtime_config(), "create a runtime configuration")
        config.cuda_graph_strategy = strategies.WHOLE_GRAPH_CAPTURE
        if self._borrows:
            lent_only = trt.ExecutionContextAllocationStrategy.USER_MANAGED
            config.set_execution_context_allocation_strategy(lent_only)
        return self._engine.create_execution_context(config)

    @property
    def captures_itself(self) -> bool:
        """Whether the runtime records and replays its own CUDA graphs."""
        return hasattr(self.api.module, "CudaGraphStrategy")

    def _checked(self, result: Any, what: str) -> Any:
        if result is None:
            raise self._failure(what)
        return result

    def _failure(self, what: str) -> EngineError | OutOfMemoryError:
        """The named error for a step that failed; too little memory with what helps."""
        error = self.log.failed(f"{self.name}: could not {what}")
        if isinstance(error, OutOfMemoryError):
            return OutOfMemoryError(
                f"{error.message}; build with less --context or a smaller --precision, or free GPU memory"
            )
        return error


def read_engine(api: TensorRt, runtime: Any, path: Path) -> Any:
    """Deserialise through the stream reader that this version has, else from bytes; None when it refuses.

    EngineError where the reader itself needs a driver that is not there.
    """
    if not path.is_file():
        raise EngineError(
            f"{path}: expected an engine, found no file; build it again with `n3d build --model ...`"
        )
    trt = api.module
    reader = next((name for name in ("IStreamReaderV2", "IStreamReader") if hasattr(trt, name)), None)
    if reader is None:
        return runtime.deserialize_cuda_engine(path.read_bytes())
    with path.open("rb") as stream:
        try:
            return runtime.deserialize_cuda_engine(_reader(getattr(trt, reader), stream))
        except RuntimeError as error:  # the bindings' own type for everything
            raise EngineError(f"{path.name}: {api.name} could not open it: {error}") from error


def _reader(base: Any, stream: Any) -> Any:
    """A stream reader of this version's own class; the second version also seeks."""

    def __init__(self: Any) -> None:
        base.__init__(self)

    def read(self: Any, num_bytes: int, _stream: int = 0) -> bytes:
        data: bytes = stream.read(num_bytes)
        return data

    def seek(self: Any, offset: int, where: Any) -> bool:
        stream.seek(offset, int(where))
        return True

    return type("Reader", (base,), {"__init__": __init__, "read": read, "seek": seek})()
