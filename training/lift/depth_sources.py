"""Where the depth of a picture comes from: its sensor, a model that guesses it, or both side by side.

In: a picture record and its colours. Out: an `Observation` whose depth has the picture's size, or `Rejected`;
beside a sensor's depth also what a model guesses. What a box is, is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.depth_models import GUESS_CAMERA, estimate
from n3d_ros.files.frames import read_depth
from n3d_ros.plain_text import one_line
from n3d_ros.preprocess.metres import measured_depth
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.training.lift.filters import Reason, Rejected
from n3d_ros.training.lift.sources.records import PictureRecord

Picture = npt.NDArray[np.uint8]


class DepthSource(Protocol):
    """Depth for one picture after another. Sent to other processes, so it holds no handle."""

    def observe(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation:
        """rgb with depth of its size: (H, W) float32 metres along z, NaN = none or beyond max_depth_m.
        Rejected.
        """

    def guess_beside(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation | None:
        """The same with guessed depth, where `observe` gives a sensor's and there is a model beside it."""

    def identity(self) -> dict[str, Any]:
        """What makes it this source, as JSON."""


@dataclass(frozen=True)
class SensorDepth:
    """The depth file and camera of the record; depth is registered to the picture."""

    def observe(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation:
        """See `DepthSource`."""
        if record.intrinsics is None:
            raise Rejected(Reason.CAMERA, "expected intrinsics of the picture, got none")
        if record.depth is None:
            raise Rejected(Reason.DEPTH, "expected a depth file, got none")
        try:
            raw, encoding = read_depth(record.depth)
            metres = measured_depth(raw, encoding, record.depth_scale_m, max_m=max_depth_m)
        except (OSError, ValueError) as error:
            raise Rejected(Reason.DEPTH, one_line(str(error), 300)) from error
        camera = record.intrinsics
        if (camera.height, camera.width) != rgb.shape[:2]:
            got = f"{camera.width}x{camera.height}"
            raise Rejected(
                Reason.CAMERA, f"expected intrinsics of {rgb.shape[1]}x{rgb.shape[0]}, got those of {got}"
            )
        try:
            return _in_picture_size(Observation(rgb, camera, depth=metres))
        except ValueError as error:
            raise Rejected(Reason.DEPTH, one_line(str(error), 300)) from error

    def guess_beside(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation | None:
        """None: there is no model."""
        return None

    def identity(self) -> dict[str, Any]:
        """A sensor has no settings."""
        return {"depth": "sensor"}


@dataclass(frozen=True)
class EstimatedDepth:
    """A model of `n3d_ros.depth_models`: name, and its folder or `hub:NAME`. Intrinsics are the record's, or
    guessed where the model guesses them.
    """

    name: str
    weights: str

    def observe(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation:
        """See `DepthSource`. A model that does not load ends the run: it is no picture's fault."""
        if record.intrinsics is None and self.name not in GUESS_CAMERA:
            raise Rejected(
                Reason.CAMERA, f"expected intrinsics of the picture, {self.name} does not guess them"
            )
        guessed = _in_picture_size(estimate(rgb, self.name, self.weights, record.intrinsics))
        assert guessed.depth is not None
        with np.errstate(invalid="ignore"):
            guessed.depth[guessed.depth > max_depth_m] = np.nan
        if not np.isfinite(guessed.depth).any():
            raise Rejected(Reason.DEPTH, f"expected depth up to {max_depth_m:g} m, {self.name} guessed none")
        return guessed

    def guess_beside(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation | None:
        """None: what `observe` gives is the guess."""
        return None

    def identity(self) -> dict[str, Any]:
        """The model's name and weights."""
        return {"depth": self.name, "weights": self.weights}


@dataclass(frozen=True)
class MeasuredAndEstimated:
    """A record with a depth file has its sensor's depth, with the model's beside it; others the model's."""

    model: EstimatedDepth

    def observe(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation:
        """See `DepthSource`. A depth file that cannot be read is Rejected, never replaced by a guess."""
        source = self.model if record.depth is None else SensorDepth()
        return source.observe(record, rgb, max_depth_m)

    def guess_beside(self, record: PictureRecord, rgb: Picture, max_depth_m: float) -> Observation | None:
        """See `DepthSource`. None also where the model finds nothing within max_depth_m."""
        if record.depth is None:
            return None
        try:
            return self.model.observe(record, rgb, max_depth_m)
        except Rejected:
            return None

    def identity(self) -> dict[str, Any]:
        """Both."""
        return {"depth": "sensor, and a model beside it", "model": self.model.identity()}


def _in_picture_size(observation: Observation) -> Observation:
    """Depth of another size takes each pixel's nearest value: a mean of two bodies would be a depth of
    neither.
    """
    assert observation.depth is not None
    height, width = observation.rgb.shape[:2]
    if observation.depth.shape == (height, width):
        return observation
    resized = cv2.resize(observation.depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return replace(observation, depth=resized.astype(np.float32, copy=False))
