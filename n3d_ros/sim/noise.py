"""What a depth sensor does to true depth.

In: exact depth. Out: depth as a structured-light or stereo camera would report it. Sources of the model:
noise growing with z^2 (Khoshelham and Elberink 2012, Kinect: about 1.4 mm at 1 m), missing pixels at depth
edges and in patches.
"""

from __future__ import annotations

import cv2
import numpy as np

from n3d_ros.geometry import Array

NOISE_PER_M = 0.0014
# relative depth step that makes an edge
EDGE_STEP = 0.03


def sensor_noise(
    depth: Array, rng: np.random.Generator, min_range_m: float = 0.25, max_range_m: float = 6.0
) -> Array:
    """(H, W) float32 metres: a copy of `depth` with noise, and NaN at edges, in blobs and out of range."""
    sigma = NOISE_PER_M * rng.uniform(0.5, 2.0)
    noise = cv2.GaussianBlur(rng.standard_normal(depth.shape).astype(np.float32), (3, 3), 0.7) * np.float32(
        1.6
    )
    noisy: Array = (depth + np.float32(sigma) * depth * depth * noise).astype(np.float32)
    lost = near_edges(depth) & (rng.random(depth.shape) < rng.uniform(0.3, 0.9))
    lost |= _blobs(depth.shape, rng)
    lost |= (depth < min_range_m) | (depth > max_range_m)
    noisy[lost] = np.nan
    return noisy


def near_edges(depth: Array) -> Array:
    """(H, W) bool: depth differs within one pixel by more than EDGE_STEP of itself."""
    filled = np.nan_to_num(depth, nan=100.0)
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(filled, kernel) - cv2.erode(filled, kernel) > EDGE_STEP * filled)


def _blobs(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """(H, W) bool: a few round patches without depth, as shiny or dark surfaces leave them."""
    mask = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(0, 9))):
        center = (int(rng.integers(shape[1])), int(rng.integers(shape[0])))
        axes = (int(rng.integers(1, shape[1] // 40 + 2)), int(rng.integers(1, shape[1] // 40 + 2)))
        cv2.ellipse(mask, center, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    return mask.astype(bool)
