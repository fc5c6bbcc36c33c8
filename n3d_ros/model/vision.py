"""The vision tower of N3D-VLM: Qwen2.5-VL's, with the point code added after the last block, before the
merger.

In: patch rows, grids, rounded point coordinates (raster order). Out: merged image tokens in their usual
order.
Also here, because the tower is where time goes: window attention runs as one batch per window size instead of
one call
per window (the same result, checked by a test).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen
from transformers.vision_utils import get_vision_window_index

from n3d_ros.model.config import N3DVisionConfig
from n3d_ros.model.point_encoding import merge_group_index, sinusoid


class CodedMerger(qwen.Qwen2_5_VLPatchMerger):
    """The released merger; `code` (N, hidden), set for the length of one call by the tower, is added to its
    input.
    """

    code: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.code is None else x + self.code.to(x.dtype))


class PositionedPatchEmbed(qwen.Qwen2_5_VisionPatchEmbed):
    """The released patch embedding, as the one matrix product that it is; `code` (N, hidden) places every
    patch.
    """

    code: Tensor | None = None

    def forward(self, hidden_states: Tensor) -> Tensor:
        kernel = self.proj.weight.flatten(1)
        embedded = linear(hidden_states.reshape(-1, kernel.shape[1]).to(kernel.dtype), kernel)
        return embedded if self.code is None else embedded + self.code.to(embedded.dtype)


class BatchedVisionAttention(qwen.Qwen2_5_VLVisionAttention):
    """Attention inside windows, all windows of one length in one call."""

    def forward(
        self,
        hidden_states: Tensor,
        cu_seqlens: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        **kwargs: Any,
    ) -> Tensor:
        length = hidden_states.shape[0]
        q, k, v = self.qkv(hidden_states).reshape(length, 3, self.num_heads, -1).unbind(1)
        q, k = qwen.apply_rotary_pos_emb_vision(q, k, *position_embeddings)
        out = torch.empty_like(v)
        for rows in rows_by_window_length(cu_seqlens):
            query, key, value = (x[rows].transpose(1, 2).to(v.dtype) for x in (q, k, v))
            attended = scaled_dot_product_attention(query, key, value, scale=self.scaling)
            out[rows] = attended.transpose(1, 2)
        return self.proj(out.reshape(length, -1))


def rows_by_window_length(cu_seqlens: Tensor) -> list[Tensor]:
    """Row numbers (num_windows, length) of all windows, one tensor per distinct length."""
    starts, lengths = cu_seqlens[:-1].long(), cu_seqlens.diff().long()
    steps = (torch.arange(n, device=starts.device) for n in lengths.unique().tolist() if n)
    return [starts[lengths == len(step)][:, None] + step for step in steps]


class N3DVisionTower(qwen.Qwen2_5_VisionTransformerPretrainedModel):
    """`forward(pixel_values, grid_thw, point_coords=(N, 3))`; N patches of all pictures, coordinates in
    raster order.
    """

    config: N3DVisionConfig

    def __init__(self, config: N3DVisionConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        self.patch_embed.__class__ = PositionedPatchEmbed
        self.merger.__class__ = CodedMerger
        for block in self.blocks:
            block.attn.__class__ = BatchedVisionAttention

    def forward(
        self, hidden_states: Tensor, grid_thw: Tensor, point_coords: Tensor | None = None, **kwargs: Any
    ) -> Any:
        if point_coords is None or point_coords.shape != (hidden_states.shape[0], 3):
            got = None if point_coords is None else tuple(point_coords.shape)
            raise ValueError(
                f"point_coords: expected one row per patch ({hidden_states.shape[0]}, 3), got {got}"
            )
        self.patch_embed.code = self._patch_position(grid_thw)
        self.merger.code = self._point_code(point_coords, grid_thw)
        try:
            return super().forward(hidden_states, grid_thw, **kwargs)
        finally:
            self.patch_embed.code = self.merger.code = None

    def run_blocks(self, hidden_states: Tensor, grid_thw: Tensor) -> Tensor:
        """Rows (N, hidden) behind the last block, in window order: all that needs no points. (The base class
        runs its merger on them too, in vain.)
        """
        self.patch_embed.code = self._patch_position(grid_thw)
        try:
            return super().forward(hidden_states, grid_thw).last_hidden_state
        finally:
            self.patch_embed.code = None

    def finish(self, rows: Tensor, grid_thw: Tensor, point_coords: Tensor) -> Tensor:
        """Merged image tokens, as `forward` gives them, from the rows of `run_blocks`."""
        self.merger.code = self._point_code(point_coords, grid_thw)
        try:
            merged = self.merger(rows)
        finally:
            self.merger.code = None
        return merged[torch.argsort(self._window_index(grid_thw))]

    def _window_index(self, grid_thw: Tensor) -> Tensor:
        window_index, _ = get_vision_window_index(
            grid_thw,
            spatial_merge_size=self.spatial_merge_size,
            window_size=self.window_size,
            patch_size=self.patch_size,
        )
        return window_index

    def _point_code(self, point_coords: Tensor, grid_thw: Tensor) -> Tensor:
        """Code rows in the order in which they are added: raster as released, or each patch with its own
        code.
        """
        code = sinusoid(point_coords, self.config.hidden_size) * self.config.point_encoding_gain
        if self.config.point_encoding_order == "raster":
            return code
        code = code[merge_group_index(grid_thw, self.spatial_merge_size)]
        return self.permute_input_for_window_attn(code, self._window_index(grid_thw), seq_len=code.shape[0])

    def _patch_position(self, grid_thw: Tensor) -> Tensor | None:
        if self.config.patch_position == "none":
            return None
        codes = [
            patch_position_code(h, w, self.config.hidden_size, grid_thw.device)
            for _, h, w in grid_thw.tolist()
        ]
        return torch.cat(codes)[merge_group_index(grid_thw, self.spatial_merge_size)]


def patch_position_code(h: int, w: int, width: int, device: torch.device) -> Tensor:
    """Place of every patch of an (h, w) grid as a 2D code, raster order; twin of
    `n3d_ros.preprocess.prepare.patch_position_code`.
    """
    v, u = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
    coords = torch.stack([(u.flatten() + 0.5) / w, (v.flatten() + 0.5) / h], dim=1) * 100
    return sinusoid(coords, width)


__all__ = ["N3DVisionTower", "patch_position_code", "rows_by_window_length"]
