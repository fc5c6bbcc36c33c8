"""A settled scene: which objects, where they came to rest, and the MuJoCo model that draws them.

In: a seed and a `SceneConfig`. Out: `Scene`. The same seed gives the same scene. Knows nothing of cameras.
World: z up, metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from n3d_ros.geometry import Array, Vector3, transform_points
from n3d_ros.sim.kinds import KINDS, WIDE_KINDS
from n3d_ros.sim.layouts import LAYOUTS, Area, Room
from n3d_ros.sim.look import Look, random_look
from n3d_ros.sim.naming import choose_names
from n3d_ros.sim.physics import Body, build_model, deepest_overlap_m, settle
from n3d_ros.sim.placement import Place, footprint_of, free_place
from n3d_ros.sim.shapes import COLORS, Shape
from n3d_ros.sim.surfaces import PLAIN, TEXTURES
from n3d_ros.sim.surfaces.finish import choose_finish

SIZES = {"small": 0.78, "medium": 1.0, "large": 1.25}
SIZE_JITTER = 0.06
TRIES = 40
# m/s or rad/s: a scene in which something still moves like this is thrown away
UNSETTLED_SPEED = 0.3
# metres: objects that reach further into each other stand in each other
MAX_OVERLAP_M = 0.005
# Patterns have random numbers of their own, so that a seed's objects stand as they do without.
PAINT_STREAM = 1


@dataclass(frozen=True)
class SceneConfig:
    """What scenes to make. `duplicate_share`: share of scenes with two objects of one name. `textures`: a set
    of `surfaces.TEXTURES`, which changes how a seed's scene looks and not what stands where. `apart`: throw
    scenes away in which an object stands in another, as OpenCV's test of outlines lets pass now and then; off
    by default because n3d-nano's scenes are what they are.
    """

    layouts: tuple[str, ...] = ("table", "shelf", "floor")
    kinds: tuple[str, ...] = tuple(KINDS)
    colors: tuple[str, ...] = tuple(COLORS)
    min_objects: int = 4
    max_objects: int = 8
    duplicate_share: float = 0.15
    textures: str = PLAIN
    apart: bool = False

    def __post_init__(self) -> None:
        for name, known in (("layouts", LAYOUTS), ("kinds", WIDE_KINDS), ("colors", COLORS)):
            unknown = [value for value in getattr(self, name) if value not in known]
            if unknown or not getattr(self, name):
                raise ValueError(
                    f"scene config: {name} expected some of {list(known)}, got {list(getattr(self, name))}"
                )
        if self.textures not in TEXTURES:
            raise ValueError(
                f"scene config: textures expected one of {list(TEXTURES)}, got {self.textures!r}"
            )
        if not 1 <= self.min_objects <= self.max_objects:
            raise ValueError(
                "scene config: expected 1 <= min_objects <= max_objects, "
                f"got {self.min_objects} and {self.max_objects}"
            )
        if not 0.0 <= self.duplicate_share <= 1.0:
            raise ValueError(
                f"scene config: duplicate_share expected within 0..1, got {self.duplicate_share}"
            )


@dataclass(frozen=True)
class SceneObject:
    """id is the index in `Scene.objects` and in instance masks; name is what people call it: 'red mug'."""

    id: int
    kind: str
    color: str
    size_name: str

    @property
    def name(self) -> str:
        return f"{self.color} {self.kind}"


@dataclass(frozen=True)
class Scene:
    """Objects at rest. `object_points[i]`: (V, 3) float64, metres, world, all vertices of objects[i]."""

    seed: int
    layout: str
    objects: tuple[SceneObject, ...]
    object_points: tuple[Array, ...]
    # per object, vertex indices of the convex pieces that cover it
    pieces: tuple[tuple[Array, ...], ...]
    room: Room
    look: Look
    # mujoco.MjModel
    model: Any
    # mujoco.MjData at rest
    data: Any


def generate(seed: int, config: SceneConfig = SceneConfig()) -> Scene:
    """The scene of `seed`: dropped, settled, every object on its support. Where its objects do not fit in
    TRIES tries, one object fewer is tried.

    RuntimeError when not even `config.min_objects` fit.
    """
    first = np.random.default_rng(seed)
    layout = config.layouts[int(first.integers(len(config.layouts)))]
    num = int(first.integers(config.min_objects, config.max_objects + 1))
    for fewer in range(num, config.min_objects - 1, -1):
        for attempt in range(TRIES):
            rngs = (
                np.random.default_rng((seed, attempt)),
                np.random.default_rng((seed, attempt, PAINT_STREAM)),
            )
            scene = _attempt(seed, rngs, config, layout, fewer)
            if scene is not None:
                return scene
    raise RuntimeError(
        f"seed {seed}: no settled scene of {config.min_objects} objects in {TRIES} tries; fewer would fit"
    )


def _attempt(
    seed: int,
    rngs: tuple[np.random.Generator, np.random.Generator],
    config: SceneConfig,
    layout: str,
    num: int,
) -> Scene | None:
    (rng, paint), textures = rngs, TEXTURES[config.textures]
    room = LAYOUTS[layout](rng, num)
    names = choose_names(rng, num, config.kinds, config.colors, config.duplicate_share)
    size_names = [str(rng.choice(list(SIZES))) for _ in names]
    objects = tuple(SceneObject(i, kind, color, size_names[i]) for i, (kind, color) in enumerate(names))
    bodies = [_body(rng, item) for item in objects]
    places = _place_all(rng, bodies, room)
    if places is None:
        return None
    areas = [room.areas[place.area] for place in places]
    bodies = [_started(*start) for start in zip(bodies, places, areas, strict=True)]
    look = random_look(rng)
    bodies = [replace(body, finish=choose_finish(paint, textures, body.color)) for body in bodies]
    model = build_model(bodies, room, rng, paint, textures)
    data, poses = settle(model, len(bodies))
    points = tuple(transform_points(pose, body.points) for pose, body in zip(poses, bodies, strict=True))
    if np.abs(data.qvel).max() > UNSETTLED_SPEED:
        return None
    if config.apart and deepest_overlap_m(model, data) > MAX_OVERLAP_M:
        return None
    if not all(_on_support(item, room.areas[place.area]) for item, place in zip(points, places, strict=True)):
        return None
    return Scene(
        seed,
        layout,
        objects,
        points,
        tuple(body.pieces for body in bodies),
        room=room,
        look=look,
        model=model,
        data=data,
    )


def _body(rng: np.random.Generator, item: SceneObject) -> Body:
    """Shape, size, shade and resting pose of an object, not yet placed."""
    shape: Shape = WIDE_KINDS[item.kind](rng)
    scale = SIZES[item.size_name] * rng.uniform(1 - SIZE_JITTER, 1 + SIZE_JITTER)
    pose = shape.poses[int(rng.choice(len(shape.poses), p=[share for _, share in shape.poses]))][0]
    color = np.clip(np.array(COLORS[item.color]) * rng.uniform(0.93, 1.05), 0.0, 1.0)
    return Body(
        shape, float(scale), (float(color[0]), float(color[1]), float(color[2])), pose, (0.0, 0.0, 0.0)
    )


def _place_all(rng: np.random.Generator, bodies: list[Body], room: Room) -> list[Place] | None:
    """One place per body, largest first; None when they do not all fit."""
    footprints = [footprint_of(body.points @ body.rotation.T) for body in bodies]
    places: dict[int, Place] = {}
    for index in sorted(range(len(bodies)), key=lambda i: -float(np.ptp(footprints[i], axis=0).max())):
        place = free_place(rng, footprints[index], room.areas, list(places.values()))
        if place is None:
            return None
        places[index] = place
    return [places[index] for index in range(len(bodies))]


def _started(body: Body, place: Place, area: Area) -> Body:
    """The body turned and lifted to just above its place."""
    c, s = np.cos(place.turn_rad), np.sin(place.turn_rad)
    rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ body.rotation
    lowest = float((body.points @ rotation.T)[:, 2].min())
    position: Vector3 = (place.x, place.y, area.z - lowest + 0.004)
    return replace(body, rotation=rotation, position=position)


def _on_support(points: Array, area: Area) -> bool:
    """Whether an object rests on its support: touches it, and stands within its edges."""
    x0, y0, x1, y1 = area.edges
    x, y = (points.min(axis=0) + points.max(axis=0))[:2] / 2
    return abs(float(points[:, 2].min()) - area.z) < 0.006 and x0 < x < x1 and y0 < y < y1
