"""A set of questions on disk, read as a benchmark or a training reads it.

In: a folder of `shard-NNNNN.parquet` with `manifest.json`. Out: `Question`s one after another, in constant
memory, and their pictures as the robot sees them. It does not know how questions are made or marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.files.frames import read_depth
from n3d_ros.files.picture_file import UPRIGHT, read_orientation, read_picture
from n3d_ros.preprocess.metres import MAX_DEPTH_M, measured_depth
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.storage.json_file import JsonError, read_object
from n3d_ros.training.qa.records import SCHEMA, PictureRef, Question

MANIFEST = "manifest.json"
# The colours in which rectangles are drawn, by their place in a question, and what questions call them.
DRAWN = (("red", (255, 0, 0)), ("green", (0, 200, 0)), ("blue", (0, 80, 255)), ("yellow", (255, 210, 0)))
ROWS_AT_ONCE = 512
Picture = npt.NDArray[np.uint8]


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a finished set says of itself. FileNotFoundError for an unfinished one, ValueError for a damaged
    one.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"questions: expected a finished set with '{MANIFEST}' in '{folder}', got none"
        )
    try:
        manifest = read_object(path)
        _ = [(one["file"], one["questions"]) for one in manifest["shards"]]
    except (JsonError, KeyError, TypeError) as error:
        raise ValueError(f"'{path}': expected shards with file and questions, got {error!r}") from error
    return manifest


def num_questions(folder: Path) -> int:
    """How many questions a finished set has."""
    return sum(one["questions"] for one in read_manifest(folder)["shards"])


def read_questions(folder: Path) -> Iterator[Question]:
    """All questions of a finished set in its order. OSError or ValueError that names the file."""
    for shard in read_manifest(folder)["shards"]:
        yield from read_shard(folder / shard["file"], shard["questions"])


def read_shard(path: Path, expected: int) -> Iterator[Question]:
    """Its questions; ValueError that names it unless it is whole and has `expected` of them."""
    check_shard(path, expected)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE):
                yield from map(Question.from_row, batch.to_pylist())
    except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"'{path}': expected a shard of questions, got {error}") from error


def check_shard(path: Path, expected: int) -> None:
    """ValueError that names it unless its footer tells of `expected` questions."""
    try:
        with pq.ParquetFile(path) as file:
            num_rows, schema = file.metadata.num_rows, file.schema_arrow
    except pa.ArrowException as error:
        raise ValueError(f"'{path}': expected a shard of questions, got {error}") from error
    if num_rows != expected:
        raise ValueError(f"'{path}': expected {expected} questions, got {num_rows}")
    if not schema.equals(SCHEMA):
        raise ValueError(f"'{path}': expected the columns {SCHEMA.names}, got {schema.names}")


def load_observation(
    picture: PictureRef,
    drawn_px: Sequence[Sequence[float]] = (),
    root: Path = Path(),
    max_depth_m: float = MAX_DEPTH_M,
) -> Observation:
    """Picture and depth as the robot reads them, with a question's rectangles drawn.

    root: where relative paths start. OSError or ValueError where a file is missing, is another than `sha256`
    says, or does not fit the camera; also where there is no depth file and depth would have to be guessed.
    """
    if picture.depth_file is None:
        raise ValueError(f"picture '{picture.key}': expected a depth file, got none; its depth was guessed")
    file = root / picture.file
    _check_is_the_same(file, picture)
    rgb = read_picture(file)
    raw, encoding = read_depth(root / picture.depth_file)
    depth = measured_depth(raw, encoding, picture.depth_scale_m, max_m=max_depth_m)
    seen = Observation(rgb, picture.intrinsics, depth=depth)
    return replace(seen, rgb=with_rectangles(rgb, drawn_px)) if drawn_px else seen


def with_rectangles(rgb: Picture, drawn_px: Sequence[Sequence[float]]) -> Picture:
    """A copy with (left, top, right, bottom) rectangles in the colours of DRAWN, in their order."""
    if len(drawn_px) > len(DRAWN):
        raise ValueError(f"drawn_px: expected at most {len(DRAWN)} rectangles, got {len(drawn_px)}")
    picture: Picture = np.array(rgb, order="C")
    thickness = max(2, round(picture.shape[1] / 320))
    for rectangle, (_, colour) in zip(drawn_px, DRAWN, strict=False):
        left, top, right, bottom = map(round, rectangle)
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), colour, thickness)
    return picture


def _check_is_the_same(file: Path, picture: PictureRef) -> None:
    """The questions were made of this very picture, and depth is not of a turned one."""
    if picture.sha256 is not None:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found != picture.sha256:
            raise ValueError(f"picture: expected '{file}' with SHA-256 {picture.sha256}, got {found}")
    orientation = read_orientation(file)
    if orientation != UPRIGHT:
        raise ValueError(f"picture: expected '{file}' upright, got EXIF orientation {orientation}")
