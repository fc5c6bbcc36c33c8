"""Uneven thresholds, so that what fails does so in patches with ragged rims and not along a smooth line.

In: a shape and a generator. Out: factors around 1. Knows no sensor.
"""

from __future__ import annotations

import cv2
import numpy as np

from n3d_ros.geometry import Array

PATCH_PX, SPREAD, MOST = 2.5, 0.35, 2.0


def smooth_noise(shape: tuple[int, ...], rng: np.random.Generator, sigma_px: float) -> Array:
    """(H, W) float32: normal noise of standard deviation 1 whose neighbours agree over about `sigma_px`."""
    size = 2 * int(np.ceil(3 * sigma_px)) + 1
    kernel = cv2.getGaussianKernel(size, sigma_px, cv2.CV_32F)
    white = rng.standard_normal(shape).astype(np.float32)
    blurred = cv2.sepFilter2D(white, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    # a separable filter multiplies the standard deviation by the kernel's sum of squares
    return np.asarray(blurred / np.float32(np.square(kernel).sum()))


def ragged(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """(H, W) float32 factors, log-normal, at most MOST and at least its inverse."""
    spread = SPREAD * smooth_noise(shape, rng, PATCH_PX)
    return np.exp(np.clip(spread, -np.log(MOST), np.log(MOST)))
