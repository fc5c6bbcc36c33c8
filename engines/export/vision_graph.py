"""vision.onnx, whole or as vision_blocks.onnx and vision_merger.onnx: windows of patch rows -> merged image
tokens.

In: the model's numbers and where its weights lie. Out: the graph. Windows arrive padded, so window attention
is one plain batched attention; blocks with full attention see all windows as one sequence. The point code is
added before the merger. Contract: docs/specification/engines.md 2.
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
    pos3d, out_index = _pos3d(g, config.vision), _out_index(g)
    _finish(g, config.vision, _run_blocks(g, config), pos3d, out_index)
    return g.build()


def build_vision_parts(
    config: ModelConfig, weights: Mapping[str, TensorEntry], compute: str
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The same in two graphs: pixels -> `block_rows` (P, C), and those with the point code -> tokens. The
    first needs no depth.
    """
    blocks, merger = (GraphBuilder(name, weights, compute) for name in ("vision_blocks", "vision_merger"))
    shape: list[int | str] = ["P", config.vision.hidden]
    blocks.output(_run_blocks(blocks, config), "block_rows", blocks.dt, shape)
    rows = merger.input("block_rows", merger.dt, shape)
    _finish(merger, config.vision, rows, _pos3d(merger, config.vision), _out_index(merger))
    return blocks.build(), merger.build()


def _pos3d(g: GraphBuilder, v: VisionConfig) -> str:
    return g.input("pos3d", FLOAT, ["W", v.window_patches, v.hidden])


def _out_index(g: GraphBuilder) -> str:
    return g.input("out_index", onnx.TensorProto.INT64, ["M"])


def _run_blocks(g: GraphBuilder, config: ModelConfig) -> str:
    """Pixels to the rows (P, C) behind the last block, in window order."""
    v, per_window = config.vision, config.vision.window_patches
    pixels = g.input("pixel_values", FLOAT, ["W", per_window, v.patch_values])
    tables = [g.input(name, FLOAT, ["W", per_window, v.head_dim]) for name in ("rope_cos", "rope_sin")]
    mask = g.input("key_mask", FLOAT, ["W", 1, 1, per_window])
    places = (
        g.input("patch_pos", FLOAT, ["W", per_window, v.hidden])
        if config.patch_position == "sincos"
        else None
    )

    x = _embed_patches(g, v, pixels, places)
    in_windows, in_full = (
        _Attention(g, v, tables, mask, full=False),
        _Attention(g, v, tables, mask, full=True),
    )
    for layer in range(v.depth):
        name = f"visual.blocks.{layer}"
        attention = in_full if layer in v.full_attention else in_windows
        x = g.op("Add", x, attention.emit(g.rms_norm(x, name + ".norm1", NORM_EPS), name + ".attn"))
        x = g.op("Add", x, g.gated_mlp(g.rms_norm(x, name + ".norm2", NORM_EPS), name + ".mlp"))
    return x


def _finish(g: GraphBuilder, v: VisionConfig, rows: str, pos3d: str, out_index: str) -> None:
    """Point code, merger, output."""
    merged = _merge(g, v, _add_float32(g, rows, g.reshape(pos3d, [-1, v.hidden])), out_index)
    g.output(merged, "image_embeds", g.dt, ["M", v.out_hidden])


def _embed_patches(g: GraphBuilder, v: VisionConfig, pixels: str, places: str | None) -> str:
    """The patch convolution (stride = kernel) as one product, then the patches' places, if coded."""
    rows = g.cast(g.reshape(pixels, [-1, v.patch_values]), g.dt)
    x = g.linear(rows, "visual.patch_embed.proj", (v.hidden, v.patch_values))
    return x if places is None else _add_float32(g, x, g.reshape(places, [-1, v.hidden]))


def _add_float32(g: GraphBuilder, x: str, code: str) -> str:
    return g.cast(g.op("Add", g.cast(x, FLOAT), code), g.dt)


def _merge(g: GraphBuilder, v: VisionConfig, x: str, out_index: str) -> str:
    """Norm, four patches to one row, then only the rows that are tokens, in their usual order, through the
    two layers.
    """
    rows = g.reshape(g.rms_norm(x, "visual.merger.ln_q", NORM_EPS), [-1, v.hidden * v.merge**2])
    hidden = g.linear(g.op("Gather", rows, out_index, axis=0), "visual.merger.mlp.0")
    return g.linear(_gelu(g, hidden), "visual.merger.mlp.2")


def _gelu(g: GraphBuilder, x: str) -> str:
    """Exact GELU in float32: x/2 (1 + erf(x / sqrt 2))."""
    wide = g.cast(x, FLOAT)
    erf = g.op("Erf", g.op("Div", wide, g.scalar(2**0.5)))
    return g.cast(g.op("Mul", g.op("Mul", wide, g.scalar(0.5)), g.op("Add", erf, g.scalar(1.0))), g.dt)


class _Attention:
    """Attention inside windows, or over all of them; the reshaped tables are shared by its layers."""

    def __init__(self, g: GraphBuilder, v: VisionConfig, tables: list[str], mask: str, full: bool) -> None:
        self.g, self.v = g, v
        self.batch = [1, -1] if full else [-1, v.window_patches]
        if full and not v.full_attention:
            return
        self.cos, self.sin = (
            g.reshape(table, [self.batch[0], 1, self.batch[1], v.head_dim]) for table in tables
        )
        self.sin = g.signed(self.sin, v.head_dim)
        self.mask = g.reshape(mask, [1, 1, 1, -1]) if full else mask

    def emit(self, x: str, name: str) -> str:
        """(rows, C) -> (rows, C)."""
        g, v = self.g, self.v
        qkv = g.reshape(g.linear(x, name + ".qkv"), [*self.batch, 3 * v.heads, v.head_dim])
        qkv = g.op("Transpose", qkv, perm=[0, 2, 1, 3])
        q, k, value = (g.slice(qkv, i * v.heads, (i + 1) * v.heads, 1) for i in range(3))
        q, k = (g.cast(g.rotate(g.cast(z, FLOAT), self.cos, self.sin, v.head_dim), g.dt) for z in (q, k))
        scores = g.cast(g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), FLOAT)
        scores = g.op("Add", g.op("Mul", scores, g.scalar(v.head_dim**-0.5)), self.mask)
        seen = g.op("MatMul", g.cast(g.op("Softmax", scores, axis=-1), g.dt), value)
        return g.linear(g.reshape(g.op("Transpose", seen, perm=[0, 2, 1, 3]), [-1, v.hidden]), name + ".proj")
