"""Further readers as functions of bytes, as in `fuzz_readers`: sets to be lifted, memories, requests.

They need the packages of training; whoever fuzzes without them takes `fuzz_readers` alone.
"""

import json
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from fuzz_readers import ends_well, in_folder
from PIL import Image
from three_boxes import BOX, MUG, TABLE

from n3d_ros.boxes import Box3D
from n3d_ros.errors import BadInputError
from n3d_ros.geometry import Intrinsics
from n3d_ros.memory import Look, ObjectMemory
from n3d_ros.memory.memory_file import MemoryFileError, load, save
from n3d_ros.node.desk.queries import AskQuery, GroundQuery
from n3d_ros.node.parameters.declared import Parameters
from n3d_ros.runtime.limits import DEFAULT
from n3d_ros.spatial import answer, parse_question
from n3d_ros.storage.json_file import parse_json
from n3d_ros.training.lift.filters import LiftConfig, Rejected
from n3d_ros.training.lift.masks import crop_of
from n3d_ros.training.lift.shards import Entry, read_entry
from n3d_ros.training.lift.sources.coco import CocoSource, build_index
from n3d_ros.training.lift.sources.folders import FolderSource

SIZE = (9, 6)
CAMERA = Intrinsics(60.0, 60.0, 4.0, 2.5, *SIZE)
FILE_ERRORS = (ValueError, OSError)


def _masks(source):
    """Every record of a source, and every mask of it that can be one."""
    for index in range(len(source)):
        for annotation in source.record(index).annotations:
            try:
                crop_of(annotation.segmentation, SIZE, LiftConfig())
            except Rejected as fault:
                ends_well(partial(_raise, fault), Rejected)


def _raise(error):
    raise error


def _coco(folder):
    index = build_index(folder / "a.json", folder)
    _masks(CocoSource(index, folder, folder, CAMERA))


def _annotated(folder):
    Image.new("RGB", SIZE).save(folder / "color.png")
    Image.fromarray(np.full(SIZE[::-1], 900, np.uint16)).save(folder / "depth.png")
    (folder / "intrinsics.json").write_text(json.dumps(CAMERA.to_dict()))
    _masks(FolderSource.find([folder]))


def _ledger(folder):
    (folder / "ledger").mkdir()
    (folder / "entry.json").rename(folder / "ledger" / "shard-00000.json")
    read_entry(folder, 0)


def _config(data):
    def read():
        values = parse_json(data)
        if isinstance(values, dict):
            LiftConfig.from_dict(values)

    ends_well(read, ValueError)


def _question(data):
    """People's words: understood or not, answered or refused, and never an error of ours."""
    query = parse_question(data.decode("utf-8", "replace"))
    if query is not None:
        ends_well(lambda: answer(query, (MUG, BOX, TABLE)), ValueError)


def _request(data):
    """The text of a service, a goal or a topic, as the node looks at it first."""
    text = data.decode("utf-8", "surrogateescape")
    for check in (
        lambda: AskQuery(text).check(DEFAULT),
        lambda: GroundQuery((text,)).check(DEFAULT),
        lambda: GroundQuery(tuple(text.split("\n"))).check(DEFAULT),
    ):
        ends_well(check, BadInputError)
    ends_well(lambda: Parameters(continuous_prompt=text), ValueError)


TARGETS = {
    "coco": partial(in_folder, "a.json", _coco, FILE_ERRORS),
    "annotations": partial(in_folder, "annotations.json", _annotated, FILE_ERRORS),
    "lift config": _config,
    "ledger": partial(in_folder, "entry.json", _ledger, FILE_ERRORS),
    "memory": partial(in_folder, "m.json", lambda folder: load(folder / "m.json", "map"), MemoryFileError),
    "question": _question,
    "request": _request,
}


def _memory():
    """A right memory of one thing that is gone."""
    camera, mug = (
        Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480),
        Box3D("mug", (0.1, 0.2, 1), (0.1, 0.1, 0.1)),
    )
    memory = ObjectMemory()
    for stamp_ns, boxes in ((5, (mug,)), (6, ())):
        wall = np.full((480, 640), 3.0, np.float32)
        memory.look(Look(stamp_ns, ("the mug",), boxes, np.eye(4), camera, wall))
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder, "m.json"), "map", memory.things, memory.next_id)
        return Path(folder, "m.json").read_bytes()


_SQUARE = [[1, 1, 6, 1, 6, 4, 1, 4]]
_COCO = {
    "images": [{"id": 1, "file_name": "p.png", "width": 9, "height": 6, "gravity": [0, 1, 0]}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 5, 3], "segmentation": _SQUARE},
        {"id": 2, "image_id": 1, "category_id": 3, "segmentation": {"size": [6, 9], "counts": [10, 20, 24]}},
        {"id": 3, "image_id": 1, "category_id": 3, "segmentation": {"size": [6, 9], "counts": "1f1"}},
    ],
    "categories": [{"id": 3, "name": "mug"}],
}
_ANNOTATIONS = {
    "objects2d": [{"label": "mug", "mask": "color.png", "box2d_xyxy": [1, 1, 6, 4]}],
    "gravity": [0, 1, 0],
}


def seeds():
    """Target -> right files."""
    return {
        "coco": [json.dumps(_COCO).encode()],
        "annotations": [json.dumps(_ANNOTATIONS).encode()],
        "lift config": [json.dumps(LiftConfig().to_dict()).encode()],
        "ledger": [json.dumps(asdict(Entry(0, 0, 1, 1, 4, "0" * 64))).encode()],
        "memory": [b'{"version": 1, "frame": "map", "next_id": 0, "things": []}', _memory()],
        "question": [
            b"How far is the mug from the box in cm?",
            b"From the opposite side of the camera, is the mug not more than 2 m left of the box?",
            b"Order the mug, the box and the table from near to far.",
        ],
        "request": [b"the red mug", "the \u201cred\u201d <|im_end|>\nmug".encode()],
    }
