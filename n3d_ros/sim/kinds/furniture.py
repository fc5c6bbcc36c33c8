"""Furniture of a doll's house, and what gives light.

In: a random generator (proportions vary a little). Out: a `Shape` each.
Object frame: z up, origin below the middle, metres, medium size.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from n3d_ros.geometry import Vector3
from n3d_ros.sim.kinds.parts import block, cylinder, hoop, turn_about_z
from n3d_ros.sim.meshes import Mesh, box, revolve, tube
from n3d_ros.sim.shapes import DARK, LYING, PAPER, UPRIGHT, Shape


def chair(rng: np.random.Generator) -> Shape:
    w, seat, top, leg, thick = 0.095, 0.080, 0.165 * rng.uniform(0.95, 1.05), 0.015, 0.015
    inset = w / 2 - leg / 2
    spots = [(sx * inset, sy * inset) for sx in (-1, 1) for sy in (-1, 1)]
    blocks: list[tuple[Vector3, Vector3]] = [((leg, leg, seat), (x, y, seat / 2)) for x, y in spots]
    blocks.append(((w, w, thick), (0, 0, seat)))
    blocks.append(((thick, w, top - seat), (-w / 2 + thick / 2, 0, (top + seat) / 2)))
    mesh = box(*blocks[0])
    for part in blocks[1:]:
        mesh = mesh + box(*part)
    return Shape(mesh, tuple(block(*part) for part in blocks))


def lamp(rng: np.random.Generator) -> Shape:
    h, foot, r_low, r_top = 0.160 * rng.uniform(0.93, 1.07), 0.042, 0.056, 0.031
    low = 0.55 * h
    base = revolve([(0, 0), (foot, 0)], [(foot, 0), (foot, 0.012)], [(foot, 0.012), (0, 0.02)])
    shade = revolve([(0, low), (r_low, low)], [(r_low, low), (r_top, h)], [(r_top, h), (0, h)])
    pole = revolve([(0.008, 0.015), (0.008, low)])
    colliders = (
        cylinder(foot, 0, 0.012),
        cylinder(0.01, 0.012, low),
        cylinder(r_low, low, low + (h - low) * 0.5),
        cylinder((r_low + r_top) / 2, low + (h - low) * 0.5, h),
    )
    return Shape(base + shade, colliders, ((pole, DARK),))


def stool(rng: np.random.Generator) -> Shape:
    h, r, thick, spread = 0.096 * rng.uniform(0.9, 1.15), 0.046, 0.012, 0.040
    seat = revolve([(0, h - thick), (r, h - thick)], [(r, h - thick), (r, h)], [(r, h), (0, h)])
    leg = tube([(spread, 0, 0.0015), (0.026, 0, h - thick)], 0.0058, (0, 1, 0), num_sides=8)
    turns = [turn_about_z(angle) for angle in (0.25 + 0.5 * np.arange(4)) * np.pi]
    legs = reduce(Mesh.__add__, [leg.rotated(turn) for turn in turns])
    rung = hoop(spread - 0.3 * (spread - 0.026), 0.3 * h, 0.0035)
    low = tuple(
        block((0.012, 0.012, h / 2), (float(spread * turn[0, 0]), float(spread * turn[1, 0]), h / 4))
        for turn in turns
    )
    middle = cylinder(0.036, 0.3 * h, h - thick)
    return Shape(
        seat + legs + rung, (*low, middle, cylinder(r, h - thick, h)), poses=((UPRIGHT, 0.8), (LYING, 0.2))
    )


def bench(rng: np.random.Generator) -> Shape:
    x, y, h, thick = 0.165 * rng.uniform(0.92, 1.08), 0.056, 0.074 * rng.uniform(0.9, 1.1), 0.011
    planks = [box((x, 0.4 * y, thick), (0, side * 0.3 * y, h - thick / 2)) for side in (-1, 1)]
    boards: list[tuple[Vector3, Vector3]] = [
        ((0.012, 0.9 * y, h - thick), (side * (x / 2 - 0.022), 0, (h - thick) / 2)) for side in (-1, 1)
    ]
    boards.append(((x - 0.05, 0.010, 0.014), (0, 0, 0.45 * h)))
    mesh = reduce(Mesh.__add__, [*planks, *(box(*board) for board in boards)])
    return Shape(mesh, (block((x, y, thick), (0, 0, h - thick / 2)), *(block(*board) for board in boards)))


def candlestick(rng: np.random.Generator) -> Shape:
    h = 0.098 * rng.uniform(0.9, 1.1)
    side = [(0.040, 0.004), (0.016, 0.012), (0.006, 0.022), (0.006, 0.40 * h), (0.012, 0.48 * h)]
    side += [(0.006, 0.56 * h), (0.006, 0.82 * h), (0.026, 0.95 * h), (0.027, h)]
    mesh = revolve([(0, 0), (0.040, 0)], [(0.040, 0), side[0]], side, [(0.027, h), (0, h)])
    tall = 0.070 * rng.uniform(0.7, 1.1)
    candle = revolve(
        [(0.011, h - 0.001), (0.011, h + tall)],
        [(0.011, h + tall), (0.002, h + tall + 0.004), (0, h + tall + 0.004)],
    )
    colliders = (
        cylinder(0.040, 0, 0.010),
        cylinder(0.012, 0.010, 0.9 * h),
        cylinder(0.027, 0.9 * h, h),
        cylinder(0.011, h, h + tall),
    )
    return Shape(mesh, colliders, ((candle, PAPER),))
