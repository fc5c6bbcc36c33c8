"""Omni3D -> questions.

In: `Omni3D_{name}_{split}.json`, and the folder where its `file_path`s start. Out: one question for each
class in each picture: all its things. Format: github.com/facebookresearch/omni3d (DATA.md): COCO's lists; a
picture has `K`, an annotation `bbox3D_cam` (eight corners, metres, optical frame) and flags. Classes of a
picture in which some thing is to be ignored (its own rule: cubercnn/data/datasets.py, defaults) are left out,
since what is found there could not be called wrong.

N3D-VLM's boxes are not turned: the truth here is the upright hull of the eight corners along the camera's
axes, so figures are not those of Omni3D's own evaluation. There is no depth in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import shown
from n3d_ros.protocol.prompts import ground_question
from n3d_ros.training.evaluation.readers.checks import (
    Read,
    RowError,
    numbers_of,
    read_rows,
    side_of,
    text_of,
    wanted,
)
from n3d_ros.training.lift.sources.json_items import json_items
from n3d_ros.training.qa.records import GROUND, KnownBox, PictureRef, Question

NAME = "Omni3D"
MAX_DEPTH_ERROR_M = 0.5
# Of Omni3D's filter by default: as good as hidden or cut off.
MOST_TRUNCATED, LEAST_VISIBLE = 0.99, 0.01


def read(file: Path, pictures: Path, max_bad_share: float) -> Read:
    """ValueError, OSError."""
    images, things = _items(file)
    notes = ["boxes are hulls along the camera's axes: figures are not those of Omni3D's own evaluation"]
    make = partial(_question, images=images, pictures=pictures)
    return read_rows(NAME, file, _classes(things), make, max_bad_share, notes)


def _items(file: Path) -> tuple[dict[int, Any], dict[tuple[int, str], list[Any]]]:
    """Pictures by id, annotations by picture and class."""
    images: dict[int, Any] = {}
    things: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for key, item in json_items(file):
        if key == "images" and isinstance(item, dict) and isinstance(item.get("id"), int):
            images[item["id"]] = item
        if key == "annotations":
            entry = item if isinstance(item, dict) else {}
            things[entry.get("image_id", -1), str(entry.get("category_name", ""))].append(entry)
    if not images or not things:
        raise ValueError(f"'{file}': expected images and annotations, got {len(images)} and {len(things)}")
    return images, things


def _classes(things: dict[tuple[int, str], list[Any]]) -> Iterator[tuple[str, Any]]:
    for (image, name), entries in things.items():
        yield f"'{name}' of picture {image}", (image, name, entries)


def _question(row: Any, images: dict[int, Any], pictures: Path) -> Question | None:
    """None where a thing of the class is to be ignored."""
    number, name, entries = row
    if number not in images:
        raise RowError("expected annotations of a picture of the file, got an unknown image_id")
    if any(_is_ignored(entry) for entry in entries):
        return None
    try:
        ground_question(name)
    except ValueError as error:
        raise RowError(f"expected a class that can be asked for, got {shown(name)}") from error
    return Question(
        id=f"{number}-{name}",
        kind=GROUND,
        category="grounding",
        form="class",
        text=name,
        picture=_picture(images[number], pictures),
        boxes=tuple(_hull(name, entry) for entry in entries),
    )


def _is_ignored(entry: dict[str, Any]) -> bool:
    """Omni3D's own rule, without the one about heights in the picture. -1 stands for not known."""
    truncation, visibility = (float(wanted(entry, key, (int, float))) for key in ("truncation", "visibility"))
    return (
        wanted(entry, "behind_camera", bool)
        or not wanted(entry, "valid3D", bool)
        or entry.get("lidar_pts") == 0
        or entry.get("segmentation_pts") == 0
        or float(wanted(entry, "depth_error", (int, float))) > MAX_DEPTH_ERROR_M
        or truncation >= MOST_TRUNCATED
        or 0 <= visibility <= LEAST_VISIBLE
    )


def _hull(name: str, entry: dict[str, Any]) -> KnownBox:
    corners = wanted(entry, "bbox3D_cam", list)
    if len(corners) != 8:
        raise RowError(f"expected 8 corners as bbox3D_cam, got {len(corners)}")
    points = np.array([numbers_of(corner, "bbox3D_cam", 3) for corner in corners])
    low, high = points.min(axis=0), points.max(axis=0)
    if (high <= low).any():
        raise RowError("expected corners that span a box as bbox3D_cam, got a flat one")
    center, size = (low + high) / 2, high - low
    x, y, z = (float(value) for value in center)
    width, height, length = (float(value) for value in size)
    return KnownBox(name, (x, y, z), (width, height, length), str(wanted(entry, "id", int)))


def _picture(image: dict[str, Any], pictures: Path) -> PictureRef:
    path, width, height = text_of(image, "file_path"), side_of(image, "width"), side_of(image, "height")
    try:
        camera = Intrinsics.from_matrix(wanted(image, "K", list), width, height)
    except ValueError as error:
        raise RowError(f"expected a camera matrix as K, got {error}") from error
    return PictureRef(
        path,
        str(pictures / path),
        width,
        height,
        fx=camera.fx,
        fy=camera.fy,
        cx=camera.cx,
        cy=camera.cy,
    )
