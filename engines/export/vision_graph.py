"""vision.onnx, whole or as vision_blocks.onnx and vision_merger.onnx: patch rows -> merged image tokens.

In: the model's numbers and where its weights lie. Out: the graph. Rows keep the order of the picture's merge
groups and all products run on them alone; only attention in windows gathers them into padded windows, where
it is one plain batched attention, and back. The point code is added before the merger. Contract:
docs/specification/engines.md 2.
"""

from collections.abc import Mapping

import onnx

from n3d_ros.engines.export.graph_builder import FLOAT, GraphBuilder
from n3d_ros.model_folder.config import ModelConfig, VisionConfig
from n3d_ros.model_folder.tensors import TensorEntry

# Fixed in Qwen2.5-VL's vision tower, not configured.
NORM_EPS = 1e-6


def build_vision(config: ModelConfig, weights: Mapping[str, TensorEntry], compute: str) -> onnx.ModelProto:
    """The whole vision graph, computing in `compute` ('F32', 'F16' or 'BF16')."""
    g = GraphBuilder("vision", weights, compute)
    pos3d = _pos3d(g, config.vision)
    _finish(g, config.vision, _run_blocks(g, config), pos3d)
    return g.build()


def build_vision_parts(
    config: ModelConfig, weights: Mapping[str, TensorEntry], compute: str
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The same in two graphs: pixels -> `block_rows` (N, C), and those with the point code -> tokens. The
    first needs no depth.
    """
    blocks, merger = (GraphBuilder(name, weights, compute) for name in ("vision_blocks", "vision_merger"))
    shape: list[int | str] = ["N", config.vision.hidden]
    blocks.output(_run_blocks(blocks, config), "block_rows", blocks.dt, shape)
    rows = merger.input("block_rows", merger.dt, shape)
    _finish(merger, config.vision, rows, _pos3d(merger, config.vision))
    return blocks.build(), merger.build()


def _pos3d(g: GraphBuilder, v: VisionConfig) -> str:
    return g.input("pos3d", FLOAT, ["N", v.hidden])


def _run_blocks(g: GraphBuilder, config: ModelConfig) -> str:
    """Pixels to the rows (N, C) behind the last block."""
    v = config.vision
    pixels = g.input("pixel_values", FLOAT, ["N", v.patch_values])
    places = g.input("patch_pos", FLOAT, ["N", v.hidden]) if config.patch_position == "sincos" else None
    x, attention = _embed_patches(g, v, pixels, places), _Attention(g, v)
    for layer in range(v.depth):
        name = f"visual.blocks.{layer}"
        normed = g.rms_norm(x, name + ".norm1", NORM_EPS)
        x = g.op("Add", x, attention.emit(normed, name + ".attn", full=layer in v.full_attention))
        x = g.op("Add", x, g.gated_mlp(g.rms_norm(x, name + ".norm2", NORM_EPS), name + ".mlp"))
    return x


def _finish(g: GraphBuilder, v: VisionConfig, rows: str, pos3d: str) -> None:
    """Point code, merger, output."""
    g.output(_merge(g, v, _add_float32(g, rows, pos3d)), "image_embeds", g.dt, ["M", v.out_hidden])


def _embed_patches(g: GraphBuilder, v: VisionConfig, pixels: str, places: str | None) -> str:
    """The patch convolution (stride = kernel) as one product, then the patches' places, if coded."""
    x = g.linear(g.cast(pixels, g.dt), "visual.patch_embed.proj", (v.hidden, v.patch_values))
    return x if places is None else _add_float32(g, x, places)


def _add_float32(g: GraphBuilder, x: str, code: str) -> str:
    return g.cast(g.op("Add", g.cast(x, FLOAT), code), g.dt)


def _merge(g: GraphBuilder, v: VisionConfig, x: str) -> str:
    """Norm, the four patches of a merge group to one row, then two layers."""
    rows = g.reshape(g.rms_norm(x, "visual.merger.ln_q", NORM_EPS), [-1, v.hidden * v.merge**2])
    return g.linear(_gelu(g, g.linear(rows, "visual.merger.mlp.0")), "visual.merger.mlp.2")


def _gelu(g: GraphBuilder, x: str) -> str:
    """Exact GELU in float32: x/2 (1 + erf(x / sqrt 2))."""
    wide = g.cast(x, FLOAT)
    erf = g.op("Erf", g.op("Div", wide, g.scalar(2**0.5)))
    return g.cast(g.op("Mul", g.op("Mul", wide, g.scalar(0.5)), g.op("Add", erf, g.scalar(1.0))), g.dt)


class _Attention:
    """Attention inside windows, or over the whole picture; tables and windows are shared by its layers."""

    def __init__(self, g: GraphBuilder, v: VisionConfig) -> None:
        self.g, self.v = g, v
        tables = [g.input(name, FLOAT, ["N", v.head_dim]) for name in ("rope_cos", "rope_sin")]
        cos, sin = (g.op("Unsqueeze", table, g.constant([1])) for table in tables)
        self.tables = cos, g.signed(sin, v.head_dim)
        self.members = g.input("window_rows", onnx.TensorProto.INT64, ["W", v.window_patches])
        self.mask = g.input("key_mask", FLOAT, ["W", 1, 1, v.window_patches])
        self.slots = g.input("row_slots", onnx.TensorProto.INT64, ["N"])

    def emit(self, x: str, name: str, full: bool) -> str:
        """(N, C) -> (N, C)."""
        g, v = self.g, self.v
        qkv = g.reshape(g.linear(x, name + ".qkv"), [-1, 3 * v.heads, v.head_dim])
        q, k, value = (g.slice(qkv, i * v.heads, (i + 1) * v.heads, 1) for i in range(3))
        q, k = (g.cast(g.rotate(g.cast(z, FLOAT), *self.tables, v.head_dim), g.dt) for z in (q, k))
        seen = self._over_all(q, k, value) if full else self._in_windows(q, k, value)
        return g.linear(seen, name + ".proj")

    def _over_all(self, *qkv: str) -> str:
        """(N, heads, width) three times -> (N, C): one sequence."""
        g, v = self.g, self.v
        q, k, value = (g.op("Transpose", z, perm=[1, 0, 2]) for z in qkv)
        weights = g.op("Softmax", self._scores(q, g.op("Transpose", k, perm=[0, 2, 1])), axis=-1)
        seen = g.op("MatMul", g.cast(weights, g.dt), value)
        return g.reshape(g.op("Transpose", seen, perm=[1, 0, 2]), [-1, v.hidden])

    def _in_windows(self, *qkv: str) -> str:
        """The same where a row sees those of its window: the holes of padded windows hold any row, and are
        masked and left out again.
        """
        g, v = self.g, self.v
        gathered = (g.op("Gather", z, self.members, axis=0) for z in qkv)
        q, k, value = (g.op("Transpose", z, perm=[0, 2, 1, 3]) for z in gathered)
        scores = self._scores(q, g.op("Transpose", k, perm=[0, 1, 3, 2]))
        weights = g.op("Softmax", g.op("Add", scores, self.mask), axis=-1)
        seen = g.op("MatMul", g.cast(weights, g.dt), value)
        rows = g.reshape(g.op("Transpose", seen, perm=[0, 2, 1, 3]), [-1, v.hidden])
        return g.op("Gather", rows, self.slots, axis=0)

    def _scores(self, q: str, keys: str) -> str:
        """Scaled products in float32."""
        g = self.g
        return g.op("Mul", g.cast(g.op("MatMul", q, keys), FLOAT), g.scalar(self.v.head_dim**-0.5))
