"""The vision graph in two parts: the same tokens, and the first part needs no depth."""

import json
from dataclasses import replace

import numpy as np
import pytest

from n3d_ros.engines.export.folder import export
from n3d_ros.model_folder.manifest import FILE_NAME, VISION_PARTS
from n3d_ros.runtime.backends.base import EarlyVision
from n3d_ros.runtime.backends.factory import create_backend


@pytest.fixture
def folders(checkpoint, tmp_path):
    """An exported model with both parts, and the same as older exports wrote it."""
    folder, _ = checkpoint(order="aligned", patch_position="sincos")
    for name in ("new", "old"):
        export(folder, tmp_path / name)
    manifest = json.loads((tmp_path / "old" / FILE_NAME).read_text())
    for part in VISION_PARTS:
        (tmp_path / "old" / part).unlink()
        del manifest["files"][part]
    (tmp_path / "old" / FILE_NAME).write_text(json.dumps(manifest))
    return tmp_path / "new", tmp_path / "old"


@pytest.mark.parametrize(
    "options",
    [{"order": "raster"}, {"order": "aligned", "patch_position": "sincos"}],
    ids=["released", "nano"],
)
def test_the_torch_model_can_begin_without_depth_too(checkpoint, picture, options):
    backend = create_backend(checkpoint(**options)[0], "torch", threads=1)
    assert isinstance(backend, EarlyVision) and backend.has_early_vision
    for grid in ((8, 8), (10, 14)):
        inputs = picture(*grid)
        blocks = backend.encode_blocks(inputs.pixel_values, inputs.grid_hw)
        whole = backend.encode_image(inputs)
        np.testing.assert_allclose(backend.finish(blocks, inputs), whole, atol=1e-5)
        assert (
            np.abs(backend.finish(blocks, replace(inputs, coords=inputs.coords + 100)) - whole).max() > 1e-3
        )


def test_both_parts_give_the_tokens_of_the_whole_graph(folders, picture):
    new, old = (create_backend(folder, "ort", threads=1) for folder in folders)
    assert isinstance(new, EarlyVision) and new.has_early_vision and not old.has_early_vision
    for grid in ((8, 8), (10, 14), (24, 18)):
        inputs = picture(*grid)
        whole = old.encode_image(inputs)
        np.testing.assert_allclose(new.encode_image(inputs), whole, atol=1e-5)
        blocks = new.encode_blocks(inputs.pixel_values, inputs.grid_hw)
        np.testing.assert_array_equal(new.finish(blocks, inputs), new.encode_image(inputs))


def test_depth_enters_in_the_second_part_alone(folders, picture):
    backend = create_backend(folders[0], "ort", threads=1)
    inputs = picture(8, 8)
    other = replace(inputs, coords=inputs.coords + 100)
    blocks = backend.encode_blocks(inputs.pixel_values, inputs.grid_hw)
    assert np.abs(backend.finish(blocks, other) - backend.finish(blocks, inputs)).max() > 1e-3
    np.testing.assert_array_equal(backend.finish(blocks, other), backend.encode_image(other))
