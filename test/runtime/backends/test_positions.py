"""Layouts, tables and positions: small cases by hand, all others against transformers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from n3d_ros.model_folder.config import load_config
from n3d_ros.preprocess.point_code import sinusoid
from n3d_ros.runtime.backends import positions as host
from n3d_ros.runtime.backends.factory import default_model_dir

GRIDS = [(4, 4), (8, 8), (10, 14), (18, 24), (46, 34), (2, 60)]


def test_windows_of_a_3x2_grid_by_hand():
    layout = host.window_layout((3, 2), 2)
    assert layout.num_windows == 2
    assert layout.window_index.tolist() == [0, 1, 2, 3, 4, 5]
    assert layout.slots.tolist() == [0, 1, 2, 3, 4, 5]
    assert host.window_layout((2, 3), 2).window_index.tolist() == [0, 1, 3, 4, 2, 5]
    assert host.window_layout((2, 3), 2).slots.tolist() == [0, 1, 2, 3, 4, 6]


def test_sides_that_fit_get_no_empty_window():
    assert host.window_layout((8, 4), 4).num_windows == 2


def test_to_windows_leaves_holes_at_the_fill_value():
    rows = np.arange(12, dtype=np.float32).reshape(12, 1)
    windows = host.to_windows(rows, host.window_layout((1, 3), 2), fill=-1)
    assert windows[:, :, 0].tolist() == [[0, 1, 2, 3, 4, 5, 6, 7] + [-1] * 8, [8, 9, 10, 11] + [-1] * 12]


def test_causal_bias_by_hand():
    far = host.MASKED
    assert host.causal_bias(2, 1).tolist() == [[0, 0, far], [0, 0, 0]]


def test_positions_of_text_a_2x3_picture_and_text_by_hand():
    assert host.prompt_positions(2, (2, 3), 2).tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5, 6],
        [0, 1, 2, 2, 2, 3, 3, 3, 5, 6],
        [0, 1, 2, 3, 4, 2, 3, 4, 5, 6],
    ]


@pytest.mark.parametrize("grid", GRIDS)
def test_window_order_equals_transformers(grid):
    torch = pytest.importorskip("torch")
    from transformers.vision_utils import get_vision_window_index

    expected, _ = get_vision_window_index(
        torch.tensor([[1, *grid]]), spatial_merge_size=2, window_size=112, patch_size=14
    )
    assert host.window_layout((grid[0] // 2, grid[1] // 2), 4).window_index.tolist() == expected.tolist()


@pytest.mark.parametrize("grid", GRIDS)
def test_vision_tables_equal_transformers(grid):
    torch = pytest.importorskip("torch")
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLVisionRotaryEmbedding
    from transformers.vision_utils import get_vision_position_ids

    from n3d_ros.model_folder.config import _vision
    from n3d_ros.model_folder.fields import Fields

    config = Qwen2_5_VLVisionConfig(hidden_size=96, num_heads=2)
    positions = get_vision_position_ids(torch.tensor([[1, *grid]]), 2)
    expected = Qwen2_5_VLVisionRotaryEmbedding(config)(torch.zeros(1), positions)
    for ours, theirs in zip(
        host.vision_tables(grid, _vision(Fields(config.to_dict(), "vision_config"), 8)), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(("before", "grid", "after"), [(1, (4, 4), 3), (7, (18, 24), 30), (14, (46, 34), 2)])
def test_positions_equal_transformers(before, grid, after):
    torch = pytest.importorskip("torch")
    from transformers import Qwen2_5_VLConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

    with torch.device("meta"):
        model = Qwen2_5_VLModel(Qwen2_5_VLConfig())
    kinds = torch.tensor([[0] * before + [1] * (grid[0] * grid[1] // 4) + [0] * after])
    expected, _ = model.get_rope_index(
        torch.zeros_like(kinds), kinds, image_grid_thw=torch.tensor([[1, *grid]])
    )
    ours = host.prompt_positions(before, (grid[0] // 2, grid[1] // 2), after)
    assert ours.tolist() == expected[:, 0].tolist()


@pytest.mark.parametrize(
    ("width", "section", "theta"), [(128, (16, 24, 24), 1e6), (64, (8, 12, 12), 1e4), (16, (2, 3, 3), 1e4)]
)
def test_mrope_tables_equal_transformers(width, section, theta):
    torch = pytest.importorskip("torch")
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLTextConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLRotaryEmbedding

    rope = {"rope_type": "default", "rope_theta": theta, "mrope_section": list(section)}
    config = Qwen2_5_VLTextConfig(hidden_size=2 * width, num_attention_heads=2, rope_parameters=rope)
    positions = host.prompt_positions(9, (9, 12), 200)
    expected = Qwen2_5_VLRotaryEmbedding(config)(torch.zeros(1), torch.from_numpy(positions)[:, None])
    for ours, theirs in zip(host.mrope_tables(positions, width, theta, section), expected, strict=True):
        np.testing.assert_allclose(ours, theirs[0].numpy(), atol=3e-5)


def test_looked_up_tables_equal_computed_ones():
    positions = host.prompt_positions(9, (9, 12), 20)
    tables = host.RopeTables(64, 16, 1e4, (2, 3, 3)).at(positions)
    for looked_up, computed in zip(tables, host.mrope_tables(positions, 16, 1e4, (2, 3, 3)), strict=True):
        np.testing.assert_array_equal(looked_up, computed)


def test_patch_rows_come_window_by_window():
    """2x3 tokens of two patches each, in windows of 2x2: the third column is a window of its own."""
    rows = host.rows_in_window_order(host.window_layout((2, 3), 2), 2)
    assert rows.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 4, 5, 10, 11]


@pytest.mark.parametrize("grid", GRIDS)
def test_every_row_is_found_again_where_its_window_gathered_it(grid):
    config = load_config(default_model_dir())
    feeds = host.grid_inputs(grid, config)
    rows = np.arange(grid[0] * grid[1])
    np.testing.assert_array_equal(rows[feeds["window_rows"]].reshape(-1)[feeds["row_slots"]], rows)
    seen = feeds["window_rows"][feeds["key_mask"].reshape(feeds["window_rows"].shape) == 0]
    assert sorted(seen) == rows.tolist()


def test_raster_order_puts_row_p_of_the_code_at_the_p_th_patch_in_window_order():
    nano = load_config(default_model_dir())
    config = replace(nano, point_encoding=replace(nano.point_encoding, order="raster", gain=1.0))
    coords = np.arange(10 * 14 * 3, dtype=np.float32).reshape(-1, 3)
    inputs = SimpleNamespace(grid_hw=(10, 14), coords=coords)
    code = host.point_code(inputs, config)
    in_windows = host.rows_in_window_order(host.window_layout((5, 7), config.vision.window_merged), 4)
    np.testing.assert_array_equal(code[in_windows], sinusoid(coords, config.vision.hidden))
