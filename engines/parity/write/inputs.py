"""Random pictures and point maps, and what the specification makes of them, computed plainly.

In: sizes and a random generator. Out: arrays under the recorded names. Pillow resizes, torch pools; nothing
here calls the library's own preparation (docs/specification/inputs.md 1 to 6).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d, interpolate

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
STD = np.array([0.26862954, 0.26130258, 0.27577711])
PATCH, MERGE, LONG_SIDE = 14, 2, 640
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
        height, width = shape.picture
        size = (LONG_SIDE, int(height * LONG_SIDE / width))
        arrays["image_lanczos"] = raw = _resized(raw, size, Image.Resampling.LANCZOS)
    factor = PATCH * MERGE
    height, width = (factor * round(side / factor) for side in raw.shape[:2])
    arrays["image_bicubic"] = _resized(raw, (width, height), Image.Resampling.BICUBIC)
    arrays["pixel_values"] = patch_rows(arrays["image_bicubic"])
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


def _resized(picture: np.ndarray, size: tuple[int, int], filter_: Image.Resampling) -> np.ndarray:
    """Columns first, rows second, rounded in between: what Pillow 11 does in one call."""
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[0], image.height), filter_).resize(size, filter_))


def patch_rows(picture: np.ndarray) -> np.ndarray:
    """(N, 1176) float32 by the loops of docs/specification/inputs.md 1.3."""
    values = ((picture / 255.0 - MEAN) / STD).astype(np.float32)
    rows, columns = picture.shape[0] // PATCH, picture.shape[1] // PATCH
    out = []
    for group in np.ndindex(rows // MERGE, columns // MERGE):
        for inner in np.ndindex(MERGE, MERGE):
            y, x = ((MERGE * g + i) * PATCH for g, i in zip(group, inner, strict=True))
            patch = values[y : y + PATCH, x : x + PATCH].transpose(2, 0, 1)
            out.append(np.repeat(patch[:, None], 2, axis=1).ravel())
    return np.array(out)


def fast_rows(raw: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Every fifth patch row of a picture resized by torch, as the fast processor does."""
    channels = torch.from_numpy(raw).permute(2, 0, 1)[None]
    resized = interpolate(channels, size=shape[:2], mode="bicubic", antialias=True, align_corners=False)
    return patch_rows(resized[0].permute(1, 2, 0).numpy())[::5]


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
    """docs/specification/inputs.md 4 with the mean in float64; fills in the recorded names, returns rows
    (H*W, 4).
    """
    rows = arrays["pcd"].astype(np.float32).reshape(-1, 4)
    valid = rows[:, 3] > 0
    shift = rows[valid, :3].min(axis=0)
    rows[:, :3] -= shift
    scale = 1.0 / float(np.sqrt((rows[valid, :3] ** 2).sum(axis=1)).mean(dtype=np.float64))
    rows[:, :3] *= np.float32(scale)
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
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    return np.where(valid[:, None], rows[:, :3], kept.mean(axis=0, dtype=np.float64)), digest


def _pool(arrays: Arrays, points: np.ndarray, grid: tuple[int, int]) -> None:
    """docs/specification/inputs.md 5, 6 in the release's reading of the map; torch pools in float64."""
    height, width = arrays["pcd"].shape[:2]
    read_as = (-1, LONG_SIDE, 3) if grid[0] < grid[1] else (LONG_SIDE, -1, 3)
    pooled = _pooled(points.reshape(read_as), grid)
    single = pooled.astype(np.float32)
    centre = np.float32(single.reshape(-1, 3).mean(axis=0, dtype=np.float64).mean())
    steps = (single.reshape(-1, 3) - centre) / np.float32(0.001)
    arrays.update(
        pooled_hw3=single,
        center_scalar=centre,
        coords_pre_round=steps,
        coords_pre_round_f64=(pooled.reshape(-1, 3) - float(centre)) / 0.001,
        coords_rounded=torch.from_numpy(steps).round().numpy(),
        bf16_coords_rounded=_steps_in_bf16(points.reshape(read_as), grid),
    )
    if (height, width) != points.reshape(read_as).shape[:2]:
        arrays["pooled_if_rows_were_640_wide"] = _pooled(points.reshape(height, width, 3), grid).reshape(
            -1, 3
        )


def _steps_in_bf16(points: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """What a tower in bfloat16 rounds to: points lose low bits before they are pooled
    (docs/specification/model.md 5).
    """
    coarse = torch.from_numpy(points.astype(np.float32)).bfloat16().float().numpy()
    pooled = _pooled(coarse, grid).reshape(-1, 3)
    return np.rint((pooled - pooled.mean(axis=0).mean()) / 0.001).astype(np.float32)


def _pooled(points: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    channels = torch.from_numpy(np.ascontiguousarray(points, dtype=np.float64)).permute(2, 0, 1)[None]
    return adaptive_avg_pool2d(channels, grid)[0].permute(1, 2, 0).contiguous().numpy()


def sizes(random: np.random.RandomState, count: int = 12) -> list[dict[str, Any]]:
    """Random picture sizes, two near-square ones and one too narrow
    (docs/specification/inputs.md 1, 2, 5).
    """
    drawn = [tuple(int(side) for side in random.randint(200, 2000, 2)) for _ in range(count)]
    return [_size(width, height) for width, height in [*drawn, (641, 640), (1000, 999), (5000, 100)]]


def _size(width: int, height: int) -> dict[str, Any]:
    scale = LONG_SIDE / max(width, height)
    landscape = width >= height
    resized = (
        (LONG_SIDE, int(height * LONG_SIDE / width))
        if landscape
        else (int(width * LONG_SIDE / height), LONG_SIDE)
    )
    entry: dict[str, Any] = {
        "raw_wh": [width, height],
        "pointmap_hw": [round(height * scale), round(width * scale)],
        "resized_wh": list(resized),
    }
    if min(resized) < PATCH * MERGE:
        return {**entry, "processor_error": f"height or width under {PATCH * MERGE}"}
    columns, rows = (2 * round(side / (PATCH * MERGE)) for side in resized)
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
