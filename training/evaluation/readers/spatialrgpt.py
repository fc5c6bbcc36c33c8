"""SpatialRGPT-Bench -> questions.

In: `SpatialRGPT-Bench_v1.json` (a list) or the same rows one a line, and the folder of Omni3D's pictures.
Out: `Question`s whose text says "Region [N]", with the regions' rectangles. Rows, as
github.com/AnjieCheng/SpatialRGPT (llava/eval/eval_spatial.py) reads them: `id`, `image_info` (`file_path`,
`width`, `height`), `text_q`, `qa_info` (`type`, `category`), `conversations` (question, answer), `bbox`
(left, top, right, bottom; pixels), `rle`. The answers' wording is that of its templates
(dataset_pipeline/osdsynth/processor/prompt_template.py). There are no 3D boxes, cameras or depth in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Rectangle
from n3d_ros.plain_text import shown
from n3d_ros.storage.json_file import JsonError, parse_json, read_json
from n3d_ros.training.evaluation.asking.regions import REGION
from n3d_ros.training.evaluation.judging import readings
from n3d_ros.training.evaluation.readers.checks import (
    Read,
    RowError,
    corners_of,
    read_rows,
    side_of,
    text_of,
    wanted,
)
from n3d_ros.training.qa.records import SPATIAL, PictureRef, Question

NAME = "SpatialRGPT-Bench"
CATEGORIES = {
    "left": "left_right",
    "right": "left_right",
    "above": "above_below",
    "below": "above_below",
    "wide": "wide_thin",
    "thin": "wide_thin",
    "tall": "tall_short",
    "short": "tall_short",
    "big": "big_small",
    "small": "big_small",
    "behind": "front_behind",
    "front": "front_behind",
}
QUANTITIES = {
    "distance_data": "distance",
    "horizontal_distance_data": "axis_distance",
    "vertical_distance_data": "axis_distance",
    "width_data": "size",
    "height_data": "size",
    "direction": "direction",
}
# How its answers to yes/no questions begin; "In fact" and "Actually" contradict.
BEGINNINGS = {
    "yes": True,
    "indeed": True,
    "correct": True,
    "that is true": True,
    "no": False,
    "incorrect": False,
    "in fact": False,
    "actually": False,
    "that is false": False,
}


def read(file: Path, pictures: Path, max_bad_share: float) -> Read:
    """pictures: where `file_path` starts. ValueError, OSError."""
    notes = ["no cameras and no depth in it: a depth model that guesses both is needed"]
    return read_rows(NAME, file, _rows(file), lambda row: _question(row, pictures), max_bad_share, notes)


def _rows(file: Path) -> Iterator[tuple[str, Any]]:
    """A list in a file, or an object a line."""
    with file.open("rb") as stream:
        is_list = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    if is_list:
        try:
            yield from ((f"row {number}", row) for number, row in enumerate(read_json(file)))
        except JsonError as error:
            raise ValueError(f"'{file}': expected a list of rows, got {error}") from error
        return
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield f"line {number}", _parsed(line)


def _parsed(line: bytes) -> Any:
    """None, which is no row, for a damaged line."""
    try:
        return parse_json(line)
    except JsonError:
        return None


def _question(row: Any, pictures: Path) -> Question:
    if not isinstance(row, dict):
        raise RowError("expected an object, got another value or no JSON")
    category = text_of(wanted(row, "qa_info", dict), "category")
    turns = wanted(row, "conversations", list)
    if len(turns) != 2:
        raise RowError(f"expected a question and its answer as conversations, got {len(turns)} turns")
    picture = _picture(row, pictures)
    text, answer = text_of(row, "text_q"), _as_regions(text_of(turns[1], "value"))
    rectangles = _rectangles(row, picture)
    _check_regions(text, rectangles)
    return Question(
        id=str(wanted(row, "id", (str, int))),
        kind=SPATIAL,
        form=category,
        text=text,
        picture=picture,
        answer=answer,
        drawn_px=rectangles,
        **_truth(category, answer, len(rectangles)),
    )


def _truth(category: str, answer: str, num_regions: int) -> dict[str, Any]:
    """Category of ours, and the answer for machines."""
    regions = tuple(f"Region [{number}]" for number in range(num_regions))
    plain = readings.without_names(readings.sentence_of(answer), regions)
    if category in QUANTITIES:
        is_hour = category == "direction"
        value = readings.hour(plain) if is_hour else readings.length_m(plain)
        if value is None:
            raise RowError(f"expected an answer with one {'hour' if is_hour else 'length'}, got '{answer}'")
        return {"category": QUANTITIES[category], "value": value, "unit": "o'clock" if is_hour else "m"}
    side, _, form = category.partition("_")
    if side not in CATEGORIES or form not in ("predicate", "choice"):
        raise RowError(f"expected a category of SpatialRGPT's, got '{category}'")
    if form == "predicate":
        return {"category": CATEGORIES[side], "verdict": _verdict(plain)}
    choice = readings.choice(answer, regions)
    if choice is None:
        raise RowError(f"expected an answer that names one region, got '{answer}'")
    return {"category": CATEGORIES[side], "choices": regions, "choice": choice}


def _verdict(answer: str) -> bool:
    found = {
        said
        for words, said in BEGINNINGS.items()
        if answer.lower().startswith((f"{words},", f"{words}.", f"{words} "))
    }
    if len(found) != 1:
        raise RowError(f"expected an answer that begins as its templates do, got '{answer}'")
    return found.pop()


def _picture(row: dict[str, Any], pictures: Path) -> PictureRef:
    info = wanted(row, "image_info", dict)
    path = text_of(info, "file_path")
    return PictureRef(path, str(pictures / path), side_of(info, "width"), side_of(info, "height"))


def _rectangles(row: dict[str, Any], picture: PictureRef) -> tuple[Rectangle, ...]:
    """Clipped to the picture, as its evaluation does."""
    boxes = [corners_of(box, "bbox") for box in wanted(row, "bbox", list)]
    clipped = [
        (
            max(left, 0.0),
            max(top, 0.0),
            min(right, float(picture.width)),
            min(bottom, float(picture.height)),
        )
        for left, top, right, bottom in boxes
    ]
    return tuple(corners_of(box, "bbox within the picture") for box in clipped)


def _as_regions(answer: str) -> str:
    """Conversations may write `<mask>` for the regions in their order."""
    number = 0
    while "<mask>" in answer:
        answer = answer.replace("<mask>", f"Region [{number}]", 1)
        number += 1
    return answer


def _check_regions(text: str, rectangles: tuple[Rectangle, ...]) -> None:
    numbers = {int(number) for number in REGION.findall(text)}
    if not numbers or max(numbers) >= len(rectangles):
        raise RowError(
            f"expected regions with rectangles, got {sorted(numbers)} of {len(rectangles)}: {shown(text)}"
        )
