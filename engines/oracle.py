"""Picture, depth and intrinsics -> model inputs, transcribed line by line from the specification.

In: the arrays of one frame. Out: patch rows, patch grid and rounded coordinates, and every step between.
Plain numpy and Pillow in the specification's order and words, nothing shared with `n3d_ros.preprocess`: tests
hold that one against this, `n3d bench host` measures how much faster it is, and `parity.write` records what
it gives. Averages are taken in float64, where the specification found the released model's rounded
coordinates unchanged. Source: docs/specification/inputs.md 1, 3 to 6; sections below are that page's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])
LANCZOS, BICUBIC = 1, 3
LONG_SIDE, PATCH, MERGE = 640, 14, 2
UNIT = 0.001

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OracleInputs:
    """pixel_values: (N, 1176) float32. coords: (N, 3) float32 integers. scale: 1/m. shift: (3,) metres."""

    pixel_values: FloatArray
    grid_hw: tuple[int, int]
    coords: FloatArray
    scale: float
    shift: FloatArray


def oracle_inputs(
    rgb: npt.NDArray[np.uint8], depth: FloatArray, fx: float, fy: float, cx: float, cy: float
) -> OracleInputs:
    """rgb: (H, W, 3) uint8. depth: (H, W) float32 metres, NaN = none; fx to cy in its pixels.

    Depth of twice 640 and more is thinned by whole steps: the release makes its point maps at 640.
    """
    step = max(1, max(depth.shape) // LONG_SIDE)
    depth, (fx, fy, cx, cy) = depth[::step, ::step], (value / step for value in (fx, fy, cx, cy))
    pixel_values, grid_hw = oracle_picture(rgb)
    points, scale, shift = oracle_points(oracle_point_map(depth, fx, fy, cx, cy))
    return OracleInputs(pixel_values, grid_hw, oracle_coordinates(points, depth.shape, grid_hw), scale, shift)


def oracle_picture(rgb: npt.NDArray[np.uint8]) -> tuple[FloatArray, tuple[int, int]]:
    """Section 1: the 640 rule, the processor's size, CLIP normalisation, patch rows."""
    size = long_side_size(rgb.shape[1], rgb.shape[0])
    picture = resized(resized(rgb, size, LANCZOS), processor_size(*size), BICUBIC)
    return patch_rows(picture), (picture.shape[0] // PATCH, picture.shape[1] // PATCH)


def long_side_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) with the long side at 640; the other is truncated."""
    if width >= height:
        return LONG_SIDE, int(height * LONG_SIDE / width)
    return int(width * LONG_SIDE / height), LONG_SIDE


def processor_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) in whole merge groups, half to even."""
    factor = PATCH * MERGE
    return factor * round(width / factor), factor * round(height / factor)


def resized(picture: npt.NDArray[np.uint8], size: tuple[int, int], resample: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) -> size (width, height): columns first, rows second, rounded in between.

    That is what Pillow 11 does in one call; Pillow 13 chooses the order anew for every size.
    """
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[0], image.height), resample).resize(size, resample))


def patch_rows(picture: npt.NDArray[np.uint8]) -> FloatArray:
    """(H, W, 3) in whole merge groups -> (N, 1176) float32 in merge-group order."""
    values = ((picture / 255.0 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)
    frames = np.stack([values, values])  # time, channel, y, x
    rows, columns = values.shape[1] // PATCH, values.shape[2] // PATCH
    # time, channel, then group, patch in group and pixel of y, and the same of x
    patches = frames.reshape(2, 3, rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH)
    # a row for each group y, group x, patch y, patch x; in it channel, time, y, x
    patches = patches.transpose(2, 5, 3, 6, 1, 0, 4, 7)
    return patches.reshape(rows * columns, 3 * 2 * PATCH * PATCH)


def oracle_point_map(
    depth: FloatArray, fx: float, fy: float, cx: float, cy: float
) -> npt.NDArray[np.float16]:
    """Section 3: (H, W, 4) float16 x, y, z, validity; checkpoint frame (x left, y up, z forward)."""
    height, width = depth.shape
    u = (np.arange(width) + 0.5) / width
    v = (np.arange(height) + 0.5) / height
    rays_x = ((u - (cx + 0.5) / width) / (fx / width)).astype(np.float32)
    rays_y = ((v - (cy + 0.5) / height) / (fy / height)).astype(np.float32)
    valid = np.isfinite(depth) & (depth > 0)
    x = -rays_x[None, :] * depth
    y = -rays_y[:, None] * depth
    with np.errstate(over="ignore"):
        return np.stack([x, y, depth, valid.astype(np.float32)], axis=-1).astype(np.float16)


def oracle_points(pcd: npt.NDArray[np.float16]) -> tuple[FloatArray, float, FloatArray]:
    """Section 4: ((H*W, 4) float32 normalised points with validity, scale, shift)."""
    points = pcd.astype(np.float32).reshape(-1, 4)
    xyz, valid = points[:, :3], points[:, 3] > 0
    shift = xyz[valid].min(axis=0)
    xyz = xyz - shift
    scale = 1.0 / float(np.linalg.norm(xyz[valid], axis=1).mean(dtype=np.float64))
    return np.concatenate([xyz * np.float32(scale), points[:, 3:]], axis=1), scale, shift


def oracle_coordinates(points: FloatArray, map_hw: tuple[int, ...], grid_hw: tuple[int, int]) -> FloatArray:
    """Sections 5 and 6: (H*W, 4) points -> (N, 3) rounded steps."""
    pooled = pool(filled(points).reshape(*map_hw, 3), grid_hw).astype(np.float32)
    return np.rint(steps_of(pooled))


def filled(points: FloatArray) -> FloatArray:
    """(H*W, 4) -> (H*W, 3): points without a measurement are the mean of the others."""
    xyz, valid = points[:, :3].copy(), points[:, 3] > 0
    xyz[~valid] = xyz[valid].mean(axis=0, dtype=np.float64)
    return xyz


def pool(xyz: FloatArray, grid_hw: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Section 5, step 3: (H, W, 3) -> (h, w, 3) means over bins.

    Bin i covers floor(i*n/out) to ceil((i+1)*n/out) - 1.
    """
    (height, width), (rows, columns) = xyz.shape[:2], grid_hw
    pooled = np.empty((rows, columns, 3))
    for i in range(rows):
        for j in range(columns):
            top, bottom = i * height // rows, -(-(i + 1) * height // rows)
            left, right = j * width // columns, -(-(j + 1) * width // columns)
            pooled[i, j] = xyz[top:bottom, left:right].mean(axis=(0, 1), dtype=np.float64)
    return pooled


def centre(pooled: FloatArray) -> np.float32:
    """The one scalar that is subtracted from x, y and z."""
    return np.float32(pooled.reshape(-1, 3).mean(axis=0, dtype=np.float64).mean())


def steps_of(pooled: FloatArray) -> FloatArray:
    """(h, w, 3) float32 -> (h*w, 3) float32 steps, not yet rounded."""
    steps: FloatArray = (pooled.reshape(-1, 3) - centre(pooled)) / np.float32(UNIT)
    return steps
