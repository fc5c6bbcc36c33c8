"""Pieces that many kinds are made of: colliders, arcs, hollow vessels, handles.

In: lengths in metres. Out: colliders and meshes in the object's frame. Knows no kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from n3d_ros.geometry import Array, Vector3
from n3d_ros.sim.meshes import Mesh, revolve, tube
from n3d_ros.sim.shapes import Collider

# Half a turn about z.
BACKWARDS = np.diag([-1.0, -1.0, 1.0])


def cylinder(radius: float, low: float, high: float, x: float = 0.0) -> Collider:
    return Collider("cylinder", (radius, (high - low) / 2), (x, 0.0, (low + high) / 2))


def block(size: Vector3, center: Vector3) -> Collider:
    return Collider("box", (size[0] / 2, size[1] / 2, size[2] / 2), center)


def arc(radius: float, start: float, end: float, num: int) -> Array:
    """(num, 2) points on a circle about the origin, angles in radians."""
    angle = np.linspace(start, end, num)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def hollow(outer: Sequence[tuple[float, float]], wall: float, floor: float) -> Mesh:
    """An open vessel about z. outer: smooth run of (radius, z) from the foot to the rim; its inside stands
    `wall` within, and starts at the height `floor`.
    """
    inner = [(radius - wall, max(z, floor)) for radius, z in outer[::-1]]
    return revolve([(0, 0), outer[0]], outer, [outer[-1], inner[0]], inner, [inner[-1], (0, floor)])


def handle(from_x: float, middle_z: float, reach: float, half_height: float, radius: float) -> Mesh:
    """A bow in the plane of x and z that starts and ends at x = from_x and reaches out to from_x + reach."""
    curve = arc(1.0, -np.pi / 2, np.pi / 2, 9)
    path = np.column_stack([from_x + reach * curve[:, 0], np.zeros(9), middle_z + half_height * curve[:, 1]])
    return tube(path, radius, (0, 1, 0), num_sides=10)


def bow(radius: float, from_z: float, thickness: float) -> Mesh:
    """Half a hoop that stands in the plane of x and z, as over a basket."""
    half = arc(radius, 0.0, np.pi, 15)
    path = np.column_stack([half[:, 0], np.zeros(15), from_z + half[:, 1]])
    return tube(path, thickness, (0, 1, 0), num_sides=8)


def hoop(radius: float, z: float, thickness: float) -> Mesh:
    """A closed ring that lies at height z."""
    path = np.column_stack([arc(radius, 0, 2 * np.pi, 25)[:-1], np.full(24, z)])
    return tube(path, thickness, (0, 0, 1), closed=True, num_sides=8)


def bar(points: ArrayLike, radii: ArrayLike, flatness: float = 1.0, num_sides: int = 12) -> Mesh:
    """A tube along x and z whose height is `flatness` times its width, about its first point."""
    path = np.asarray(points, dtype=np.float64)
    z = path[0, 2]
    made = tube(path - [0, 0, z], radii, (0, 1, 0), num_sides=num_sides)
    return made.scaled((1.0, 1.0, flatness)).moved((0, 0, z))


def turn_about_z(angle_rad: float) -> Array:
    """(3, 3) rotation that takes +x towards +y."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
