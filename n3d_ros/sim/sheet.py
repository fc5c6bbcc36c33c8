"""The simulator on one picture: every kind alone, then one scene in several worlds and through each sensor.

In: a file name. Out: that picture, that of docs/simulator.md. `python -m n3d_ros.sim.sheet FILE.jpg`
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.camera import Camera, intrinsics_of, look_at, orbit_camera
from n3d_ros.sim.kinds import WIDE_KINDS
from n3d_ros.sim.kinds.parts import turn_about_z
from n3d_ros.sim.look import Look
from n3d_ros.sim.render import RgbdCamera, View
from n3d_ros.sim.scene import SceneConfig, generate
from n3d_ros.sim.sensors import SENSORS, sense
from n3d_ros.sim.shapes import COLORS
from n3d_ros.sim.world import World

KINDS_A_ROW, WORLDS_A_ROW = 10, 5
WIDTH_PX, SEED, QUALITY = 1400, 46, 82
WORLDS = {
    "kinds wide": World(kinds="wide"),
    "textures seen": World(kinds="wide", textures="seen"),
    "textures held_out": World(kinds="wide", textures="held_out"),
    "capture handheld": World(kinds="wide", textures="seen", capture="handheld"),
    "capture evening": World(kinds="wide", textures="seen", capture="evening"),
    "layout clutter": World(kinds="wide", textures="seen", layout="clutter"),
}


def of_kind(kind: str, color: str, side: tuple[int, int]) -> Array:
    """(H, W, 3) uint8: one thing on the floor, seen along its own y axis from 40 degrees above."""
    config = SceneConfig(("floor",), (kind,), (color,), 1, 1, duplicate_share=0.0)
    scene = generate(SEED, config)
    points = scene.object_points[0]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    heading = scene.data.xmat[1].reshape(3, 3)[:, 0]
    turn = turn_about_z(float(np.arctan2(heading[1], heading[0])))
    eye = middle + 0.32 * turn @ np.array([0.3, -0.7, 0.64])
    with RgbdCamera(scene, *side) as device:
        return device.photograph(Camera(intrinsics_of(*side, 45.0), look_at(eye, middle)), Look())


def of_world(world: World, side: tuple[int, int]) -> View:
    """The view of SEED in that world."""
    scene = generate(SEED, world.scenes(7, 9))
    with RgbdCamera(scene, *side) as device:
        camera = orbit_camera(scene, 5.0, *side)
        return world.view(device, camera, replace(scene.look, shadows=True), np.random.default_rng(SEED))


def tinted(depth: Array, near_m: float, far_m: float) -> Array:
    """(H, W, 3) uint8: near is warm, far is cold, nothing is black."""
    share = np.clip((np.nan_to_num(depth) - near_m) / (far_m - near_m), 0, 1)
    colors = cv2.applyColorMap((255 * (1 - share)).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1].copy()
    colors[np.isnan(depth)] = 0
    return colors


def titled(picture: Array, title: str) -> Array:
    """The picture with its name on a strip above."""
    strip = np.full((18, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, title, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, picture])


def rows_of(tiles: Sequence[Array], a_row: int) -> Array:
    """The tiles in rows; the last one must be full."""
    return np.concatenate(
        [np.concatenate(tiles[start : start + a_row], axis=1) for start in range(0, len(tiles), a_row)]
    )


def sheet() -> Array:
    """(H, W, 3) uint8: all of it."""
    small, large = (WIDTH_PX // a_row for a_row in (KINDS_A_ROW, WORLDS_A_ROW))
    colors = list(COLORS)
    kinds = [
        titled(of_kind(kind, colors[number % len(colors)], (small, small)), kind)
        for number, kind in enumerate(WIDE_KINDS)
    ]
    side = (large, large * 3 // 4)
    views = {name: of_world(world, side) for name, world in WORLDS.items()}
    shown = [titled(view.rgb, name) for name, view in views.items()]
    view = views["layout clutter"]
    objects = view.depth[view.instance >= 0]
    span = float(objects.min()) - 0.05, float(objects.max()) + 0.3
    shown.append(titled(tinted(view.depth, *span), "its depth, exact"))
    for name in SENSORS:
        shown.append(titled(tinted(sense(name, view, np.random.default_rng(SEED)), *span), f"sensor {name}"))
    return np.concatenate([rows_of(kinds, KINDS_A_ROW), rows_of(shown, WORLDS_A_ROW)])


if __name__ == "__main__":
    done, packed = cv2.imencode(".jpg", sheet()[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    Path(sys.argv[1]).write_bytes(packed.tobytes())
