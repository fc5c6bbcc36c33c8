"""Toys, a fruit and a book.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

import numpy as np

from n3d_ros.sim.kinds.parts import arc, block, cylinder
from n3d_ros.sim.meshes import box, revolve, tube
from n3d_ros.sim.shapes import PAPER, UPRIGHT, Collider, Shape


def ball(rng: np.random.Generator) -> Shape:
    r = 0.055
    angle = np.linspace(0, np.pi, 19)
    mesh = revolve([(abs(r * np.sin(a)) if 0 < a < np.pi else 0.0, r - r * np.cos(a)) for a in angle])
    return Shape(mesh, (Collider("sphere", (r,), (0, 0, r)),))


def book(rng: np.random.Generator) -> Shape:
    x, y, z, cover = 0.155 * rng.uniform(0.9, 1.1), 0.110, 0.034 * rng.uniform(0.8, 1.2), 0.005
    lids = box((x, y, cover), (0, 0, cover / 2)) + box((x, y, cover), (0, 0, z - cover / 2))
    spine = box((x, cover, z - 2 * cover), (0, -y / 2 + cover / 2, z / 2))
    pages = box((x - 0.01, y - 0.008, z - 2 * cover), (0, 0, z / 2))
    standing = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    poses = ((UPRIGHT, 0.75), (standing, 0.25))
    return Shape(lids + spine, (block((x, y, z), (0, 0, z / 2)),), ((pages, PAPER),), poses)


def cone(rng: np.random.Generator) -> Shape:
    r, h, base, thick = 0.046, 0.145 * rng.uniform(0.9, 1.1), 0.110, 0.010
    mesh = revolve([(r, thick), (0.006, h)], [(0.006, h), (0, h)]) + box(
        (base, base, thick), (0, 0, thick / 2)
    )
    low = (
        cylinder(r * (1 - k / 4), thick + (h - thick) * k / 4, thick + (h - thick) * (k + 1) / 4)
        for k in range(4)
    )
    return Shape(mesh, (block((base, base, thick), (0, 0, thick / 2)), *low))


def ring(rng: np.random.Generator) -> Shape:
    major, minor = 0.060, 0.0185 * rng.uniform(0.9, 1.15)
    circle = arc(major, 0, 2 * np.pi, 29)[:-1]
    path = np.column_stack([circle, np.full(28, minor)])
    mesh = tube(path, minor, (0, 0, 1), closed=True)
    return Shape(mesh, (cylinder(major, 0, 2 * minor), cylinder(major + minor, minor * 0.5, minor * 1.5)))


def banana(rng: np.random.Generator) -> Shape:
    bend, thick = 0.085 * rng.uniform(0.9, 1.1), 0.020
    half = 1.05
    curve = arc(bend, -half, half, 13) - [bend * 0.8, 0]
    path = np.column_stack([curve, np.full(13, thick)])
    along = np.linspace(-1, 1, 13)
    radii = thick * np.clip(1.08 - 0.75 * np.abs(along) ** 3.0, 0.3, 1.0)
    mesh = tube(path, radii, (0, 0, 1))
    balls = tuple(
        Collider("sphere", (float(radii[k]),), (float(curve[k, 0]), float(curve[k, 1]), thick))
        for k in range(1, 12, 2)
    )
    return Shape(mesh, balls)
