"""Patterns of table, floor and wall: grey pictures that the look's surface colour tints.

In: a random generator, and a set of patterns in place of the five that are here. Out: one material per
surface role in the MuJoCo spec.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from n3d_ros.geometry import Array
from n3d_ros.sim.gl import mujoco
from n3d_ros.sim.look import SURFACES
from n3d_ros.sim.surfaces.patterns import SIDE_PX
from n3d_ros.sim.surfaces.sets import TextureSet

# How much darker the second shade of a set's pattern is.
STRENGTH = (0.15, 0.55)


def add_surface_materials(
    spec: Any, rng: np.random.Generator, paint: np.random.Generator, textures: TextureSet
) -> None:
    """Materials named by role, each with a pattern of its own and about 2 to 8 repeats a metre.

    `paint` draws the numbers of the set's patterns, so that those of `rng` are the same with any set.
    """
    for role in SURFACES:
        shades = random_pattern(rng)
        if textures.room:
            pattern = textures.room[str(paint.choice(list(textures.room)))]
            shades = 1 - np.float32(paint.uniform(*STRENGTH)) * pattern(paint)
        picture = (255 * shades).astype(np.uint8)
        texture = spec.add_texture(
            name=role, type=mujoco.mjtTexture.mjTEXTURE_2D, width=SIDE_PX, height=SIDE_PX, nchannel=3
        )
        texture.data = np.repeat(picture[:, :, None], 3, axis=2).tobytes()
        repeats = float(rng.uniform(1.0, 4.0))
        material = spec.add_material(
            name=role, texuniform=True, texrepeat=[repeats, repeats], specular=0.1, shininess=0.2
        )
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = role


def random_pattern(rng: np.random.Generator) -> Array:
    """(SIDE_PX, SIDE_PX) float32 in 0.7..1: plain, blotches, wood grain, tiles or checks."""
    kind = int(rng.integers(5))
    if kind == 0:
        return np.ones((SIDE_PX, SIDE_PX), np.float32)
    strength = np.float32(rng.uniform(0.06, 0.28))
    return np.asarray(1 - strength * (_blotches, _grain, _tiles, _checks)[kind - 1](rng), np.float32)


def _blotches(rng: np.random.Generator) -> Array:
    noise = cv2.GaussianBlur(
        rng.random((SIDE_PX, SIDE_PX)).astype(np.float32),
        (0, 0),
        rng.uniform(1, 6),
        borderType=cv2.BORDER_REFLECT,
    )
    return _stretched(noise)


def _grain(rng: np.random.Generator) -> Array:
    noise = cv2.GaussianBlur(
        rng.random((SIDE_PX, SIDE_PX)).astype(np.float32), (0, 0), sigmaX=12.0, sigmaY=rng.uniform(0.6, 1.6)
    )
    return _stretched(noise)


def _tiles(rng: np.random.Generator) -> Array:
    picture = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    step = int(rng.choice([32, 64]))
    for start in range(0, SIDE_PX, step):
        picture[start : start + 3], picture[:, start : start + 3] = 1, 1
    return picture


def _checks(rng: np.random.Generator) -> Array:
    step = int(rng.choice([16, 32]))
    index = np.arange(SIDE_PX) // step
    return ((index[:, None] + index) % 2).astype(np.float32)


def _stretched(picture: Array) -> Array:
    low, high = float(picture.min()), float(picture.max())
    return (picture - low) / max(high - low, 1e-6)
