"""CV-Bench-3D -> questions.

In: CV-Bench as Parquet (`test.parquet`, pictures inside) or `test.jsonl` with its `img` folder. Out: the 3D
half: which of two things is nearer to the camera (depth order) or to a third one (relative distance). The
things are marked by boxes that its pictures already show. Columns, as
huggingface.co/datasets/nyu-visionx/CV-Bench has them and github.com/EvolvingLMMs-Lab/lmms-eval
(lmms_eval/tasks/cv_bench) reads them: `idx`, `type`, `task`, `image`, `question`, `choices`, `answer`
("(A)"), `filename`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, parse_json
from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.evaluation.readers.checks import Read, RowError, read_rows, text_of, wanted
from n3d_ros.training.qa.records import SPATIAL, PictureRef, Question

NAME = "CV-Bench-3D"
CATEGORIES = {"Depth": "depth_order", "Distance": "relative_distance"}
COLUMNS = ("idx", "type", "task", "question", "choices", "answer")
LETTER = re.compile(r"\(([A-Z])\)")
FORMATS = ("JPEG", "PNG")


def read(file: Path, pictures: Path, work: Path, max_bad_share: float) -> Read:
    """pictures: where `filename` starts. work: where pictures of a Parquet file are written. ValueError,
    OSError.
    """
    notes = ["no cameras and no depth in it: a depth model that guesses both is needed"]
    rows = _parquet_rows(file) if file.suffix == ".parquet" else _json_rows(file)
    return read_rows(NAME, file, rows, lambda row: _question(row, pictures, work), max_bad_share, notes)


def _parquet_rows(file: Path) -> Iterator[tuple[str, Any]]:
    try:
        with pq.ParquetFile(file) as table:
            missing = [name for name in (*COLUMNS, "image") if name not in table.schema_arrow.names]
            if missing:
                raise ValueError(
                    f"'{file}': expected the columns of CV-Bench, missing {', '.join(missing)}, "
                    f"got {table.schema_arrow.names}"
                )
            number = 0
            for batch in table.iter_batches(16):
                for row in batch.to_pylist():
                    yield f"row {number}", row
                    number += 1
    except pa.ArrowException as error:
        raise ValueError(f"'{file}': expected a Parquet file, got {error}") from error


def _json_rows(file: Path) -> Iterator[tuple[str, Any]]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    yield f"line {number}", parse_json(line)
                except JsonError:
                    yield f"line {number}", None


def _question(row: Any, pictures: Path, work: Path) -> Question | None:
    """None for the 2D half."""
    if text_of(row, "type") != "3D":
        return None
    task = text_of(row, "task")
    if task not in CATEGORIES:
        raise RowError(f"expected a task of {tuple(CATEGORIES)}, got {shown(task)}")
    choices = wanted(row, "choices", list)
    names = tuple(text_of({"choice": one}, "choice") for one in choices)
    if len({name.casefold() for name in names}) < len(names) or len(names) < 2:
        raise RowError(f"expected two or more choices that differ, got {shown(names)}")
    index = wanted(row, "idx", int)
    return Question(
        id=f"cv-bench-{index}",
        kind=SPATIAL,
        category=CATEGORIES[task],
        form=task,
        text=text_of(row, "question"),
        picture=_picture(row, index, pictures, work),
        choices=names,
        choice=_choice(text_of(row, "answer"), names),
    )


def _choice(answer: str, names: tuple[str, ...]) -> str:
    letter = LETTER.fullmatch(answer.strip())
    place = ord(letter[1]) - ord("A") if letter else len(names)
    if place >= len(names):
        raise RowError(f"expected the letter of one of {len(names)} choices, as (A), got {shown(answer)}")
    return names[place]


def _picture(row: dict[str, Any], index: int, pictures: Path, work: Path) -> PictureRef:
    if "image" in row:
        data = wanted(wanted(row, "image", dict), "bytes", bytes)
        path = _written(data, work / "pictures" / f"cv-bench-{index}")
    else:
        path = pictures / text_of(row, "filename")
        if not path.is_file():
            raise RowError("expected the picture that filename names, got no file")
        data = path.read_bytes()
    width, height, _ = _opened(data)
    return PictureRef(path.name, str(path), width, height)


def _written(data: bytes, path: Path) -> Path:
    """A picture's bytes as a file, where it is not there yet."""
    _, _, kind = _opened(data)
    target = path.with_suffix(f".{kind.lower()}")
    if not target.is_file():
        with whole_file(target) as part:
            part.write_bytes(data)
    return target


def _opened(data: bytes) -> tuple[int, int, str]:
    """Width, height and format, of the header alone. RowError."""
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            return picture.width, picture.height, str(picture.format)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise RowError("expected a JPEG or PNG picture, got other bytes") from error
