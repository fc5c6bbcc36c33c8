"""Lifted sets as `n3d lift` leaves them, made of numbers alone, and makers of questions about them."""

import json
import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from n3d_ros.training.lift.shards import shard_file
from n3d_ros.training.qa.config import QaConfig
from n3d_ros.training.qa.making.asking import Maker, Tally
from n3d_ros.training.qa.making.names import Vocabulary
from n3d_ros.training.qa.making.picture import picture_rng, questions_of
from n3d_ros.training.qa.making.scene import NoScene, scene_of_row
from n3d_ros.training.run_folder import checksum

CAMERA = {"fx": 600.0, "fy": 600.0, "cx": 319.5, "cy": 239.5}
WIDTH, HEIGHT = 640, 480
# With slashes, odd spelling, plurals, words of the grammar and one that no question can hold.
LABELS = ["Person", "Chair", "Bottle", "Desk", "Cup", "Cabinet/shelf", "Book", "Bowl/Basin", "Moniter/TV"]
LABELS += ["Clock", "Canned", "Orange/Tangerine", "Camera"]
LABELS += ["Potted Plant", "Leather Shoes", "Dining Table", "Coffee Table", "Side Table", "Tennis Racket"]
VOCABULARY = Vocabulary.of_labels(LABELS)


def thing(label, center, size=(0.2, 0.3, 0.2), annotation="", is_whole=True):
    """An object of a lifted row, with the rectangle that its middle has in the picture."""
    x, y, z = center
    u, v = CAMERA["cx"] + CAMERA["fx"] * x / z, CAMERA["cy"] + CAMERA["fy"] * y / z
    half_u, half_v = (0.5 * CAMERA["fx"] * side / z for side in size[:2])
    return {
        "annotation": annotation or label,
        "label": label,
        "box": {"center_m": list(center), "size_m": list(size), "yaw_rad": 0.0},
        "extent_px": [u - half_u, v - half_v, u + half_u, v + half_v],
        "touches_edge": not is_whole,
    }


def row(*objects, index=0, hidden=(), **values):
    """A row of a lifted set. hidden: labels of annotations without a box."""
    return {
        "index": index,
        "picture": f"p{index}",
        "file": f"{index}.png",
        "width": WIDTH,
        "height": HEIGHT,
        "intrinsics": CAMERA,
        "fault": None,
        "objects": list(objects),
        "rejected": [
            {"annotation": "r", "label": one, "reason": "mask_small", "detail": ""} for one in hidden
        ],
        **values,
    }


def random_row(index, num_objects=9):
    """Objects anywhere in view; now and then one touches the edge, and one has no box."""
    rng = random.Random(index)
    objects = []
    for number in range(num_objects):
        z = rng.uniform(0.8, 4.0)
        center = (rng.uniform(-0.5, 0.5) * z, rng.uniform(-0.35, 0.35) * z, z)
        size = tuple(rng.uniform(0.05, 0.8) for _ in range(3))
        label = rng.choice(LABELS)
        objects.append(thing(label, center, size, f"{index}-{number}", is_whole=rng.random() > 0.1))
    return row(*objects, index=index, hidden=[rng.choice(LABELS)] if rng.random() < 0.2 else [])


def scene(*objects, seed=0, **values):
    """The scene of a row."""
    return scene_of_row(row(*objects, **values), picture_rng(seed, 0), Counter())


def maker(*objects, seed=0, config=None, **values):
    """What makes questions of a scene of these objects."""
    found = scene(*objects, seed=seed, **values)
    return Maker(found, config or QaConfig(), random.Random(seed), Tally(), VOCABULARY)


def questions(num_pictures, config=None, tally=None):
    """Questions of random pictures, as one shard makes them."""
    found, tally = [], tally or Tally()
    for index in range(num_pictures):
        rng = picture_rng(0, index)
        try:
            one = scene_of_row(random_row(index), rng, tally.objects)
        except NoScene:
            continue
        found += questions_of(Maker(one, config or QaConfig(), rng, tally, VOCABULARY))
    return found


def write_lifted(folder, num_pictures=6, shard_size=2, rows=None):
    """A finished lifted set of random pictures that are on disk, with their depth."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows or [random_row(index) for index in range(num_pictures)]
    stated = [one | _written(folder, one["index"]) for one in rows]
    shards = []
    for first in range(0, len(stated), shard_size):
        path = shard_file(folder, first // shard_size)
        pq.write_table(pa.Table.from_pylist(stated[first : first + shard_size]), path)
        shards.append({"file": path.name, "sha256": checksum(path)})
    (folder / "manifest.json").write_text(json.dumps({"pictures": len(stated), "shards": shards}))
    return folder


def _written(folder, index):
    file, depth = folder / f"{index}.png", folder / f"{index}_depth.png"
    rgb = np.full((HEIGHT, WIDTH, 3), (index % 256, index // 256, 60), np.uint8)
    Image.fromarray(rgb).save(file)
    Image.fromarray(np.full((HEIGHT, WIDTH), 1500 + index, np.uint16)).save(depth)
    return {
        "file": str(file),
        "depth_file": str(depth),
        "depth_scale_m": 0.001,
        "sha256": checksum(file),
        "look": f"{index:016x}",
    }
