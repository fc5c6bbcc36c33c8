"""Random pictures and point maps, and what the specification makes of them, computed plainly.

In: sizes and a random generator. Out: arrays under the recorded names. What the specification makes of them
comes from `engines.oracle`; nothing here calls the library's own preparation. Source:
docs/specification/inputs.md 1 to 6.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn.functional import interpolate

from n3d_ros.engines import oracle
from n3d_ros.engines.oracle import LONG_SIDE, MERGE, PATCH, UNIT

Arrays = dict[str, Any]


@dataclass(frozen=True)
class CaseShape:
    """Picture and point map (height, width); `resized` pictures go through the 640 rule first."""

    picture: tuple[int, int]
    point_map: tuple[int, int]
    invalid_share: float
    resized: bool = False


CASES = {
    "A_landscape": CaseShape((90, 150), (384, 640), 0.15),
    "C_near_square_landscape": CaseShape((112, 115), (627, 640), 0.0),
    "P_full_pipeline": CaseShape((80, 700), (73, 640), 0.1, resized=True),
}


def draw_case(shape: CaseShape, random: np.random.RandomState) -> tuple[Arrays, Arrays]:
    """Picture, map and everything before the model; and what forward_report.json notes."""
    raw = _smooth_picture(shape.picture, random)
    arrays: Arrays = {"image_raw": raw}
    if shape.resized:
        size = oracle.long_side_size(raw.shape[1], raw.shape[0])
        arrays["image_lanczos"] = raw = oracle.resized(raw, size, oracle.LANCZOS)
    width, height = oracle.processor_size(raw.shape[1], raw.shape[0])
    arrays["image_bicubic"] = oracle.resized(raw, (width, height), oracle.BICUBIC)
    arrays["pixel_values"] = oracle.patch_rows(arrays["image_bicubic"])
    grid = (height // PATCH, width // PATCH)
    arrays["image_grid_thw"] = np.array([[1, *grid]])
    arrays.update(_point_map(shape, random))
    normalised, digest = _normalise(arrays)
    _pool(arrays, normalised, grid)
    noted = {"grid": [[1, *grid]], "tokens": grid[0] * grid[1] // 4, "points_norm_sha256": digest}
    return arrays, noted


def _smooth_picture(size: tuple[int, int], random: np.random.RandomState) -> np.ndarray:
    """Blobs with some noise: every grey level near its neighbours', as in photographs."""
    coarse = random.uniform(0, 255, (size[0] // 8 + 2, size[1] // 8 + 2, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (size[1], size[0])) + random.normal(0, 3, (*size, 3))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def fast_rows(raw: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Every fifth patch row of a picture resized by torch, as the fast processor does."""
    channels = torch.from_numpy(raw).permute(2, 0, 1)[None]
    resized = interpolate(channels, size=shape[:2], mode="bicubic", antialias=True, align_corners=False)
    return oracle.patch_rows(resized[0].permute(1, 2, 0).numpy())[::5]


def depth_model_input(raw: np.ndarray) -> Arrays:
    """What the depth model would get: OpenCV's bilinear filter on BGR, the short side rounded."""
    height, width = raw.shape[:2]
    scale = LONG_SIDE / max(height, width)
    bgr = np.ascontiguousarray(raw[..., ::-1])
    resized = np.ascontiguousarray(cv2.resize(bgr, (round(width * scale), round(height * scale)))[..., ::-1])
    digest = hashlib.sha256(resized.tobytes()).hexdigest()
    return {"moge_input_every6": resized[::6, ::6], "sha256": digest, "shape": np.array(resized.shape)}


def _point_map(shape: CaseShape, random: np.random.RandomState) -> Arrays:
    """A tilted, wavy surface in steps of 1/128 m, seen by a random camera; float16, x left, y up."""
    height, width = shape.point_map
    fx, fy = random.uniform(0.8, 1.2), random.uniform(0.8, 1.2) * width / height
    u, v = (np.arange(width) + 0.5) / width, ((np.arange(height) + 0.5) / height)[:, None]
    depth = 2 + u + v + 0.3 * np.sin(random.uniform(5, 9) * u + random.uniform(5, 9) * v)
    points = np.stack([-(u - 0.5) / fx * depth, -(v - 0.5) / fy * depth, depth], axis=-1)
    points = np.rint(points * 128) / 128
    valid = random.uniform(size=shape.point_map) >= shape.invalid_share
    points[~valid] = (-np.inf, -np.inf, np.inf)
    intr = np.array([[fx, 0, 0.5], [0, fy, 0.5], [0, 0, 1]], dtype=np.float32)
    return {"intr": intr, "pcd": np.concatenate([points, valid[..., None]], axis=-1).astype(np.float16)}


def _normalise(arrays: Arrays) -> tuple[np.ndarray, str]:
    """docs/specification/inputs.md 4; fills in the recorded names.

    Returns the points (H*W, 3) and a digest of the rows (H*W, 4).
    """
    rows, scale, shift = oracle.oracle_points(arrays["pcd"])
    valid = rows[:, 3] > 0
    kept = rows[valid, :3]
    arrays.update(
        shift0=shift,
        scaling_init=np.float64(scale),
        shift1_init=kept.min(axis=0),
        points_norm_every37=rows[::37].copy(),
        points_norm_valid_sum_f64=kept.sum(axis=0, dtype=np.float64),
        points_norm_valid_max=kept.max(axis=0),
    )
    if not valid.all():
        arrays["valid_mean_norm"] = kept.mean(axis=0, dtype=np.float64).astype(np.float32)
    return oracle.filled(rows), hashlib.sha256(rows.tobytes()).hexdigest()


def _pool(arrays: Arrays, points: np.ndarray, grid: tuple[int, int]) -> None:
    """docs/specification/inputs.md 5, 6 in the release's reading of the map."""
    height, width = arrays["pcd"].shape[:2]
    points_read = points.reshape((-1, LONG_SIDE, 3) if grid[0] < grid[1] else (LONG_SIDE, -1, 3))
    pooled = oracle.pool(points_read, grid)
    single = pooled.astype(np.float32)
    steps, centre = oracle.steps_of(single), oracle.centre(single)
    arrays.update(
        pooled_hw3=single,
        center_scalar=centre,
        coords_pre_round=steps,
        coords_pre_round_f64=(pooled.reshape(-1, 3) - float(centre)) / UNIT,
        coords_rounded=np.rint(steps),
        bf16_coords_rounded=_steps_in_bf16(points_read, grid),
    )
    if points_read.shape[:2] != (height, width):
        by_shape = oracle.pool(points.reshape(height, width, 3), grid)
        arrays["pooled_if_rows_were_640_wide"] = by_shape.reshape(-1, 3)


def _steps_in_bf16(points: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """What a tower in bfloat16 rounds to: points lose low bits before they are pooled
    (docs/specification/model.md 5).
    """
    coarse = torch.from_numpy(points.astype(np.float32)).bfloat16().float().numpy()
    pooled = oracle.pool(coarse, grid).reshape(-1, 3)
    return np.rint((pooled - pooled.mean(axis=0).mean()) / UNIT).astype(np.float32)


def sizes(random: np.random.RandomState, count: int = 12) -> list[dict[str, Any]]:
    """Random picture sizes, two near-square ones and one too narrow
    (docs/specification/inputs.md 1, 2, 5).
    """
    drawn = [tuple(int(side) for side in random.randint(200, 2000, 2)) for _ in range(count)]
    return [_size(width, height) for width, height in [*drawn, (641, 640), (1000, 999), (5000, 100)]]


def _size(width: int, height: int) -> dict[str, Any]:
    scale = LONG_SIDE / max(width, height)
    resized = oracle.long_side_size(width, height)
    entry: dict[str, Any] = {
        "raw_wh": [width, height],
        "pointmap_hw": [round(height * scale), round(width * scale)],
        "resized_wh": list(resized),
    }
    if min(resized) < PATCH * MERGE:
        return {**entry, "processor_error": f"height or width under {PATCH * MERGE}"}
    columns, rows = (side // PATCH for side in oracle.processor_size(*resized))
    rows_of_640 = rows < columns
    map_height, map_width = entry["pointmap_hw"]
    return {
        **entry,
        "processor_hw": [rows * PATCH, columns * PATCH],
        "grid_thw": [1, rows, columns],
        "tokens": rows * columns // 4,
        "pool_branch": "rows of 640" if rows_of_640 else "640 rows",
        "reshape_ok_vs_true_shape": (map_width if rows_of_640 else map_height) == LONG_SIDE,
        "divisible": map_height * map_width % LONG_SIDE == 0,
    }
