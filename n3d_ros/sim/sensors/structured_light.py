"""A sensor that projects a pattern and finds it again: Kinect v1, Xtion, Astra.

In: `Sight`. Out: depth as it reports it. Sources: Khoshelham and Elberink, "Accuracy and Resolution of Kinect
Depth Data for Indoor Mapping Applications", Sensors 12(2), 2012 (https://doi.org/10.3390/s120201437): depth
comes in steps of disparity, 2.85 mm apart at 1 m and growing with its square, its random error is half a step
(about 1.4 mm at 1 m), shadows of the projector beside near things, gaps where light is mirrored or too little
comes back. Not modelled: sunlight, and the pattern's vertical stripes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.noise import near_edges
from n3d_ros.sim.sensors.ragged import ragged
from n3d_ros.sim.sensors.sight import Sight
from n3d_ros.sim.sensors.two_eyes import disparity_px, half_occluded


@dataclass(frozen=True)
class StructuredLight:
    """baseline_m: from camera to projector, which stands to its right. step_per_m: of one over depth.
    noise_steps: standard deviation before rounding, which with its own 1 / sqrt(12) makes half a step.
    min_returned: see `Sight.returned`. edge_loss: share of pixels at depth edges that are lost.
    """

    baseline_m: float = 0.075
    step_per_m: float = 0.00285
    noise_steps: float = 0.408
    min_returned: float = 0.02
    edge_loss: float = 0.5
    min_range_m: float = 0.35
    max_range_m: float = 5.0

    def measure(self, sight: Sight, rng: np.random.Generator) -> Array:
        """(H, W) float32 metres, NaN where nothing is measured."""
        depth = sight.depth
        steps = 1 / (depth.astype(np.float64) * self.step_per_m)
        steps = np.rint(steps + self.noise_steps * rng.standard_normal(depth.shape))
        lost = half_occluded(disparity_px(depth, sight.intrinsics, self.baseline_m))
        lost |= sight.returned < self.min_returned * ragged(depth.shape, rng)
        lost |= sight.dazzling
        lost |= near_edges(depth) & (rng.random(depth.shape) < self.edge_loss)
        lost |= (depth < self.min_range_m) | (depth > self.max_range_m)
        return np.where(lost, np.nan, 1 / (np.maximum(steps, 1) * self.step_per_m)).astype(np.float32)
