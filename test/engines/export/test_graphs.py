"""Both graphs against the torch model in float32, at sizes that the export never saw."""

import numpy as np
import onnx
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.runtime.backends.factory import create_backend
from n3d_ros.runtime.backends.positions import prompt_positions

torch = pytest.importorskip("torch")

TOLERANCE = 1e-4
# What every TensorRT parser since 10.1 takes (docs/specification/engines.md 5).
OPERATORS = {
    "Add", "Cast", "Concat", "Div", "Erf", "Gather", "Gemm", "Identity", "MatMul", "Mul", "Neg", "Pow",
    "ReduceMean", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Sqrt", "Transpose", "Unsqueeze",
}  # fmt: skip


@pytest.fixture
def exported(checkpoint, tmp_path):
    """`exported(weights_dtype, **model options)`: (ONNX Runtime backend, torch model, folder)."""

    def make(weights_dtype=None, **options):
        folder, model = checkpoint(**options)
        export(folder, tmp_path / "engine", weights_dtype)
        return create_backend(tmp_path / "engine", "ort", threads=1), model, tmp_path / "engine"

    return make


def torch_tokens(model, inputs):
    with torch.no_grad():
        arrays = (inputs.pixel_values, np.array([[1, *inputs.grid_hw]]), inputs.coords)
        return model.image_tokens(*map(torch.from_numpy, arrays)).numpy()


@pytest.mark.parametrize(
    "options",
    [
        {"order": "raster"},
        {"order": "aligned", "patch_position": "sincos"},
        {"order": "raster", "full_attention": (0, 1, 2)},
        {"order": "aligned", "full_attention": ()},
    ],
    ids=["released", "nano", "full attention only", "windows only"],
)
def test_vision_equals_torch_for_whole_padded_portrait_and_narrow_grids(exported, picture, options):
    backend, model, _ = exported(**options)
    for grid in ((8, 8), (10, 14), (18, 24), (24, 18), (2, 30)):
        expected = torch_tokens(model, picture(*grid))
        assert expected.std() > 0.3
        np.testing.assert_allclose(
            backend.encode_image(picture(*grid)), expected, atol=TOLERANCE, err_msg=str(grid)
        )


def prompt(model, backend, inputs):
    """Token ids with a picture, their embedding rows and positions, and torch's logits."""
    rng = np.random.default_rng(3)
    before, after, num = (
        rng.integers(50, 900, 6),
        rng.integers(50, 900, 20),
        inputs.grid_hw[0] * inputs.grid_hw[1] // 4,
    )
    ids = torch.tensor([[*before, *[model.config.image_token_id] * num, *after]])
    grid = np.array([[1, *inputs.grid_hw]])
    with torch.no_grad():
        logits = (
            model(
                input_ids=ids,
                pixel_values=torch.from_numpy(inputs.pixel_values),
                image_grid_thw=torch.from_numpy(grid),
                point_coords=torch.from_numpy(inputs.coords),
                mm_token_type_ids=(ids == model.config.image_token_id).int(),
            )
            .logits[0]
            .numpy()
        )
    rows = np.concatenate([backend.embed(before), backend.encode_image(inputs), backend.embed(after)])
    return rows, prompt_positions(6, (inputs.grid_hw[0] // 2, inputs.grid_hw[1] // 2), 20), logits


@pytest.mark.parametrize("tied", [False, True])
def test_logits_of_a_prompt_with_a_picture_equal_torch_whole_and_in_chunks(exported, picture, tied):
    backend, model, _ = exported(tied=tied)
    rows, positions, expected = prompt(model, backend, picture(6, 10))
    assert expected.std() > 0.5
    for chunks in ((41,), (30, 11), (1, 39, 1)):
        cache, start, logits = backend.new_cache(64), 0, []
        for count in chunks:
            span = slice(start, start + count)
            logits.append(backend.forward(cache, rows[span], positions[:, span], np.arange(count)))
            start += count
        np.testing.assert_allclose(np.concatenate(logits), expected, atol=TOLERANCE, err_msg=str(chunks))


def test_several_tokens_in_one_pass_equal_one_pass_each_and_truncating_takes_them_back(exported, picture):
    backend, model, _ = exported()
    rows, positions, _ = prompt(model, backend, picture(4, 4))
    cache = backend.new_cache(40)
    backend.forward(cache, rows[:20], positions[:, :20], np.array([19]))
    together = backend.forward(cache, rows[20:25], positions[:, 20:25], np.arange(5))
    cache.truncate(20)
    apart = [
        backend.forward(cache, rows[i : i + 1], positions[:, i : i + 1], np.zeros(1, np.int64))
        for i in range(20, 25)
    ]
    np.testing.assert_allclose(together, np.concatenate(apart), atol=1e-5)


def test_only_the_wanted_rows_become_logits(exported, picture):
    backend, model, _ = exported()
    rows, positions, expected = prompt(model, backend, picture(4, 4))
    logits = backend.forward(backend.new_cache(40), rows, positions, np.array([7, 3]))
    np.testing.assert_allclose(logits, expected[[7, 3]], atol=TOLERANCE)


def test_a_full_cache_is_refused_with_the_sizes(exported):
    backend, _, _ = exported()
    with pytest.raises(ValueError, match=r"expected at most 3 tokens, got 0 \+ 4"):
        backend.forward(
            backend.new_cache(3),
            backend.embed([1, 2, 3, 4]),
            np.zeros((3, 4), np.int64),
            np.zeros(1, np.int64),
        )
    with pytest.raises(ValueError, match="expected a length of 0 to 0, got 1"):
        backend.new_cache(3).truncate(1)


def test_half_precision_files_run_in_float32(exported, picture):
    backend, model, folder = exported("fp16")
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half().float())
    inputs = picture(10, 14)
    np.testing.assert_allclose(backend.encode_image(inputs), torch_tokens(model, inputs), atol=TOLERANCE)
    rows, positions, expected = prompt(model, backend, inputs)
    logits = backend.forward(backend.new_cache(99), rows, positions, np.arange(len(rows)))
    np.testing.assert_allclose(logits, expected, atol=TOLERANCE)
    assert backend.manifest.weights_dtype == "fp16"


def test_bfloat16_files_run_in_float32(checkpoint, picture, tmp_path):
    folder, model = checkpoint()
    model.bfloat16().save_pretrained(folder)
    export(folder, tmp_path / "engine")
    backend = create_backend(tmp_path / "engine", "ort", threads=1)
    inputs = picture(6, 10)
    np.testing.assert_allclose(
        backend.encode_image(inputs), torch_tokens(model.float(), inputs), atol=TOLERANCE
    )
    assert backend.manifest.weights_dtype == "bf16"


def test_only_operators_that_every_runtime_has(exported):
    _, _, folder = exported("fp16", patch_position="sincos")
    for name in ("vision.onnx", "decoder.onnx"):
        model = onnx.load(folder / name, load_external_data=False)
        assert {node.op_type for node in model.graph.node} <= OPERATORS
        assert {node.domain for node in model.graph.node} == {""}
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
        onnx.checker.check_model(str(folder / name))


def first_dimension(model, weight):
    """Of the product with `weight`, as shape inference names it."""
    products = [node for node in model.graph.node if node.op_type == "Gemm"]
    node = next(node for node in products if node.input[1].endswith(f"{weight}.weight"))
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    value = next(value for value in inferred.graph.value_info if value.name == node.output[0])
    return value.type.tensor_type.shape.dim[0].dim_param


def test_the_last_layer_runs_on_the_wanted_rows_but_for_its_keys_and_values(exported):
    backend, _, folder = exported()
    model = onnx.load(folder / "decoder.onnx", load_external_data=False)
    last = backend.config.text.layers - 1
    rows = {part: first_dimension(model, f"layers.{last}.self_attn.{part}_proj") for part in "qkv"}
    assert rows["q"] == "R" and "R" not in (rows["k"], rows["v"])


def test_only_attention_in_windows_pads(exported):
    _, _, folder = exported(patch_position="sincos")
    model = onnx.load(folder / "vision.onnx", load_external_data=False)
    for name in ("attn.qkv", "attn.proj", "mlp.gate_proj"):
        assert first_dimension(model, f"blocks.0.{name}") == "N"
    rows = {value.name: value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input}
    assert [name for name, size in rows.items() if size == "W"] == ["window_rows", "key_mask"]


def test_no_weight_is_copied_into_a_graph(exported):
    _, _, folder = exported()
    for name in ("vision.onnx", "decoder.onnx"):
        model = onnx.load(folder / name, load_external_data=False)
        assert all(
            t.data_location == onnx.TensorProto.EXTERNAL or len(t.raw_data) < 64
            for t in model.graph.initializer
        )


@pytest.mark.parametrize("compute", ["fp16", "bf16"])
def test_low_precision_graphs_are_typed_throughout(checkpoint, tmp_path, compute):
    """Strong typing: shape inference in strict mode fails on any node that mixes types."""
    folder, _ = checkpoint(patch_position="sincos")
    export(folder, tmp_path / "engine", compute_dtype=compute)
    expected = {"fp16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16}[compute]
    for name, output in (("vision.onnx", "image_embeds"), ("decoder.onnx", "new_kv")):
        model = onnx.load(tmp_path / "engine" / name, load_external_data=False)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        types = {value.name: value.type.tensor_type.elem_type for value in model.graph.output}
        assert types[output] == expected
