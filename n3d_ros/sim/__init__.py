"""Simulated tabletops, shelves and floors, and the RGB-D camera that looks at them.

The demo's robot and the source of n3d-nano's training data. Needs `mujoco`; draws without a display (see
`gl`).

    scene = generate(seed=7)
    with RgbdCamera(scene, 640, 480) as camera:
        view = camera.render(sample_camera(scene, rng, 640, 480))

More things and surfaces, clutter, and how colours are taken and depth is measured: `world`.
"""

from n3d_ros.sim.camera import Camera, look_at, orbit_camera, sample_camera
from n3d_ros.sim.gl import close_gl
from n3d_ros.sim.kinds import KINDS, WIDE_KINDS
from n3d_ros.sim.look import Look, random_look
from n3d_ros.sim.noise import sensor_noise
from n3d_ros.sim.render import RgbdCamera, View
from n3d_ros.sim.scene import Scene, SceneConfig, SceneObject, generate
from n3d_ros.sim.shapes import COLORS

__all__ = [
    "COLORS",
    "KINDS",
    "Camera",
    "Look",
    "RgbdCamera",
    "Scene",
    "SceneConfig",
    "SceneObject",
    "WIDE_KINDS",
    "View",
    "close_gl",
    "generate",
    "look_at",
    "orbit_camera",
    "random_look",
    "sample_camera",
    "sensor_noise",
]
