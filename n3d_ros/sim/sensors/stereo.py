"""A sensor that compares two cameras, with a weak projector for plain surfaces: RealSense D400, ZED without.

In: `Sight`. Out: depth as it reports it. Sources: Gallup, Frahm, Mordohai and Pollefeys, "Variable
Baseline/Resolution Stereo", CVPR 2008: the error grows with the square of depth over focal length and
baseline. Intel, "Tuning depth cameras for best performance"
(https://dev.intelrealsense.com/docs/tuning-depth-cameras-for-best-performance): subpixel errors of about
0.08 px on good texture. Scharstein and Szeliski, "A Taxonomy and Evaluation of Dense Two-Frame Stereo
Correspondence Algorithms", IJCV 47, 2002: what lacks texture, and what one camera alone sees, has no match.
Not modelled: wrong matches on patterns that repeat, and edges that grow fat.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.sensors.ragged import ragged, smooth_noise
from n3d_ros.sim.sensors.sight import Sight
from n3d_ros.sim.sensors.two_eyes import disparity_px, half_occluded

# What remains of a shiny surface's own contrast: the two cameras see other reflections on it.
STILL_SEEN = 0.3


@dataclass(frozen=True)
class Stereo:
    """baseline_m: the second camera stands to the right of the first, whose depth this is. subpixel_px:
    standard deviation of disparity. window_px: side of the patches that are compared. min_texture: least
    contrast of a patch, in its standard deviation of brightness; projector: contrast that it throws onto what
    returns all light (`Sight.returned`), 0 for none. max_disparity_px: nearer things are lost.
    """

    baseline_m: float = 0.050
    subpixel_px: float = 0.08
    window_px: int = 9
    min_texture: float = 0.008
    projector: float = 0.04
    max_disparity_px: float = 126.0
    max_range_m: float = 6.0

    def measure(self, sight: Sight, rng: np.random.Generator) -> Array:
        """(H, W) float32 metres, NaN where nothing is measured."""
        disparity = disparity_px(sight.depth, sight.intrinsics, self.baseline_m)
        # neighbouring patches share most of their pixels, so their errors agree
        error = self.subpixel_px * smooth_noise(disparity.shape, rng, self.window_px / 6)
        lost = half_occluded(disparity) | (disparity > np.arange(disparity.shape[1]))
        lost |= self.texture(sight) < self.min_texture * ragged(disparity.shape, rng)
        lost |= sight.dazzling
        lost |= (disparity > self.max_disparity_px) | (sight.depth > self.max_range_m)
        measured = np.maximum(disparity + error, 1e-3)
        found = sight.intrinsics.fx * self.baseline_m / measured
        return np.where(lost | np.isnan(sight.depth), np.nan, found).astype(np.float32)

    def texture(self, sight: Sight) -> Array:
        """(H, W) float32: contrast of the patch around each pixel, the picture's own and the projector's."""
        side = (self.window_px, self.window_px)
        mean, square = cv2.boxFilter(sight.grey, -1, side), cv2.sqrBoxFilter(sight.grey, cv2.CV_32F, side)
        own = np.sqrt(np.maximum(square - mean * mean, 0.0))
        own *= np.where(sight.shiny, np.float32(STILL_SEEN), np.float32(1))
        return np.asarray(own + self.projector * sight.returned, np.float32)
