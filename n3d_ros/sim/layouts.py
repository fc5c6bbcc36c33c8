"""Rooms and furniture, and where on them objects may stand.

In: a random generator and the number of objects. Out: `Room`: static boxes with a role (which surface colour
they take) and the support areas. World: z up, floor at 0, metres. A shelf is open towards +x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Vector3

WALL_HEIGHT_M = 2.6
# Side of the area that objects of a clutter share, over that of a table's.
CLOSENESS = 0.68


@dataclass(frozen=True)
class Block:
    """A static box: full extents and centre, metres, world; role: support, floor or wall."""

    role: str
    size: Vector3
    center: Vector3


@dataclass(frozen=True)
class Area:
    """Where objects are put: a rectangle at height z, metres, on a support over `edges` (x0, y0, x1, y1)."""

    low: tuple[float, float]
    high: tuple[float, float]
    z: float
    edges: tuple[float, float, float, float]


@dataclass(frozen=True)
class Room:
    blocks: tuple[Block, ...]
    areas: tuple[Area, ...]


def table(rng: np.random.Generator, num_objects: int) -> Room:
    """A table top on four legs; objects lie together somewhere on it."""
    return _table(rng, num_objects, 1.0)


def clutter(rng: np.random.Generator, num_objects: int) -> Room:
    """A table whose objects stand close together; cameras look at it so low that many are partly hidden."""
    return _table(rng, num_objects, CLOSENESS)


def floor(rng: np.random.Generator, num_objects: int) -> Room:
    """Objects on the floor of a room."""
    return Room(_shell(rng), (_area(rng, num_objects, 2.0, 2.0, 0.0),))


def shelf(rng: np.random.Generator, num_objects: int) -> Room:
    """Two boards between side walls, open to the front."""
    width, depth, thick = rng.uniform(0.75, 1.0), rng.uniform(0.30, 0.36), 0.02
    low, gap = rng.uniform(0.25, 0.7), rng.uniform(0.30, 0.34)
    top = low + 2 * gap
    blocks = [Block("support", (depth, width, thick), (0.0, 0.0, low + k * gap - thick / 2)) for k in (0, 1)]
    if rng.random() < 0.5:
        blocks.append(Block("support", (thick, width, top), (-depth / 2 - thick / 2, 0.0, top / 2)))
    for side in (-1, 1):
        blocks.append(Block("support", (depth, thick, top), (0.0, side * (width / 2 + thick / 2), top / 2)))
    edges = (-depth / 2, -width / 2, depth / 2, width / 2)
    low_xy, high_xy = (-depth / 2 + 0.02, -width / 2 + 0.06), (depth / 2 - 0.02, width / 2 - 0.06)
    areas = tuple(Area(low_xy, high_xy, low + k * gap, edges) for k in (0, 1))
    return Room((*blocks, *_shell(rng)), areas)


LAYOUTS: dict[str, Callable[[np.random.Generator, int], Room]] = {
    "table": table,
    "shelf": shelf,
    "floor": floor,
    "clutter": clutter,
}


def _table(rng: np.random.Generator, num_objects: int, closeness: float) -> Room:
    x, y, z, thick = (
        rng.uniform(0.85, 1.3),
        rng.uniform(0.85, 1.3),
        rng.uniform(0.45, 0.85),
        rng.uniform(0.02, 0.05),
    )
    blocks = [Block("support", (x, y, thick), (0.0, 0.0, z - thick / 2))]
    for sx in (-1, 1):
        for sy in (-1, 1):
            blocks.append(
                Block(
                    "support",
                    (0.05, 0.05, z - thick),
                    (sx * (x / 2 - 0.06), sy * (y / 2 - 0.06), (z - thick) / 2),
                )
            )
    return Room((*blocks, *_shell(rng)), (_area(rng, num_objects, x, y, z, closeness),))


def _area(
    rng: np.random.Generator, num_objects: int, x: float, y: float, z: float, closeness: float = 1.0
) -> Area:
    """Room for `num_objects`, 0.45 to 0.75 m wide times `closeness`, somewhere on a support of x by y around
    the origin.
    """
    half = rng.uniform(0.23, 0.30, 2) * np.sqrt(num_objects / 5) * closeness
    half = np.minimum(half, np.array([x, y]) / 2 - 0.06)
    free = np.array([x, y]) / 2 - 0.05 - half
    middle = rng.uniform(-1.0, 1.0, 2) * np.clip(free, 0.0, 0.15)
    low, high = middle - half, middle + half
    return Area(
        (float(low[0]), float(low[1])), (float(high[0]), float(high[1])), z, (-x / 2, -y / 2, x / 2, y / 2)
    )


def _shell(rng: np.random.Generator) -> tuple[Block, ...]:
    """Floor and four walls, 1.7 to 2.8 m from the middle."""
    back, front, left, right = (float(v) for v in rng.uniform(1.7, 2.8, 4))
    x, y, h = (front - back) / 2, (right - left) / 2, WALL_HEIGHT_M
    wide, long = front + back, left + right
    return (
        Block("floor", (wide, long, 0.1), (x, y, -0.05)),
        Block("wall", (0.1, long, h), (-back - 0.05, y, h / 2)),
        Block("wall", (0.1, long, h), (front + 0.05, y, h / 2)),
        Block("wall", (wide, 0.1, h), (x, -left - 0.05, h / 2)),
        Block("wall", (wide, 0.1, h), (x, right + 0.05, h / 2)),
    )
