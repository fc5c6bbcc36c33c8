"""What surfaces look like: patterns of objects and of rooms, and how a picture lies on a mesh.

`TEXTURES` are named sets; "held_out" is for measuring alone, nothing that ships was trained on it.
"""

from n3d_ros.sim.surfaces.sets import PLAIN, TEXTURES

__all__ = ["PLAIN", "TEXTURES"]
