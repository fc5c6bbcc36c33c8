"""What an object is made of: `Shape`, and the colours it may have.

Plain data; knows neither the kinds nor MuJoCo. Object frame: z up, origin below the middle, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Array, Vector3
from n3d_ros.sim.meshes import Mesh

COLORS: dict[str, Vector3] = {
    "red": (0.82, 0.06, 0.08),
    "green": (0.08, 0.58, 0.16),
    "blue": (0.07, 0.22, 0.82),
    "yellow": (0.95, 0.84, 0.06),
    "orange": (0.96, 0.42, 0.03),
    "purple": (0.48, 0.13, 0.66),
    "white": (0.94, 0.94, 0.93),
    "black": (0.085, 0.085, 0.09),
}
METAL: Vector3 = (0.52, 0.54, 0.56)
PAPER: Vector3 = (0.86, 0.83, 0.74)
DARK: Vector3 = (0.24, 0.24, 0.25)

UPRIGHT = np.eye(3)
# z of the object becomes x of the world: fallen over.
LYING = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


@dataclass(frozen=True)
class Collider:
    """Seen by physics. kind and size: box, half extents; cylinder along z, (r, half height); sphere, (r,)."""

    kind: str
    size: tuple[float, ...]
    center: Vector3


@dataclass(frozen=True)
class Shape:
    """A kind in medium size. `body` takes the object's colour, `accents` keep their own."""

    body: Mesh
    colliders: tuple[Collider, ...]
    accents: tuple[tuple[Mesh, Vector3], ...] = ()
    # rotation and probability
    poses: tuple[tuple[Array, float], ...] = ((UPRIGHT, 1.0),)
