"""How a view is lit and what colour the room has; the geometry stays what it is.

In: a random generator. Out: `Look`. Surfaces are grey, beige or brown and never as saturated as an object.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Vector3

SURFACES = ("support", "floor", "wall")


@dataclass(frozen=True)
class Look:
    """Lights and surface colours, 0..1 per channel. Azimuth and elevation say where a light stands.

    shadows: one lamp throws them, the key light unless `fill_shadows`.
    """

    key_azimuth_rad: float = 0.8
    key_elevation_rad: float = 1.0
    key: Vector3 = (0.55, 0.55, 0.55)
    fill_azimuth_rad: float = -1.8
    fill_elevation_rad: float = 0.7
    fill: Vector3 = (0.2, 0.2, 0.2)
    ambient: Vector3 = (0.35, 0.35, 0.35)
    shadows: bool = True
    support: Vector3 = (0.62, 0.58, 0.52)
    floor: Vector3 = (0.5, 0.5, 0.5)
    wall: Vector3 = (0.7, 0.7, 0.68)
    fill_shadows: bool = False


def random_look(rng: np.random.Generator) -> Look:
    """A look in which every colour name stays true: light nearly white, neither dark nor burnt out."""
    tint = rng.uniform(0.94, 1.06, 3)
    total, ambient_share = rng.uniform(0.95, 1.25), rng.uniform(0.35, 0.55)
    fill_share = rng.uniform(0.1, 0.25)
    key_azimuth = rng.uniform(-np.pi, np.pi)
    return Look(
        key_azimuth_rad=float(key_azimuth),
        key_elevation_rad=float(rng.uniform(0.7, 1.45)),
        key=_vector(tint * total * (1 - ambient_share - fill_share)),
        fill_azimuth_rad=float(key_azimuth + rng.uniform(1.5, 4.8)),
        fill_elevation_rad=float(rng.uniform(0.4, 1.2)),
        fill=_vector(tint * total * fill_share),
        ambient=_vector(tint * total * ambient_share),
        shadows=bool(rng.random() < 0.8),
        support=muted_color(rng),
        floor=muted_color(rng),
        wall=muted_color(rng),
    )


def muted_color(rng: np.random.Generator) -> Vector3:
    """A surface colour: any hue, little saturation (more for warm wood tones), middle brightness."""
    if rng.random() < 0.5:
        hue, saturation = rng.uniform(0.06, 0.11), rng.uniform(0.1, 0.42)
    else:
        hue, saturation = rng.uniform(0.0, 1.0), rng.uniform(0.0, 0.14)
    return _vector(np.array(colorsys.hsv_to_rgb(hue, saturation, rng.uniform(0.38, 0.78))))


def _vector(values: np.ndarray) -> Vector3:
    return float(values[0]), float(values[1]), float(values[2])
