"""Which scenes are made and how they are seen: five choices by name, for every command that draws.

In: the names. Out: what to make (`SceneConfig`), how to take its picture, what a sensor makes of its depth.
The defaults are the world of n3d-nano's figures: fourteen kinds of one colour each, exact pictures and depth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.camera import Camera
from n3d_ros.sim.capture import CAPTURES, CLEAN, take
from n3d_ros.sim.kinds import KINDS, WIDE_KINDS
from n3d_ros.sim.look import Look
from n3d_ros.sim.noise import sensor_noise
from n3d_ros.sim.render import RgbdCamera, View
from n3d_ros.sim.scene import SceneConfig
from n3d_ros.sim.sensors import SENSORS, sense
from n3d_ros.sim.surfaces import PLAIN, TEXTURES

NANO, WIDE = "nano", "wide"
KIND_SETS = {NANO: tuple(KINDS), WIDE: tuple(WIDE_KINDS)}
LAYOUT_SETS = {"tidy": ("table", "shelf", "floor"), "clutter": ("clutter",)}
# simple: the model of `noise` that n3d-nano was trained with
EXACT, SIMPLE = "exact", "simple"
CHOICES = {
    "kinds": tuple(KIND_SETS),
    "textures": tuple(TEXTURES),
    "layout": tuple(LAYOUT_SETS),
    "capture": tuple(CAPTURES),
    "sensor": (EXACT, SIMPLE, *SENSORS),
}


@dataclass(frozen=True)
class World:
    """kinds: of things. textures: of surfaces. layout: tidy or clutter. capture: how colours are taken.
    sensor: how depth is measured.
    """

    kinds: str = NANO
    textures: str = PLAIN
    layout: str = "tidy"
    capture: str = CLEAN
    sensor: str = EXACT

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}; got {getattr(self, name)!r}")

    def scenes(self, min_objects: int = 4, max_objects: int = 8) -> SceneConfig:
        """What scenes hold. Where things or places are not n3d-nano's, objects stand apart for sure."""
        return SceneConfig(
            layouts=LAYOUT_SETS[self.layout],
            kinds=KIND_SETS[self.kinds],
            min_objects=min_objects,
            max_objects=max_objects,
            textures=self.textures,
            apart=(self.kinds, self.layout) != (NANO, "tidy"),
        )

    def view(self, device: RgbdCamera, camera: Camera, look: Look, rng: np.random.Generator) -> View:
        """Exact depth, and colours as the capture takes them."""
        return take(device, camera, look, CAPTURES[self.capture], rng)

    def depth(self, view: View, rng: np.random.Generator) -> Array:
        """(H, W) float32 metres, NaN where nothing is measured: the view's depth as the sensor reports it."""
        if self.sensor == EXACT:
            return view.depth
        if self.sensor == SIMPLE:
            return sensor_noise(view.depth, rng)
        return sense(self.sensor, view, rng)


DEFAULT_WORLD = World()
