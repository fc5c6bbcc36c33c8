"""The names that the TensorRT backend calls exist in the real bindings, where those are installed."""

import re
from pathlib import Path

import pytest

from n3d_ros.errors import EngineError
from n3d_ros.runtime.backends.trt import api as trt_api
from n3d_ros.runtime.backends.trt import cuda as trt_cuda

RUNTIME = Path(trt_cuda.__file__).parent


def test_every_cuda_function_is_there():
    runtime = pytest.importorskip("cuda.bindings.runtime")
    names = set(re.findall(r"(?:self\.rt|runtime)\.(cuda\w+)", (RUNTIME / "cuda.py").read_text()))
    assert len(names) >= 14
    assert [name for name in sorted(names) if not hasattr(runtime, name)] == []


def test_without_a_driver_the_real_library_gives_the_named_error():
    runtime = pytest.importorskip("cuda.bindings.runtime")
    if int(runtime.cudaGetDeviceCount()[0]) == 0:
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match="expected an NVIDIA GPU with a driver, CUDA says cudaError"):
        trt_cuda.Cuda(runtime)


def test_every_method_of_an_engine_and_its_context_is_there():
    if not trt_api.installed([trt_api.RTX]):
        pytest.skip("TensorRT-RTX is not installed (x86-64 only)")
    trt = trt_api.load(trt_api.RTX).module
    text = (RUNTIME / "graph.py").read_text()
    for variable, kind in (("self\\._engine", trt.ICudaEngine), ("context", trt.IExecutionContext)):
        names = set(re.findall(rf"\b{variable}\.(\w+)", text))
        assert len(names) >= 3
        assert [name for name in sorted(names) if not hasattr(kind, name)] == []
    assert hasattr(trt.CudaGraphStrategy, "WHOLE_GRAPH_CAPTURE")
    assert hasattr(trt.IRuntimeConfig, "cuda_graph_strategy")
    assert hasattr(trt.IRuntimeConfig, "set_execution_context_allocation_strategy")
    assert "USER_MANAGED" in trt.ExecutionContextAllocationStrategy.__members__
    assert set(trt.TensorIOMode.__members__) >= {"INPUT", "OUTPUT"}
