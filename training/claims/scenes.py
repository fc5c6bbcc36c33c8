"""Simulated scenes -> shards of views, to train on and to measure on.

In: seeds. Out: a folder of shards as n3d-nano's (`training/nano/views`). It does not know questions or
models. Two objects of other colours that fill the picture, of four kinds: what a small model can learn in
minutes, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from n3d_ros.geometry import project, transform_points
from n3d_ros.sim import Camera, RgbdCamera, Scene, SceneConfig, generate, random_look, sample_camera
from n3d_ros.training.nano.views import SMALL, Record, view_record, write_shard

VIEWS_PER_SCENE = 2
# Seeds of training and test scenes are less apart.
TRIES, SEEDS_APART = 20, 50_000_000
SCENES_PER_SHARD = 60
SCENES = SceneConfig(
    layouts=("table", "floor"),
    kinds=("bottle", "bowl", "ball", "box"),
    min_objects=2,
    max_objects=2,
    duplicate_share=0.0,
)


# How much wider than its objects a picture is, and of what is left over, the least share on each side.
WIDER, LEAST_EDGE = (1.15, 1.7), 0.2


@dataclass(frozen=True)
class SceneSet:
    """Which scenes: `num_scenes` from `first_seed` on, VIEWS_PER_SCENE views of each."""

    first_seed: int
    num_scenes: int


def write_scenes(wanted: SceneSet, folder: Path) -> Path:
    """The set in `folder`, as far as it is not rendered yet; its folder. A shard is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    end = wanted.first_seed + wanted.num_scenes
    for first in range(wanted.first_seed, end, SCENES_PER_SHARD):
        path = folder / f"views_{first}.npy"
        if not path.is_file():
            seeds = range(first, min(first + SCENES_PER_SHARD, end))
            write_shard([view for seed in seeds for view in scene_views(seed)], path)
    return folder


def scene_views(seed: int) -> Iterator[Record]:
    """Records of the views of one scene, with exact depth."""
    scene, rng = two_colors(seed), np.random.default_rng(seed)
    with RgbdCamera(scene, *SMALL.rendered) as camera:
        for _ in range(VIEWS_PER_SCENE):
            place = framed(sample_camera(scene, rng, *SMALL.rendered), scene, rng)
            view = camera.render(place, random_look(rng))
            yield view_record(scene, view, view.depth, SMALL)


def two_colors(seed: int) -> Scene:
    """The scene of `seed`, or the first after it in the seed's own row whose objects differ in colour."""
    for attempt in range(TRIES):
        scene = generate(seed + attempt * SEEDS_APART, SCENES)
        if len({one.color for one in scene.objects}) == len(scene.objects):
            return scene
    raise RuntimeError(f"seed {seed}: no scene with objects of other colours in {TRIES} tries")


def framed(camera: Camera, scene: Scene, rng: np.random.Generator) -> Camera:
    """The same camera with a longer focal length: its picture is that part which holds the objects."""
    k = camera.intrinsics
    points = transform_points(camera.T_camera_world, np.concatenate(scene.object_points))
    pixels = project(points[points[:, 2] > 0], k)
    low, high = (
        np.clip(pixels.min(0), 0, (k.width - 1, k.height - 1)),
        np.clip(pixels.max(0), 0, (k.width - 1, k.height - 1)),
    )
    share = min(1.0, float(np.max((high - low) / (k.width, k.height))) * rng.uniform(*WIDER))
    size = np.array([round(k.width * share), round(k.height * share)])
    start = low - rng.uniform(LEAST_EDGE, 1 - LEAST_EDGE, 2) * (size - (high - low))
    left, top = np.clip(start, 0, (k.width, k.height) - size).astype(int).tolist()
    return replace(camera, intrinsics=k.cropped(left, top, *size.tolist()).scaled_to(k.width, k.height))
