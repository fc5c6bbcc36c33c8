"""Vessels for food and drink.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

import numpy as np

from n3d_ros.sim.kinds.parts import BACKWARDS, arc, bar, block, cylinder, handle, hollow
from n3d_ros.sim.meshes import revolve, tube
from n3d_ros.sim.shapes import DARK, LYING, METAL, UPRIGHT, Shape


def mug(rng: np.random.Generator) -> Shape:
    r, h, wall = 0.043, 0.100 * rng.uniform(0.9, 1.1), 0.005
    cup = revolve(
        [(0, 0), (r, 0)],
        [(r, 0), (r, h)],
        [(r, h), (r - wall, h)],
        [(r - wall, h), (r - wall, wall)],
        [(r - wall, wall), (0, wall)],
    )
    curve = arc(0.030, -np.pi / 2, np.pi / 2, 9)
    path = np.stack([r - 0.003 + curve[:, 0], np.zeros(9), h / 2 + curve[:, 1]], axis=1)
    grip = tube(path, 0.0085, (0, 1, 0), num_sides=10)
    return Shape(cup + grip, (cylinder(r, 0, h), block((0.035, 0.017, 0.075), (r + 0.0175, 0, h / 2))))


def bowl(rng: np.random.Generator) -> Shape:
    r, h, foot = 0.083, 0.062 * rng.uniform(0.9, 1.15), 0.034
    bulge = np.linspace(0.0, np.pi / 2, 8)
    outer = [(foot + (r - foot) * np.sin(a), h * (1 - np.cos(a))) for a in bulge]
    inner = [(max(x - 0.006, 0.0), max(z, 0.006)) for x, z in outer[::-1]]
    mesh = revolve([(0, 0), (foot, 0)], outer, [outer[-1], inner[0]], [*inner, (0, 0.006)])
    return Shape(mesh, (cylinder(foot * 1.3, 0, h * 0.4), cylinder(r, h * 0.4, h)))


def bottle(rng: np.random.Generator) -> Shape:
    r, neck, h = 0.034, 0.0135, 0.168 * rng.uniform(0.93, 1.05)
    shoulder = [(r, 0.55 * h), (0.93 * r, 0.62 * h), (0.65 * r, 0.70 * h), (neck, 0.77 * h), (neck, 0.90 * h)]
    glass = revolve([(0, 0), (r, 0)], [(r, 0), (r, 0.55 * h)], shoulder, [(neck, 0.90 * h), (0, 0.90 * h)])
    top = neck * 1.2
    cap = revolve([(0, 0.88 * h), (top, 0.88 * h)], [(top, 0.88 * h), (top, h)], [(top, h), (0, h)])
    colliders = (
        cylinder(r, 0, 0.62 * h),
        cylinder(0.6 * r, 0.62 * h, 0.75 * h),
        cylinder(top, 0.75 * h, h),
    )
    return Shape(glass, colliders, ((cap, METAL),), ((UPRIGHT, 0.8), (LYING, 0.2)))


def can(rng: np.random.Generator) -> Shape:
    r, h = 0.038, 0.115 * rng.uniform(0.9, 1.1)
    body = revolve([(r, 0.008), (r, h - 0.008)])
    rim = 0.9 * r
    bottom = revolve([(0, 0), (rim, 0)], [(rim, 0), (r, 0.008)])
    lid = revolve(
        [(r, h - 0.008), (rim, h)],
        [(rim, h), (rim * 0.92, h)],
        [(rim * 0.92, h), (rim * 0.9, h - 0.004)],
        [(rim * 0.9, h - 0.004), (0, h - 0.004)],
    )
    poses = ((UPRIGHT, 0.75), (LYING, 0.25))
    return Shape(body, (cylinder(r, 0, h),), ((bottom + lid, METAL),), poses)


def plate(rng: np.random.Generator) -> Shape:
    r, h = 0.085, 0.017
    foot = 0.62 * r
    mesh = revolve(
        [(0, 0), (foot, 0)],
        [(foot, 0), (r, h)],
        [(r, h), (r - 0.004, h + 0.002)],
        [(r - 0.004, h + 0.002), (foot, 0.006)],
        [(foot, 0.006), (0, 0.006)],
    )
    return Shape(mesh, (cylinder(foot, 0, h / 2), cylinder(r, h / 2, h + 0.002)))


def teapot(rng: np.random.Generator) -> Shape:
    r, h = 0.050, 0.082 * rng.uniform(0.92, 1.1)
    side = [(0.030, 0.0), (0.9 * r, 0.18 * h), (r, 0.42 * h), (0.9 * r, 0.68 * h), (0.026, 0.90 * h)]
    body = revolve([(0, 0), side[0]], side, [side[-1], (0.012, 0.97 * h), (0, h)])
    spout = tube(
        [(0.8 * r, 0, 0.36 * h), (r + 0.022, 0, 0.52 * h), (r + 0.040, 0, 0.88 * h)],
        [0.014, 0.010, 0.007],
        (0, 1, 0),
        num_sides=10,
    )
    grip = handle(0.9 * r, 0.45 * h, 0.040, 0.28 * h, 0.006).rotated(BACKWARDS)
    knob = revolve([(0, h - 0.002), (0.009, h + 0.006), (0.006, h + 0.013), (0, h + 0.014)])
    colliders = (
        cylinder(0.9 * r, 0, 0.9 * h),
        block((0.045, 0.018, 0.5 * h), (r + 0.018, 0, 0.62 * h)),
        block((0.040, 0.012, 0.6 * h), (-r - 0.015, 0, 0.45 * h)),
    )
    return Shape(body + spout + grip, colliders, ((knob, DARK),))


def jug(rng: np.random.Generator) -> Shape:
    h = 0.142 * rng.uniform(0.93, 1.07)
    side = [(0.034, 0.0), (0.046, 0.28 * h), (0.043, 0.58 * h), (0.030, 0.80 * h), (0.036, h)]
    lip = tube([(0.028, 0, 0.93 * h), (0.049, 0, h)], [0.012, 0.005], (0, 1, 0), num_sides=10)
    grip = handle(0.034, 0.62 * h, 0.042, 0.26 * h, 0.0065).rotated(BACKWARDS)
    colliders = (
        cylinder(0.045, 0, 0.65 * h),
        cylinder(0.034, 0.65 * h, h),
        block((0.040, 0.013, 0.55 * h), (-0.056, 0, 0.62 * h)),
    )
    return Shape(hollow(side, 0.004, 0.006) + lip + grip, colliders)


def pan(rng: np.random.Generator) -> Shape:
    r, h, reach = 0.058, 0.036 * rng.uniform(0.85, 1.2), 0.078
    grip = bar(
        [(r - 0.002, 0, 0.75 * h), (r + 0.3 * reach, 0, 0.8 * h), (r + reach, 0, 0.95 * h)],
        [0.006, 0.009, 0.010],
        0.6,
    )
    body = hollow([(0.88 * r, 0.0), (r, h)], 0.003, 0.004)
    long = block((reach, 0.018, 0.012), (r + reach / 2, 0, 0.8 * h))
    return Shape(body, (cylinder(0.95 * r, 0, h), long), ((grip, DARK),))


def goblet(rng: np.random.Generator) -> Shape:
    h, low = 0.150 * rng.uniform(0.92, 1.08), 0.48
    stem = [(0.033, 0.004), (0.010, 0.010), (0.005, 0.15 * h), (0.005, low * h)]
    cup = [(0.005, low * h), (0.028, (low + 0.10) * h), (0.036, (low + 0.27) * h), (0.032, h)]
    inner = [(radius - 0.003, z + 0.004) for radius, z in cup[:0:-1]]
    mesh = revolve(
        [(0, 0), (0.034, 0)], [(0.034, 0), stem[0]], stem, cup, [cup[-1], inner[0]], [*inner, (0, 0.54 * h)]
    )
    colliders = (
        cylinder(0.034, 0, 0.008),
        cylinder(0.006, 0.008, low * h),
        cylinder(0.024, low * h, (low + 0.15) * h),
        cylinder(0.036, (low + 0.15) * h, h),
    )
    return Shape(mesh, colliders, poses=((UPRIGHT, 0.75), (LYING, 0.25)))
