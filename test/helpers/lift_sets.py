"""Sets of annotated pictures with depth, as a laboratory has them on disk: tiny ones, and simulated ones."""

import json
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from PIL import Image

from n3d_ros.boxes import Box3D
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.run import LiftJob
from n3d_ros.training.lift.sources.coco import CocoSource, build_index
from n3d_ros.training.simulated.scenes import POLYGONS, RLE, RenderConfig, see
from n3d_ros.training.simulated.sets import INSTANCES, TRUTH, RenderJob, finish, write_scene

CAMERA = {"fx": 50.0, "fy": 50.0, "cx": 31.5, "cy": 23.5}
WIDTH, HEIGHT = 64, 48
# Left, top, right, bottom of the object of `tiny_set`, 0.8 m away before a wall at 2 m.
OBJECT = (20, 10, 40, 30)
SQUARE = [[20.0, 10.0, 40.0, 10.0, 40.0, 30.0, 20.0, 30.0]]
DEFAULTS = LiftConfig()


@dataclass
class TinySet:
    """A COCO file in memory with its folder; `write` stores it, `source` reads it."""

    folder: object
    content: dict

    def write(self):
        path = self.folder / "instances.json"
        path.write_text(json.dumps(self.content))
        return path

    def source(self, **options):
        index = build_index(self.write(), self.folder / "index")
        return CocoSource(index, self.folder / "images", self.folder, **options)

    def job(self, out, config=DEFAULTS, **options):
        return LiftJob(self.source(), SensorDepth(), config, out, **options)

    def attempts(self, config=DEFAULTS):
        """All attempts of all records, in order."""
        source = self.source()
        pictures = (lift_picture(source.record(i), SensorDepth(), config) for i in range(len(source)))
        return [attempt for picture in pictures for attempt in picture.attempts]

    def reasons(self, config=DEFAULTS):
        """Why each annotation has no box, 'kept' where it has one."""
        return [one.rejected.reason.value if one.rejected else "kept" for one in self.attempts(config)]


def tiny_set(folder, num_pictures=1):
    """Pictures of a square 0.8 m away before a wall at 2 m, one annotation each."""
    (folder / "images").mkdir(parents=True)
    depth = np.full((HEIGHT, WIDTH), 2000, np.uint16)
    left, top, right, bottom = OBJECT
    depth[top:bottom, left:right] = 800
    images, annotations = [], []
    for number in range(1, num_pictures + 1):
        Image.new("RGB", (WIDTH, HEIGHT), (number % 256, 90, 60)).save(folder / f"images/{number}.png")
        Image.fromarray(depth).save(folder / f"{number}_depth.png")
        images.append(picture_entry(number))
        annotations.append(annotation_entry(number, number))
    categories = [{"id": 7, "name": "red block"}]
    return TinySet(folder, {"images": images, "annotations": annotations, "categories": categories})


def picture_entry(number):
    """An image of COCO with depth and camera."""
    size = {"width": WIDTH, "height": HEIGHT}
    files = {"file_name": f"{number}.png", "depth_file": f"{number}_depth.png"}
    return {"id": number, **size, **files, "camera": dict(CAMERA)}


def annotation_entry(number, picture):
    """An annotation of COCO of the square."""
    return {
        "id": number,
        "image_id": picture,
        "category_id": 7,
        "bbox": [20, 10, 20, 20],
        "segmentation": SQUARE,
        "iscrowd": 0,
    }


def simulated_set(folder, seeds, noisy=False, as_polygons=False, widen_px=0):
    """(TinySet, true visible box by annotation id) of one view of each scene, as `n3d render` writes them.

    widen_px: of the masks. The true box comes from no mask and no filter of lifting.
    """
    config = RenderConfig(masks=POLYGONS if as_polygons else RLE, noise=noisy)
    job = RenderJob(folder, len(seeds), seeds[0], config)
    for seed in seeds:
        write_scene(job, _widened(_seen(seed), widen_px))
    finish(job)
    truth = json.loads((folder / TRUTH).read_text())["boxes"]
    boxes = {
        one["annotation"]: Box3D(one["label"], tuple(one["seen"]["center_m"]), tuple(one["seen"]["size_m"]))
        for one in truth
    }
    return TinySet(folder, json.loads((folder / INSTANCES).read_text())), boxes


@cache
def _seen(seed):
    """Drawn once for all ways to write it."""
    return see(seed)


def _widened(seen, px):
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    masks = (cv2.dilate(one.mask.astype(np.uint8), disc).astype(bool) for one in seen.objects)
    objects = tuple(replace(one, mask=mask) for one, mask in zip(seen.objects, masks, strict=True))
    return replace(seen, objects=objects)
