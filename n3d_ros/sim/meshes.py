"""Triangle meshes made in code: solids of revolution, tubes along a curve, boxes.

In: a few lengths in metres. Out: `Mesh`. Knows nothing of kinds, colours or MuJoCo.

Vertices are repeated at sharp edges so that shading stays flat there. Faces are counter-clockwise seen from
outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from n3d_ros.geometry import CORNER_SIGNS, Array

NUM_SIDES = 28


@dataclass(frozen=True)
class Mesh:
    """vertices (V, 3) float64 metres; faces (F, 3) int; pieces: indices of convex parts that cover it."""

    vertices: Array
    faces: Array
    pieces: tuple[Array, ...]

    def __add__(self, other: Mesh) -> Mesh:
        shift = len(self.vertices)
        return Mesh(
            np.concatenate([self.vertices, other.vertices]),
            np.concatenate([self.faces, other.faces + shift]),
            self.pieces + tuple(piece + shift for piece in other.pieces),
        )

    def moved(self, offset: ArrayLike) -> Mesh:
        return Mesh(self.vertices + np.asarray(offset), self.faces, self.pieces)

    def rotated(self, rotation: Array) -> Mesh:
        """Turned about the origin by the (3, 3) matrix `rotation`."""
        return Mesh(self.vertices @ rotation.T, self.faces, self.pieces)

    def scaled(self, factor: ArrayLike) -> Mesh:
        """`factor`: one positive number or one per axis."""
        return Mesh(self.vertices * np.asarray(factor), self.faces, self.pieces)


def revolve(*profiles: Sequence[tuple[float, float]], num_sides: int = NUM_SIDES) -> Mesh:
    """Solid about z. Each profile is a smooth run of (radius, z); edges between profiles are sharp.

    Run from the bottom centre outwards, up, and back to the axis: then the faces look outwards.
    """
    return reduce(
        Mesh.__add__, (_lathe(np.asarray(profile, dtype=np.float64), num_sides) for profile in profiles)
    )


def _lathe(profile: Array, num_sides: int) -> Mesh:
    angle = np.arange(num_sides) * 2 * np.pi / num_sides
    rings = np.stack(
        [
            np.outer(profile[:, 0], np.cos(angle)),
            np.outer(profile[:, 0], np.sin(angle)),
            np.repeat(profile[:, 1:], num_sides, axis=1),
        ],
        axis=-1,
    )
    return _grid_mesh(rings)


def tube(
    path: ArrayLike, radii: ArrayLike, normal: ArrayLike, closed: bool = False, num_sides: int = 14
) -> Mesh:
    """Round tube of `radii` (P,) along the plane curve `path` (P, 3) whose plane has the unit `normal`.

    A closed path joins its last point to its first. An open one ends where its radius is 0 or with flat caps.
    """
    line, across = np.asarray(path, dtype=np.float64), np.asarray(normal, dtype=np.float64)
    widths = np.broadcast_to(np.asarray(radii, dtype=np.float64), len(line))
    if closed:
        tangents = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    else:
        tangents = np.gradient(line, axis=0)
        line, tangents = line[[0, *range(len(line)), -1]], tangents[[0, *range(len(tangents)), -1]]
        widths = np.concatenate([[0.0], widths, [0.0]])
    side = np.cross(tangents, across)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = np.arange(num_sides) * 2 * np.pi / num_sides
    offsets = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * across
    rings = line[:, None] + widths[:, None, None] * offsets
    return _outwards(_grid_mesh(np.concatenate([rings, rings[:1]]) if closed else rings))


def box(size: ArrayLike, center: ArrayLike = (0.0, 0.0, 0.0)) -> Mesh:
    """Cuboid of full extents `size`."""
    corners = CORNER_SIGNS * np.asarray(size, dtype=np.float64) / 2 + np.asarray(center, dtype=np.float64)
    quads = np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [3, 7, 6, 2], [0, 4, 7, 3], [1, 2, 6, 5]])
    first = 4 * np.arange(6)[:, None, None]
    faces = (first + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return _outwards(Mesh(corners[quads].reshape(-1, 3), faces, (np.arange(24),)))


def _grid_mesh(rings: Array) -> Mesh:
    """Quads between neighbouring rings (R, S, 3); empty triangles, at a ring of radius 0, are left out."""
    num_rings, num_sides = rings.shape[:2]
    below = np.arange(num_rings - 1)[:, None] * num_sides + np.arange(num_sides)
    right = np.arange(num_rings - 1)[:, None] * num_sides + (np.arange(num_sides) + 1) % num_sides
    faces = np.stack(
        [below, right, right + num_sides, below, right + num_sides, below + num_sides], axis=-1
    ).reshape(-1, 3)
    vertices = rings.reshape(-1, 3)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-12]
    pieces = tuple(np.arange(i * num_sides, (i + 2) * num_sides) for i in range(num_rings - 1))
    return Mesh(vertices, faces, pieces)


def _outwards(mesh: Mesh) -> Mesh:
    """The mesh with its faces turned so that it encloses a positive volume."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    volume = float(np.einsum("ij,ij->", a, np.cross(b, c)))
    return mesh if volume > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1], mesh.pieces)
