"""A seed -> one annotated view of a simulated scene, with the boxes that lifting should find.

In: a seed and a `RenderConfig`. Out: `SeenScene`: colours, exact depth, masks, gravity, true boxes. It does
not know files. Frames: optical (x right, y down, z forward), metres.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Intrinsics, Vector3, backproject
from n3d_ros.sim import Camera, RgbdCamera, Scene, SceneConfig, View, generate, sample_camera
from n3d_ros.sim.world import EXACT, World

RLE, POLYGONS = "rle", "polygons"
MASKS = (RLE, POLYGONS)
# Random numbers of the capture and of the sensor, so that all else is the same whatever they are.
CAPTURE_STREAM, SENSOR_STREAM = 3, 4
UP_WORLD = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class RenderConfig:
    """What a set of scenes looks like.

    masks: how they are written, exact (rle) or as people draw them (polygons). noise: depth as a sensor
    reports it. min_visible_px: objects of which less is seen are not annotated. finer: how much finer the
    picture is that true visible boxes are measured in; 0 for none of them, which takes a fifth of the time.
    min_objects, max_objects: in the scene. world: what the scenes are made of and how they are seen.
    """

    width: int = 640
    height: int = 480
    masks: str = RLE
    noise: bool = False
    min_visible_px: int = 400
    finer: int = 3
    min_objects: int = 4
    max_objects: int = 8
    world: World = World()

    def __post_init__(self) -> None:
        if self.masks not in MASKS:
            raise ValueError(f"masks: expected one of {MASKS}, got {self.masks!r}")
        for name, lowest in (("width", 1), ("height", 1), ("min_visible_px", 1), ("finer", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name}: expected at least {lowest}, got {getattr(self, name)}")
        if self.noise and self.world.sensor != EXACT:
            raise ValueError(f"noise: expected none beside the sensor {self.world.sensor}")
        _ = self.scenes  # its own checks

    @property
    def scenes(self) -> SceneConfig:
        """What the scenes hold."""
        return self.world.scenes(self.min_objects, self.max_objects)

    def to_dict(self) -> dict[str, Any]:
        """Every field by name."""
        return asdict(self)


@dataclass(frozen=True)
class TrueObject:
    """One annotated object. mask: (H, W) bool, its pixels. visible: 0..1 of its silhouette.

    whole: the box around all of it, hidden or not. seen: the box around what the camera sees of it, measured
    in a finer picture without mask or filter; None where nobody asked for it.
    """

    name: str
    mask: npt.NDArray[np.bool_]
    visible: float
    whole: Box3D
    seen: Box3D | None


@dataclass(frozen=True)
class SeenScene:
    """rgb: (H, W, 3) uint8. depth: (H, W) float32 metres, exact, NaN where nothing is hit. sensed: as the
    world's sensor reports it. gravity: its direction, unit length, optical frame.
    """

    seed: int
    rgb: Array
    depth: Array
    sensed: Array
    intrinsics: Intrinsics
    gravity: Vector3
    objects: tuple[TrueObject, ...]


def see(seed: int, config: RenderConfig = RenderConfig()) -> SeenScene:
    """The view of that seed; always the same on one machine. RuntimeError where its scene does not settle."""
    scene = generate(seed, config.scenes)
    camera = sample_camera(scene, np.random.default_rng(seed), config.width, config.height)
    with RgbdCamera(scene, config.width, config.height) as device:
        view = config.world.view(device, camera, scene.look, np.random.default_rng((seed, CAPTURE_STREAM)))
    sensed = config.world.depth(view, np.random.default_rng((seed, SENSOR_STREAM)))
    large = [index for index, px in enumerate(view.visible_px) if px >= config.min_visible_px]
    seen = _seen_boxes(scene, camera, large, config.finer)
    objects = tuple(
        TrueObject(
            name=scene.objects[index].name,
            mask=view.instance == index,
            visible=view.visible[index],
            whole=view.boxes[index],
            seen=seen.get(index),
        )
        for index in large
    )
    x, y, z = (float(value) for value in -camera.T_camera_world[:3, :3] @ UP_WORLD)
    return SeenScene(
        seed,
        view.rgb,
        view.depth,
        sensed,
        intrinsics=camera.intrinsics,
        gravity=(x, y, z),
        objects=objects,
    )


def _seen_boxes(scene: Scene, camera: Camera, indices: list[int], finer: int) -> dict[int, Box3D]:
    """By object; one that the finer picture does not show has none."""
    if finer == 0:
        return {}
    k = camera.intrinsics
    fine = _render(scene, Camera(k.scaled_to(k.width * finer, k.height * finer), camera.T_world_camera))
    shown = [index for index in indices if fine.visible_px[index]]
    return {index: _around(fine, index, scene.objects[index].name) for index in shown}


def _around(view: View, index: int, label: str) -> Box3D:
    """Around the points of every pixel of the object."""
    v, u = np.nonzero(view.instance == index)
    points = backproject(u, v, view.depth[v, u], view.camera.intrinsics)
    low, high = points.min(axis=0), points.max(axis=0)
    return Box3D(label, tuple(((low + high) / 2).tolist()), tuple((high - low).tolist()))


def _render(scene: Scene, camera: Camera) -> View:
    with RgbdCamera(scene, camera.intrinsics.width, camera.intrinsics.height) as drawn:
        return drawn.render(camera)
