"""A GPU of numpy and a TensorRT of ONNX Runtime: memory at real addresses, profiles, streams that record.

An "engine" file holds the path of an ONNX graph. Everything the backend does with addresses, shapes and
profiles is done for real; only the arithmetic is ONNX Runtime's.
"""

import ctypes
from types import SimpleNamespace

import numpy as np
import onnxruntime

OK, NO_MEMORY = 0, 2
# Scratch memory of every context.
WORK_BYTES = 4096


class Error(int):
    """A CUDA status with its name."""

    @property
    def name(self):
        return {OK: "cudaSuccess", NO_MEMORY: "cudaErrorMemoryAllocation"}.get(int(self), "cudaErrorUnknown")


class FakeCudaRuntime:
    """cuda-python's functions over host memory; `limit_bytes` of it."""

    cudaMemcpyKind = SimpleNamespace(
        cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2, cudaMemcpyDeviceToDevice=3
    )
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeRelaxed=2)

    def __init__(self, limit_bytes=1 << 30):
        self.limit_bytes, self.memory, self.recording = limit_bytes, {}, None
        self.num_copies, self.num_launches, self.num_captures = {1: 0, 2: 0, 3: 0}, 0, 0

    def cudaStreamCreate(self):
        return Error(OK), 7

    def cudaMalloc(self, num_bytes):
        used = sum(block.nbytes for block in self.memory.values())
        if used + num_bytes > self.limit_bytes:
            return Error(NO_MEMORY), None
        block = np.full(num_bytes, 0xFF, np.uint8)  # NaN in every float type: unwritten memory must show
        self.memory[block.ctypes.data] = block
        return Error(OK), block.ctypes.data

    def cudaFree(self, address):
        del self.memory[address]
        return (Error(OK),)

    def cudaMemsetAsync(self, address, value, num_bytes, stream):
        ctypes.memset(address, value, num_bytes)
        return (Error(OK),)

    def cudaMemcpyAsync(self, target, source, num_bytes, kind, stream):
        assert stream == 7
        self.num_copies[kind] += 1
        ctypes.memmove(target, source, num_bytes)
        return (Error(OK),)

    def cudaStreamSynchronize(self, stream):
        return (Error(OK),)

    def cudaStreamBeginCapture(self, stream, mode):
        self.recording = []
        return (Error(OK),)

    def cudaStreamEndCapture(self, stream):
        graph, self.recording = self.recording, None
        self.num_captures += 1
        return Error(OK), graph

    def cudaGraphInstantiate(self, graph, flags):
        return Error(OK), list(graph)

    def cudaGraphDestroy(self, graph):
        return (Error(OK),)

    cudaGraphExecDestroy = cudaGraphDestroy

    def cudaGraphLaunch(self, graph, stream):
        self.num_launches += 1
        for run in graph:
            run()
        return (Error(OK),)

    def cudaGetDeviceProperties(self, index):
        return Error(OK), SimpleNamespace(
            name=b"Fake 4090\0", major=8, minor=9, totalGlobalMem=24 << 30, integrated=0
        )


def fake_tensorrt(cuda, profiles, fail=None):
    """A TensorRT module. profiles: per engine file name, see `trt_shapes`. fail(name): words to fail with."""

    class ILogger:
        ERROR = "Severity.ERROR"

    class DataType:
        pass

    class Context:
        """Its work memory is its own, or lent; a run leaves rubbish there."""

        def __init__(self, engine, work):
            self.engine, self.shapes, self.addresses, self.profile = engine, {}, {}, 0
            self.work, self.own = work, work

        def __del__(self):
            if self.own:
                cuda.cudaFree(self.own)

        def set_device_memory(self, address, num_bytes):
            assert not self.own and num_bytes >= WORK_BYTES
            self.work = address

        def set_optimization_profile_async(self, profile, stream):
            self.profile = profile
            return True

        def set_input_shape(self, name, shape):
            low, _, high = profiles[self.engine.name][self.profile][name]
            fits = all(a <= n <= b for a, n, b in zip(low, shape, high, strict=True))
            self.shapes[name] = shape
            if not fits:
                self.engine.logger.log(ILogger.ERROR, f"{name}: {shape} not within {low} and {high}")
            return fits

        def set_tensor_address(self, name, address):
            self.addresses[name] = address

        def execute_async_v3(self, stream):
            assert stream == 7 and self.work, "a context without work memory"
            words = fail(self.engine.name) if fail else None
            if words:
                self.engine.logger.log(ILogger.ERROR, words)
                return False
            shapes, addresses, work = dict(self.shapes), dict(self.addresses), self.work

            def run():
                self.engine.run(shapes, addresses)
                ctypes.memset(work, 0xFF, WORK_BYTES)

            run() if cuda.recording is None else cuda.recording.append(run)
            return True

    class Engine:
        def __init__(self, path, logger):
            self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            self.name, self.logger = path.rpartition("/")[2].replace(".onnx", ".engine"), logger
            self.ins, self.outs = self.session.get_inputs(), self.session.get_outputs()
            self.num_io_tensors = len(self.ins) + len(self.outs)
            self.num_optimization_profiles = len(profiles[self.name])

        def get_tensor_name(self, index):
            return [*self.ins, *self.outs][index].name

        def get_tensor_dtype(self, name):
            kind = next(t.type for t in (*self.ins, *self.outs) if t.name == name)
            return {"tensor(float)": "DataType.FLOAT", "tensor(int64)": "DataType.INT64"}[kind]

        def get_tensor_mode(self, name):
            return "INPUT" if name in [t.name for t in self.ins] else "OUTPUT"

        def get_tensor_profile_shape(self, name, profile):
            return profiles[self.name][profile][name]

        device_memory_size_v2 = WORK_BYTES

        def create_execution_context(self, strategy="STATIC"):
            if strategy == "USER_MANAGED":
                return Context(self, None)
            error, work = cuda.cudaMalloc(WORK_BYTES)
            if error:
                self.logger.log(ILogger.ERROR, "OutOfMemory: no room for a context")
                return None
            return Context(self, work)

        def run(self, shapes, addresses):
            feeds = {t.name: view(addresses[t.name], shapes[t.name], t.type) for t in self.ins}
            results = self.session.run(None, {name: array.copy() for name, array in feeds.items()})
            read = [(addresses[name], array.nbytes) for name, array in feeds.items()]
            for tensor, result in zip(self.outs, results, strict=True):
                begin, end = addresses[tensor.name], addresses[tensor.name] + result.nbytes
                odd = [start for start, size in read if start < end and begin < start + size]
                assert not odd, f"{self.name}: {tensor.name} lies where an input is being read"
                ctypes.memmove(
                    addresses[tensor.name], np.ascontiguousarray(result).ctypes.data, result.nbytes
                )

    class Runtime:
        def __init__(self, logger):
            self.logger = logger

        def deserialize_cuda_engine(self, data):
            path = bytes(data).decode()
            if not path.endswith(".onnx"):
                self.logger.log(ILogger.ERROR, "not a plan")
                return None
            return Engine(path, self.logger)

    return SimpleNamespace(
        ILogger=ILogger,
        DataType=DataType,
        Runtime=Runtime,
        TensorIOMode=SimpleNamespace(INPUT="INPUT"),
        ExecutionContextAllocationStrategy=SimpleNamespace(USER_MANAGED="USER_MANAGED"),
    )


def view(address, shape, kind):
    """The array that lies at an address."""
    dtype = np.dtype({"tensor(float)": np.float32, "tensor(int64)": np.int64}[kind])
    size = int(np.prod(shape))
    memory = memoryview((ctypes.c_char * (size * dtype.itemsize)).from_address(address))
    return np.frombuffer(memory, dtype).reshape(shape)
