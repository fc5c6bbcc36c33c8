"""Rendered views as training records: render once, train many times.

In: scene seeds. Out: `.npz` shards of views, each already resized, pooled and normalised by the library's own
preprocessing,
so training sees exactly what the robot's path would produce. Knows nothing of words, tokens or models.

One view of a shard (V views, at most MAX_OBJECTS objects, nano's picture 224x168 and grid 12x16):
    rgb (V, 168, 224, 3) uint8          picture
    pooled (V, 192, 3) float32          normalised points pooled to the patch grid, raster order, before
    rounding
    scale (V,) shift (V, 3)             `SceneScale` of the view
    intrinsics (V, 4)                   fx, fy, cx, cy, px of the picture
    cells (V, 48) int8                  object that covers most of each merged cell, -1 for none, raster order
    boxes (V, MAX_OBJECTS, 6) float32   centre and size, metres, optical frame
    kind, color, visible_px (V, MAX_OBJECTS), visible   -1 / 0 where there is no object
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.pictures import resize_picture
from n3d_ros.sim import (
    COLORS,
    KINDS,
    RgbdCamera,
    Scene,
    View,
    generate,
    random_look,
    sample_camera,
    sensor_noise,
)

# One view in a shard's layout.
Record = dict[str, np.ndarray]

MAX_OBJECTS = 10
WIDTH, HEIGHT = 224, 168
RENDER_WIDTH, RENDER_HEIGHT = 336, 252
GRID = (12, 16)
# side of a merged cell in rendered pixels
CELL_PX = 42
MIN_CELL_SHARE = 0.06
KIND_NAMES, COLOR_NAMES = tuple(KINDS), tuple(COLORS)


@dataclass(frozen=True)
class RenderConfig:
    """What to render: `num_scenes` from `first_seed` on, `views_per_scene` cameras each, noise on
    `noisy_share` of them.
    """

    first_seed: int = 1_000_000
    num_scenes: int = 2000
    views_per_scene: int = 4
    noisy_share: float = 0.5
    scenes_per_shard: int = 50

    def __post_init__(self) -> None:
        if self.first_seed < 1_000_000:
            raise ValueError(
                f"first_seed must be at least 1000000 (lower seeds are for evaluation), got {self.first_seed}"
            )


def render_shards(config: RenderConfig, folder: Path) -> Iterator[Path]:
    """Write the missing shards of `config` into `folder`, yielding each path as it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, config.num_scenes, config.scenes_per_shard):
        path = folder / f"views_{config.first_seed + start}.npz"
        if not path.exists():
            seeds = range(
                config.first_seed + start,
                config.first_seed + min(start + config.scenes_per_shard, config.num_scenes),
            )
            write_shard([view for seed in seeds for view in scene_views(seed, config)], path)
        yield path


def write_shard(views: list[Record], path: Path) -> None:
    """Stack the views and write them whole or not at all."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        stacked: Any = {key: np.stack([view[key] for view in views]) for key in views[0]}
        np.savez(file, **stacked)
    partial.replace(path)


def scene_views(seed: int, config: RenderConfig) -> Iterator[Record]:
    """Records of the views of one scene."""
    scene, rng = generate(seed), np.random.default_rng(seed)
    with RgbdCamera(scene, RENDER_WIDTH, RENDER_HEIGHT) as camera:
        for _ in range(config.views_per_scene):
            view = camera.render(sample_camera(scene, rng, RENDER_WIDTH, RENDER_HEIGHT), random_look(rng))
            depth = sensor_noise(view.depth, rng) if rng.random() < config.noisy_share else view.depth
            yield view_record(scene, view, depth)


def view_record(scene: Scene, view: View, depth: np.ndarray) -> Record:
    """One view in the shard's layout."""
    points = normalise(depth_to_point_map(depth, view.camera.intrinsics))
    intrinsics = view.camera.intrinsics.scaled_to(WIDTH, HEIGHT)
    objects = scene.objects[:MAX_OBJECTS]
    return {
        "rgb": resize_picture(view.rgb, WIDTH, 28),
        "pooled": pool_to_grid(points, GRID).astype(np.float32),
        "scale": np.asarray(points.scene.scale, np.float64),
        "shift": np.asarray(points.scene.shift, np.float32),
        "intrinsics": np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy]),
        "cells": dominant_objects(view.instance),
        "boxes": padded([(*box.center, *box.size) for box in view.boxes[:MAX_OBJECTS]], (6,), np.float32),
        "kind": padded([KIND_NAMES.index(o.kind) for o in objects], (), np.int8, -1),
        "color": padded([COLOR_NAMES.index(o.color) for o in objects], (), np.int8, -1),
        "visible_px": padded(list(view.visible_px)[:MAX_OBJECTS], (), np.int32),
        "visible": padded(list(view.visible)[:MAX_OBJECTS], (), np.float32),
    }


def padded(rows: Sequence[Any], shape: tuple[int, ...], dtype: type, fill: int = 0) -> np.ndarray:
    """`rows` as an array of MAX_OBJECTS rows of `shape`, the rest `fill`."""
    out: np.ndarray = np.full((MAX_OBJECTS, *shape), fill, dtype)
    if rows:
        out[: len(rows)] = rows
    return out


def dominant_objects(instance: np.ndarray) -> np.ndarray:
    """Object with most pixels in each merged cell, if it has at least MIN_CELL_SHARE of them; (cells,) int8,
    -1 for none.
    """
    cells = (
        instance.reshape(RENDER_HEIGHT // CELL_PX, CELL_PX, RENDER_WIDTH // CELL_PX, CELL_PX)
        .swapaxes(1, 2)
        .reshape(-1, CELL_PX**2)
    )
    counts = np.stack([(cells == index).sum(1) for index in range(MAX_OBJECTS)], axis=1)
    best = counts.argmax(1)
    return np.where(counts.max(1) >= MIN_CELL_SHARE * CELL_PX**2, best, -1).astype(np.int8)
