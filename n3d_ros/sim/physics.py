"""From shapes and furniture to a MuJoCo model at rest.

In: bodies at their starting poses and a room. Out: the compiled model and the poses after about a second.
Every object is one free body: its meshes are only drawn, its colliders only collide (group 3, not drawn).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from n3d_ros.geometry import Array, Vector3
from n3d_ros.sim.gl import mujoco
from n3d_ros.sim.layouts import Room
from n3d_ros.sim.meshes import Mesh
from n3d_ros.sim.shapes import Shape
from n3d_ros.sim.textures import add_surface_materials

TIMESTEP_S = 0.005
MIN_STEPS, MAX_STEPS, CHECK_EVERY = 80, 320, 40
# m/s and rad/s: slower counts as at rest
RESTING_SPEED = 0.03
DENSITY = 400.0
COLLIDER_GROUP = 3
SHADOW_MAP_PX = 1024
SHADOW_DEPTH_M, SHADOW_HALF_WIDTH_M = 8.0, 1.2
ANTIALIASING = 4
NUM_LIGHTS = 2


@dataclass(frozen=True)
class Body:
    """An object before physics: its shape and scale, colour, and the pose of its frame in the world."""

    shape: Shape
    scale: float
    color: Vector3
    rotation: Array
    position: Vector3

    @cached_property
    def points(self) -> Array:
        """(V, 3) all vertices drawn, body mesh then accents, metres, object frame."""
        return np.concatenate([mesh.vertices for mesh, _ in self.parts]) * self.scale

    @cached_property
    def pieces(self) -> tuple[Array, ...]:
        """Index arrays into `points` of the convex pieces."""
        pieces, start = [], 0
        for mesh, _ in self.parts:
            pieces += [piece + start for piece in mesh.pieces]
            start += len(mesh.vertices)
        return tuple(pieces)

    @property
    def parts(self) -> list[tuple[Mesh, Vector3]]:
        """All that is drawn: mesh in medium size and its colour."""
        return [(self.shape.body, self.color), *self.shape.accents]


def build_model(bodies: list[Body], room: Room, rng: np.random.Generator) -> Any:
    """mujoco.MjModel. Object i is MuJoCo's body i + 1; body 0 is the room, its geoms named by role."""
    spec = mujoco.MjSpec()
    spec.option.timestep = TIMESTEP_S
    spec.visual.headlight.active = 0
    spec.visual.quality.shadowsize = SHADOW_MAP_PX
    spec.visual.quality.offsamples = ANTIALIASING
    spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, room.areas[0].z]
    spec.visual.map.zfar, spec.visual.map.shadowclip = SHADOW_DEPTH_M, SHADOW_HALF_WIDTH_M
    add_surface_materials(spec, rng)
    for number, block in enumerate(room.blocks):
        spec.worldbody.add_geom(
            name=f"{block.role} {number}",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=block.center,
            size=[extent / 2 for extent in block.size],
            material=block.role,
            condim=6,
            friction=[1.0, 0.01, 0.002],
        )
    for number in range(NUM_LIGHTS):
        spec.worldbody.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, castshadow=number == 0)
    for index, body in enumerate(bodies):
        _add_body(spec, body, index, rng)
    return spec.compile()


def _add_body(spec: Any, body: Body, index: int, rng: np.random.Generator) -> None:
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, body.rotation.ravel())
    frame = spec.worldbody.add_body(pos=body.position, quat=quaternion)
    frame.add_freejoint()
    material = f"object {index}"
    spec.add_material(
        name=material, specular=float(rng.uniform(0.0, 0.4)), shininess=float(rng.uniform(0.2, 0.8))
    )
    for number, (mesh, color) in enumerate(body.parts):
        name = f"mesh {index} {number}"
        spec.add_mesh(
            name=name,
            uservert=(mesh.vertices * body.scale).ravel().tolist(),
            userface=mesh.faces.ravel().tolist(),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )
        frame.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            contype=0,
            conaffinity=0,
            mass=0.0,
            rgba=[*color, 1.0],
            material=material,
        )
    for collider in body.shape.colliders:
        size = [*(value * body.scale for value in collider.size), 0.0, 0.0][:3]
        frame.add_geom(
            type=getattr(mujoco.mjtGeom, f"mjGEOM_{collider.kind.upper()}"),
            size=size,
            group=COLLIDER_GROUP,
            density=DENSITY,
            pos=[value * body.scale for value in collider.center],
            condim=6,
            friction=[1.0, 0.01, 0.002],
        )


def settle(model: Any, num_bodies: int) -> tuple[Any, list[Array]]:
    """Simulate until nothing moves or MAX_STEPS; (mujoco.MjData, per object (4, 4) world from object)."""
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, MIN_STEPS)
    steps = MIN_STEPS
    while steps < MAX_STEPS and np.abs(data.qvel).max(initial=0.0) > RESTING_SPEED:
        mujoco.mj_step(model, data, CHECK_EVERY)
        steps += CHECK_EVERY
    mujoco.mj_forward(model, data)
    poses = []
    for index in range(num_bodies):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = data.xmat[index + 1].reshape(3, 3), data.xpos[index + 1]
        poses.append(pose)
    return data, poses
