"""A small emitter of ONNX graphs whose weights stay where they are, inside safetensors files.

In: calls such as `linear(x, "model.layers.0.mlp.up_proj")`. Out: an `onnx.ModelProto` with external
initialisers. Two types matter: the stored type of a tensor, and `dt`, the type the graph computes in; where
they differ a Cast follows the initialiser (runtimes fold it). It does not know any model; `vision_graph` and
`decoder_graph` do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.foreign import QUANTIZED
from n3d_ros.model_folder.tensors import TensorEntry

OPSET = 18
# The first with INT4 and blocks of scales.
QUANTIZED_OPSET = 21
IR_VERSION = 10
# Stored type -> type in the graph; bytes hold two INT4 each, the first in the low half.
TYPES = {
    "F32": TensorProto.FLOAT,
    "F16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "U8": TensorProto.INT4,
    "I8": TensorProto.INT8,
    "F8_E4M3": TensorProto.FLOAT8E4M3FN,
}
# Endings of the tensors that stand for a quantised `.weight` (see `quantize`).
SCALE, INPUT_SCALE = ".scale", ".input_scale"
FLOAT = TensorProto.FLOAT


class GraphBuilder:
    """Emits nodes in order. Tensors are named by strings, as in ONNX; `compute` is F32, F16 or BF16."""

    def __init__(self, name: str, weights: Mapping[str, TensorEntry], compute: str) -> None:
        self.name, self.weights, self.dt = name, weights, TYPES[compute]
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._casts: dict[str, str] = {}
        self._opset = OPSET

    def input(self, name: str, dtype: int, shape: Sequence[int | str]) -> str:
        """Declare an input; strings in `shape` are free dimensions."""
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, value: str, name: str, dtype: int, shape: Sequence[int | str]) -> None:
        """Make `value`, which the last node wrote, an output."""
        if value not in self.nodes[-1].output and not any(value in node.output for node in self.nodes):
            raise AssertionError(f"{value} is no node's output")
        for node in self.nodes:
            node.output[:] = [name if out == value else out for out in node.output]
            node.input[:] = [name if source == value else source for source in node.input]
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One node with one output, whose name is returned."""
        out = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def constant(self, values: object, dtype: type | np.dtype = np.int64) -> str:
        """A small constant; equal ones are shared."""
        array = np.asarray(values, dtype=dtype)
        name = f"const_{array.dtype}_{'x'.join(map(str, array.shape))}_{array.tobytes().hex()}"
        self.initializers.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def scalar(self, value: float) -> str:
        """A float32 scalar."""
        return self.constant(value, np.float32)

    def weight(self, name: str, shape: Sequence[int] | None = None) -> str:
        """A stored tensor in the graph's type; `shape` may re-view its elements."""
        if name not in self.weights:
            raise ModelFolderError(f"weights: expected a tensor {name}, found none")
        entry = self.weights[name]
        dims = tuple(shape or entry.shape)
        if np.prod(dims) != np.prod(entry.shape):
            raise ModelFolderError(f"weights: expected {name} with {dims}, got {entry.shape}")
        if entry.name not in self.initializers:
            self.initializers[entry.name] = external_tensor(entry, dims)
        if TYPES[entry.dtype] == self.dt:
            return entry.name
        if name not in self._casts:
            self._casts[name] = self.op("Cast", entry.name, to=self.dt)
        return self._casts[name]

    def cast(self, x: str, dtype: int) -> str:
        """`x` as `dtype`; nothing is emitted where the graph computes in float32 anyway."""
        return x if self.dt == FLOAT else self.op("Cast", x, to=dtype)

    def linear(self, x: str, name: str, shape: Sequence[int] | None = None) -> str:
        """(rows, in) -> (rows, out) with the weight (out, in) as stored, and its bias where there is one."""
        if name + QUANTIZED in self.weights:
            return self._quantized_linear(x, name)
        bias = [self.weight(name + ".bias")] if name + ".bias" in self.weights else []
        return self.op("Gemm", x, self.weight(name + ".weight", shape), *bias, transB=1)

    def _quantized_linear(self, x: str, name: str) -> str:
        """The same with a weight (in, out) of 4 or 8 bits: the form that ONNX Runtime and TensorRT fuse."""
        stored, scale = self.weights[name + QUANTIZED], self.weights[name + SCALE]
        self._opset = QUANTIZED_OPSET
        blocked, num_out = stored.dtype == "U8", scale.shape[-1]
        num_in = stored.num_bytes * (2 if blocked else 1) // num_out
        self.initializers[stored.name] = external_tensor(stored, (num_in, num_out))
        how = {"axis": 0, "block_size": num_in // scale.shape[0]} if blocked else {"axis": 1}
        weight = self.op("DequantizeLinear", stored.name, self.weight(name + SCALE), **how)
        if name + INPUT_SCALE in self.weights:
            x = self.op("Mul", x, self.weight(name + INPUT_SCALE))
        product = self.op("MatMul", x, weight)
        if name + ".bias" not in self.weights:
            return product
        return self.op("Add", product, self.weight(name + ".bias"))

    def rms_norm(self, x: str, name: str, eps: float) -> str:
        """Root-mean-square norm over the last axis: statistics in float32, product with the weight in the
        graph's type. With Pow, and not a product of `x` with itself, ONNX Runtime makes one node of all six.
        """
        wide = self.cast(x, FLOAT)
        squares = self.op("Pow", wide, self.scalar(2.0))
        mean = self.op("ReduceMean", squares, self.constant([-1]), keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.scalar(eps)))
        return self.op("Mul", self.cast(self.op("Div", wide, root), self.dt), self.weight(name + ".weight"))

    def silu(self, x: str) -> str:
        return self.op("Mul", x, self.op("Sigmoid", x))

    def gated_mlp(self, x: str, name: str) -> str:
        """down(silu(gate(x)) * up(x))."""
        gate = self.silu(self.linear(x, name + ".gate_proj"))
        return self.linear(self.op("Mul", gate, self.linear(x, name + ".up_proj")), name + ".down_proj")

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        return self.op("Slice", x, self.constant([start]), self.constant([end]), self.constant([axis]))

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """0 keeps a dimension, -1 fills in."""
        return self.op("Reshape", x, self.constant(list(shape)))

    def signed(self, sin: str, width: int) -> str:
        """A table of sines over the last axis of `width` as `rotate` takes it: its first half negative."""
        first, second = self._halves(sin, width)
        return self.op("Concat", self.op("Neg", first), second, axis=-1)

    def rotate(self, x: str, cos: str, signed_sin: str, width: int) -> str:
        """Rotary embedding over the last axis of `width`: x cos + (second half, first half) (-sin, sin)."""
        first, second = self._halves(x, width)
        turned = self.op("Concat", second, first, axis=-1)
        return self.op("Add", self.op("Mul", x, cos), self.op("Mul", turned, signed_sin))

    def _halves(self, x: str, width: int) -> tuple[str, str]:
        return self.slice(x, 0, width // 2, -1), self.slice(x, width // 2, width, -1)

    def build(self) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, list(self.initializers.values())
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", self._opset)],
            ir_version=IR_VERSION,
            producer_name="n3d_ros",
        )


def external_tensor(entry: TensorEntry, dims: Sequence[int]) -> onnx.TensorProto:
    """An initialiser that points into the safetensors file beside the graph."""
    tensor = onnx.TensorProto(
        name=entry.name, data_type=TYPES[entry.dtype], dims=dims, data_location=TensorProto.EXTERNAL
    )
    place = {"location": entry.file.name, "offset": entry.offset, "length": entry.num_bytes}
    for key, value in place.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write the graph; its weights stay in their own files."""
    path.write_bytes(model.SerializeToString(deterministic=True))
