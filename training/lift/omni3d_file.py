"""Shards of a lifted set -> one Omni3D JSON file.

In: shards. Out: a file as DATA.md of facebookresearch/omni3d describes it, written whole, at constant memory.
It lifts nothing. `sources/omni3d.py` says what the fields mean, and reads them back.

Lifted boxes lie along the camera's axes: `R_cam` is the identity and `dimensions` are (extent along z, along
y, along x). Given boxes are written as they were given. What nobody measured is -1, as there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow.parquet as pq

from n3d_ros.geometry import Array, Intrinsics, project
from n3d_ros.storage.whole_file import whole_file

# Signs of the corners v0 .. v7 along x, y, z as DATA.md draws them.
CORNERS = np.array(
    [[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1], [-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]
)
UNKNOWN = -1
NONE = [float(UNKNOWN)] * 4
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
NEAR_M = 1e-3


def write_omni3d(shards: Sequence[Path], path: Path, name: str) -> int:
    """Number of boxes. name: of the set, for its `info`. Pictures without a camera are left out."""
    categories: dict[str, int] = {}
    with whole_file(path) as part, part.open("w", encoding="utf-8") as stream:
        info = {"id": name, "source": 0, "name": name, "split": "", "version": "", "url": ""}
        stream.write(f'{{"info": {json.dumps(info)}, "images": [')
        _write(stream, map(_image, _rows(shards)))
        stream.write('], "annotations": [')
        count = _write(stream, _annotations(shards, categories))
        stream.write('], "categories": [')
        _write(
            stream, ({"id": number, "name": text, "supercategory": ""} for text, number in categories.items())
        )
        stream.write("]}\n")
    return count


def _write(stream: IO[str], items: Iterable[dict[str, Any]]) -> int:
    count = 0
    for count, item in enumerate(items, 1):
        stream.write(("" if count == 1 else ",") + "\n" + json.dumps(item, allow_nan=False))
    return count


def _rows(shards: Sequence[Path]) -> Iterator[dict[str, Any]]:
    columns = ["index", "picture", "file", "width", "height", "intrinsics", "objects"]
    for shard in shards:
        for row in pq.read_table(shard, columns=columns).to_pylist():
            if row["intrinsics"] is not None:
                yield row


def _image(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["index"],
        "dataset_id": 0,
        "width": row["width"],
        "height": row["height"],
        "file_path": row["file"],
        "K": _camera(row).matrix().tolist(),
        "src_90_rotate": 0,
        "src_flagged": False,
    }


def _annotations(shards: Sequence[Path], categories: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Fills the categories while it goes."""
    number = 0
    for row in _rows(shards):
        for one in row["objects"]:
            category = categories.setdefault(one["label"], len(categories))
            place = {"id": number, "image_id": row["index"], "category_id": category}
            yield {**place, "category_name": one["label"], **_object(one, _camera(row))}
            number += 1


def _object(one: dict[str, Any], camera: Intrinsics) -> dict[str, Any]:
    stated = one["given"] or {**one["box"], "R_optical_box": IDENTITY}
    turn = np.asarray(stated["R_optical_box"], dtype=np.float64).reshape(3, 3)
    x, y, z = stated["size_m"]
    corners = (CORNERS * (np.array([x, y, z]) / 2)) @ turn.T + np.asarray(stated["center_m"])
    is_behind = bool(corners[:, 2].min() <= NEAR_M)
    projected = NONE if is_behind else _around(project(corners, camera))
    limits = (camera.width, camera.height)
    return {
        "valid3D": True,
        "bbox2D_tight": list(one["extent_px"]),
        "bbox2D_proj": projected,
        "bbox2D_trunc": NONE if is_behind else _clipped(projected, limits),
        "bbox3D_cam": corners.tolist(),
        "center_cam": list(stated["center_m"]),
        "dimensions": [z, y, x],
        "R_cam": turn.tolist(),
        "behind_camera": is_behind,
        "visibility": UNKNOWN,
        "truncation": UNKNOWN,
        "segmentation_pts": UNKNOWN if one["num_points"] is None else one["num_points"],
        "lidar_pts": UNKNOWN,
        "depth_error": UNKNOWN,
    }


def _around(pixels: Array) -> list[float]:
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    return [*map(float, low), *map(float, high)]


def _clipped(box: list[float], limits: tuple[int, int]) -> list[float]:
    return [float(np.clip(value, 0, limit)) for value, limit in zip(box, (*limits, *limits), strict=True)]


def _camera(row: dict[str, Any]) -> Intrinsics:
    return Intrinsics(**row["intrinsics"], width=row["width"], height=row["height"])
