"""A set of many records that point at few pictures, so that only its length is large.

In: how many of what. Out: a folder as `n3d render` writes it, whose `instances.json` tells each picture again
and again under other ids. It does not know what is measured with it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.storage.json_file import read_object
from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.simulated.scenes import RenderConfig
from n3d_ros.training.simulated.sets import INSTANCES, NAMES, RenderJob, finish, make_scene, scene_file

# Below the seeds of training and above those that `n3d eval` takes.
FIRST_SEED = 930_000
MOST_OBJECTS = 1000


@dataclass(frozen=True)
class BenchSet:
    """num_scenes: pictures that are drawn, with ten objects or a few more of which most are seen."""

    num_records: int
    num_scenes: int = 8
    width: int = 640
    height: int = 480

    def __post_init__(self) -> None:
        if min(self.num_records, self.num_scenes) < 1:
            raise ValueError(f"records: expected at least 1, got {self.num_records} of {self.num_scenes}")


def write_bench_set(made: BenchSet, out: Path) -> Path:
    """The path of `instances.json`, written record by record."""
    config = RenderConfig(made.width, made.height, finer=0, min_objects=10, max_objects=12)
    job = RenderJob(out, made.num_scenes, FIRST_SEED, config)
    for seed in job.missing():
        make_scene(job, seed)
    finish(job)
    scenes = [read_object(scene_file(out, seed)) for seed in job.seeds]
    with whole_file(out / INSTANCES) as part, part.open("w", encoding="utf-8") as stream:
        for before, items in (
            ('{"images": [', _images(scenes, made.num_records)),
            ('],\n"annotations": [', _annotations(scenes, made.num_records)),
            ('],\n"categories": [', _categories()),
        ):
            stream.write(before)
            stream.writelines(("\n" if not n else ",\n") + json.dumps(item) for n, item in enumerate(items))
        stream.write("]}\n")
    return out / INSTANCES


def _images(scenes: list[dict[str, Any]], number: int) -> Iterator[dict[str, Any]]:
    for record, scene in zip(range(number), itertools.cycle(scenes)):
        yield {**scene["image"], "id": record}


def _annotations(scenes: list[dict[str, Any]], number: int) -> Iterator[dict[str, Any]]:
    for record, scene in zip(range(number), itertools.cycle(scenes)):
        for place, one in enumerate(scene["annotations"]):
            yield {**one, "id": record * MOST_OBJECTS + place, "image_id": record}


def _categories() -> Iterator[dict[str, Any]]:
    return ({"id": number, "name": name} for number, name in enumerate(NAMES, 1))
