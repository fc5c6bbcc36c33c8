"""The decoder in parts: each range of layers is a graph, and in sequence they give what one graph gives."""

import numpy as np
import onnx
import onnxruntime
import pytest

from n3d_ros.engines.export.decoder_graph import build_decoder
from n3d_ros.engines.export.folder import export
from n3d_ros.engines.export.graph_builder import save
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.tensors import read_entries
from n3d_ros.runtime.backends.factory import default_model_dir
from n3d_ros.runtime.backends.positions import causal_bias, mrope_tables

# A prompt in two chunks, single steps, several drafted tokens at once.
PASSES = (30, 7, 1, 4, 1, 1, 3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    root = tmp_path_factory.mktemp("split")
    export(write_synthetic(root / "m", "tiny"), root / "e")
    return root / "e"


@pytest.fixture(scope="module")
def nano():
    return default_model_dir()


@pytest.fixture
def write(tmp_path):
    """`write(folder, layers, compute)`: a graph of a range of layers beside links to the weights."""

    def make(folder, layers, compute="F32"):
        path = tmp_path / f"{layers}.onnx"
        for file in {entry.file for entry in read_entries(folder).values()}:
            (tmp_path / file.name).unlink(missing_ok=True)
            (tmp_path / file.name).hardlink_to(file)
        save(build_decoder(load_config(folder), read_entries(folder), compute, layers), path)
        return path

    return make


class Sequence:
    """Graphs one after the other, each with a cache of its own layers."""

    def __init__(self, paths, text):
        self.sessions = [onnxruntime.InferenceSession(path) for path in paths]
        self.text = text
        kv = [s.get_inputs()[4].shape[1:] for s in self.sessions]
        self.caches = [np.zeros((0, *shape), np.float32) for shape in kv]

    def run(self, state, positions):
        """Logits of all rows and the new rows of all layers."""
        text, new = self.text, []
        cos, sin = mrope_tables(positions, text.head_dim, text.rope_theta, text.mrope_section)
        for i, session in enumerate(self.sessions):
            feeds = {
                session.get_inputs()[0].name: state,
                "rope_cos": cos,
                "rope_sin": sin,
                "attn_bias": causal_bias(len(state), len(self.caches[i])),
                "past_kv": self.caches[i],
            }
            if i == len(self.sessions) - 1:
                feeds["logit_index"] = np.arange(len(state))
            state, rows = session.run(None, feeds)
            self.caches[i] = np.concatenate([self.caches[i], rows])
            new.append(rows)
        return state, np.concatenate(new, axis=1)


@pytest.mark.parametrize(
    ("model", "ranges"),
    [
        ("tiny", [(0, 3)]),
        ("tiny", [(0, 1), (1, 3)]),
        ("tiny", [(0, 1), (1, 2), (2, 3)]),
        ("nano", [(0, 3), (3, 5)]),
        ("nano", [(0, 1), (1, 4), (4, 5)]),
    ],
)
def test_graphs_of_layer_ranges_give_the_logits_and_cache_rows_of_one_graph(request, write, model, ranges):
    folder = request.getfixturevalue(model)
    text, rng = load_config(folder).text, np.random.default_rng(4)
    assert ranges[-1][1] == text.layers
    whole = Sequence([write(folder, None)], text)
    parts = Sequence([write(folder, layers) for layers in ranges], text)
    start = 0
    for count in PASSES:
        state = rng.standard_normal((count, text.hidden)).astype(np.float32)
        positions = np.tile(np.arange(start, start + count), (3, 1))
        expected, found = whole.run(state, positions), parts.run(state, positions)
        assert expected[0].std() > 0.01
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-6, rtol=0, err_msg=f"{count} tokens at {start}")
        start += count
    np.testing.assert_allclose(np.concatenate(parts.caches, axis=1), whole.caches[0], atol=1e-6, rtol=0)


def names(values):
    return [value.name for value in values]


def test_a_part_says_in_its_names_and_shapes_which_layers_it_holds(write, nano):
    ranges = ((0, 2), (2, 4), (4, 5))
    first, middle, last = (onnx.load(write(nano, r), load_external_data=False).graph for r in ranges)
    tables = ["rope_cos", "rope_sin", "attn_bias", "past_kv"]
    assert names(first.input) == ["inputs_embeds", *tables]
    assert names(middle.input) == ["hidden_2", *tables]
    assert names(last.input) == ["hidden_4", *tables, "logit_index"]
    assert [names(g.output) for g in (first, middle, last)] == [
        ["hidden_2", "new_kv"],
        ["hidden_4", "new_kv"],
        ["logits", "new_kv"],
    ]
    rows = [[d.dim_value for d in g.input[4].type.tensor_type.shape.dim][1:] for g in (first, middle, last)]
    assert rows == [[4, 2, 64], [4, 2, 64], [2, 2, 64]]


def test_each_weight_is_in_exactly_one_part(write, nano):
    def weights(layers):
        graph = onnx.load(write(nano, layers), load_external_data=False).graph
        return [t.name for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]

    parts = [name for layers in ((0, 2), (2, 5)) for name in weights(layers)]
    assert sorted(parts) == sorted(weights(None))


@pytest.mark.parametrize("compute", ["F16", "BF16"])
def test_low_precision_parts_are_typed_throughout(write, nano, compute):
    for layers in ((0, 2), (2, 5)):
        model = onnx.load(write(nano, layers, compute), load_external_data=False)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
