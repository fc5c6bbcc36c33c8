"""decoder.onnx: new tokens over a cached past -> logits and the new keys and values.

In: the model's numbers and where its weights lie. Out: the graph. One graph serves prefill, chunks of it,
single steps and several tokens at once; it returns only the new rows of the cache, laid out (tokens, 2 x
layers, key-value heads, width). Where an engine of all layers cannot be built, the same graph of a range of
them hands its hidden state to the next. Contract: docs/specification/engines.md 3.
"""

from collections.abc import Mapping
from typing import NamedTuple

import onnx

from n3d_ros.engines.export.graph_builder import FLOAT, GraphBuilder
from n3d_ros.model_folder.config import ModelConfig, TextConfig
from n3d_ros.model_folder.tensors import TensorEntry
from n3d_ros.runtime.backends.trt.shapes import decoder_input, decoder_output


def build_decoder(
    config: ModelConfig,
    weights: Mapping[str, TensorEntry],
    compute: str,
    layers: tuple[int, int] | None = None,
) -> onnx.ModelProto:
    """The decoder graph, computing in `compute` ('F32', 'F16' or 'BF16').

    layers: first and one past the last (None: all). A graph that does not begin with layer 0 takes
    `hidden_FIRST` instead of embeddings; one that does not end with the last layer returns `hidden_STOP`,
    both (T, hidden), instead of logits. `past_kv` and `new_kv` hold the rows of these layers only.
    """
    g, t = GraphBuilder("decoder", weights, compute), config.text
    first, stop = layers or (0, t.layers)
    kv = [2 * (stop - first), t.kv_heads, t.head_dim]
    x = g.input(decoder_input(first), g.dt, ["T", t.hidden])
    tables = [g.input(name, FLOAT, ["T", t.head_dim]) for name in ("rope_cos", "rope_sin")]
    bias = g.input("attn_bias", FLOAT, ["T", "S_plus_T"])
    past = g.input("past_kv", g.dt, ["S", *kv])
    last = stop == t.layers
    logit_index = g.input("logit_index", onnx.TensorProto.INT64, ["R"]) if last else ""

    attention = _Attention(g, t, tables, bias, past, 2 * (stop - first))
    for layer in range(first, stop):
        name = f"model.layers.{layer}"
        normed = g.rms_norm(x, name + ".input_layernorm", t.norm_eps)
        wanted = logit_index if layer == t.layers - 1 else None
        seen = attention.emit(normed, layer, first, wanted)
        x = g.op("Add", x if wanted is None else g.op("Gather", x, wanted, axis=0), seen)
        x = g.op(
            "Add",
            x,
            g.gated_mlp(g.rms_norm(x, name + ".post_attention_layernorm", t.norm_eps), name + ".mlp"),
        )
    if last:
        g.output(_logits(g, t, x), "logits", FLOAT, ["R", t.vocab])
    else:
        g.output(x, decoder_output(stop, t.layers), g.dt, ["T", t.hidden])
    g.output(g.reshape(g.op("Concat", *attention.new, axis=1), [-1, *kv]), "new_kv", g.dt, ["T", *kv])
    return g.build()


def _logits(g: GraphBuilder, t: TextConfig, x: str) -> str:
    """Float32 logits of rows behind the last layer."""
    rows = g.rms_norm(x, "model.norm", t.norm_eps)
    return g.cast(g.linear(rows, "model.embed_tokens" if t.tied else "lm_head"), FLOAT)


class _Rows(NamedTuple):
    """What goes with the rows that ask: their rotary tables and bias, and the shapes of their scores."""

    cos: str
    signed_sin: str
    bias: str
    score_shape: str
    weight_shape: str


class _Attention:
    """Grouped-query attention of all layers over one cache, without repeating keys or values."""

    def __init__(
        self, g: GraphBuilder, t: TextConfig, tables: list[str], bias: str, past: str, slots: int
    ) -> None:
        self.g, self.t = g, t
        self.groups = t.heads // t.kv_heads
        cos, sin = (g.op("Unsqueeze", g.cast(table, g.dt), g.constant([1])) for table in tables)
        self.all = self._rows(cos, g.signed(sin, t.head_dim), bias)
        self.past = g.reshape(past, [0, slots * t.kv_heads, t.head_dim])
        self.new: list[str] = []

    def emit(self, x: str, layer: int, first: int, wanted: str | None = None) -> str:
        """(T, hidden) -> (T, hidden), or (R, hidden) where only the rows `wanted` (R,) go on; remembers the
        layer's new keys and values. first: the cache's layer.
        """
        g, t, name = self.g, self.t, f"model.layers.{layer}.self_attn"
        k, v = (self._heads(g.linear(x, f"{name}.{part}_proj"), t.kv_heads) for part in "kv")
        k = g.rotate(k, self.all.cos, self.all.signed_sin, t.head_dim)
        self.new += [k, v]
        slot = 2 * (layer - first)
        keys = g.op("Transpose", self._with_past(k, slot), perm=[1, 2, 0])
        values = g.op("Transpose", self._with_past(v, slot + 1), perm=[1, 0, 2])
        asking, rows = (x, self.all) if wanted is None else self._wanted(x, wanted)
        q = self._heads(g.linear(asking, name + ".q_proj"), t.heads)
        q = self._by_group(g.rotate(q, rows.cos, rows.signed_sin, t.head_dim))
        seen = g.op("MatMul", self._weights(q, keys, rows), values)
        return g.linear(self._from_group(seen), name + ".o_proj")

    def _rows(self, cos: str, signed_sin: str, bias: str) -> _Rows:
        g = self.g
        heads, sizes = g.constant([self.t.kv_heads, self.groups]), g.op("Shape", bias)
        num_keys = g.op("Slice", sizes, *(g.constant([n]) for n in (1, 2, 0)))
        score_shape = g.op("Concat", heads, sizes, axis=0)
        weight_shape = g.op("Concat", g.constant([self.t.kv_heads, -1]), num_keys, axis=0)
        return _Rows(cos, signed_sin, bias, score_shape, weight_shape)

    def _wanted(self, x: str, index: str) -> tuple[str, _Rows]:
        """Some rows of `x`, and what goes with them."""
        every = (x, self.all.cos, self.all.signed_sin, self.all.bias)
        asking, cos, sin, bias = (self.g.op("Gather", z, index, axis=0) for z in every)
        return asking, self._rows(cos, sin, bias)

    def _heads(self, x: str, count: int) -> str:
        return self.g.reshape(x, [-1, count, self.t.head_dim])

    def _with_past(self, new: str, slot: int) -> str:
        """(S + T, key-value heads, width) of one layer's keys or values."""
        g, t = self.g, self.t
        old = g.slice(self.past, slot * t.kv_heads, (slot + 1) * t.kv_heads, 1)
        return g.op("Concat", old, new, axis=0)

    def _by_group(self, q: str) -> str:
        """(T, heads, width) -> (key-value heads, group x T, width)."""
        g, t = self.g, self.t
        q = g.op("Transpose", g.reshape(q, [-1, t.kv_heads, self.groups, t.head_dim]), perm=[1, 2, 0, 3])
        return g.reshape(q, [t.kv_heads, -1, t.head_dim])

    def _weights(self, q: str, keys: str, rows: _Rows) -> str:
        """(key-value heads, group x T, S + T): softmax of scaled, biased scores, in float32."""
        g, t = self.g, self.t
        scores = g.op("Mul", g.cast(g.op("MatMul", q, keys), FLOAT), g.scalar(t.head_dim**-0.5))
        scores = g.op("Add", g.op("Reshape", scores, rows.score_shape), rows.bias)
        weights = g.cast(g.op("Softmax", scores, axis=-1), g.dt)
        return g.op("Reshape", weights, rows.weight_shape)

    def _from_group(self, x: str) -> str:
        """(key-value heads, group x T, width) -> (T, heads x width)."""
        g, t = self.g, self.t
        x = g.op("Transpose", g.reshape(x, [t.kv_heads, self.groups, -1, t.head_dim]), perm=[2, 0, 1, 3])
        return g.reshape(x, [-1, t.heads * t.head_dim])
