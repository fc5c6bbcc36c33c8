"""Spoon, fork and knife: thin things that lie.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from n3d_ros.sim.kinds.parts import bar, block
from n3d_ros.sim.meshes import Mesh, box, revolve
from n3d_ros.sim.shapes import METAL, Collider, Shape


def spoon(rng: np.random.Generator) -> Shape:
    length, r = 0.155 * rng.uniform(0.93, 1.07), 0.025
    x = length / 2 - r
    curve = [(r * np.sin(a), 0.009 * (1 - np.cos(a))) for a in np.linspace(0.0, np.pi / 2, 6)]
    inner = [(max(radius - 0.002, 0.0), z + 0.002) for radius, z in curve[::-1]]
    head = revolve(curve, [curve[-1], inner[0]], inner).scaled((1.0, 0.66, 1.0)).moved((x, 0, 0))
    grip = _grip(-length / 2, x - 0.8 * r, 0.0055)
    colliders = (block((2 * r, 1.3 * r, 0.009), (x, 0, 0.0045)), _grip_block(-length / 2, x - r, 0.0055))
    return Shape(head + grip, colliders)


def fork(rng: np.random.Generator) -> Shape:
    length, prong = 0.160 * rng.uniform(0.93, 1.07), 0.042
    end, z = length / 2, 0.0045
    palm = box((0.020, 0.024, 0.003), (end - prong - 0.008, 0, z))
    prongs = [
        box((prong, 0.0034, 0.003), (end - prong / 2, y, z)) for y in (-0.0103, -0.0034, 0.0034, 0.0103)
    ]
    mesh = _grip(-end, end - prong - 0.012, z) + reduce(Mesh.__add__, prongs, palm)
    head = block((prong + 0.02, 0.024, 0.006), (end - prong / 2 - 0.01, 0, 0.004))
    return Shape(mesh, (head, _grip_block(-end, end - prong - 0.016, z)))


def knife(rng: np.random.Generator) -> Shape:
    length, z = 0.175 * rng.uniform(0.93, 1.07), 0.0065
    start, end = -0.06 * length, length / 2
    blade = bar(
        [(x, 0, z) for x in np.linspace(start, end, 6)], [0.0105, 0.011, 0.011, 0.0105, 0.008, 0.001], 0.16
    )
    grip = bar([(-end, 0, z), (-0.3 * length, 0, z), (start, 0, z)], [0.010, 0.0105, 0.009], 0.62)
    colliders = (
        block((end + start, 0.020, 2 * z), ((start - end) / 2, 0, z)),
        block((end - start, 0.020, z), ((end + start) / 2, 0, z)),
    )
    return Shape(grip, colliders, ((blade, METAL),))


def _grip(from_x: float, to_x: float, z: float) -> Mesh:
    """A flat handle, widest at its end at from_x."""
    path = [(from_x, 0, z), (0.7 * from_x + 0.3 * to_x, 0, z), (to_x, 0, z)]
    return bar(path, [0.0085, 0.0065, 0.0040], 0.5)


def _grip_block(from_x: float, to_x: float, z: float) -> Collider:
    return block((to_x - from_x, 0.014, 2 * z), ((from_x + to_x) / 2, 0, z))
