"""Pictures and points of one recorded case against the library's own preparation.

In: the arrays of a `case_*.npz`. Out: lines. Every stage starts from the recorded output of the stage before
it, so one early difference does not fail everything; the last lines go the whole way at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from n3d_ros.engines.parity.report import ParityReport, Record, sampled, sha256
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.pictures import (
    PatchLayout,
    PictureConfig,
    long_side_size,
    patch_rows,
    picture_rows,
    processor_size,
    resize_exact,
    resize_processor,
)
from n3d_ros.preprocess.point_code import (
    PointEncodingConfig,
    center_scalar,
    round_coordinates,
    scale_coordinates,
    sinusoid,
)
from n3d_ros.preprocess.resample import BICUBIC, LANCZOS
from n3d_ros.runtime.backends.positions import window_layout

RELEASE = PointEncodingConfig()
LAYOUT = PatchLayout()
FAST = PictureConfig("fast")
LONG_SIDE_PX = 640
WINDOW_MERGED = 4
# Recorded maps are in steps of 1/128 m, which is float16's own step up to 16 m.
MAP_STEP_M = 1 / 128 + 1e-5
# Standard deviations. The reference vectors lie up to 1.5 from float64 (0.010 steps for case B).
NOISE_WIDTH = 4.0
FLOAT16_STEP_REACH_M = 16.0
# Recorded points look left and up; ours right and down.
OPTICAL = np.array([-1, -1, 1], dtype=np.float32)


def grid_of(record: Record) -> tuple[int, int]:
    """(h, w) patches of the recorded picture."""
    return int(record["image_grid_thw"][0, 1]), int(record["image_grid_thw"][0, 2])


def check_pictures(record: Record, case: str, report: ParityReport) -> None:
    """Both resizes (exact grey levels), the patch grid and the patch rows."""
    raw, bicubic = record["image_raw"], record["image_bicubic"]
    if "image_lanczos" in record:
        size = long_side_size(raw.shape[1], raw.shape[0], LONG_SIDE_PX)
        resized = np.asarray(resize_exact(Image.fromarray(raw), size, LANCZOS))
        report.exact("image_lanczos", case, resized, record["image_lanczos"])
    source = record.get("image_lanczos", raw)
    size = processor_size(source.shape[1], source.shape[0], LAYOUT.factor)
    report.exact("image_bicubic", case, _resized(source, size), bicubic)
    rows, grid = patch_rows(bicubic, LAYOUT)
    report.exact("image_grid_thw", case, np.array([[1, *grid]]), record["image_grid_thw"])
    _check_rows(record, case, report, rows, "")
    if "image_lanczos" in record:
        _check_rows(
            record, case, report, picture_rows(raw, LONG_SIDE_PX, LAYOUT)[0], "whole way from image_raw"
        )


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(resize_exact(Image.fromarray(picture), size, BICUBIC))


def _check_rows(record: Record, case: str, report: ParityReport, rows: np.ndarray, note: str) -> None:
    for name, step in (("pixel_values", 1), ("pixel_values_every29", 29)):
        if name in record:
            report.absolute(name, case, rows[::step], record[name], 1e-5, note)


def check_fast_processor(fast: np.ndarray, record: Record, case: str, report: ParityReport) -> None:
    """Our own fast path; and the slow one beside it, which differs by up to two grey levels
    (docs/specification/inputs.md 1.2).
    """
    source = record.get("image_lanczos", record["image_raw"])
    size = processor_size(source.shape[1], source.shape[0], LAYOUT.factor, FAST)
    ours = patch_rows(resize_processor(source, size, FAST), LAYOUT, FAST)[0]
    report.absolute("pixel_values_fast_processor", case, _some_of(ours, fast), fast, 1e-5)
    if "image_lanczos" in record:
        whole = picture_rows(record["image_raw"], LONG_SIDE_PX, LAYOUT, FAST)[0]
        note = "whole way from image_raw"
        report.absolute("pixel_values_fast_processor", case, _some_of(whole, fast), fast, 1e-5, note)
    slow = _some_of(patch_rows(record["image_bicubic"], LAYOUT)[0], fast)
    report.absolute("pixel_values_fast_processor slow", case, slow, fast, 0.04)
    mean = abs(float((slow - fast).mean())) if slow.shape == fast.shape else np.inf
    report.absolute("pixel_values_fast_processor slow mean", case, mean, 0.0, 1e-4)


def _some_of(rows: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    return next((rows[::step] for step in (5, 29) if len(rows[::step]) == len(recorded)), rows)


def check_point_map(record: Record, case: str, report: ParityReport) -> None:
    """Our pinhole model on the map's own depth and camera."""
    pcd = record["pcd"]
    report.exact("pcd is float16", case, str(pcd.dtype), "float16")
    height, width = pcd.shape[:2]
    (fx, _, cx), (_, fy, cy), _ = record["intr"].astype(np.float64).tolist()
    camera = Intrinsics(fx * width, fy * height, cx * width - 0.5, cy * height - 0.5, width, height)
    valid = pcd[..., 3] > 0
    depth = np.where(valid, pcd[..., 2], np.nan).astype(np.float32)
    ours = (depth_to_point_map(depth, camera) * OPTICAL)[valid]
    recorded = pcd[valid][:, :3].astype(np.float32)
    tolerance = MAP_STEP_M * max(1.0, float(np.abs(recorded).max()) / FLOAT16_STEP_REACH_M)
    report.absolute("pcd from its depth and intr", case, ours, recorded, tolerance, "metres")


def check_normalisation(record: Record, case: str, report: ParityReport, recorded_sha256: str | None) -> Any:
    """Shift, scale and points, and the bits of the points once the scale is the recorded one."""
    pcd = record["pcd"]
    result = normalise(pcd[..., :3].astype(np.float32) * OPTICAL, pcd[..., 3] > 0)
    scale = float(record["scaling_init"])
    report.exact("shift0", case, np.array(result.scene.shift, dtype=np.float32), record["shift0"])
    report.relative("scaling_init", case, result.scene.scale, scale, 1e-6)
    points, valid = result.points.reshape(-1, 3), result.valid.ravel()
    report.absolute("shift1_init", case, points[valid].min(axis=0), record["shift1_init"], 0.0)
    _check_points(record, case, report, points, valid)
    if "valid_mean_norm" in record:
        report.relative("valid_mean_norm", case, result.valid_mean, record["valid_mean_norm"], 1e-5)
    if recorded_sha256 is not None:
        with np.errstate(invalid="ignore"):
            raw = pcd.astype(np.float32)
            scaled = (raw[..., :3] - np.array(result.scene.shift, dtype=np.float32)) * np.float32(scale)
        rows = np.concatenate([scaled, raw[..., 3:]], axis=-1).reshape(-1, 4)
        report.exact("points_norm_sha256", case, sha256(rows), recorded_sha256)
    return result


def _check_points(
    record: Record, case: str, report: ParityReport, points: np.ndarray, valid: np.ndarray
) -> None:
    some = record["points_norm_every37"]
    report.exact("points_norm_every37 validity", case, valid[::37], some[:, 3] > 0)
    rows = some[:, 3] > 0
    error = (points[::37][rows] - some[rows, :3]) / np.maximum(np.abs(some[rows, :3]), 0.1)
    report.absolute("points_norm_every37", case, error, np.zeros_like(error), 1e-6, "relative above 0.1")
    summed = points[valid].sum(axis=0, dtype=np.float64)
    report.relative("points_norm_valid_sum_f64", case, summed, record["points_norm_valid_sum_f64"], 1e-6)
    report.relative(
        "points_norm_valid_max", case, points[valid].max(axis=0), record["points_norm_valid_max"], 1e-6
    )


def check_coordinates(record: Record, case: str, report: ParityReport, normalised: Any) -> None:
    """Pooling in the release's reading of the map, centre, steps before and after rounding, sinusoid."""
    grid, recorded = grid_of(record), record["pooled_hw3"].reshape(-1, 3)
    pooled = pool_to_grid(normalised, grid, "upstream")
    report.absolute("pooled_hw3", case, pooled, recorded, 2e-5)
    if "pooled_if_rows_were_640_wide" in record:
        true = pool_to_grid(normalised, grid, "true_shape")
        report.absolute(
            "pooled_if_rows_were_640_wide", case, true, record["pooled_if_rows_were_640_wide"], 2e-5
        )
    report.absolute(
        "center_scalar", case, center_scalar(recorded, RELEASE), float(record["center_scalar"]), 1e-6
    )
    steps = scale_coordinates(pooled, RELEASE)
    for name in ("coords_pre_round", "coords_pre_round_f64"):
        if name in record:
            report.absolute(name, case, steps, record[name], 0.02)
    check_rounded(report, case, recorded, record["coords_rounded"], num_summed=1)
    per_patch = normalised.points[..., 0].size / (grid[0] * grid[1])
    whole_way = "whole way from pcd"
    check_rounded(report, case, pooled, record["coords_rounded"], num_summed=per_patch, note=whole_way)
    whole = round_coordinates(pooled, RELEASE)
    feat = record["pe_feat"]
    code = sampled(sinusoid(record["coords_rounded"], feat.shape[1]), len(feat), 7)
    report.absolute("pe_feat", case, code, feat, 5e-4)
    if "bf16_coords_rounded" in record:
        report.absolute(
            "bf16_coords_rounded",
            case,
            whole,
            record["bf16_coords_rounded"],
            4.0,
            "ours stay float32",
        )


def check_rounded(
    report: ParityReport,
    case: str,
    pooled: np.ndarray,
    recorded: np.ndarray,
    num_summed: float,
    note: str = "",
) -> None:
    """Rounded steps of (N, 3) pooled points against the recorded ones: those that differ for another reason
    than a tie count. num_summed: how many float32 numbers the release summed for one pooled coordinate.

    A tie is a coordinate whose fraction is a half within float32 noise: rounding errors of a sum add up like
    a random walk, so their bound grows with the root of its length. The neighbour on the other side of the
    half is right too, anything farther is not.
    """
    steps = scale_coordinates(pooled, RELEASE)
    if steps.shape != recorded.shape:
        report.exact("coords_rounded", case, steps, recorded, note)
        return
    largest_steps = (np.abs(pooled).max() + abs(center_scalar(pooled, RELEASE))) / RELEASE.unit
    noise = NOISE_WIDTH * np.sqrt(num_summed) * np.finfo(np.float32).eps * largest_steps
    differs = np.rint(steps) != recorded
    ties = differs & (np.abs(steps - recorded) <= 0.5 + noise)
    if ties.any():
        said = f"{ties.sum()} of {ties.size} are ties: within {noise:.1e} of a half"
        note = f"{note}; {said}" if note else said
    report.differing("coords_rounded", case, int(np.count_nonzero(differs & ~ties)), note)


def check_windows(record: Record, case: str, report: ParityReport) -> None:
    """The order of merge groups in windows, and where each window ends."""
    grid = grid_of(record)
    merge = LAYOUT.merge_size
    layout = window_layout((grid[0] // merge, grid[1] // merge), WINDOW_MERGED)
    report.exact("window_index", case, layout.window_index, record["window_index"])
    counts = np.bincount(layout.slots // layout.side**2, minlength=layout.num_windows) * merge**2
    ends = np.concatenate([[0], np.cumsum(counts)])
    report.exact("cu_window_seqlens_unique", case, ends, record["cu_window_seqlens_unique"])


def check_noted(record: Record, noted: dict[str, Any], case: str, report: ParityReport) -> None:
    """What forward_report.json says of a case's inputs; its notes on noise and seeds are the recorder's."""
    pcd = record["pcd"]
    ours = {
        "grid": record["image_grid_thw"].tolist(),
        "tokens": len(record["window_index"]),
        "pointmap_shape": list(pcd.shape),
        "invalid_fraction": float((pcd[..., 3] <= 0).mean()),
        "coords_absmax": float(np.abs(record["coords_rounded"]).max()),
        "shift0": record["shift0"].tolist(),
        "shift1_init": record["shift1_init"].tolist(),
        "scaling_init": float(record["scaling_init"]),
    }
    for name in ours.keys() & noted.keys():
        report.absolute(f"forward_report: {name}", case, ours[name], noted[name], 1e-12)
