"""The things that stand in simulated scenes: one entry per noun.

In: a kind's name and a random generator (proportions vary a little). Out: `Shape`: coloured mesh, accent
mesh, colliders and the ways it can rest. Object frame: z up, origin below the middle, metres, medium.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from n3d_ros.geometry import Array, Vector3
from n3d_ros.sim.meshes import box, revolve, tube
from n3d_ros.sim.shapes import DARK, LYING, METAL, PAPER, UPRIGHT, Collider, Shape


def _cylinder(radius: float, low: float, high: float, x: float = 0.0) -> Collider:
    return Collider("cylinder", (radius, (high - low) / 2), (x, 0.0, (low + high) / 2))


def _block(size: Vector3, center: Vector3) -> Collider:
    return Collider("box", (size[0] / 2, size[1] / 2, size[2] / 2), center)


def _arc(radius: float, start: float, end: float, num: int) -> Array:
    """(num, 2) points on a circle about the origin, angles in radians."""
    angle = np.linspace(start, end, num)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def mug(rng: np.random.Generator) -> Shape:
    r, h, wall = 0.043, 0.100 * rng.uniform(0.9, 1.1), 0.005
    cup = revolve(
        [(0, 0), (r, 0)],
        [(r, 0), (r, h)],
        [(r, h), (r - wall, h)],
        [(r - wall, h), (r - wall, wall)],
        [(r - wall, wall), (0, wall)],
    )
    arc = _arc(0.030, -np.pi / 2, np.pi / 2, 9)
    path = np.stack([r - 0.003 + arc[:, 0], np.zeros(9), h / 2 + arc[:, 1]], axis=1)
    handle = tube(path, 0.0085, (0, 1, 0), num_sides=10)
    return Shape(cup + handle, (_cylinder(r, 0, h), _block((0.035, 0.017, 0.075), (r + 0.0175, 0, h / 2))))


def bowl(rng: np.random.Generator) -> Shape:
    r, h, foot = 0.083, 0.062 * rng.uniform(0.9, 1.15), 0.034
    bulge = np.linspace(0.0, np.pi / 2, 8)
    outer = [(foot + (r - foot) * np.sin(a), h * (1 - np.cos(a))) for a in bulge]
    inner = [(max(x - 0.006, 0.0), max(z, 0.006)) for x, z in outer[::-1]]
    mesh = revolve([(0, 0), (foot, 0)], outer, [outer[-1], inner[0]], [*inner, (0, 0.006)])
    return Shape(mesh, (_cylinder(foot * 1.3, 0, h * 0.4), _cylinder(r, h * 0.4, h)))


def bottle(rng: np.random.Generator) -> Shape:
    r, neck, h = 0.034, 0.0135, 0.168 * rng.uniform(0.93, 1.05)
    shoulder = [(r, 0.55 * h), (0.93 * r, 0.62 * h), (0.65 * r, 0.70 * h), (neck, 0.77 * h), (neck, 0.90 * h)]
    glass = revolve([(0, 0), (r, 0)], [(r, 0), (r, 0.55 * h)], shoulder, [(neck, 0.90 * h), (0, 0.90 * h)])
    top = neck * 1.2
    cap = revolve([(0, 0.88 * h), (top, 0.88 * h)], [(top, 0.88 * h), (top, h)], [(top, h), (0, h)])
    colliders = (
        _cylinder(r, 0, 0.62 * h),
        _cylinder(0.6 * r, 0.62 * h, 0.75 * h),
        _cylinder(top, 0.75 * h, h),
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
    return Shape(body, (_cylinder(r, 0, h),), ((bottom + lid, METAL),), poses)


def box_(rng: np.random.Generator) -> Shape:
    x, y, z = (float(v) for v in (0.115, 0.10, 0.10) * rng.uniform(0.8, 1.2, 3))
    return Shape(box((x, y, z), (0, 0, z / 2)), (_block((x, y, z), (0, 0, z / 2)),))


def ball(rng: np.random.Generator) -> Shape:
    r = 0.055
    angle = np.linspace(0, np.pi, 19)
    mesh = revolve([(abs(r * np.sin(a)) if 0 < a < np.pi else 0.0, r - r * np.cos(a)) for a in angle])
    return Shape(mesh, (Collider("sphere", (r,), (0, 0, r)),))


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
    return Shape(mesh, (_cylinder(foot, 0, h / 2), _cylinder(r, h / 2, h + 0.002)))


def book(rng: np.random.Generator) -> Shape:
    x, y, z, cover = 0.155 * rng.uniform(0.9, 1.1), 0.110, 0.034 * rng.uniform(0.8, 1.2), 0.005
    lids = box((x, y, cover), (0, 0, cover / 2)) + box((x, y, cover), (0, 0, z - cover / 2))
    spine = box((x, cover, z - 2 * cover), (0, -y / 2 + cover / 2, z / 2))
    pages = box((x - 0.01, y - 0.008, z - 2 * cover), (0, 0, z / 2))
    standing = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    poses = ((UPRIGHT, 0.75), (standing, 0.25))
    return Shape(lids + spine, (_block((x, y, z), (0, 0, z / 2)),), ((pages, PAPER),), poses)


def cone(rng: np.random.Generator) -> Shape:
    r, h, base, thick = 0.046, 0.145 * rng.uniform(0.9, 1.1), 0.110, 0.010
    mesh = revolve([(r, thick), (0.006, h)], [(0.006, h), (0, h)]) + box(
        (base, base, thick), (0, 0, thick / 2)
    )
    low = (
        _cylinder(r * (1 - k / 4), thick + (h - thick) * k / 4, thick + (h - thick) * (k + 1) / 4)
        for k in range(4)
    )
    return Shape(mesh, (_block((base, base, thick), (0, 0, thick / 2)), *low))


def ring(rng: np.random.Generator) -> Shape:
    major, minor = 0.060, 0.0185 * rng.uniform(0.9, 1.15)
    circle = _arc(major, 0, 2 * np.pi, 29)[:-1]
    path = np.column_stack([circle, np.full(28, minor)])
    mesh = tube(path, minor, (0, 0, 1), closed=True)
    return Shape(mesh, (_cylinder(major, 0, 2 * minor), _cylinder(major + minor, minor * 0.5, minor * 1.5)))


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
        _block((0.036, 0.100, 0.036), (x, 0, z)),
        _block((length - 0.02, 2 * thick, 2 * thick), (-0.01, 0, z)),
    )
    return Shape(grip, colliders, ((head, METAL),))


def banana(rng: np.random.Generator) -> Shape:
    bend, thick = 0.085 * rng.uniform(0.9, 1.1), 0.020
    half = 1.05
    arc = _arc(bend, -half, half, 13) - [bend * 0.8, 0]
    path = np.column_stack([arc, np.full(13, thick)])
    along = np.linspace(-1, 1, 13)
    radii = thick * np.clip(1.08 - 0.75 * np.abs(along) ** 3.0, 0.3, 1.0)
    mesh = tube(path, radii, (0, 0, 1))
    balls = tuple(
        Collider("sphere", (float(radii[k]),), (float(arc[k, 0]), float(arc[k, 1]), thick))
        for k in range(1, 12, 2)
    )
    return Shape(mesh, balls)


def chair(rng: np.random.Generator) -> Shape:
    w, seat, top, leg, thick = 0.095, 0.080, 0.165 * rng.uniform(0.95, 1.05), 0.015, 0.015
    inset = w / 2 - leg / 2
    spots = [(sx * inset, sy * inset) for sx in (-1, 1) for sy in (-1, 1)]
    blocks: list[tuple[Vector3, Vector3]] = [((leg, leg, seat), (x, y, seat / 2)) for x, y in spots]
    blocks.append(((w, w, thick), (0, 0, seat)))
    blocks.append(((thick, w, top - seat), (-w / 2 + thick / 2, 0, (top + seat) / 2)))
    mesh = box(*blocks[0])
    for block in blocks[1:]:
        mesh = mesh + box(*block)
    return Shape(mesh, tuple(_block(*block) for block in blocks))


def lamp(rng: np.random.Generator) -> Shape:
    h, foot, r_low, r_top = 0.160 * rng.uniform(0.93, 1.07), 0.042, 0.056, 0.031
    low = 0.55 * h
    base = revolve([(0, 0), (foot, 0)], [(foot, 0), (foot, 0.012)], [(foot, 0.012), (0, 0.02)])
    shade = revolve([(0, low), (r_low, low)], [(r_low, low), (r_top, h)], [(r_top, h), (0, h)])
    pole = revolve([(0.008, 0.015), (0.008, low)])
    colliders = (
        _cylinder(foot, 0, 0.012),
        _cylinder(0.01, 0.012, low),
        _cylinder(r_low, low, low + (h - low) * 0.5),
        _cylinder((r_low + r_top) / 2, low + (h - low) * 0.5, h),
    )
    return Shape(base + shade, colliders, ((pole, DARK),))


KINDS: dict[str, Callable[[np.random.Generator], Shape]] = {
    "mug": mug,
    "bowl": bowl,
    "bottle": bottle,
    "can": can,
    "box": box_,
    "ball": ball,
    "plate": plate,
    "book": book,
    "cone": cone,
    "ring": ring,
    "hammer": hammer,
    "banana": banana,
    "chair": chair,
    "lamp": lamp,
}
