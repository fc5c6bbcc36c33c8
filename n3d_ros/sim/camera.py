"""Where the simulated camera stands.

In: a scene (its objects' points and layout). Out: `Camera`: intrinsics and `T_world_camera`, optical frame.
World: z up, metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from n3d_ros.geometry import Array, Intrinsics, project

CANDIDATES = 12
ENOUGH_IN_VIEW = 0.85
DISTANCE_M = (0.42, 0.85)
FIELD_OF_VIEW_DEG = (55.0, 72.0)
ELEVATION_DEG = {"table": (20.0, 60.0), "floor": (20.0, 60.0), "shelf": (2.0, 28.0), "clutter": (10.0, 34.0)}
# 0 looks along -x; a shelf is open towards +x
AZIMUTH_DEG = {
    "table": (-180.0, 180.0),
    "floor": (-180.0, 180.0),
    "shelf": (-35.0, 35.0),
    "clutter": (-180.0, 180.0),
}


class Subject(Protocol):
    """What a camera needs to know of a scene."""

    @property
    def layout(self) -> str: ...

    @property
    def object_points(self) -> tuple[Array, ...]:
        """(V, 3) float64 per object, metres, world"""


@dataclass(frozen=True)
class Camera:
    """`T_world_camera` (4, 4) float64: world from optical frame (x right, y down, z forward), metres."""

    intrinsics: Intrinsics
    T_world_camera: Array

    @property
    def T_camera_world(self) -> Array:
        """(4, 4) the inverse."""
        rotation, position = self.T_world_camera[:3, :3], self.T_world_camera[:3, 3]
        inverse = np.eye(4)
        inverse[:3, :3], inverse[:3, 3] = rotation.T, -rotation.T @ position
        return inverse


def look_at(eye: ArrayLike, target: ArrayLike, roll_rad: float = 0.0) -> Array:
    """(4, 4) `T_world_camera` of a camera at `eye` that looks at `target`, level but for `roll_rad`.

    ValueError when it would look straight up or down.
    """
    position = np.asarray(eye, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-6:
        raise ValueError(
            f"look_at: the view from {position} straight up or down has no level; move the eye sideways"
        )
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll_rad), math.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([c * right + s * down, -s * right + c * down, forward], axis=1)
    pose[:3, 3] = position
    return pose


def intrinsics_of(width: int, height: int, field_of_view_deg: float) -> Intrinsics:
    """Square pixels, principal point in the middle, `field_of_view_deg` from the left to the right edge."""
    focal = width / 2 / math.tan(math.radians(field_of_view_deg) / 2)
    return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


def sample_camera(scene: Subject, rng: np.random.Generator, width: int, height: int) -> Camera:
    """A view of most of the objects: the first random one with enough of them in it, else the best."""
    best, best_share = None, -1.0
    for _ in range(CANDIDATES):
        camera = _random_camera(scene, rng, width, height)
        share = share_in_view(scene, camera)
        if share > best_share:
            best, best_share = camera, share
        if best_share >= ENOUGH_IN_VIEW:
            break
    assert best is not None
    return best


def share_in_view(scene: Subject, camera: Camera) -> float:
    """Share of the objects that lie wholly inside the picture, occluded or not."""
    limit = np.array([camera.intrinsics.width - 1, camera.intrinsics.height - 1])
    T = camera.T_camera_world
    inside = 0
    for points in scene.object_points:
        local = points @ T[:3, :3].T + T[:3, 3]
        pixels = project(local, camera.intrinsics)
        inside += bool((local[:, 2] > 0.05).all() and (pixels >= 0).all() and (pixels <= limit).all())
    return inside / max(len(scene.object_points), 1)


def orbit_camera(
    scene: Subject,
    time_s: float,
    width: int = 640,
    height: int = 480,
    period_s: float = 40.0,
    field_of_view_deg: float = 62.0,
) -> Camera:
    """The demo robot's camera: sways smoothly in front of the objects at 0.75 m, its intrinsics constant."""
    phase = 2 * math.pi * time_s / period_s
    low, high = ELEVATION_DEG[scene.layout]
    azimuth = math.radians(30.0) * math.sin(phase)
    elevation = math.radians(low + (high - low) * (0.4 + 0.1 * math.sin(1.7 * phase)))
    eye = _eye(_middle(scene), 0.75 + 0.05 * math.sin(1.3 * phase), azimuth, elevation)
    return Camera(intrinsics_of(width, height, field_of_view_deg), look_at(eye, _middle(scene)))


def _random_camera(scene: Subject, rng: np.random.Generator, width: int, height: int) -> Camera:
    target = _middle(scene) + rng.uniform(-0.06, 0.06, 3)
    azimuth = math.radians(rng.uniform(*AZIMUTH_DEG[scene.layout]))
    elevation = math.radians(rng.uniform(*ELEVATION_DEG[scene.layout]))
    eye = _eye(target, rng.uniform(*DISTANCE_M), azimuth, elevation)
    roll = math.radians(float(np.clip(rng.normal(0.0, 2.5), -8, 8)))
    return Camera(intrinsics_of(width, height, rng.uniform(*FIELD_OF_VIEW_DEG)), look_at(eye, target, roll))


def _middle(scene: Subject) -> Array:
    """(3,) mean of the objects' box centres, world."""
    if not scene.object_points:
        return np.zeros(3)
    centers = [(points.min(axis=0) + points.max(axis=0)) / 2 for points in scene.object_points]
    return np.asarray(np.mean(centers, axis=0))


def _eye(target: Array, distance_m: float, azimuth_rad: float, elevation_rad: float) -> Array:
    """Point at `distance_m` from the target; azimuth 0 lies on its +x side."""
    level = math.cos(elevation_rad)
    return target + distance_m * np.array(
        [level * math.cos(azimuth_rad), level * math.sin(azimuth_rad), math.sin(elevation_rad)]
    )
