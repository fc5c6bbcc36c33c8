"""Files and folders that somebody names -> the reader of their format.

In: paths, what lies beside them, and perhaps the format. Out: a `Source`. A format is told by what its file
says, never by a file's name beyond its suffix. It measures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n3d_ros.files.camera_file import read_camera
from n3d_ros.geometry import Intrinsics, Vector3
from n3d_ros.training.lift.sources import coco, omni3d, open_images
from n3d_ros.training.lift.sources.folders import FolderSource
from n3d_ros.training.lift.sources.json_items import json_items
from n3d_ros.training.lift.sources.records import Source

FORMATS = ("coco", "objects365", "open-images", "omni3d", "frames")


@dataclass(frozen=True)
class Beside:
    """What is not in the annotation files; None where nobody named it. images, depth, masks: folders.

    intrinsics: the file of the camera of pictures that state none. gravity: in the optical frame.
    """

    images: Path | None = None
    depth: Path | None = None
    masks: Path | None = None
    intrinsics: Path | None = None
    depth_scale_m: float | None = None
    gravity: Vector3 | None = None


def open_source(inputs: list[Path], beside: Beside, index_folder: Path, format: str | None = None) -> Source:
    """index_folder: where the index of large files is kept. OSError or ValueError say what is wrong."""
    format = format or format_of(inputs)
    if format == "frames":
        return _folders(inputs, beside)
    camera = None if beside.intrinsics is None else read_camera(beside.intrinsics, beside.depth_scale_m)
    k = None if camera is None else camera.intrinsics
    scale = beside.depth_scale_m if camera is None else camera.depth_scale_m
    if format == "open-images":
        return _open_images(inputs, beside, k, scale, index_folder)
    if len(inputs) != 1:
        raise ValueError(f"input: expected one file of {format}, got {len(inputs)} inputs")
    index, folder = coco.build_index(inputs[0], index_folder), inputs[0].parent
    known: dict[str, Any] = {"intrinsics": k, "depth_scale_m": scale, "gravity": beside.gravity}
    if format == "omni3d":  # its files lie in a folder of their own beside the pictures'
        images = beside.images or folder.parent
        return omni3d.Omni3dSource(index, images, beside.depth or images, **known)
    return coco.CocoSource(index, beside.images or folder / "images", beside.depth or folder, **known)


def format_of(inputs: list[Path]) -> str:
    """One of FORMATS; a file of none of them is said when it is read."""
    suffix = inputs[0].suffix.lower()
    if suffix == ".csv":
        return "open-images"
    if suffix == ".json":
        return _format_of_json(inputs[0])
    if inputs[0].is_file():
        raise ValueError(
            "input: expected .json (COCO, Objects365, Omni3D), .csv (Open Images) or frame folders, got the "
            f"file '{inputs[0]}'; --format says what it is"
        )
    return "frames"


def _format_of_json(path: Path) -> str:
    """By the first picture or annotation; Objects365 is read as COCO."""
    for name, item in json_items(path):
        if name in ("images", "annotations") and isinstance(item, dict):
            return "omni3d" if {"file_path", "K"} <= set(item) or "R_cam" in item else "coco"
    return "coco"


def _folders(inputs: list[Path], beside: Beside) -> Source:
    given = [name for name in ("images", "depth", "masks", "intrinsics") if getattr(beside, name) is not None]
    if given:
        raise ValueError(f"--{given[0]}: expected with annotation files, got folders; they hold their own")
    return FolderSource.find(inputs, beside.depth_scale_m, beside.gravity)


def _open_images(
    inputs: list[Path], beside: Beside, k: Intrinsics | None, scale: float | None, index_folder: Path
) -> Source:
    """Which file is which is told by its first row; classes have none."""
    headers = {path: open_images.header_of(path) for path in inputs}
    boxes = [path for path, header in headers.items() if open_images.is_boxes(header)]
    masks = [path for path, header in headers.items() if open_images.is_segmentations(header)]
    classes = [path for path in inputs if path not in (*boxes, *masks)]
    if (len(boxes), len(classes)) != (1, 1) or len(masks) > 1:
        raise ValueError(
            "input: expected Open Images' files of boxes and of class descriptions, perhaps one of "
            f"segmentations, got {len(boxes)} of boxes, {len(masks)} of segmentations, {len(classes)} others"
        )
    index = open_images.build_index(boxes[0], classes[0], masks[0] if masks else None, index_folder)
    folder = boxes[0].parent
    return open_images.OpenImagesSource(
        index,
        images=beside.images or folder / "images",
        depth=beside.depth or folder,
        intrinsics=k,
        depth_scale_m=scale,
        gravity=beside.gravity,
        masks=beside.masks or folder / "masks",
    )
