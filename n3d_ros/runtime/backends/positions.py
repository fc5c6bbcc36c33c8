"""The integer and table work that stays out of the graphs: window layout, rotary tables, positions, causal
bias.

In: patch grids, positions, sizes. Out: numpy arrays in the shapes that vision.onnx and decoder.onnx take.
Tables are float32. Source: docs/specification/engines.md 4, docs/specification/model.md 4, 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.model_folder.config import ModelConfig, VisionConfig
from n3d_ros.preprocess.point_code import patch_position_code, sinusoid
from n3d_ros.preprocess.prepare import ModelInputs

# Added to the score of what must not be seen; not -inf, so that a row without anything to see stays finite.
MASKED = -1e4
# No row's number.
HOLE = -1

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowLayout:
    """Where the merged tokens of one picture stand among the slots of its padded windows.

    window_index: (M,) merged token (row-major) of each valid slot, in window order. slots: (M,) flat place of
    those slots. num_windows: windows of `side * side` slots; every window holds at least one token.
    """

    num_windows: int
    side: int
    window_index: IntArray
    slots: IntArray


@lru_cache(maxsize=16)
def window_layout(merged_hw: tuple[int, int], side: int) -> WindowLayout:
    """Cut a grid of merged tokens into windows of side x side, padding both sides to whole windows."""
    rows, columns = merged_hw
    padded = np.full((-(-rows // side) * side, -(-columns // side) * side), -1, dtype=np.int64)
    padded[:rows, :columns] = np.arange(rows * columns).reshape(rows, columns)
    windows = padded.reshape(padded.shape[0] // side, side, padded.shape[1] // side, side).swapaxes(1, 2)
    flat = windows.reshape(-1)
    slots = np.flatnonzero(flat >= 0)
    return WindowLayout(flat.size // side**2, side, flat[slots], slots)


def merge_group_index(grid_hw: tuple[int, int], merge: int) -> IntArray:
    """(N,) raster number of every patch in merge-group order, the order of patch rows."""
    h, w = grid_hw
    raster = np.arange(h * w, dtype=np.int64).reshape(h // merge, merge, w // merge, merge)
    order: IntArray = raster.swapaxes(1, 2).reshape(-1)
    return order


def to_windows(rows: npt.NDArray[Any], layout: WindowLayout, fill: float = 0.0) -> npt.NDArray[Any]:
    """(N, D) patch rows in merge-group order -> (W, patches per window, D); holes hold `fill`."""
    group = len(rows) // len(layout.slots)
    out = np.full((layout.num_windows * layout.side**2, group, rows.shape[1]), fill, dtype=rows.dtype)
    out[layout.slots] = rows.reshape(-1, group, rows.shape[1])[layout.window_index]
    return out.reshape(layout.num_windows, -1, rows.shape[1])


def rows_in_window_order(layout: WindowLayout, group: int) -> IntArray:
    """(N,) patch rows, in merge-group order, as they come window by window; `group` patches a token."""
    rows: IntArray = (layout.window_index[:, None] * group + np.arange(group)).reshape(-1)
    return rows


def vision_tables(grid_hw: tuple[int, int], config: VisionConfig) -> tuple[FloatArray, FloatArray]:
    """(N, head_dim) cosine and sine of the 2D rotary positions, merge-group order."""
    row, column = np.divmod(merge_group_index(grid_hw, config.merge), grid_hw[1])
    frequencies = inverse_frequencies(config.head_dim // 2, config.rope_theta)
    half = np.concatenate([_angles(row, frequencies), _angles(column, frequencies)], axis=1)
    angle = np.concatenate([half, half], axis=1)
    return np.cos(angle), np.sin(angle)


def vision_inputs(inputs: ModelInputs, config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """Every input of vision.onnx by name."""
    return picture_inputs(inputs.pixel_values, inputs.grid_hw, config) | depth_inputs(inputs, config)


def picture_inputs(
    pixel_values: FloatArray, grid_hw: tuple[int, int], config: ModelConfig
) -> dict[str, npt.NDArray[Any]]:
    """Every input of vision_blocks.onnx by name: what does not need depth."""
    return {"pixel_values": pixel_values, **grid_inputs(grid_hw, config)}


def depth_inputs(inputs: ModelInputs, config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """The inputs of vision_merger.onnx besides the blocks' rows."""
    return {"pos3d": point_code(inputs, config)}


def point_code(inputs: ModelInputs, config: ModelConfig) -> FloatArray:
    """(N, C) float32, in the order of the weights' training ('raster' or 'aligned')."""
    vision = config.vision
    if config.point_encoding.order == "raster":
        layout = _layout(inputs.grid_hw, vision)
        steps = np.empty_like(inputs.coords)
        steps[rows_in_window_order(layout, vision.merge**2)] = inputs.coords
    else:
        steps = inputs.coords[merge_group_index(inputs.grid_hw, vision.merge)]
    code = sinusoid(steps, vision.hidden)
    if config.point_encoding.gain != 1.0:
        code *= np.float32(config.point_encoding.gain)
    return code


@lru_cache(maxsize=4)
def grid_inputs(grid_hw: tuple[int, int], config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """The inputs of vision.onnx that depend only on the patch grid."""
    vision = config.vision
    cos, sin = vision_tables(grid_hw, vision)
    arrays = {"rope_cos": cos, "rope_sin": sin, **_window_inputs(_layout(grid_hw, vision), len(cos))}
    if config.patch_position == "sincos":
        code = patch_position_code(grid_hw, vision.hidden)
        arrays["patch_pos"] = code[merge_group_index(grid_hw, vision.merge)]
    return arrays


def _window_inputs(layout: WindowLayout, num_rows: int) -> dict[str, npt.NDArray[Any]]:
    """How attention in windows gathers the patch rows, what it masks, and where it finds them again."""
    rows = np.arange(num_rows, dtype=np.int64)[:, None]
    members = to_windows(rows, layout, fill=HOLE)[..., 0]
    is_hole = members == HOLE
    slots = np.empty(num_rows, dtype=np.int64)
    slots[members[~is_hole]] = np.flatnonzero(~is_hole)
    mask = np.where(is_hole, np.float32(MASKED), np.float32(0.0))
    return {
        "window_rows": np.where(is_hole, 0, members),
        "key_mask": mask.reshape(layout.num_windows, 1, 1, -1),
        "row_slots": slots,
    }


def prompt_positions(num_before: int, merged_hw: tuple[int, int], num_after: int) -> IntArray:
    """(3, T) time, height and width positions of text, one picture, text (docs/specification/model.md 6)."""
    row, column = np.divmod(np.arange(merged_hw[0] * merged_hw[1]), merged_hw[1])
    before = np.tile(np.arange(num_before), (3, 1))
    picture = num_before + np.stack([np.zeros_like(row), row, column])
    after = np.tile(num_before + max(merged_hw) + np.arange(num_after), (3, 1))
    return np.concatenate([before, picture, after], axis=1).astype(np.int64)


def mrope_tables(
    positions: IntArray, head_dim: int, theta: float, section: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """(T, head_dim) cosine and sine of positions (3, T): each frequency follows the axis of its section."""
    axis = np.repeat(np.arange(len(section)) % 3, section)
    half = positions[axis].T.astype(np.float32) * inverse_frequencies(head_dim, theta)
    angle = np.concatenate([half, half], axis=1)
    return np.cos(angle), np.sin(angle)


class RopeTables:
    """`mrope_tables` of positions below `length`, looked up: between two tokens every numpy call counts."""

    def __init__(self, length: int, head_dim: int, theta: float, section: tuple[int, ...]) -> None:
        along = np.tile(np.arange(length, dtype=np.int64), (3, 1))
        self._cos, self._sin = mrope_tables(along, head_dim, theta, section)
        self.length = length
        self._axis = np.tile(np.repeat(np.arange(len(section)) % 3, section), 2)
        self._column = np.arange(head_dim)

    def at(self, positions: IntArray) -> tuple[FloatArray, FloatArray]:
        """(T, head_dim) cosine and sine of positions (3, T)."""
        rows = positions[self._axis].T
        return self._cos[rows, self._column], self._sin[rows, self._column]


def causal_bias(num_new: int, num_past: int) -> FloatArray:
    """(T, S+T) float32: 0 for the past and what came before, -1e4 for what comes later."""
    bias = np.zeros((num_new, num_past + num_new), dtype=np.float32)
    if num_new > 1:
        bias[:, num_past:] = np.triu(np.full((num_new, num_new), MASKED, dtype=np.float32), k=1)
    return bias


def inverse_frequencies(width: int, theta: float) -> FloatArray:
    """(width // 2,) float32: theta^(-2i/width)."""
    exponents = np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    frequencies: FloatArray = (1.0 / np.power(float(theta), exponents.astype(np.float64))).astype(np.float32)
    return frequencies


def _angles(positions: IntArray, frequencies: FloatArray) -> FloatArray:
    return positions.astype(np.float32)[:, None] * frequencies


def _layout(grid_hw: tuple[int, int], vision: VisionConfig) -> WindowLayout:
    return window_layout((grid_hw[0] // vision.merge, grid_hw[1] // vision.merge), vision.window_merged)
