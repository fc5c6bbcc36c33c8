"""Light that reaches a surface by way of another one, as in corners.

In: `Sight`. Out: one bounce of indirect light as complex amplitudes. Source: Fuentes-Jimenez et al.,
"Modelling and Correction of Multipath Interference in Time of Flight Cameras", CVPR 2012
(https://doi.org/10.1109/CVPR.2012.6247763): Lambertian surfaces that exchange light by their form factors.
Only what the camera sees takes part; what stands between two surfaces is ignored.
"""

from __future__ import annotations

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.sensors.sight import Sight

# Every so many pixels; indirect light changes slowly.
COARSER = 4
# Distances in coarse pixels at which other surfaces are asked, each for the ring around it, in 8 directions.
RADII = (1, 2, 4, 8, 16)
DIRECTIONS = 8
# Two patches so near that they would exchange more than this are one surface.
MAX_FORM_FACTOR = 0.25
Part = tuple[slice, slice]


def indirect_light(sight: Sight, radians_per_m: float) -> Array:
    """(H, W) complex128: amplitude in units of `Sight.returned`, phase of the longer way at
    `radians_per_m` of one-way distance.
    """
    part = (slice(None, None, COARSER), slice(None, None, COARSER))
    points, normals = np.nan_to_num(sight.points[part]), np.nan_to_num(sight.normals[part])
    light, reflectance = sight.returned[part], np.where(sight.shiny, 0.0, sight.reflectance)[part]
    distance = np.linalg.norm(points, axis=-1)
    # area that a coarse pixel covers on its surface, square metres
    k = sight.intrinsics
    area = COARSER**2 / (k.fx * k.fy) * points[..., 2] ** 2 / np.maximum(sight.facing[part], 0.1)
    total = np.zeros(distance.shape, np.complex128)
    for rows, columns, pixels in _offsets():
        here, there = _overlap(distance.shape, rows, columns)
        way = points[there] - points[here]
        far = np.linalg.norm(way, axis=-1) + 1e-6
        leaving = np.maximum(np.einsum("hwc,hwc->hw", normals[here], way) / far, 0.0)
        arriving = np.maximum(-np.einsum("hwc,hwc->hw", normals[there], way) / far, 0.0)
        form = np.minimum(leaving * arriving * area[there] * pixels / (np.pi * far**2), MAX_FORM_FACTOR)
        length = (distance[here] + far + distance[there]) / 2
        amplitude = reflectance[here] * form * light[there]
        total[here] += amplitude * np.exp(1j * radians_per_m * length)
    size = (sight.depth.shape[1], sight.depth.shape[0])
    real, imaginary = (cv2.resize(np.ascontiguousarray(one), size) for one in (total.real, total.imag))
    return np.asarray(real + 1j * imaginary)


def _offsets() -> list[tuple[int, int, float]]:
    """(rows, columns, coarse pixels that it stands for): each radius stands for the ring around it."""
    found, inner = [], 0.5
    for radius in RADII:
        outer = radius * 1.5
        pixels = np.pi * (outer**2 - inner**2) / DIRECTIONS
        inner = outer
        for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
            found.append((round(radius * np.sin(angle)), round(radius * np.cos(angle)), float(pixels)))
    return found


def _overlap(
    shape: tuple[int, ...], rows: int, columns: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a grid and the grid shifted by (rows, columns) share pixels: here, and there."""
    pairs = []
    for length, by in ((shape[0], rows), (shape[1], columns)):
        by = max(-length, min(length, by))
        pairs.append((slice(max(0, -by), length - max(0, by)), slice(max(0, by), length - max(0, -by))))
    return (pairs[0][0], pairs[1][0]), (pairs[0][1], pairs[1][1])
