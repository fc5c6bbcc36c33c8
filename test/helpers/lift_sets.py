"""Sets of annotated pictures with depth, as a laboratory has them on disk: tiny ones, and simulated ones."""

import json
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, backproject
from n3d_ros.sim import Camera, RgbdCamera, generate, sample_camera, sensor_noise
from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.run import LiftJob
from n3d_ros.training.lift.sources.coco import CocoSource, build_index

CAMERA = {"fx": 50.0, "fy": 50.0, "cx": 31.5, "cy": 23.5}
WIDTH, HEIGHT = 64, 48
# Left, top, right, bottom of the object of `tiny_set`, 0.8 m away before a wall at 2 m.
OBJECT = (20, 10, 40, 30)
SQUARE = [[20.0, 10.0, 40.0, 10.0, 40.0, 30.0, 20.0, 30.0]]
# How much finer the picture is that true visible boxes are measured in.
FINER = 3
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
    """(TinySet, true visible box by annotation id) of one view of each scene; widen_px: of the masks.

    The true box is that of everything visible at a resolution FINER times as high, in exact depth: it comes
    from no mask and no filter of lifting.
    """
    (folder / "images").mkdir(parents=True)
    images, annotations, truth, names = [], [], {}, {}
    for seed in seeds:
        view, boxes = _view(seed)
        height, width = view.depth.shape
        depth = sensor_noise(view.depth, np.random.default_rng(seed)) if noisy else view.depth
        Image.fromarray(view.rgb).save(folder / f"images/{seed}.png")
        np.save(folder / f"{seed}.npy", depth)
        k = view.camera.intrinsics
        camera = {"fx": k.fx, "fy": k.fy, "cx": k.cx, "cy": k.cy}
        size = {"id": seed, "file_name": f"{seed}.png", "width": width, "height": height}
        images.append({**size, "depth_file": f"{seed}.npy", "camera": camera})
        for index, box in boxes.items():
            mask = _widened(view.instance == index, widen_px)
            number = len(annotations) + 1
            truth[number] = box
            category = names.setdefault(box.label, len(names) + 1)
            segmentation = _polygons(mask) if as_polygons else _rle(mask)
            place = {"id": number, "image_id": seed, "category_id": category}
            annotations.append({**place, "segmentation": segmentation, "iscrowd": 0})
    categories = [{"id": number, "name": name} for name, number in names.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    return TinySet(folder, content), truth


@cache
def _view(seed, width=640, height=480, min_px=400):
    """A view, and the true visible boxes of its objects that are large enough."""
    scene, rng = generate(seed), np.random.default_rng(seed)
    camera = sample_camera(scene, rng, width, height)
    with RgbdCamera(scene, width, height) as coarse:
        view = coarse.render(camera)
    k = camera.intrinsics.scaled_to(width * FINER, height * FINER)
    with RgbdCamera(scene, k.width, k.height) as fine:
        seen = fine.render(Camera(k, camera.T_world_camera))
    large = [index for index, px in enumerate(view.visible_px) if px >= min_px]
    boxes = {i: visible_box(seen.depth, seen.instance == i, k, scene.objects[i].name) for i in large}
    return view, boxes


def visible_box(depth, mask, intrinsics: Intrinsics, label):
    """Around every point of the mask."""
    v, u = np.nonzero(mask)
    points = backproject(u, v, depth[v, u], intrinsics)
    low, high = points.min(axis=0), points.max(axis=0)
    return Box3D(label, tuple((low + high) / 2), tuple(high - low))


def _widened(mask, px):
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * px + 1, 2 * px + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def _rle(mask):
    packed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def _polygons(mask):
    """As annotators draw them: along the outer pixels' centres, holes filled."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return [(outline.ravel() + 0.5).tolist() for outline in outlines if len(outline) >= 3]
