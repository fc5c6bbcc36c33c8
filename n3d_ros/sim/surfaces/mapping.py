"""How a flat picture lies on a mesh: each face shows the part of it that it meets along its main axis.

In: a mesh and the picture's side in metres. Out: texture coordinates, three a face. Patterns keep their size
in metres; where a curved surface turns from one axis to another they break off, as on cut wood.
"""

from __future__ import annotations

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.meshes import Mesh


def texture_coordinates(mesh: Mesh, tile_m: float) -> Array:
    """(F, 3, 2) float64 in pictures, for `mesh` as it is scaled: 1 is `tile_m` metres further."""
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(normals).argmax(axis=1)
    # x faces show (y, z), y faces (x, z), z faces (x, y)
    kept = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    return np.asarray(np.take_along_axis(corners, kept[:, None, :].repeat(3, axis=1), axis=2) / tile_m)
