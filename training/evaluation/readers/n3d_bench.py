"""N3D-Bench -> questions, in the one form that its authors have shown.

In: a conversation file of the release (github.com/W-Ted/N3D-VLM, config/demo.json), whose pictures and point
files it names. Out: `Question`s with their true boxes and the answer that follows from them. The benchmark
itself was never published (state of November 2026): its file, split and question types are not known, so
whatever differs from the demo's form is an error here and no guess.

An entry is one question (question, true boxes) or two steps (find, true boxes, question about ids).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from n3d_ros.files.conversations import Conversation, find_file, read_boxes_text, read_conversations
from n3d_ros.files.points_file import read_points
from n3d_ros.geometry import Intrinsics, backproject
from n3d_ros.plain_text import one_line, shown
from n3d_ros.protocol.prompts import IMAGE_MARKER
from n3d_ros.spatial import SpatialAnswer, answer, parse_question
from n3d_ros.spatial.types import WHICH
from n3d_ros.training.evaluation.readers.checks import Read, RowError, read_rows
from n3d_ros.training.qa.records import SPATIAL, KnownBox, PictureRef, Question

NAME = "N3D-Bench"
# Relations of `n3d_ros.spatial` -> categories of the paper's supplement C and of our own.
CATEGORIES = {
    "left_right": "left_right",
    "front_behind": "front_behind",
    "wider_thinner": "wide_thin",
    "taller_shorter": "tall_short",
    "bigger_smaller": "big_small",
    "closer": "relative_distance",
    "depth_order": "depth_order",
    "width": "size",
    "height": "size",
    "distance": "distance",
    "horizontal_distance": "axis_distance",
    "vertical_distance": "axis_distance",
    "direction": "direction",
    "above_below": "above_below",
    "counting": "counting",
    "combined": "combined",
}


def read(file: Path, max_bad_share: float) -> Read:
    """ValueError, OSError."""
    conversations = read_conversations(file)
    one_step = [one for one in conversations if one.follow_up is None]
    notes = [
        f"{len(conversations) - len(one_step)} entries of two steps left out: they ask about ids of boxes",
        "the published demo's form; the benchmark itself is not published",
    ]
    rows = ((f"entry {number}", (number, one)) for number, one in enumerate(conversations) if one in one_step)
    return read_rows(NAME, file, rows, partial(_question, file=file), max_bad_share, notes)


def _question(row: Any, file: Path) -> Question:
    number, conversation = row
    picture, camera = _picture(conversation, file)
    boxes = _boxes(conversation, camera)
    text = conversation.question.replace(IMAGE_MARKER, "").strip()
    exact = _exact(text, boxes)
    if exact.relation not in CATEGORIES:
        raise RowError(f"expected a relation with a category, got '{exact.relation}'")
    return Question(
        id=f"{number}-{conversation.question_type}",
        kind=SPATIAL,
        category=CATEGORIES[exact.relation],
        form=conversation.question_type,
        text=text,
        picture=picture,
        boxes=boxes,
        answer=exact.answer,
        reasoning=exact.reasoning,
        value=exact.value,
        unit=exact.unit,
        verdict=exact.verdict,
        choices=exact.among if exact.query.form == WHICH else (),
        choice=exact.names[0] if exact.query.form == WHICH else None,
        viewpoint=exact.query.facing,
    )


def _picture(conversation: Conversation, file: Path) -> tuple[PictureRef, Intrinsics]:
    try:
        image, points = (find_file(name, file) for name in (conversation.image, conversation.points))
        camera = read_points(image, points).intrinsics
    except (OSError, ValueError) as error:
        raise RowError(one_line(str(error), 200)) from error
    numbers = {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return PictureRef(conversation.image, str(image), depth_file=str(points), **numbers), camera


def _boxes(conversation: Conversation, camera: Intrinsics) -> tuple[KnownBox, ...]:
    """u and v are shares of the picture, z and sizes metres. A turned box was never shown: refused."""
    if len(conversation.messages) != 2:
        raise RowError(f"expected a question and its true boxes, got {len(conversation.messages)} messages")
    known = []
    for number, label, (u, v, z, angle, *size) in read_boxes_text(conversation.messages[1]):
        if angle != 0 or z <= 0 or min(size) < 0:
            raise RowError(f"expected a box in front and not turned, got box {number} at {z} m, {angle} rad")
        pixel = u * camera.width - 0.5, v * camera.height - 0.5
        x, y, depth = (float(value) for value in np.ravel(backproject(*pixel, z, camera)))
        known.append(KnownBox(label, (x, y, depth), (size[0], size[1], size[2]), str(number)))
    if not known:
        raise RowError(f"expected true boxes, got {shown(conversation.messages[1])}")
    return tuple(known)


def _exact(text: str, boxes: tuple[KnownBox, ...]) -> SpatialAnswer:
    query = parse_question(text)
    if query is None:
        raise RowError(f"expected a question that is understood, got {shown(text)}")
    try:
        return answer(query, [known.box for known in boxes])
    except ValueError as error:
        raise RowError(f"expected boxes for what is asked about, got {one_line(str(error), 120)}") from error
