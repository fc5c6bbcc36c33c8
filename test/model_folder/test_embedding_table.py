"""The embedding rows of a model folder: any stored type, only the rows asked for."""

import json
import struct

import numpy as np
import pytest

from n3d_ros.model_folder.tensors import EMBEDDING, EmbeddingTable

BYTES = {
    "F32": np.array([[1.0, 2.0], [3.0, -0.5]], np.float32),
    "BF16": np.array([[0x3F80, 0x4000], [0x4040, 0xBF00]], np.uint16),
}


@pytest.mark.parametrize("dtype", BYTES)
def test_rows_come_in_the_order_of_the_ids_and_widen_without_loss(tmp_path, dtype):
    data = BYTES[dtype].tobytes()
    header = json.dumps(
        {EMBEDDING: {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, len(data)]}}
    ).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    table = EmbeddingTable(tmp_path)
    assert table.dtype == dtype
    assert table.float32([1, 0, 1]).tolist() == [[3.0, -0.5], [1.0, 2.0], [3.0, -0.5]]
    assert table.stored([1]).tolist() == BYTES[dtype][1:].tolist()
