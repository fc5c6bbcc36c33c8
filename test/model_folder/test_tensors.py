"""Headers of safetensors files that contradict themselves, and what is read of right ones."""

import json
import struct

import numpy as np
import pytest
from tensor_files import line, write_raw, write_tensors

from n3d_ros.errors import ModelFolderError
from n3d_ros.model_folder.tensors import read_entries, read_header

DATA = bytes(64)


def refusal(path):
    with pytest.raises(ModelFolderError) as error:
        list(read_header(path))
    assert "\n" not in error.value.message and len(error.value.message) < 600
    return error.value.message


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"a": line("F32", (4, 4), 0, 32)}, "expected 64 bytes for shape (4, 4) of F32, got 32"),
        ({"a": line("F32", (2,), 0, 64)}, "expected 8 bytes for shape (2,) of F32, got 64"),
        ({"a": line("F32", (2**40, 2**40), 0, 64)}, "bytes for shape"),
        ({"a": line("F32", (8,), 0, 32), "b": line("F32", (8,), 16, 48)}, "'a' and 'b' share bytes"),
        ({"a": line("F32", (16,), 32, 96)}, "cut short, 'a' ends at byte"),
        ({"a": line("F32", (-1, -8), 0, 32)}, "expected a shape of whole numbers, got [-1, -8]"),
        ({"a": line("F32", (True, 8), 0, 32)}, "expected a shape of whole numbers"),
        ({"a": line("F32", (8.0,), 0, 32)}, "expected a shape of whole numbers"),
        ({"a": {**line("F32", (8,), 0, 32), "shape": "8"}}, "expected a shape of whole numbers"),
        ({"a": line("F32", (8,), 32, 0)}, "expected data_offsets [begin, end]"),
        ({"a": {**line("F32", (8,), 0, 32), "data_offsets": [0]}}, "expected data_offsets"),
        ({"a": {**line("F32", (8,), 0, 32), "data_offsets": None}}, "expected data_offsets"),
        ({"a": line("F64", (8,), 0, 64)}, "has type 'F64', expected one of"),
        ({"a": line(["F32"], (8,), 0, 32)}, "has type ['F32']"),
        ({"a": {"dtype": "F32"}}, "expected dtype, shape and data_offsets"),
        ({"a": 7}, "expected dtype, shape and data_offsets, got 7"),
        ({"\x1b[31m\n": 7}, r"\x1b[31m\n"),
        ([], "expected a safetensors header, got []"),
        (b"\xff" * 8, "utf-8"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested more than 64 deep"),
        (b'{"a": 1, "a": 2}', "'a' twice in one object"),
        (b'{"a": NaN}', "NaN, which is no number"),
    ],
)
def test_a_header_that_contradicts_itself_is_named(tmp_path, header, expected):
    assert expected in refusal(write_raw(tmp_path / "m.safetensors", header, DATA))


@pytest.mark.parametrize(
    "content", [b"", b"123", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 3) + b"{}"]
)
def test_a_header_longer_than_the_file_is_named_and_not_read(tmp_path, content):
    (tmp_path / "m.safetensors").write_bytes(content)
    assert "its header does not fit into its" in refusal(tmp_path / "m.safetensors")


def test_a_right_file_is_read_and_empty_tensors_and_gaps_do_no_harm(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_tensors(tmp_path / "model.safetensors", {"a": values, "b": np.zeros((0, 4), np.float32)})
    entries = read_entries(tmp_path)
    np.testing.assert_array_equal(entries["a"].array(), values)
    assert entries["b"].array().shape == (0, 4) and entries["b"].is_finite()
    header = {"__metadata__": {"format": "pt"}, "a": line("F32", (2, 3), 16, 40)}
    write_raw(tmp_path / "model.safetensors", header, bytes(16) + values.tobytes())
    np.testing.assert_array_equal(read_entries(tmp_path)["a"].array(), values)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"weight_map": {"a": "../x.safetensors"}}, "expected plain file names, got ../x.safetensors"),
        ({"weight_map": {"a": 3}}, "expected plain file names, got 3"),
        ({"weight_map": {}}, "expected plain file names, got none"),
        ({"weight_map": {"a": ["x"]}}, "expected an index with a weight_map"),
        ({"weight_map": []}, "expected an index with a weight_map"),
        ({"weight_map": {"a": "x\0y"}}, "expected plain file names"),
    ],
)
def test_an_index_of_another_kind_is_named(tmp_path, content, expected):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(content))
    with pytest.raises(ModelFolderError) as error:
        read_entries(tmp_path)
    assert expected in error.value.message
