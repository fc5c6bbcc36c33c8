"""What other things are kept in: basket, bucket, vase, box.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from n3d_ros.sim.kinds.parts import block, bow, cylinder, hollow, hoop, turn_about_z
from n3d_ros.sim.meshes import Mesh, box, revolve, tube
from n3d_ros.sim.shapes import LYING, METAL, UPRIGHT, Shape


def box_(rng: np.random.Generator) -> Shape:
    x, y, z = (float(v) for v in (0.115, 0.10, 0.10) * rng.uniform(0.8, 1.2, 3))
    return Shape(box((x, y, z), (0, 0, z / 2)), (block((x, y, z), (0, 0, z / 2)),))


def basket(rng: np.random.Generator) -> Shape:
    """Of wire: one sees through it."""
    low, top, h = 0.050, 0.064, 0.064 * rng.uniform(0.9, 1.12)
    bottom = revolve([(0, 0), (low, 0)], [(low, 0), (low, 0.004)], [(low, 0.004), (0, 0.004)])
    hoops = [hoop(low + (top - low) * k, max(h * k, 0.0035), 0.0035) for k in (0.0, 0.36, 0.68, 1.0)]
    turns = [turn_about_z(angle) for angle in np.arange(12) * np.pi / 6]
    stave = tube([(low, 0, 0.003), (top, 0, h)], 0.0022, (0, 1, 0), num_sides=6)
    mesh = reduce(Mesh.__add__, [*hoops, *(stave.rotated(turn) for turn in turns)], bottom)
    colliders = (cylinder(low, 0, 0.5 * h), cylinder(top, 0.5 * h, h))
    return Shape(mesh + bow(top, h, 0.0045), colliders)


def bucket(rng: np.random.Generator) -> Shape:
    low, top, h = 0.042, 0.057, 0.100 * rng.uniform(0.92, 1.08)
    body = hollow([(low, 0.0), (top, h)], 0.0035, 0.005) + hoop(top, h, 0.0035)
    colliders = (cylinder((low + top) / 2, 0, 0.6 * h), cylinder(top, 0.6 * h, h))
    return Shape(body, colliders, ((bow(top, 0.97 * h, 0.0028), METAL),))


def vase(rng: np.random.Generator) -> Shape:
    h, belly = 0.155 * rng.uniform(0.92, 1.08), 0.044 * rng.uniform(0.9, 1.1)
    side = [(0.028, 0.0), (0.9 * belly, 0.16 * h), (belly, 0.32 * h), (0.82 * belly, 0.52 * h)]
    side += [(0.021, 0.74 * h), (0.017, 0.86 * h), (0.028, h)]
    colliders = (
        cylinder(0.030, 0, 0.16 * h),
        cylinder(belly, 0.16 * h, 0.52 * h),
        cylinder(0.028, 0.52 * h, h),
    )
    return Shape(hollow(side, 0.003, 0.006), colliders, poses=((UPRIGHT, 0.8), (LYING, 0.2)))
