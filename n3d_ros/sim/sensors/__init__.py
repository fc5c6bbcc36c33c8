"""What real depth sensors make of exact depth: three ways to measure, by name, behind one call.

    depth = sense("time_of_flight", view, np.random.default_rng(7))

Each sensor is a frozen dataclass of what a data sheet would say, and measures what it meets (`Sight`). The
same generator gives the same depth. `sim.noise` is the simpler model that n3d-nano was trained with.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.render import View
from n3d_ros.sim.sensors.sight import Sight, sight_of
from n3d_ros.sim.sensors.stereo import Stereo
from n3d_ros.sim.sensors.structured_light import StructuredLight
from n3d_ros.sim.sensors.time_of_flight import TimeOfFlight


class Sensor(Protocol):
    """A way to measure depth."""

    def measure(self, sight: Sight, rng: np.random.Generator) -> Array:
        """(H, W) float32 metres, NaN where nothing is measured."""


SENSORS: dict[str, Sensor] = {
    "structured_light": StructuredLight(),
    "stereo": Stereo(),
    "time_of_flight": TimeOfFlight(),
}


def sense(name: str, view: View, rng: np.random.Generator) -> Array:
    """(H, W) float32 metres: the view's depth as the sensor of that name reports it. ValueError for none."""
    if name not in SENSORS:
        raise ValueError(f"sensor: expected one of {list(SENSORS)}, got {name!r}")
    return SENSORS[name].measure(sight_of(view), rng)


__all__ = ["SENSORS", "Sensor", "Sight", "Stereo", "StructuredLight", "TimeOfFlight", "sense", "sight_of"]
