"""The release's point file: an NPZ beside a picture.

`pcd` (H, W, 4): x left, y up, z forward in metres and validity (a point counts where it is above 0), float16.
`intr` (3, 3) float32 in picture widths and heights. Newer files also hold `depth` (H, W) float32 metres along
z and `mask` (H, W) bool. In and out: optical frame, NaN = none. Pickled arrays are refused, and points that
do not project onto their own pixels. Errors are OSError or ValueError that name the file, what was expected
and what came. Source: docs/specification/inputs.md 3.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.cameras.points_fit import check_fit
from n3d_ros.files.picture_file import MAX_MEGAPIXELS, read_picture
from n3d_ros.geometry import Intrinsics, checkpoint_to_optical, optical_to_checkpoint
from n3d_ros.geometry.intrinsics import matrix_numbers
from n3d_ros.preprocess.depth import depth_to_point_map
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.storage.array_file import ArrayFileError, read_npz
from n3d_ros.storage.whole_file import whole_file

ARRAYS = ("pcd", "intr", "depth", "mask")
# float16 rounds a twentieth of a percent away; units differ by tens.
DEPTH_AGREEMENT = 0.05
# What the release writes where there is no point.
INVALID = (-np.inf, -np.inf, np.inf, 0.0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Points:
    """point_map: (H, W, 3) float32 metres, optical frame, NaN = none. matrix: (3, 3) float64 intrinsics in
    picture widths and heights, for pixel centres at half steps.
    """

    point_map: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float64]

    def intrinsics(self, width: int, height: int) -> Intrinsics:
        """The camera in pixels of a picture of that size."""
        fx, fy, u, v = matrix_numbers(self.matrix)
        return Intrinsics(fx * width, fy * height, u * width - 0.5, v * height - 0.5, width, height)


def read_points(image: Path, points: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Observation:
    """A picture, upright, with its point file, which is of the upright picture too: the release's depth model
    applies the EXIF orientation. max_megapixels: a larger picture is refused. OSError or ValueError that
    names the file, what was expected and what came.
    """
    rgb, read = read_picture(image, max_megapixels=max_megapixels), read_points_file(points)
    try:
        intrinsics = read.intrinsics(rgb.shape[1], rgb.shape[0])
        return Observation(rgb, intrinsics, point_map=read.point_map)
    except ValueError as error:
        raise ValueError(f"points: '{points}' does not fit '{image}': {error}") from error


def read_points_file(path: Path) -> Points:
    """The point map and camera of one file."""
    arrays = _load(path)
    pcd, matrix = arrays["pcd"], arrays["intr"]
    if pcd.ndim != 3 or pcd.shape[2] != 4 or pcd.dtype.kind != "f":
        raise _wrong(path, "pcd (H, W, 4) of floats", pcd)
    if matrix.shape != (3, 3) or matrix.dtype.kind != "f":
        raise _wrong(path, "intr (3, 3) of floats", matrix)
    valid = pcd[..., 3] > 0
    num_bad = int(np.count_nonzero(valid & ~np.isfinite(pcd[..., :3]).all(axis=2)))
    if num_bad:
        raise ValueError(f"points: {num_bad} valid points in '{path}' are not finite")
    _check_extras(path, arrays, valid)
    point_map = checkpoint_to_optical(pcd[..., :3].astype(np.float32))
    point_map[~valid] = np.nan
    try:
        if np.isfinite(matrix).all():
            check_fit(pcd[..., :3], valid, matrix.astype(np.float64))
    except ValueError as error:
        raise ValueError(f"points: in '{path}' {error}") from error
    return Points(point_map, matrix.astype(np.float64))


def write_points(path: Path, observation: Observation, with_depth: bool = True) -> None:
    """Write what `read_points_file` reads back: `pcd`, `intr` and, with `with_depth`, `depth` and `mask`."""
    if observation.intrinsics.distortion is not None:
        raise ValueError("points: a point file holds no distortion; expected a rectified picture")
    points = observation.point_map
    if points is None:
        assert observation.depth is not None
        height, width = observation.depth.shape
        points = depth_to_point_map(observation.depth, observation.intrinsics.scaled_to(width, height))
    mask = np.logical_and.reduce(np.isfinite(points), axis=2)
    with np.errstate(over="ignore", invalid="ignore"):
        pcd = np.concatenate([optical_to_checkpoint(points), mask[..., None]], axis=2).astype(np.float16)
    mask &= np.isfinite(pcd).all(axis=2)
    pcd[~mask] = INVALID
    arrays: dict[str, Any] = {"pcd": pcd, "intr": observation.intrinsics.normalised()}
    if with_depth:
        arrays |= {"depth": np.where(mask, points[..., 2], np.inf).astype(np.float32), "mask": mask}
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"points: expected a file, got '{path}'")
    try:
        arrays = read_npz(path, ARRAYS)
        if not {"pcd", "intr"} <= set(arrays):
            raise ArrayFileError("no arrays named pcd and intr")
    except ArrayFileError as error:
        raise ValueError(f"points: expected an NPZ with pcd and intr, got '{path}': {error}") from error
    return arrays


def _check_extras(path: Path, arrays: dict[str, npt.NDArray[Any]], valid: npt.NDArray[np.bool_]) -> None:
    """The optional arrays repeat what `pcd` says; where they do not, the file was put together wrongly."""
    for name in ("depth", "mask"):
        if name in arrays and arrays[name].shape != valid.shape:
            raise _wrong(path, f"{name} {valid.shape}", arrays[name])
    if "depth" in arrays:
        _check_depth(path, arrays["depth"], arrays["pcd"][..., 2], valid)
    if "mask" in arrays:
        num_different = int(np.count_nonzero((arrays["mask"] > 0) != valid))
        if num_different:
            _log.warning("%s: mask and pcd disagree in %d pixels; pcd counts", path, num_different)


def _check_depth(
    path: Path, depth: npt.NDArray[Any], z: npt.NDArray[Any], valid: npt.NDArray[np.bool_]
) -> None:
    """ValueError where half of the depths are no z of the points: one of the two is in another unit."""
    if depth.dtype.kind != "f":
        raise _wrong(path, "depth of floats", depth)
    both = valid & np.isfinite(depth) & (z > 0)
    if not both.any():
        return
    times = float(np.median(depth[both].astype(np.float64) / z[both].astype(np.float64)))
    if abs(times - 1) > DEPTH_AGREEMENT:
        raise ValueError(
            f"points: expected depth in '{path}' to be the z of pcd, got {times:.4g} times as much; which of "
            f"the two is in metres?"
        )


def _wrong(path: Path, expected: str, got: npt.NDArray[Any]) -> ValueError:
    return ValueError(f"points: expected {expected} in '{path}', got {got.shape} {got.dtype}")
