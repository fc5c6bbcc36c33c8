"""One observation -> the arrays the model takes: one preparation for training, export and the robot.

In: a colour picture with its intrinsics and either depth in metres or a point map, all in the ROS optical
frame. Out: patch rows, patch grid, rounded point coordinates and the scale and shift that a box decode
needs. It does not know words or models.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.depth import RESHAPES, TRUE_SHAPE
from n3d_ros.preprocess.metres import check_metres
from n3d_ros.preprocess.pictures import PatchLayout, PictureConfig, picture_rows
from n3d_ros.preprocess.point_code import PointEncodingConfig, patch_position_code, round_coordinates
from n3d_ros.preprocess.pooling import PooledScene, pool_depth, pool_points, thin_depth, thin_points

__all__ = ["ModelInputs", "Observation", "PreprocessConfig", "patch_position_code", "prepare"]

# What rounding leaves when a picture is resized. 848x480 and 1280x720, two modes of one RealSense whose
# views differ, are 3 rows apart.
MAX_SIDE_MISMATCH_PX = 1.0

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Observation:
    """What the camera saw at one instant.

    rgb: (H, W, 3) uint8. intrinsics: of rgb, pixels. Exactly one of the next two.
    depth: (h, w) float32 metres along z, NaN = none; any size with rgb's field of view (registered to it).
    point_map: (h, w, 3) float32 metres, optical frame, NaN = none.
    stamp_ns: of the picture, nanoseconds since the epoch. frame_id: name of the optical frame.
    depth_is_estimated: a depth model guessed the depth from the picture; no sensor measured it.
    depth_is_turned: depth or point_map is of the picture turned by a quarter. Only the release does this, to
    pictures with an EXIF orientation (`frames.as_released`).
    """

    rgb: npt.NDArray[np.uint8]
    intrinsics: Intrinsics
    depth: FloatArray | None = None
    point_map: FloatArray | None = None
    stamp_ns: int = 0
    frame_id: str = ""
    depth_is_estimated: bool = False
    depth_is_turned: bool = False

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.dtype != np.uint8:
            raise ValueError(f"rgb: expected (H, W, 3) uint8, got {self.rgb.shape} {self.rgb.dtype}")
        expected = (self.intrinsics.height, self.intrinsics.width)
        if self.rgb.shape[:2] != expected:
            raise ValueError(f"rgb: intrinsics are for (height, width) {expected}, got {self.rgb.shape[:2]}")
        map_hw = expected[::-1] if self.depth_is_turned else expected
        if self.depth is not None and self.point_map is None:
            _check_map("depth", self.depth, map_hw, num_dims=2)
            check_metres(self.depth)
        elif self.point_map is not None and self.depth is None:
            _check_map("point_map", self.point_map, map_hw, num_dims=3)
            check_metres(self.point_map[..., 2], "point_map")
        else:
            found = "none" if self.depth is None else "both"
            raise ValueError(f"observation: expected exactly one of depth and point_map, got {found}")


@dataclass(frozen=True)
class PreprocessConfig:
    """Sizes and point code of one checkpoint; the defaults are the release's.

    point_map_reshape: 'true_shape', or 'upstream' to reproduce how the release shears near-square landscape
    maps (quirk W1).
    """

    long_side_px: int = 640
    patch_size: int = 14
    merge_size: int = 2
    point_encoding: PointEncodingConfig = field(default_factory=PointEncodingConfig)
    point_map_reshape: str = TRUE_SHAPE
    picture: PictureConfig = field(default_factory=PictureConfig)

    def __post_init__(self) -> None:
        if self.long_side_px < self.layout.factor:
            raise ValueError(f"long_side_px: expected >= {self.layout.factor}, got {self.long_side_px!r}")
        if self.point_map_reshape not in RESHAPES:
            raise ValueError(f"point_map_reshape: expected one of {RESHAPES}, got {self.point_map_reshape!r}")

    @property
    def layout(self) -> PatchLayout:
        return PatchLayout(self.patch_size, self.merge_size)


@dataclass(frozen=True)
class ModelInputs:
    """pixel_values: (N, 6*patch*patch) float32, merge-group order. grid_hw: patches (h, w), h*w = N.

    coords: (N, 3) float32 integers, raster order, checkpoint frame. scene: metres <-> normalised units, for
    the box decode. intrinsics: of the original picture, pixels. valid_ratio: share of the depth pixels used
    that hold a measurement, 0..1.
    """

    pixel_values: FloatArray
    grid_hw: tuple[int, int]
    coords: FloatArray
    scene: SceneScale
    intrinsics: Intrinsics
    valid_ratio: float


def prepare(
    observation: Observation,
    config: PreprocessConfig = PreprocessConfig(),
    picture: tuple[FloatArray, tuple[int, int]] | None = None,
) -> ModelInputs:
    """Everything the model needs from one observation; the observation's arrays are not changed.

    picture: what `picture_rows` gave for its colours, where that ran before. Depth of twice the long side or
    more is thinned by whole steps first, as the release's maps have a long side of 640; the pooling bins
    cover the same part of the picture whatever the map's size. Raises ValueError on a picture too narrow for
    one merge group, on no valid depth and on the other cases of `normalise`.
    """
    pixel_values, grid_hw = picture or picture_rows(
        observation.rgb, config.long_side_px, config.layout, config.picture
    )
    pooled = _pool(observation, grid_hw, config)
    coords = round_coordinates(pooled.points, config.point_encoding)
    return ModelInputs(
        pixel_values, grid_hw, coords, pooled.scene, observation.intrinsics, pooled.valid_ratio
    )


def _pool(observation: Observation, grid_hw: tuple[int, int], config: PreprocessConfig) -> PooledScene:
    if observation.point_map is not None:
        points = thin_points(observation.point_map, config.long_side_px)
        return pool_points(points, grid_hw, config.point_map_reshape)
    assert observation.depth is not None
    height, width = observation.depth.shape
    camera = observation.intrinsics.scaled_to(width, height)
    depth, camera = thin_depth(observation.depth, camera, config.long_side_px)
    return pool_depth(depth, camera, grid_hw, config.point_map_reshape)


def _check_map(name: str, array: FloatArray, rgb_hw: tuple[int, int], num_dims: int) -> None:
    """Check shape, dtype, and that it is the picture resized: within a pixel of rounding on either side."""
    good_shape = array.ndim == num_dims and (num_dims == 2 or array.shape[2] == 3)
    if not good_shape or array.dtype != np.float32 or 0 in array.shape:
        expected = "(h, w)" if num_dims == 2 else "(h, w, 3)"
        raise ValueError(f"{name}: expected {expected} float32 metres, got {array.shape} {array.dtype}")
    height, width = array.shape[:2]
    off_height = abs(height - rgb_hw[0] * width / rgb_hw[1])
    off_width = abs(width - rgb_hw[1] * height / rgb_hw[0])
    if min(off_height, off_width) > MAX_SIDE_MISMATCH_PX:
        raise ValueError(
            f"{name}: expected the picture's field of view ({rgb_hw[1]}x{rgb_hw[0]} or its aspect ratio), "
            f"got {width}x{height}; register depth to colour first"
        )
