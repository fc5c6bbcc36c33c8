"""Annotation files of every format, damaged anywhere: a record says what is wrong, or the file is refused."""

import json

import numpy as np
import pytest
from lift_sets import HEIGHT, WIDTH, tiny_set

from n3d_ros.training.lift.depth_sources import SensorDepth
from n3d_ros.training.lift.filters import LiftConfig
from n3d_ros.training.lift.lifting import lift_picture
from n3d_ros.training.lift.sources.opening import Beside, open_source

BOXES = """ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf,IsDepiction,IsInside
0a,/m/1,0.3125,0.625,0.2083,0.625,0,0,0
0b,/m/2,0.1,0.2,0.1,0.2,1,-1,0
"""
MASKS = """MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks
0a_m1_ff.png,0a,/m/1,ff,0.3125,0.625,0.2083,0.625,0.9,
"""
OMNI3D = {
    "images": [
        {"id": 1, "width": WIDTH, "height": HEIGHT, "file_path": "1.png"}
        | {"K": [[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]]}
    ],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 7,
            "valid3D": True,
            "center_cam": [0, 0, 2],
            "dimensions": [1, 1, 1],
        }
        | {"R_cam": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "bbox2D_tight": [1, 2, 30, 40], "behind_camera": False}
    ],
    "categories": [{"id": 7, "name": "sofa"}],
}


def damaged(data, rng):
    """A few bytes changed, taken out or doubled."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(data)))
        kind = rng.integers(3)
        if kind == 0:
            data[place] = int(rng.choice(list(b'0-9.,:"[]{}ne \n\xff\x00')))
        elif kind == 1:
            del data[place : place + int(rng.integers(1, 30))]
        else:
            data[place:place] = data[place : place + 30]
    return bytes(data)


def files_of(folder, format):
    """The annotation files, beside the picture and depth of `tiny_set`."""
    made = tiny_set(folder)
    if format == "coco":
        return {"set.json": json.dumps(made.content)}
    if format == "omni3d":
        return {"set.json": json.dumps(OMNI3D)}
    return {"boxes.csv": BOXES, "classes.csv": "/m/1,Airplane\n/m/2,Car\n", "masks.csv": MASKS}


@pytest.mark.parametrize("format", ["coco", "omni3d", "open-images"])
def test_damage_is_said(tmp_path, format):
    rng, outcomes = np.random.default_rng(0), set()
    whole = {name: text.encode() for name, text in files_of(tmp_path / "set", format).items()}
    for _ in range(120):
        for name, data in whole.items():
            (tmp_path / name).write_bytes(damaged(data, rng))
        outcomes.add(outcome([tmp_path / name for name in whole], tmp_path, format))
    assert "refused" in outcomes and "lifted" in outcomes


def outcome(paths, folder, format):
    """What comes of files; any other error than what readers document is raised."""
    beside = Beside(images=folder / "set/images", depth=folder / "set")
    try:
        source = open_source(paths, beside, folder / "index", format)
    except (ValueError, OSError) as error:
        assert "\n" not in str(error)
        return "refused"
    for index in range(len(source)):
        lift_picture(source.record(index), SensorDepth(), LiftConfig())
    return "lifted"
