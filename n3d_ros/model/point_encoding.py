"""The 3D point code as torch tensors: rounded coordinates in, one feature row per patch out.

The same arithmetic as `n3d_ros.preprocess.point_code.sinusoid` (a test holds them together), on any
device. Coordinates arrive rounded and in raster order; this file knows nothing of depth or metres.
"""

import torch
from torch import Tensor


def axis_sinusoid(steps: Tensor, width: int) -> Tensor:
    """Interleaved sine and cosine of `steps` (N,) -> (N, width) float32; an odd width ends with a sine."""
    index = torch.arange(width, device=steps.device)
    divisor = torch.pow(10000.0, (2 * (index // 2)).to(torch.float64) / width).to(torch.float32)
    angle = steps.to(torch.float32)[:, None] / divisor
    return torch.where(index % 2 == 0, torch.sin(angle), torch.cos(angle))


def sinusoid(coords: Tensor, width: int) -> Tensor:
    """Code of `coords` (N, axes): one block of `width // axes` per axis, zeros up to `width` -> (N, width)
    float32.
    """
    num_axes = coords.shape[1]
    blocks = [axis_sinusoid(coords[:, axis], width // num_axes) for axis in range(num_axes)]
    code = torch.cat(blocks, dim=1)
    return torch.nn.functional.pad(code, (0, width - code.shape[1]))


def merge_group_index(grid_thw: Tensor, merge_size: int) -> Tensor:
    """Raster index of every patch row in the processor's order (merge groups in raster order), all pictures
    joined.
    """
    pieces, start = [], 0
    for t, h, w in grid_thw.tolist():
        raster = torch.arange(start, start + h * w).reshape(
            h // merge_size, merge_size, w // merge_size, merge_size
        )
        pieces += [raster.permute(0, 2, 1, 3).reshape(-1)] * t
        start += h * w
    return torch.cat(pieces).to(grid_thw.device)
