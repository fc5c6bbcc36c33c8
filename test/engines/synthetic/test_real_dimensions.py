"""ONNX Runtime and torch within 1e-4 in float32 where it counts: the 7B's widths, and the shipped model."""

import numpy as np
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.engines.synthetic.checkpoint import write_synthetic
from n3d_ros.runtime.backends.factory import create_backend, default_model_dir
from n3d_ros.runtime.backends.positions import prompt_positions

pytest.importorskip("torch")


def agree(folder, pictures):
    """Image tokens and the logits of a prompt around them, by both backends on the same folder."""
    ort, torch = (create_backend(folder, name, 1) for name in ("ort", "torch"))
    ids = np.random.default_rng(1).integers(0, 900, 20)
    for inputs in pictures:
        image, expected = ort.encode_image(inputs), torch.encode_image(inputs)
        np.testing.assert_allclose(image, expected, atol=1e-4, err_msg=str(inputs.grid_hw))
        positions = prompt_positions(8, (inputs.grid_hw[0] // 2, inputs.grid_hw[1] // 2), 12)
        logits = []
        for backend in (ort, torch):
            rows = np.concatenate([backend.embed(ids[:8]), image, backend.embed(ids[8:])])
            wanted = np.array([0, 9, len(rows) - 1])
            logits.append(backend.forward(backend.new_cache(len(rows)), rows, positions, wanted))
        np.testing.assert_allclose(logits[0], logits[1], atol=1e-4, err_msg=str(inputs.grid_hw))
        assert image.std() > 0.05 and logits[0].std() > 0.1, "nothing would be compared"


def test_the_widths_of_the_7b(tmp_path, picture):
    """28 heads over 4, width 128; a tower of 1280 in 16 heads of 80; windows filled and not."""
    export(write_synthetic(tmp_path / "m", "7b-thin"), tmp_path / "e")
    agree(tmp_path / "e", [picture(16, 16), picture(10, 12)])


def test_the_shipped_model(picture):
    agree(default_model_dir(), [picture(12, 16), picture(16, 10)])
