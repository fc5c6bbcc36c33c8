"""Many simulated scenes -> a folder that `n3d lift` reads: COCO instances, pictures, depth, and the truth.

In: a `RenderJob`. Out: one scene after another on disk, then `instances.json` and `truth.json` over all of
them. A scene counts when its file in `scenes/` is there, written last, so a run goes on after any stop. The
same job gives the same bytes. It does not know how a scene is drawn, and prints nothing.

    images/0001000000.png    colours
    depth/0001000000.png     16 bits, DEPTH_UNIT_M a step, 0 = none
    scenes/0001000000.json   its image, annotations and true boxes
    instances.json           COCO (cocodataset.org, format-data) with `depth_file`, `camera` and `gravity`
    truth.json               {"boxes": [...]}: of every annotation its true boxes, optical frame, metres
    render.json              what is made here
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from pycocotools import mask as coco_mask

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Array
from n3d_ros.sim import COLORS, KINDS, WIDE_KINDS, sensor_noise
from n3d_ros.sim.world import NANO
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.storage.whole_file import whole_file, write_json
from n3d_ros.training.simulated.scenes import POLYGONS, RenderConfig, SeenScene, TrueObject, see

INSTANCES, TRUTH, RUN_FILE = "instances.json", "truth.json", "render.json"
# Below it, seeds are for evaluation (docs/training.md).
FIRST_TRAINING_SEED = 1_000_000
# 16 bits of it reach 13.1 m, beyond the 12 m that the renderer draws, and round a box by 0.1 mm.
DEPTH_UNIT_M = 0.0002
# An annotation's id is its picture's id times this, and its number in the picture.
IDS_PER_PICTURE = 1000
NAMES = tuple(f"{color} {kind}" for color in COLORS for kind in KINDS)
# After the former, so that a category keeps its number whatever else a world has.
MORE_NAMES = tuple(f"{color} {kind}" for color in COLORS for kind in WIDE_KINDS if kind not in KINDS)


@dataclass(frozen=True)
class RenderJob:
    """out: the folder. num_scenes from first_seed on."""

    out: Path
    num_scenes: int
    first_seed: int = FIRST_TRAINING_SEED
    config: RenderConfig = RenderConfig()

    def __post_init__(self) -> None:
        if self.num_scenes < 1 or self.first_seed < 0:
            raise ValueError(
                f"scenes: expected at least 1 from a seed of 0 or more on, "
                f"got {self.num_scenes} from {self.first_seed}"
            )

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.num_scenes)

    def missing(self) -> list[int]:
        """Seeds of the scenes that are not there yet."""
        return [seed for seed in self.seeds if not scene_file(self.out, seed).is_file()]


def scene_file(out: Path, seed: int) -> Path:
    """The file of a scene, written last."""
    return out / "scenes" / f"{seed:010d}.json"


def begin(job: RenderJob) -> None:
    """Say in the folder what is made there. ValueError where scenes of another kind are; more are welcome."""
    path, stated = job.out / RUN_FILE, job.config.to_dict()
    if not path.is_file():
        write_json(path, stated)
        return
    try:
        # what an earlier release did not know yet was as it is by default
        before = RenderConfig().to_dict() | read_object(path)
    except JsonError as error:
        raise ValueError(f"'{path}': expected what an earlier run wrote, got {error}") from error
    changed = [f"{name} {before.get(name)}" for name in stated if before.get(name) != stated[name]]
    if changed:
        raise ValueError(f"'{job.out}': expected scenes as those there ({', '.join(changed)}), got others")


def make_scene(job: RenderJob, seed: int) -> int:
    """Draw one scene and write its files; the seed. What a killed process left of it is removed."""
    for left in job.out.glob(f"*/.{seed:010d}.*.part*"):
        left.unlink(missing_ok=True)
    write_scene(job, see(seed, job.config))
    return seed


def write_scene(job: RenderJob, seen: SeenScene) -> None:
    """Pictures first, what tells of them last."""
    depth = seen.sensed
    if job.config.noise:
        depth = sensor_noise(depth, np.random.default_rng(seen.seed))
    _save_png(job.out / "images" / f"{seen.seed:010d}.png", seen.rgb)
    _save_png(job.out / "depth" / f"{seen.seed:010d}.png", steps_of(depth))
    entries = {"image": _image(seen), **_annotations(seen, job.config.masks)}
    write_json(scene_file(job.out, seen.seed), entries, indent=None)


def finish(job: RenderJob) -> tuple[int, int]:
    """Write instances.json and truth.json over the job's scenes; numbers of pictures and objects.

    Scene by scene, so that memory does not grow with the set. ValueError where a scene is missing.
    """
    missing = job.missing()
    if missing:
        raise ValueError(f"'{job.out}': expected all scenes, {len(missing)} are missing, first {missing[0]}")
    names = NAMES if job.config.world.kinds == NANO else NAMES + MORE_NAMES
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    with whole_file(job.out / INSTANCES) as part, part.open("w", encoding="utf-8") as stream:
        _write_list(stream, '{"images": ', (scene["image"] for scene in _scenes(job)))
        _write_list(stream, ',\n"annotations": ', _each(job, "annotations"))
        _write_list(stream, ',\n"categories": ', categories)
        stream.write("}\n")
    with whole_file(job.out / TRUTH) as part, part.open("w", encoding="utf-8") as stream:
        num_objects = _write_list(stream, '{"boxes": ', _each(job, "truth"))
        stream.write("}\n")
    return job.num_scenes, num_objects


def steps_of(depth: Array) -> npt.NDArray[np.uint16]:
    """(H, W) metres -> whole DEPTH_UNIT_M, 0 where there is none."""
    return np.rint(np.nan_to_num(depth, nan=0.0) / DEPTH_UNIT_M).astype(np.uint16)


def _scenes(job: RenderJob) -> Iterator[dict[str, Any]]:
    return (read_object(scene_file(job.out, seed)) for seed in job.seeds)


def _each(job: RenderJob, key: str) -> Iterator[dict[str, Any]]:
    return (one for scene in _scenes(job) for one in scene[key])


def _write_list(stream: IO[str], before: str, items: Any) -> int:
    """One item a line; how many there were."""
    number = 0
    stream.write(before + "[")
    for number, item in enumerate(items, 1):
        stream.write(("\n" if number == 1 else ",\n") + json.dumps(item))
    stream.write("]")
    return number


def _image(seen: SeenScene) -> dict[str, Any]:
    k, name = seen.intrinsics, f"{seen.seed:010d}.png"
    return {
        "id": seen.seed,
        "file_name": name,
        "width": k.width,
        "height": k.height,
        "depth_file": f"depth/{name}",
        "depth_scale_to_m": DEPTH_UNIT_M,
        "camera": {"fx": k.fx, "fy": k.fy, "cx": k.cx, "cy": k.cy},
        "gravity": list(seen.gravity),
    }


def _annotations(seen: SeenScene, masks: str) -> dict[str, list[dict[str, Any]]]:
    annotations, truth = [], []
    for number, one in enumerate(seen.objects):
        identity = seen.seed * IDS_PER_PICTURE + number
        annotations.append({"id": identity, "image_id": seen.seed, **_annotation(one, masks)})
        boxes = {"whole": _box(one.whole), "seen": _box(one.seen)}
        truth.append({"annotation": identity, "label": one.name, "visible": one.visible, **boxes})
    return {"annotations": annotations, "truth": truth}


def _annotation(one: TrueObject, masks: str) -> dict[str, Any]:
    rows, columns = np.flatnonzero(one.mask.any(axis=1)), np.flatnonzero(one.mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "category_id": (NAMES + MORE_NAMES).index(one.name) + 1,
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(one.mask.sum()),
        "iscrowd": 0,
        "segmentation": polygons(one.mask) if masks == POLYGONS else rle(one.mask),
    }


def rle(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's packed run lengths of an (H, W) mask."""
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def polygons(mask: npt.NDArray[np.bool_]) -> list[list[float]]:
    """As annotators draw them: along the outer pixels' centres, holes filled."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(outline.ravel() + 0.5).tolist() for outline in outlines if len(outline) >= 3]


def _box(box: Box3D | None) -> dict[str, Any] | None:
    return None if box is None else {"center_m": list(box.center), "size_m": list(box.size)}


def _save_png(path: Path, pixels: Array) -> None:
    with whole_file(path) as part:
        Image.fromarray(pixels).save(part)
