"""The simulated RGB-D camera.

In: a scene and cameras. Out: `View`: colour, metric depth, instance mask, exact boxes. Two passes a view:
colour with shadows and antialiasing; then object numbers and depth together, sampled at pixel centres.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array, Intrinsics, transform_points
from n3d_ros.sim.camera import Camera
from n3d_ros.sim.gl import current_gl, mujoco
from n3d_ros.sim.look import SURFACES, Look
from n3d_ros.sim.physics import BRIGHTNESS_VALUE, SHINY_VALUE
from n3d_ros.sim.scene import Scene
from n3d_ros.sim.silhouette import silhouette_px
from n3d_ros.sim.surfaces.finish import brightness

NEAR_M, FAR_M = 0.05, 12.0
MAX_GEOMS = 400
# inside the room: what lies behind a light, such as a wall, throws no shadow
LIGHT_DISTANCE_M = 0.9


@dataclass(frozen=True)
class View:
    """One picture of a scene.

    rgb (H, W, 3) uint8. depth (H, W) float32 metres along the optical axis, NaN where nothing is hit.
    instance (H, W) int16 index into `Scene.objects`, -1 elsewhere. boxes, visible, visible_px: one per
    object, also for objects out of view. Boxes: optical frame, aligned with the camera's axes (yaw 0), around
    every vertex drawn, hidden or not. visible: 0..1, pixels seen over pixels of the silhouette
    (`silhouette_px`: what hides it may be another object, the furniture or the picture's edge); good to about
    0.05. visible_px: pixels seen, exact. shiny (H, W) bool: surfaces that mirror light. reflectance (H, W)
    float32 0..1: how much of a sensor's light a surface returns, for which the brightness of its colour
    stands; 0 where nothing is hit.
    """

    rgb: Array
    depth: Array
    instance: Array
    camera: Camera
    boxes: list[Box3D]
    visible: list[float]
    visible_px: list[int]
    shiny: Array
    reflectance: Array


class RgbdCamera:
    """Draws one scene in one picture size; a context manager, so that its buffers are freed. One thread only.

    The OpenGL context behind it is shared and stays (`gl.close_gl`).
    """

    def __init__(self, scene: Scene, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"camera: expected a picture of at least 1x1, got {width}x{height}")
        self.scene, self.width, self.height = scene, width, height
        current_gl()
        scene.model.vis.global_.offwidth, scene.model.vis.global_.offheight = width, height
        self._context: Any = mujoco.MjrContext(scene.model, mujoco.mjtFontScale.mjFONTSCALE_50.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR.value
        self._drawn = mujoco.MjvScene(scene.model, maxgeom=MAX_GEOMS)
        mujoco.mjv_updateScene(
            scene.model,
            scene.data,
            mujoco.MjvOption(),
            None,
            mujoco.MjvCamera(),
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._drawn,
        )
        self._object_of_segment, self._shiny_of_segment, self._reflectance_of_segment = self._segments()
        self._surfaces = self._surface_geoms()
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._rgb = np.empty((height, width, 3), np.uint8)
        self._ids = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)

    def __enter__(self) -> RgbdCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the buffers; harmless a second time."""
        if self._context is not None:
            current_gl()
            self._context.free()
            self._context = None

    def render(self, camera: Camera, look: Look | None = None) -> View:
        """A view; `look` replaces the scene's own light and surface colours.

        ValueError when the intrinsics are of another picture size or the camera is closed.
        """
        self._prepare(camera, look)
        self._draw(self._rgb, None, segment=False)
        self._draw(self._ids, self._depth, segment=True)
        return self._view(camera)

    def photograph(self, camera: Camera, look: Look | None = None) -> Array:
        """(H, W, 3) uint8: the colours of `render` alone, in half of the time. Its errors."""
        self._prepare(camera, look)
        self._draw(self._rgb, None, segment=False)
        return self._rgb[::-1].copy()

    def _prepare(self, camera: Camera, look: Look | None) -> None:
        k = camera.intrinsics
        if (k.width, k.height) != (self.width, self.height):
            raise ValueError(
                f"camera: expected intrinsics of {self.width}x{self.height}, got {k.width}x{k.height}"
            )
        if self._context is None:
            raise ValueError("camera: render after close")
        current_gl()
        self._aim(camera)
        self._light(look or self.scene.look)

    def _view(self, camera: Camera) -> View:
        # OpenGL hands pictures over bottom row first
        ids = self._ids[::-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        instance = self._object_of_segment[ids]
        num = len(self.scene.objects)
        visible_px = np.bincount(instance[instance >= 0].ravel(), minlength=num)[:num].tolist()
        local = [transform_points(camera.T_camera_world, points) for points in self.scene.object_points]
        boxes = [_box(item.name, points) for item, points in zip(self.scene.objects, local, strict=True)]
        visible = [
            _fraction(px, points, pieces, camera.intrinsics)
            for px, points, pieces in zip(visible_px, local, self.scene.pieces, strict=True)
        ]
        return View(
            self._rgb[::-1].copy(),
            _metres(self._depth[::-1]),
            instance,
            camera,
            boxes=boxes,
            visible=visible,
            visible_px=visible_px,
            shiny=self._shiny_of_segment[ids],
            reflectance=self._reflectance_of_segment[ids],
        )

    def _draw(self, picture: Array, depth: Array | None, segment: bool) -> None:
        for flag in (mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR):
            self._drawn.flags[flag] = segment
        mujoco.mjr_render(self._rect, self._drawn, self._context)
        mujoco.mjr_readPixels(picture, depth, self._rect, self._context)

    def _aim(self, camera: Camera) -> None:
        """Exact intrinsics: the frustum's edges on the near plane are those of the outermost pixels."""
        k, pose = camera.intrinsics, camera.T_world_camera
        for eye in self._drawn.camera:  # left and right; drawn from their mean
            eye.pos, eye.forward, eye.up = pose[:3, 3], pose[:3, 2], -pose[:3, 1]
            eye.frustum_near, eye.frustum_far = NEAR_M, FAR_M
            eye.frustum_top, eye.frustum_bottom = (
                (k.cy + 0.5) / k.fy * NEAR_M,
                -(k.height - 0.5 - k.cy) / k.fy * NEAR_M,
            )
            eye.frustum_center = (k.width / 2 - 0.5 - k.cx) / k.fx * NEAR_M
            eye.frustum_width = k.width / 2 / k.fx * NEAR_M  # half the width, despite its name
            eye.orthographic = 0

    def _light(self, look: Look) -> None:
        middle = np.mean([points.mean(axis=0) for points in self.scene.object_points], axis=0)
        key, fill = self._drawn.lights[0], self._drawn.lights[1]
        for light, azimuth, elevation, color in (
            (key, look.key_azimuth_rad, look.key_elevation_rad, look.key),
            (fill, look.fill_azimuth_rad, look.fill_elevation_rad, look.fill),
        ):
            # the ambient light goes with the lamp without shadows: a shadow would swallow it
            light.castshadow = (light is fill) == look.fill_shadows
            ambient = (0.0, 0.0, 0.0) if light.castshadow else look.ambient
            towards = self._towards_light(azimuth, elevation)
            light.pos, light.dir = middle + LIGHT_DISTANCE_M * towards, -towards
            light.diffuse, light.ambient, light.specular = color, ambient, color
        self._drawn.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = look.shadows
        for index, role in self._surfaces:
            paint, geom = getattr(look, role), self._drawn.geoms[index]
            geom.rgba[:3] = paint
            self._reflectance_of_segment[geom.segid + 1] = brightness(paint)

    def _towards_light(self, azimuth_rad: float, elevation_rad: float) -> Array:
        """(3,) unit vector to a light, world; a shelf is lit from its open side and flatter."""
        if self.scene.layout == "shelf":
            azimuth_rad, elevation_rad = np.sin(azimuth_rad) * 0.9, elevation_rad * 0.65
        level = np.cos(elevation_rad)
        return np.array([level * np.cos(azimuth_rad), level * np.sin(azimuth_rad), np.sin(elevation_rad)])

    def _segments(self) -> tuple[Array, Array, Array]:
        """By number drawn in the second pass, of which 0 is the background: object index int16, -1 for the
        rest; shiny bool; reflectance float32, that of surfaces set by `_light`.
        """
        objects = np.full(MAX_GEOMS + 1, -1, np.int16)
        shiny, reflectance = np.zeros(MAX_GEOMS + 1, bool), np.zeros(MAX_GEOMS + 1, np.float32)
        for geom in self._drawn.geoms[: self._drawn.ngeom]:
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                objects[geom.segid + 1] = self.scene.model.geom_bodyid[geom.objid] - 1
                values = self.scene.model.geom_user[geom.objid]
                shiny[geom.segid + 1] = values[SHINY_VALUE] > 0
                reflectance[geom.segid + 1] = values[BRIGHTNESS_VALUE]
        return objects, shiny, reflectance

    def _surface_geoms(self) -> list[tuple[int, str]]:
        """(index in the drawn scene, role) of every piece of room and furniture."""
        found = []
        for index, geom in enumerate(self._drawn.geoms[: self._drawn.ngeom]):
            role = self.scene.model.geom(geom.objid).name.split(" ")[0]
            if role in SURFACES:
                found.append((index, role))
        return found


def _metres(buffer: Array) -> Array:
    """(H, W) float32 metres of a reversed depth buffer: 1 at the near plane, 0 for far or nothing."""
    hit = buffer > 0
    depth = np.full(buffer.shape, np.nan, np.float32)
    depth[hit] = NEAR_M * FAR_M / ((FAR_M - NEAR_M) * buffer[hit] + NEAR_M)
    return depth


def _box(label: str, points: Array) -> Box3D:
    low, high = points.min(axis=0), points.max(axis=0)
    center, size = (low + high) / 2, high - low
    return Box3D(label, tuple(center.tolist()), tuple(size.tolist()))


def _fraction(visible_px: int, points: Array, pieces: tuple[Array, ...], intrinsics: Intrinsics) -> float:
    if visible_px == 0:
        return 0.0
    return float(min(1.0, visible_px / max(silhouette_px(points, pieces, intrinsics), visible_px)))
