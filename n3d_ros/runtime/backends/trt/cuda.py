"""The dozen CUDA calls that an engine needs, over `cuda-python`: memory, copies, a stream, captured graphs.

In: sizes and host arrays. Out: device addresses. Too little memory is an `OutOfMemoryError`, any other
failure an `EngineError`, and a missing library or driver says what to install. It does not know engines.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.errors import EngineError, MissingLibraryError, OutOfMemoryError

# cuda-python from 12.6 on, and before.
MODULES = ("cuda.bindings.runtime", "cuda.cudart")
REMEDY = "pip install cuda-python, in the CUDA version that `nvidia-smi` shows"
OUT_OF_MEMORY, NO_DRIVER, NO_DEVICE = (
    "cudaErrorMemoryAllocation",
    "cudaErrorInsufficientDriver",
    "cudaErrorNoDevice",
)


@dataclass(frozen=True)
class Gpu:
    """`sm`: compute capability, 'sm89'. unified: it shares the processor's memory."""

    name: str
    sm: str
    memory_bytes: int
    unified: bool


class Cuda:
    """CUDA's runtime API with one stream; every call raises where it fails."""

    def __init__(self, runtime: Any) -> None:
        self.rt = runtime
        (self.stream,) = self.check(runtime.cudaStreamCreate(), "create a stream")

    def check(self, result: tuple[Any, ...], what: str) -> tuple[Any, ...]:
        """The values of a call's result."""
        error, *values = result
        if int(error) == 0:
            return tuple(values)
        name = getattr(error, "name", str(error))
        if name == OUT_OF_MEMORY:
            raise OutOfMemoryError(
                f"GPU memory: could not {what}; ask for less context, close other programs, or build the "
                "engine in a smaller precision"
            )
        if name in (NO_DRIVER, NO_DEVICE):
            raise EngineError(f"expected an NVIDIA GPU with a driver, CUDA says {name}")
        raise EngineError(f"CUDA could not {what}: {name}")

    def allocate(self, num_bytes: int) -> int:
        """Address of new device memory, zeroed: what is masked must still be finite."""
        (address,) = self.check(self.rt.cudaMalloc(num_bytes), f"get {num_bytes / 1e6:.1f} MB")
        self.check(self.rt.cudaMemsetAsync(address, 0, num_bytes, self.stream), "clear memory")
        return int(address)

    def free(self, address: int) -> None:
        self.check(self.rt.cudaFree(address), "free memory")

    def to_device(self, address: int, array: npt.NDArray[Any]) -> None:
        """Copy a contiguous array; the array may be reused when the stream is done."""
        assert array.flags.c_contiguous
        kind = self.rt.cudaMemcpyKind.cudaMemcpyHostToDevice
        result = self.rt.cudaMemcpyAsync(address, array.ctypes.data, array.nbytes, kind, self.stream)
        self.check(result, "copy to the GPU")

    def to_host(self, array: npt.NDArray[Any], address: int) -> None:
        """Fill a contiguous array, and wait for it."""
        assert array.flags.c_contiguous
        kind = self.rt.cudaMemcpyKind.cudaMemcpyDeviceToHost
        result = self.rt.cudaMemcpyAsync(array.ctypes.data, address, array.nbytes, kind, self.stream)
        self.check(result, "copy from the GPU")
        self.synchronize()

    def copy(self, target: int, source: int, num_bytes: int) -> None:
        """Device to device."""
        kind = self.rt.cudaMemcpyKind.cudaMemcpyDeviceToDevice
        self.check(self.rt.cudaMemcpyAsync(target, source, num_bytes, kind, self.stream), "copy on the GPU")

    def synchronize(self) -> None:
        self.check(self.rt.cudaStreamSynchronize(self.stream), "finish its work")

    def capture(self, run: Any) -> Any:
        """Record what `run()` puts on the stream; `launch` plays it again."""
        mode = self.rt.cudaStreamCaptureMode.cudaStreamCaptureModeRelaxed
        self.check(self.rt.cudaStreamBeginCapture(self.stream, mode), "begin a graph")
        try:
            run()
        finally:
            (graph,) = self.check(self.rt.cudaStreamEndCapture(self.stream), "end a graph")
        (executable,) = self.check(self.rt.cudaGraphInstantiate(graph, 0), "make a graph")
        self.check(self.rt.cudaGraphDestroy(graph), "free a graph")
        return executable

    def launch(self, executable: Any) -> None:
        self.check(self.rt.cudaGraphLaunch(executable, self.stream), "launch a graph")

    def release(self, executable: Any) -> None:
        self.check(self.rt.cudaGraphExecDestroy(executable), "free a graph")

    def gpu(self) -> Gpu:
        """The first device."""
        (properties,) = self.check(self.rt.cudaGetDeviceProperties(0), "describe the GPU")
        name = properties.name
        return Gpu(
            name.decode().rstrip("\0") if isinstance(name, bytes) else str(name),
            f"sm{properties.major}{properties.minor}",
            int(properties.totalGlobalMem),
            bool(properties.integrated),
        )


def load_runtime() -> Any:
    """CUDA's runtime API. MissingLibraryError when cuda-python does not import."""
    errors = []
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            errors.append(str(error))
    raise MissingLibraryError(f"expected cuda-python to import, got {'; '.join(errors)}; {REMEDY}")


@lru_cache(maxsize=1)
def open_cuda() -> Cuda:
    """CUDA with a stream of its own; once per process."""
    return Cuda(load_runtime())


def current_gpu() -> Gpu:
    """The GPU that programs here would use. EngineError without one."""
    return open_cuda().gpu()


class DeviceBuffer:
    """Zeroed device memory, freed with the object."""

    def __init__(self, cuda: Cuda, num_bytes: int) -> None:
        self.cuda, self.num_bytes, self.address = cuda, 0, 0
        self.address = cuda.allocate(num_bytes)
        self.num_bytes = num_bytes

    def __del__(self) -> None:
        if self.num_bytes:
            self.cuda.free(self.address)


def to_bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Upper halves of float32, rounded to nearest even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded: npt.NDArray[np.uint16] = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded
