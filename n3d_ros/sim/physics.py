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
from n3d_ros.sim.surfaces.finish import ONE_COLOR, SHINY, Finish, brightness
from n3d_ros.sim.surfaces.mapping import texture_coordinates
from n3d_ros.sim.surfaces.room import add_surface_materials
from n3d_ros.sim.surfaces.sets import TextureSet

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
# Of each geom: whether it is shiny, and how much light it returns, 0..1.
SHINY_VALUE, BRIGHTNESS_VALUE, NUM_VALUES = 0, 1, 2
# Specular and shininess of a shiny surface, as MuJoCo names them.
POLISHED = (0.9, 0.95)


@dataclass(frozen=True)
class Part:
    """Something drawn in one material: a mesh in medium size. `pictured`: it shows the finish's picture."""

    mesh: Mesh
    color: Vector3
    shiny: bool
    pictured: bool = False


@dataclass(frozen=True)
class Body:
    """An object before physics: its shape and scale, colour and finish, and the pose of its frame in the
    world.
    """

    shape: Shape
    scale: float
    color: Vector3
    rotation: Array
    position: Vector3
    finish: Finish = ONE_COLOR

    @cached_property
    def points(self) -> Array:
        """(V, 3) all vertices drawn, body mesh then accents, metres, object frame."""
        return np.concatenate([part.mesh.vertices for part in self.parts]) * self.scale

    @cached_property
    def pieces(self) -> tuple[Array, ...]:
        """Index arrays into `points` of the convex pieces."""
        pieces, start = [], 0
        for part in self.parts:
            pieces += [piece + start for piece in part.mesh.pieces]
            start += len(part.mesh.vertices)
        return tuple(pieces)

    @property
    def parts(self) -> list[Part]:
        """All that is drawn: the body, then the accents."""
        body = Part(self.shape.body, self.color, self.finish.shiny, self.finish.picture is not None)
        accents = [(mesh, self.finish.accents.get(color, color)) for mesh, color in self.shape.accents]
        return [body, *(Part(mesh, color, color in SHINY) for mesh, color in accents)]


def build_model(
    bodies: list[Body], room: Room, rng: np.random.Generator, paint: np.random.Generator, textures: TextureSet
) -> Any:
    """mujoco.MjModel. Object i is MuJoCo's body i + 1; body 0 is the room, its geoms named by role.

    `geom_user` has NUM_VALUES of each geom. `paint`: see `add_surface_materials`.
    """
    spec = mujoco.MjSpec()
    spec.nuser_geom = NUM_VALUES
    spec.option.timestep = TIMESTEP_S
    spec.visual.headlight.active = 0
    spec.visual.quality.shadowsize = SHADOW_MAP_PX
    spec.visual.quality.offsamples = ANTIALIASING
    spec.stat.extent, spec.stat.center = 1.0, [0.0, 0.0, room.areas[0].z]
    spec.visual.map.zfar, spec.visual.map.shadowclip = SHADOW_DEPTH_M, SHADOW_HALF_WIDTH_M
    add_surface_materials(spec, rng, paint, textures)
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
    gloss = float(rng.uniform(0.0, 0.4)), float(rng.uniform(0.2, 0.8))
    _add_material(spec, f"object {index}", gloss)
    for number, part in enumerate(body.parts):
        _add_part(spec, frame, body, part, (index, number), gloss)
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


def _add_material(spec: Any, name: str, gloss: tuple[float, float]) -> Any:
    return spec.add_material(name=name, specular=gloss[0], shininess=gloss[1])


def _add_part(
    spec: Any, frame: Any, body: Body, part: Part, numbers: tuple[int, int], gloss: tuple[float, float]
) -> None:
    """The mesh and its geom. A plain part has its object's material, any other one of its own."""
    index, number = numbers
    name, material = f"mesh {index} {number}", f"object {index}"
    if part.shiny and body.finish is not ONE_COLOR:
        material, gloss = f"part {index} {number}", POLISHED
        _add_material(spec, material, gloss)
    mesh = spec.add_mesh(
        name=name,
        uservert=(part.mesh.vertices * body.scale).ravel().tolist(),
        userface=part.mesh.faces.ravel().tolist(),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )
    if part.pictured:
        material = f"picture {index}"
        _add_picture(spec, _add_material(spec, material, gloss), mesh, body)
    frame.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        contype=0,
        conaffinity=0,
        mass=0.0,
        # a picture has its colours in it
        rgba=[1.0, 1.0, 1.0, 1.0] if part.pictured else [*part.color, 1.0],
        material=material,
        userdata=[float(part.shiny), brightness(part.color)],
    )


def _add_picture(spec: Any, material: Any, mesh: Any, body: Body) -> None:
    """Let the material show the finish's picture where the mesh's texture coordinates say."""
    picture = body.finish.picture
    assert picture is not None
    height, width = picture.shape[:2]
    texture = spec.add_texture(
        name=material.name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=width, height=height, nchannel=3
    )
    texture.data = picture.tobytes()
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = material.name
    where = texture_coordinates(body.shape.body.scaled(body.scale), body.finish.tile_m)
    mesh.usertexcoord = where.ravel().tolist()
    mesh.userfacetexcoord = list(range(3 * len(where)))


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


def deepest_overlap_m(model: Any, data: Any) -> float:
    """How far the colliders of two objects reach into each other at most; the room does not count."""
    contacts = data.contact
    both = (model.geom_bodyid[contacts.geom] > 0).all(axis=1)
    return float(np.max(-contacts.dist[both], initial=0.0))
