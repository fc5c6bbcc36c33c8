"""From light to a picture: exposure, colour of the light, noise, compression.

In: linear light (H, W, 3) float32, 1 where a picture is white. Out: pictures (H, W, 3) uint8 RGB, and back.
Knows no scene and no camera.
"""

from __future__ import annotations

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.capture.settings import DAYLIGHT_K

# Of a picture's values, as displays have it.
GAMMA = 2.2
# Wavelengths that look like the red, green and blue of ITU-R BT.709, and how bright each of them is.
WAVELENGTHS_M = np.array([611e-9, 549e-9, 464e-9])
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
# h c / k, metres times kelvins (CODATA 2018).
SECOND_RADIATION_CONSTANT = 0.014387768775


def to_light(picture: Array) -> Array:
    """Linear light of a picture."""
    return np.asarray((picture.astype(np.float32) / 255) ** np.float32(GAMMA))


def to_picture(light: Array) -> Array:
    """The picture of linear light; what is brighter than white burns out."""
    return np.asarray(np.rint(255 * np.clip(light, 0, 1) ** (1 / GAMMA)), np.uint8)


def light_gains(temperature_k: float) -> Array:
    """(3,) float32 factors of red, green and blue under a black body of that temperature, against daylight.

    By Planck's law; brightness stays what it is.
    """
    exponents = SECOND_RADIATION_CONSTANT / WAVELENGTHS_M
    gains = np.expm1(exponents / DAYLIGHT_K) / np.expm1(exponents / temperature_k)
    return np.asarray(gains / (LUMINANCE @ gains), np.float32)


def with_noise(light: Array, shot: float, read: float, rng: np.random.Generator) -> Array:
    """Light as a chip counts it.

    Variance shot * x + read^2: Foi, Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian Noise
    Modeling and Fitting for Single-Image Raw-Data", IEEE Transactions on Image Processing 17(10), 2008.
    """
    sigma = np.sqrt(shot * np.maximum(light, 0) + read**2).astype(np.float32)
    return np.asarray(light + sigma * rng.standard_normal(light.shape, dtype=np.float32))


def compressed(picture: Array, quality: int) -> Array:
    """The picture as JPEG of that quality gives it back."""
    done, packed = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(unpacked[:, :, ::-1])
