"""A sensor that measures how long modulated light is under way: Kinect v2, Azure Kinect, Helios.

In: `Sight`. Out: depth as it reports it. Sources: Lange and Seitz, "Solid-State Time-of-Flight Range Camera",
IEEE Journal of Quantum Electronics 37(3), 2001: the error grows with the root of all light over the amplitude
of the returned one. Fuentes-Jimenez et al., "Modelling and Correction of Multipath Interference in Time of
Flight Cameras", CVPR 2012 (https://doi.org/10.1109/CVPR.2012.6247763): in corners light comes by way of
another surface too, later. Sarbolandi, Lefloch and Kolb, "Kinect Range Sensing", 2015
(https://arxiv.org/abs/1505.05459): flying pixels where a pixel sees both sides of an edge, gaps on dark and
on shiny things. Not modelled: several frequencies, motion between exposures, wiggling.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.sensors.multipath import indirect_light
from n3d_ros.sim.sensors.sight import Sight

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0


@dataclass(frozen=True)
class TimeOfFlight:
    """modulation_hz: unambiguous up to half its wavelength, 9.4 m. blur_px: of what a pixel sees. noise_m and
    ambient: standard deviation is noise_m * sqrt(amplitude + ambient) / amplitude, in units of
    `Sight.returned`: 2 mm for a grey wall at 1 m. multipath: share of the indirect light that counts.
    """

    modulation_hz: float = 16e6
    blur_px: float = 0.6
    noise_m: float = 0.0012
    ambient: float = 0.1
    multipath: float = 1.0
    min_returned: float = 0.02
    min_range_m: float = 0.25
    max_range_m: float = 5.0

    def measure(self, sight: Sight, rng: np.random.Generator) -> Array:
        """(H, W) float32 metres, NaN where nothing is measured."""
        ray_length = np.linalg.norm(sight.points, axis=-1) / sight.depth
        signal = self._signal(sight)
        amplitude = np.abs(signal)
        distance = (np.angle(signal) % (2 * np.pi)) / self._radians_per_m
        sigma = self.noise_m * np.sqrt(amplitude + self.ambient) / np.maximum(amplitude, 1e-6)
        measured = (distance + sigma * rng.standard_normal(sigma.shape)) / ray_length
        lost = (amplitude < self.min_returned) | sight.dazzling | np.isnan(sight.depth)
        lost |= (sight.depth < self.min_range_m) | (sight.depth > self.max_range_m)
        return np.where(lost, np.nan, measured).astype(np.float32)

    @property
    def _radians_per_m(self) -> float:
        """Phase of light that goes to a point one metre further, and back."""
        return 4 * np.pi * self.modulation_hz / SPEED_OF_LIGHT_M_PER_S

    def _signal(self, sight: Sight) -> Array:
        """(H, W) complex: amplitude and phase of all light that a pixel gets.

        A pixel that sees two surfaces adds their waves: its distance lies between theirs, a flying pixel.
        """
        distance = np.nan_to_num(np.linalg.norm(sight.points, axis=-1))
        signal = sight.returned * np.exp(1j * self._radians_per_m * distance)
        if self.multipath:
            signal = signal + self.multipath * indirect_light(sight, self._radians_per_m)
        if self.blur_px:
            signal = _blurred(signal.real, self.blur_px) + 1j * _blurred(signal.imag, self.blur_px)
        return np.asarray(signal)


def _blurred(values: Array, sigma_px: float) -> Array:
    return np.asarray(cv2.GaussianBlur(values, (3, 3), sigma_px, borderType=cv2.BORDER_REPLICATE))
