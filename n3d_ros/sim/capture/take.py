"""One view of a scene, its colours taken as `Capture` says; all else is that of the middle of the exposure.

In: a camera device, its place, the light, settings, a random generator. Out: `View`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from n3d_ros.geometry import Vector3
from n3d_ros.sim.camera import Camera
from n3d_ros.sim.capture.develop import compressed, light_gains, to_light, to_picture, with_noise
from n3d_ros.sim.capture.motion import any_direction, moved, times
from n3d_ros.sim.capture.settings import CAPTURES, CLEAN, Capture
from n3d_ros.sim.look import Look
from n3d_ros.sim.render import RgbdCamera, View


def take(device: RgbdCamera, camera: Camera, look: Look, capture: Capture, rng: np.random.Generator) -> View:
    """A view; the default `Capture` gives what `device.render` does, to the bit.

    Depth, masks and boxes are exact, of the camera in the middle of the exposure.
    """
    turn, shift, lamp_turn = (
        any_direction(rng) * rng.uniform(*capture.turn_rad),
        any_direction(rng) * rng.uniform(*capture.shift_m),
        rng.uniform(*capture.second_light_turn_rad) * rng.choice((-1.0, 1.0)),
    )
    look = with_second_light(look, rng.uniform(*capture.second_light))
    gains = light_gains(rng.uniform(*capture.temperature_k)) * 2 ** rng.uniform(*capture.exposure_ev)
    view = device.render(camera, look)
    if capture == CAPTURES[CLEAN]:
        return view
    moments = [
        to_light(
            device.photograph(
                moved(camera, turn, shift, time),
                replace(look, fill_azimuth_rad=look.fill_azimuth_rad + lamp_turn * time),
            )
        )
        for time in times(capture.num_exposures)
    ]
    light = np.mean(moments, axis=0) * gains.astype(np.float32)
    picture = to_picture(with_noise(light, capture.shot_noise, capture.read_noise, rng))
    if capture.jpeg_quality is not None:
        picture = compressed(picture, capture.jpeg_quality)
    return replace(view, rgb=picture)


def with_second_light(look: Look, share: float) -> Look:
    """`share` of the key light comes from the second lamp, which then throws the shadows; 0: as it was."""
    if share == 0:
        return look
    key, fill = np.array(look.key), np.array(look.fill)
    return replace(look, key=_vector((1 - share) * key), fill=_vector(fill + share * key), fill_shadows=True)


def _vector(values: np.ndarray) -> Vector3:
    return float(values[0]), float(values[1]), float(values[2])
