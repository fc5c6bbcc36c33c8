"""Patterns that repeat without a seam: where a second colour or a darker shade goes.

In: a random generator. Out: (SIDE_PX, SIDE_PX) float32, 0 where the first colour is and 1 where the second
is. Those for objects cover less than half, so that an object keeps the name of its first colour. Knows no
colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from n3d_ros.geometry import Array

SIDE_PX = 128


def _grid(repeats: int = 1) -> tuple[Array, Array]:
    """x and y (SIDE_PX, SIDE_PX) in repeats of the pattern: 0 to below `repeats` over the picture."""
    along = np.arange(SIDE_PX, dtype=np.float32) * (repeats / SIDE_PX)
    x, y = np.meshgrid(along, along)
    return x, y


def _mask(inside: Array) -> Array:
    return np.asarray(inside, np.float32)


def _soft_noise(rng: np.random.Generator, sigma_x: float, sigma_y: float) -> Array:
    """Blurred white noise that repeats, stretched to 0..1."""
    margin = 48
    noise = np.pad(rng.random((SIDE_PX, SIDE_PX)).astype(np.float32), margin, mode="wrap")
    blurred = cv2.GaussianBlur(noise, (0, 0), sigmaX=sigma_x, sigmaY=sigma_y)[margin:-margin, margin:-margin]
    low, high = float(blurred.min()), float(blurred.max())
    return np.asarray((blurred - low) / (high - low), np.float32)


def stripes(rng: np.random.Generator) -> Array:
    """Straight bands, level, upright or slanting."""
    x, y = _grid(int(rng.integers(2, 6)))
    across = (x, y, x + y)[int(rng.integers(3))]
    return _mask(across % 1 < rng.uniform(0.2, 0.42))


def dots(rng: np.random.Generator) -> Array:
    """Round spots, every other row shifted by half a step."""
    x, y = _grid(2 * int(rng.integers(1, 3)))
    x = x + 0.5 * (np.floor(y) % 2)
    return _mask(np.hypot(x % 1 - 0.5, y % 1 - 0.5) < rng.uniform(0.2, 0.34))


def checks(rng: np.random.Generator) -> Array:
    """A check as of gingham: half tone where one band lies alone, full where two cross."""
    x, y = _grid(int(rng.integers(2, 5)))
    return (_mask(x % 1 < 0.4) + _mask(y % 1 < 0.4)) / 2


def blotches(rng: np.random.Generator) -> Array:
    """Soft-edged patches of noise over a third of the surface."""
    noise = _soft_noise(rng, *([float(rng.uniform(3, 9))] * 2))
    edge = np.quantile(noise, 0.67)
    return np.asarray(np.clip((noise - edge) * 12 + 0.5, 0.0, 1.0), np.float32)


def zigzag(rng: np.random.Generator) -> Array:
    """Bands that go up and down."""
    x, y = _grid(int(rng.integers(2, 5)))
    return _mask((y + np.abs(x % 1 - 0.5)) % 1 < rng.uniform(0.2, 0.4))


def honeycomb(rng: np.random.Generator) -> Array:
    """The edges of six-sided cells."""
    x, y = _grid(2 * int(rng.integers(1, 3)))
    # distances to the two nearest of the centres of both lattices; the cell is a little squeezed to repeat
    spots = [(i + shift, j + shift) for shift in (0.0, 0.5) for i in range(2) for j in range(2)]
    away = np.stack([np.hypot(x % 1 - i, (y % 1 - j) * 1.73) for i, j in spots])
    nearest = np.sort(away, axis=0)
    return _mask(nearest[1] - nearest[0] < rng.uniform(0.10, 0.2))


def circles(rng: np.random.Generator) -> Array:
    """Rings about the middle of each step."""
    x, y = _grid(int(rng.integers(1, 4)))
    away = np.hypot(x % 1 - 0.5, y % 1 - 0.5)
    return _mask((away * 6 % 1 < rng.uniform(0.3, 0.5)) & (away < 0.5))


def crosses(rng: np.random.Generator) -> Array:
    """Plus signs."""
    x, y = _grid(int(rng.integers(2, 5)))
    a, b = np.abs(x % 1 - 0.5), np.abs(y % 1 - 0.5)
    arm = rng.uniform(0.06, 0.12)
    return _mask(((a < arm) & (b < 0.34)) | ((b < arm) & (a < 0.34)))


def wood(rng: np.random.Generator) -> Array:
    """Boards with grain along x, each of another shade."""
    boards = int(rng.integers(1, 4))
    _, y = _grid(boards)
    shade = rng.uniform(0.0, 0.4, boards).astype(np.float32)[y.astype(int)]
    seam = _mask((y % 1 < 0.02 * boards) & (boards > 1))
    grain = _soft_noise(rng, 16.0, float(rng.uniform(0.7, 1.8)))
    return np.asarray(np.clip(0.6 * grain + shade + seam, 0.0, 1.0), np.float32)


def tiles(rng: np.random.Generator) -> Array:
    """Square tiles of slightly different shades between dark joints."""
    number = int(rng.integers(2, 5))
    x, y = _grid(number)
    shade = rng.uniform(0.0, 0.35, (number, number)).astype(np.float32)[y.astype(int), x.astype(int)]
    joint = (x % 1 < 0.05) | (y % 1 < 0.05)
    return np.where(joint, np.float32(1), shade)


def cloth(rng: np.random.Generator) -> Array:
    """A coarse weave, thread over thread."""
    x, y = _grid(int(rng.choice([8, 16])))
    over = (np.floor(x) + np.floor(y)) % 2 == 0
    thread = np.where(over, np.abs(y % 1 - 0.5), np.abs(x % 1 - 0.5)) * 2
    return np.asarray(0.7 * thread + 0.3 * _soft_noise(rng, 6.0, 6.0), np.float32)


def bricks(rng: np.random.Generator) -> Array:
    """Long stones, every other row shifted by half of one."""
    rows = 2 * int(rng.integers(2, 4))
    x, y = _grid(rows)
    x = x / 2 + 0.5 * (np.floor(y) % 2)
    shade = rng.uniform(0.0, 0.5, (rows, rows)).astype(np.float32)
    joint = (x % 1 < 0.05) | (y % 1 < 0.1)
    return np.where(joint, np.float32(1), shade[y.astype(int) % rows, x.astype(int) % (rows // 2)])


def marble(rng: np.random.Generator) -> Array:
    """Thin dark veins."""
    x, y = _grid(1)
    bend = 3.0 * _soft_noise(rng, 12.0, 12.0) + 0.6 * _soft_noise(rng, 3.0, 3.0)
    vein = np.abs(np.sin(2 * np.pi * (x + y) + 2 * np.pi * bend))
    return np.asarray((1 - vein) ** 4, np.float32)


def terrazzo(rng: np.random.Generator) -> Array:
    """Chips of stone of many sizes and shades."""
    picture = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    for _ in range(90):
        x, y = (float(v) for v in rng.uniform(0, SIDE_PX, 2))
        angle = np.sort(rng.uniform(0, 2 * np.pi, 5))
        chip = float(rng.uniform(2, 8)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        shade = float(rng.uniform(0.3, 1.0))
        # once more beyond each edge, so that it repeats
        for dx in (-SIDE_PX, 0, SIDE_PX):
            for dy in (-SIDE_PX, 0, SIDE_PX):
                cv2.fillConvexPoly(picture, np.rint(chip + (x + dx, y + dy)).astype(np.int32), shade)
    return picture


def diamonds(rng: np.random.Generator) -> Array:
    """Squares that stand on a corner, as of a parquet floor or a tablecloth."""
    x, y = _grid(int(rng.integers(2, 6)))
    return _mask(np.abs(x % 1 - 0.5) + np.abs(y % 1 - 0.5) < 0.5) * np.float32(rng.uniform(0.4, 1.0))
