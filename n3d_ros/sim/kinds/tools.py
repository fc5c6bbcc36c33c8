"""Tools with a grip, lying.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from n3d_ros.sim.kinds.parts import bar, block, cylinder, hoop
from n3d_ros.sim.meshes import Mesh, box, tube
from n3d_ros.sim.shapes import METAL, PAPER, Shape


def hammer(rng: np.random.Generator) -> Shape:
    length, thick = 0.170 * rng.uniform(0.92, 1.05), 0.012
    z = 0.018
    grip = tube(
        [(-length / 2, 0, z), (length * 0.1, 0, z), (length / 2 - 0.01, 0, z)],
        [thick, thick * 0.95, thick * 0.8],
        (0, 0, 1),
        num_sides=12,
    )
    x = length / 2 - 0.016
    head = box((0.036, 0.100, 0.036), (x, 0, z))
    colliders = (
        block((0.036, 0.100, 0.036), (x, 0, z)),
        block((length - 0.02, 2 * thick, 2 * thick), (-0.01, 0, z)),
    )
    return Shape(grip, colliders, ((head, METAL),))


def screwdriver(rng: np.random.Generator) -> Shape:
    length, r = 0.172 * rng.uniform(0.93, 1.05), 0.0135
    end, split = length / 2, -0.02
    path = [(-end, 0, r), (-end + 0.006, 0, r), (split - 0.018, 0, r), (split - 0.006, 0, r), (split, 0, r)]
    grip = bar(path, [0.008, r, r, 0.7 * r, 0.6 * r], num_sides=8)
    shaft = bar([(split, 0, r), (end - 0.012, 0, r)], [0.0038, 0.0038], num_sides=8)
    tip = box((0.014, 0.0085, 0.0022), (end - 0.007, 0, r))
    colliders = (
        block((split + end, 1.8 * r, 1.9 * r), ((split - end) / 2, 0, r)),
        block((end - split, 0.008, 0.008), ((end + split) / 2, 0, r)),
    )
    return Shape(grip, colliders, ((shaft + tip, METAL),))


def brush(rng: np.random.Generator) -> Shape:
    length, bristle = 0.172 * rng.uniform(0.93, 1.07), 0.024 * rng.uniform(0.85, 1.15)
    x, z = length / 2 - 0.036, bristle + 0.007
    head = box((0.072, 0.036, 0.014), (x, 0, z))
    path = [(-length / 2, 0, z), (-length / 4, 0, z), (x - 0.030, 0, z)]
    hairs = [
        box((0.011, 0.030, bristle), (x + dx, 0, bristle / 2)) for dx in (-0.027, -0.0135, 0, 0.0135, 0.027)
    ]
    colliders = (
        block((0.072, 0.036, bristle + 0.014), (x, 0, (bristle + 0.014) / 2)),
        block((length - 0.072, 0.018, 0.012), (-0.036, 0, z)),
    )
    body = head + bar(path, [0.010, 0.009, 0.007], 0.75)
    return Shape(body, colliders, ((reduce(Mesh.__add__, hairs), PAPER),))


def wrench(rng: np.random.Generator) -> Shape:
    """A ring at one end, jaws at the other."""
    length, z = 0.165 * rng.uniform(0.93, 1.07), 0.0055
    end = length / 2
    eye = hoop(0.0135, 0.0, 0.0058).moved((-end + 0.0193, 0, z))
    shaft = box((length - 0.066, 0.014, 0.007), (-0.001, 0, z))
    palm = box((0.016, 0.034, 0.010), (end - 0.028, 0, z))
    jaws = box((0.022, 0.010, 0.010), (end - 0.011, 0.012, z)) + box(
        (0.022, 0.010, 0.010), (end - 0.011, -0.012, z)
    )
    colliders = (
        cylinder(0.0193, 0, 2 * z, -end + 0.0193),
        block((length - 0.06, 0.014, 0.007), (0, 0, z)),
        block((0.036, 0.034, 2 * z), (end - 0.018, 0, z)),
    )
    return Shape(eye + shaft + palm + jaws, colliders)
