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

    @property
    def out_index(self) -> IntArray:
        """(M,) slot of each merged token in row-major order."""
        index = np.empty_like(self.slots)
        index[self.window_index] = self.slots
        return index


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


def raster_to_windows(rows: npt.NDArray[Any], layout: WindowLayout) -> npt.NDArray[Any]:
    """(N, D) rows put one after the other into the valid places of the windows: row p to the p-th patch in
    window order.
    """
    group = len(rows) // len(layout.slots)
    out = np.zeros((layout.num_windows * layout.side**2, group, rows.shape[1]), dtype=rows.dtype)
    out[layout.slots] = rows.reshape(-1, group, rows.shape[1])
    return out.reshape(layout.num_windows, -1, rows.shape[1])


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
    tables = {name: table for name, table in grid_inputs(grid_hw, config).items() if name != "out_index"}
    return {"pixel_values": to_windows(pixel_values, _layout(grid_hw, config.vision)), **tables}


def depth_inputs(inputs: ModelInputs, config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """The inputs of vision_merger.onnx besides the blocks' rows."""
    out_index = grid_inputs(inputs.grid_hw, config)["out_index"]
    return {"pos3d": point_code(inputs, config), "out_index": out_index}


def point_code(inputs: ModelInputs, config: ModelConfig) -> FloatArray:
    """(W, patches per window, C) float32, in the order of the weights' training ('raster' or 'aligned')."""
    layout = _layout(inputs.grid_hw, config.vision)
    if config.point_encoding.order == "raster":
        steps = raster_to_windows(inputs.coords, layout)
    else:
        steps = to_windows(inputs.coords[merge_group_index(inputs.grid_hw, config.vision.merge)], layout)
    code = sinusoid(steps.reshape(-1, 3), config.vision.hidden).reshape(*steps.shape[:2], -1)
    if config.point_encoding.gain != 1.0:
        code *= np.float32(config.point_encoding.gain)
    holes = to_windows(np.zeros((len(inputs.coords), 1), dtype=np.bool_), layout, fill=True)[..., 0]
    code[holes] = 0.0
    return code


@lru_cache(maxsize=4)
def grid_inputs(grid_hw: tuple[int, int], config: ModelConfig) -> dict[str, npt.NDArray[Any]]:
    """The inputs of vision.onnx that depend only on the patch grid."""
    vision = config.vision
    layout = _layout(grid_hw, vision)
    cos, sin = vision_tables(grid_hw, vision)
    hole = to_windows(np.zeros((len(cos), 1), dtype=np.float32), layout, fill=MASKED)
    arrays = {
        "rope_cos": to_windows(cos, layout, fill=1.0),
        "rope_sin": to_windows(sin, layout),
        "key_mask": hole.reshape(layout.num_windows, 1, 1, -1),
        "out_index": layout.out_index,
    }
    if config.patch_position == "sincos":
        code = patch_position_code(grid_hw, vision.hidden)[merge_group_index(grid_hw, vision.merge)]
        arrays["patch_pos"] = to_windows(code, layout)
    return arrays


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
