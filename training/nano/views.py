"""Rendered views as training records: render once, train many times.

In: scene seeds. Out: `.npy` shards of views, one record a view, each already resized, pooled and normalised
by the library's own preprocessing, so training sees exactly what the robot's path would produce. Knows
nothing of words, tokens or models.

Some views are of the whole scene, the others look closer at one of its objects, as the robot's second look
does.

One record (at most MAX_OBJECTS objects, a picture of H x W, its grid of N patches, all in raster order):
    rgb (H, W, 3) uint8                 picture
    pooled (N, 3) float32               normalised points pooled to the patch grid, before rounding
    scale, shift (3,)                   `SceneScale` of the view
    intrinsics (4,)                     fx, fy, cx, cy, px of the picture
    cells (N / 4,) int8                 object that covers most of each merged cell, -1 for none
    boxes (MAX_OBJECTS, 6) float32      centre and size, metres, optical frame
    kind, color (MAX_OBJECTS,) int8     index in KIND_NAMES and COLOR_NAMES, -1 where there is no object
    visible_px (MAX_OBJECTS,) int32     pixels of the rendered picture, RENDERED times as wide
    visible (MAX_OBJECTS,) float32      share of the object that is not hidden

A shard says itself which kinds its records count in: they are the title of the field `kind` in its header
(numpy's manual, "Field titles"). Shards of before have no title and count in the fourteen of n3d-nano.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.geometry import project, transform_points
from n3d_ros.preprocess.depth import depth_to_point_map, normalise, pool_to_grid
from n3d_ros.preprocess.pictures import resize_picture
from n3d_ros.sim import (
    COLORS,
    WIDE_KINDS,
    Camera,
    RgbdCamera,
    Scene,
    SceneConfig,
    View,
    generate,
    random_look,
    sample_camera,
)
from n3d_ros.sim.world import KIND_SETS, NANO, World
from n3d_ros.training.nano.world_mix import WorldMix
from n3d_ros.training.run_folder import RUN_FILE, begin

# One view in a shard's layout.
Record = dict[str, np.ndarray]

MAX_OBJECTS = 10
PATCH_PX, MERGED_PX = 14, 28
# How much larger than the picture a scene is rendered, as a camera sees more than a model does.
RENDERED = 1.5
# side of a merged cell in rendered pixels
CELL_PX = int(MERGED_PX * RENDERED)
MIN_CELL_SHARE = 0.06
# What records count in. n3d-nano's fourteen come first, so that its numbers mean the same in both.
KIND_NAMES, COLOR_NAMES = tuple(WIDE_KINDS), tuple(COLORS)
NANO_KINDS = KIND_SETS[NANO]
# Kinds drawn again. Of the fourteen: thin or small things, which the model of 2026 found least
# (docs/log/training.md). Of the others, of which no model was measured yet: those that are thinner still.
HARD_KINDS = (
    "banana", "banana", "banana", "hammer", "hammer", "can", "box", "mug", "ring", "plate", "book",
    "spoon", "fork", "knife", "screwdriver", "wrench", "brush",
)  # fmt: skip
# Random numbers of which world a scene is, and of how colours are taken.
WORLD_STREAM, CAPTURE_STREAM = 2, 3


@dataclass(frozen=True)
class PictureSize:
    """Size of a model's picture, px, whole merged cells."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width % MERGED_PX or self.height % MERGED_PX or min(self.width, self.height) <= 0:
            raise ValueError(f"picture: expected multiples of {MERGED_PX} px, got {self.width}x{self.height}")

    @property
    def rendered(self) -> tuple[int, int]:
        """(width, height) of the rendered picture."""
        return int(self.width * RENDERED), int(self.height * RENDERED)

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of patches."""
        return self.height // PATCH_PX, self.width // PATCH_PX


SMALL = PictureSize(224, 168)


@dataclass(frozen=True)
class RenderConfig:
    """What to render: `num_scenes` from `first_seed` on, `views_per_scene` cameras each, `close_share` of
    them nearer by a focal length `zoom` times as long.

    `worlds`: what scenes are made of and how they are seen. `picture`: what the model sees.
    """

    first_seed: int = 1_000_000
    num_scenes: int = 2000
    views_per_scene: int = 4
    scenes_per_shard: int = 50
    close_share: float = 0.4
    zoom: tuple[float, float] = (1.5, 2.6)
    worlds: WorldMix = WorldMix()
    picture: PictureSize = SMALL

    def __post_init__(self) -> None:
        if self.first_seed < 1_000_000:
            raise ValueError(
                f"first_seed must be at least 1000000 (lower seeds are for evaluation), got {self.first_seed}"
            )

    def description(self) -> dict[str, Any]:
        """What views of one folder share, whichever scenes they are of."""
        return {
            name: value for name, value in asdict(self).items() if name not in ("first_seed", "num_scenes")
        }

    def scenes(self, world: World) -> SceneConfig:
        """What a scene of `world` holds, its hard kinds more often."""
        kinds = KIND_SETS[world.kinds]
        return replace(world.scenes(), kinds=kinds + tuple(kind for kind in HARD_KINDS if kind in kinds))


def render_shards(config: RenderConfig, folder: Path) -> Iterator[Path]:
    """Write the missing shards of `config` into `folder`, yielding each path as it is complete. ValueError
    where views of another kind are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begin_folder(config, folder)
    for start in range(0, config.num_scenes, config.scenes_per_shard):
        path = folder / f"views_{config.first_seed + start}.npy"
        if not path.exists():
            seeds = range(
                config.first_seed + start,
                config.first_seed + min(start + config.scenes_per_shard, config.num_scenes),
            )
            views = [view for seed in seeds for view in scene_views(seed, config)]
            write_shard(views, path, config.worlds.kind_names)
        yield path


def begin_folder(config: RenderConfig, folder: Path) -> None:
    """Say in the folder what its views are. ValueError where other ones are. A folder of before, which says
    nothing, holds n3d-nano's own world in the size of its pictures.
    """
    there = min(folder.glob("views_*.npy"), default=None)
    if there is not None and not (folder / RUN_FILE).is_file():
        height, width = np.load(there, mmap_mode="r").dtype["rgb"].shape[:2]
        begin(folder, RenderConfig(picture=PictureSize(width, height)).description())
    begin(folder, config.description())


def write_shard(views: list[Record], path: Path, kinds: Sequence[str] = NANO_KINDS) -> None:
    """The views as one array of records, written whole or not at all. `kinds`: what their `kind` counts in,
    the first of KIND_NAMES.
    """
    first = {key: np.asarray(value) for key, value in views[0].items()}
    highest = max(int(view["kind"].max()) for view in views)
    if tuple(kinds) != KIND_NAMES[: len(kinds)] or highest >= len(kinds):
        raise ValueError(
            f"{path}: expected the first kinds to {KIND_NAMES[highest]} at least, got {list(kinds)}"
        )
    titles: dict[str, Any] = {"kind": (" ".join(kinds), "kind")}
    layout = [(titles.get(key, key), value.dtype, value.shape) for key, value in first.items()]
    rows = np.zeros(len(views), layout)
    for row, view in zip(rows, views, strict=True):
        for key, value in view.items():
            row[key] = value
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, rows)
    partial.replace(path)


def shard_kinds(shard: np.ndarray) -> tuple[str, ...]:
    """What the records of a shard count in."""
    fields: Mapping[str, Any] = shard.dtype.fields or {}
    title = fields["kind"][2:]
    return tuple(title[0].split()) if title else NANO_KINDS


def scene_views(seed: int, config: RenderConfig) -> Iterator[Record]:
    """Records of the views of one scene."""
    world = config.worlds.of_scene(np.random.default_rng((seed, WORLD_STREAM)))
    scene, rng = generate(seed, config.scenes(world)), np.random.default_rng(seed)
    captures = np.random.default_rng((seed, CAPTURE_STREAM))
    with RgbdCamera(scene, *config.picture.rendered) as camera:
        for _ in range(config.views_per_scene):
            place = sample_camera(scene, rng, *config.picture.rendered)
            if rng.random() < config.close_share:
                place = closer(place, scene, rng, config.zoom)
            look = random_look(rng)
            seen = config.worlds.of_view(world, captures.random(), rng.random())
            view = seen.view(camera, place, look, captures)
            yield view_record(scene, view, seen.depth(view, rng), config.picture)


def closer(camera: Camera, scene: Scene, rng: np.random.Generator, zoom: tuple[float, float]) -> Camera:
    """The same camera with a longer focal length, one object somewhere near the middle of its picture: what a
    crop of its picture shows.
    """
    points = transform_points(
        camera.T_camera_world, scene.object_points[int(rng.integers(len(scene.objects)))]
    )
    k, factor = camera.intrinsics, rng.uniform(*zoom)
    u, v = project((points.min(axis=0) + points.max(axis=0))[None] / 2, k)[0]
    # where the part begins, in pixels of the whole picture; it stays inside as the robot's does
    width, height = int(k.width / factor), int(k.height / factor)
    left = int(np.clip(u - width * rng.uniform(0.3, 0.7), 0, k.width - width))
    top = int(np.clip(v - height * rng.uniform(0.3, 0.7), 0, k.height - height))
    part = k.cropped(left, top, width, height)
    return replace(camera, intrinsics=part.scaled_to(k.width, k.height))


def view_record(scene: Scene, view: View, depth: np.ndarray, picture: PictureSize) -> Record:
    """One view, rendered for `picture`, in the shard's layout."""
    points = normalise(depth_to_point_map(depth, view.camera.intrinsics))
    intrinsics = view.camera.intrinsics.scaled_to(picture.width, picture.height)
    objects = scene.objects[:MAX_OBJECTS]
    return {
        "rgb": resize_picture(view.rgb, picture.width, MERGED_PX),
        "pooled": pool_to_grid(points, picture.grid).astype(np.float32),
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
    rows, columns = (side // CELL_PX for side in instance.shape)
    cells = instance.reshape(rows, CELL_PX, columns, CELL_PX).swapaxes(1, 2).reshape(-1, CELL_PX**2)
    counts = np.stack([(cells == index).sum(1) for index in range(MAX_OBJECTS)], axis=1)
    best = counts.argmax(1)
    return np.where(counts.max(1) >= MIN_CELL_SHARE * CELL_PX**2, best, -1).astype(np.int8)
