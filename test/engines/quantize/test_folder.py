"""Weights of 4 and 8 bits: the numbers, their place in the file, and that an engine of them computes so."""

import json

import numpy as np
import onnx
import pytest
from tensor_files import head_repeats_embedding

from n3d_ros.engines.quantize.folder import QuantizeConfig, products, quantize_folder
from n3d_ros.engines.quantize.rounding import PRECISIONS, quantized, scales
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.errors import BadInputError, ModelFolderError
from n3d_ros.model_folder.config import load_config
from n3d_ros.model_folder.manifest import check_files, read_manifest
from n3d_ros.model_folder.tensors import TensorEntry, read_entries
from n3d_ros.runtime.backends.factory import create_backend


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return write_synthetic(tmp_path_factory.mktemp("synthetic") / "m", "tiny")


@pytest.fixture
def in_float32(monkeypatch):
    """ONNX Runtime rounds activations to 8 bits in its 4-bit product unless told otherwise."""
    import onnxruntime

    create = onnxruntime.SessionOptions

    def options():
        result = create()
        result.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        return result

    monkeypatch.setattr(onnxruntime, "SessionOptions", options)


def test_a_model_is_not_replaced_by_its_rounded_self(tmp_path):
    folder = write_synthetic(tmp_path / "m", "tiny")
    before = sorted(folder.iterdir())
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, tmp_path / "link"):
        with pytest.raises(ModelFolderError, match="expected another folder to write than the model's own"):
            quantize_folder(folder, out, QuantizeConfig("int4"))
    assert sorted(folder.iterdir()) == before


def stored(tmp_path, matrix):
    """A matrix (out, in) in a file of its own."""
    matrix = np.asarray(matrix, dtype=np.float32)
    (tmp_path / "w").write_bytes(matrix.tobytes())
    return TensorEntry("w.weight", "F32", matrix.shape, tmp_path / "w", 0, matrix.nbytes)


def test_four_bits_are_packed_row_by_row_of_inputs_low_half_first(tmp_path):
    """Two outputs, four inputs in blocks of two: scale = largest / 7, round, clip."""
    weight = stored(tmp_path, [[7, -7, 1.4, 0.7], [14, 3.9, -7, 0]])
    scale = scales(weight, PRECISIONS["int4"], 2, "fp32", None)
    np.testing.assert_allclose(scale, [[1, 2], [0.2, 1]], rtol=1e-6)
    data = np.concatenate(list(quantized(weight, PRECISIONS["int4"], 2, scale, None)))
    rows = [[7, 7], [-7, 2], [7, -7], [4, 0]]
    low, high = np.array(rows).T & 0x0F
    np.testing.assert_array_equal(data, low | high << 4)


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_eight_bits_have_one_scale_per_output(tmp_path, precision):
    weight = stored(tmp_path, [[1, -4, 2], [0.5, 0.25, 0.125]])
    kind = PRECISIONS[precision]
    scale = scales(weight, kind, 32, "fp32", None)
    np.testing.assert_allclose(scale, np.array([4, 0.5], np.float32) / np.float32(kind.largest), rtol=1e-6)
    data = np.concatenate(list(quantized(weight, kind, 32, scale, None)))
    if precision == "int8":
        np.testing.assert_array_equal(data, [[32, 127], [-127, 64], [64, 32]])
    else:
        import ml_dtypes

        values = data.view(ml_dtypes.float8_e4m3fn).astype(np.float32) * scale
        np.testing.assert_allclose(values, [[1, 0.5], [-4, 0.25], [2, 0.125]], rtol=1e-6)


def test_pieces_change_nothing(tmp_path, monkeypatch):
    from n3d_ros.engines.quantize import rounding as quantize_math

    weight = stored(tmp_path, np.random.default_rng(0).standard_normal((6, 128)))
    for kind in PRECISIONS.values():
        whole = scales(weight, kind, 32, "fp32", None)
        data = np.concatenate(list(quantized(weight, kind, 32, whole, None)))
        monkeypatch.setattr(quantize_math, "PIECE_VALUES", 6 * 32)
        np.testing.assert_array_equal(scales(weight, kind, 32, "fp32", None), whole)
        np.testing.assert_array_equal(np.concatenate(list(quantized(weight, kind, 32, whole, None))), data)
        monkeypatch.undo()


def logits(folder, ids=(1, 5, 9, 2, 7)):
    backend = create_backend(folder, "ort", 1)
    positions = np.tile(np.arange(len(ids)), (3, 1))
    return backend.forward(backend.new_cache(16), backend.embed(ids), positions, np.arange(len(ids)))


def dequantized_checkpoint(source, quantized_folder, target):
    """The checkpoint with the rounded weights, as plain float32, written by other means."""
    from safetensors.numpy import save_file

    entries, original = read_entries(quantized_folder), read_entries(source)
    target.mkdir()
    tensors = {}
    for name, entry in original.items():
        q = name.removesuffix(".weight") + ".quantized"
        if q not in entries:
            tensors[name] = entry.float32()
            continue
        num_out, num_in = entry.shape
        raw, scale = entries[q].array().reshape(-1), entries[q.replace(".quantized", ".scale")].float32()
        if entries[q].dtype == "U8":
            nibbles = np.stack([raw & 15, raw >> 4], axis=1).astype(np.int16)
            values = np.where(nibbles > 7, nibbles - 16, nibbles).reshape(num_in, num_out)
            scale = np.repeat(scale, num_in // len(scale), axis=0)
        elif entries[q].dtype == "I8":
            values = raw.reshape(num_in, num_out)
        else:
            import ml_dtypes

            values = raw.view(ml_dtypes.float8_e4m3fn).astype(np.float32).reshape(num_in, num_out)
        tensors[name] = np.ascontiguousarray((values * scale).T.astype(np.float32))
    save_file(tensors, target / "model.safetensors")
    for name in ("config.json", "tokenizer.json", "generation_config.json"):
        (target / name).write_bytes((source / name).read_bytes())
    return target


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_the_graph_computes_with_exactly_the_rounded_weights(tiny, tmp_path, precision, in_float32):
    from n3d_ros.engines.export.folder import export

    manifest = quantize_folder(tiny, tmp_path / "q", QuantizeConfig(precision))
    export(dequantized_checkpoint(tiny, tmp_path / "q", tmp_path / "plain"), tmp_path / "e")
    export(tiny, tmp_path / "original")
    exact, ours, original = (logits(tmp_path / name) for name in ("e", "q", "original"))
    np.testing.assert_allclose(ours, exact, atol=1e-5)
    assert np.abs(original - exact).max() > 1e-3, "rounding must show, else nothing was compared"
    assert manifest.quantization["precision"] == precision
    assert manifest.model_sha256 != read_manifest(tmp_path / "original").model_sha256


def test_the_graph_has_the_form_that_runtimes_fuse_and_the_file_shrinks(tiny, tmp_path):
    quantize_folder(tiny, tmp_path / "q", QuantizeConfig("int4"))
    model = onnx.load(tmp_path / "q" / "decoder.onnx", load_external_data=False)
    onnx.checker.check_model(str(tmp_path / "q" / "decoder.onnx"))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 21)]
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert len(nodes) == len(products(load_config(tiny), head=True)) == 22
    attributes = [{a.name: a.i for a in node.attribute} for node in nodes]
    assert attributes == [{"axis": 0, "block_size": 32}] * 22
    assert not [node for node in model.graph.node if node.op_type == "Gemm"]
    entries = read_entries(tmp_path / "q")
    assert "lm_head.weight" not in entries and "model.embed_tokens.weight" in entries
    assert all(entry.offset % 64 == 0 for name, entry in entries.items() if name.endswith(".quantized"))


def test_the_head_can_stay_as_it_is(tiny, tmp_path):
    quantize_folder(tiny, tmp_path / "q", QuantizeConfig("int4", head=False))
    assert "lm_head.weight" in read_entries(tmp_path / "q")
    assert np.isfinite(logits(tmp_path / "q")).all()


def test_a_tied_head_is_quantised_and_the_embedding_kept(tiny, tmp_path):
    config = json.loads((tiny / "config.json").read_text())
    for section in (config, config["text_config"]):
        section["tie_word_embeddings"] = True
    for path in tiny.iterdir():
        (tmp_path / "m").mkdir(exist_ok=True)
        (tmp_path / "m" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    head_repeats_embedding(tmp_path / "m")
    quantize_folder(tmp_path / "m", tmp_path / "q", QuantizeConfig("int4"))
    entries = read_entries(tmp_path / "q")
    assert {"model.embed_tokens.weight", "model.embed_tokens.quantized"} <= set(entries)
    assert "lm_head.weight" not in entries
    assert np.isfinite(logits(tmp_path / "q")).all()


def test_input_factors_are_taken_out_of_the_weights_again(tiny, tmp_path):
    """With factors the products stay what they are; eight bits keep the difference small."""
    config = load_config(tiny)
    rng = np.random.default_rng(1)
    entries = read_entries(tiny)
    factors = {
        name: rng.uniform(0.5, 2.0, entries[name + ".weight"].shape[1]).astype(np.float32)
        for name in products(config, head=False)
    }
    quantize_folder(tiny, tmp_path / "plain", QuantizeConfig("int8", head=False))
    quantize_folder(tiny, tmp_path / "scaled", QuantizeConfig("int8", head=False), input_scales=factors)
    plain, scaled = logits(tmp_path / "plain"), logits(tmp_path / "scaled")
    assert 0 < np.abs(plain - scaled).max() < 0.05 * plain.std() + 0.02


def test_inputs_that_are_no_whole_blocks_stay_as_they_are_and_are_named(tiny, tmp_path, caplog):
    quantize_folder(tiny, tmp_path / "q", QuantizeConfig("int4", block=64))
    assert "its 96 inputs are no multiple of 64" in caplog.text
    assert np.isfinite(logits(tmp_path / "q")).all()


def test_the_report_of_the_written_folder_is_part_of_it(tiny, tmp_path):
    seen = []

    def report(folder):
        seen.append(logits(folder).shape)
        return {"mean_iou": 0.5}

    manifest = quantize_folder(tiny, tmp_path / "q", QuantizeConfig(), measure_loss=report)
    assert seen == [(5, 2048)]
    assert json.loads((tmp_path / "q" / "accuracy.json").read_text()) == {"mean_iou": 0.5}
    assert "accuracy.json" in manifest.files
    check_files(tmp_path / "q", read_manifest(tmp_path / "q"))


def test_a_report_that_fails_leaves_nothing(tiny, tmp_path):
    def report(_folder):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        quantize_folder(tiny, tmp_path / "q", QuantizeConfig(), measure_loss=report)
    assert list(tmp_path.iterdir()) == []


def test_quantised_weights_are_not_quantised_again(tiny, tmp_path):
    quantize_folder(tiny, tmp_path / "q", QuantizeConfig("int8"))
    with pytest.raises(ModelFolderError, match="expected unquantised weights, found quantised ones"):
        quantize_folder(tmp_path / "q", tmp_path / "again", QuantizeConfig())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int3"}, "precision: expected one of int4, int8, fp8, got 'int3'"),
        ({"method": "magic"}, "method: expected one of rtn, awq, got 'magic'"),
        ({"block": 3}, "block: expected an even number of inputs, got 3"),
        ({"method": "awq", "precision": "int8"}, "method awq: expected precision int4, got int8"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(BadInputError, match=message):
        QuantizeConfig(**options)


@pytest.mark.parametrize("precision", ["int4", "int8", "fp8"])
def test_factors_reach_the_rows_of_every_piece(tmp_path, monkeypatch, precision):
    """A weight that is read in four pieces comes out as the multiplied weight does that is read in one."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(3, 16)).astype(np.float32)
    rows = rng.uniform(0.5, 2.0, 16).astype(np.float32)
    (tmp_path / "whole").mkdir()
    expected_of, kind = stored(tmp_path / "whole", matrix * rows), PRECISIONS[precision]
    expected_scale = scales(expected_of, kind, 2, "fp32", None)
    expected = np.concatenate(list(quantized(expected_of, kind, 2, expected_scale, None)))
    monkeypatch.setattr("n3d_ros.engines.quantize.rounding.PIECE_VALUES", 12)
    weight = stored(tmp_path, matrix)
    scale = scales(weight, kind, 2, "fp32", rows)
    pieces = list(quantized(weight, kind, 2, scale, rows))
    assert len(pieces) == 4
    np.testing.assert_array_equal(scale, expected_scale)
    np.testing.assert_array_equal(np.concatenate(pieces), expected)
