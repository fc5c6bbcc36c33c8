"""Simulated scenes -> sets of questions, for training and for measuring.

In: seeds. Out: a folder with pictures, depth and questions, in the format of any set (`training/qa`). It
does not know models. Few objects, large in the picture, and six kinds of questions: what a small model can
learn in minutes, and no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.sim import RgbdCamera, SceneConfig, View, generate, random_look, sample_camera
from n3d_ros.spatial import QUESTIONS, answer, parse_question
from n3d_ros.storage.whole_file import whole_file
from n3d_ros.training.evaluation.simulated.grounding import in_picture
from n3d_ros.training.qa.records import GROUND, OPEN, SCHEMA, SPATIAL, KnownBox, PictureRef, Question
from n3d_ros.training.qa.sets import MANIFEST
from n3d_ros.training.questions import MIN_VISIBLE

WIDTH, HEIGHT = 224, 168
MIN_PX = 120
VIEWS_PER_SCENE = 6
QUESTIONS_PER_VIEW = 4
SCENES = SceneConfig(
    layouts=("table", "floor"),
    kinds=("box", "ball", "can", "cone", "chair", "bottle"),
    min_objects=2,
    max_objects=2,
    duplicate_share=0.0,
)
# Relation of `n3d_ros.spatial` -> category of N3D-Bench. The first three are answered yes or no.
ASKED = {
    "left_right": "left_right",
    "front_behind": "front_behind",
    "taller_shorter": "tall_short",
    "distance": "distance",
    "width": "size",
    "height": "size",
}
# Metres between the compared values, below which not even the truth is clear.
MIN_MARGIN_M = 0.03


@dataclass(frozen=True)
class SceneSet:
    """Which scenes: `num_views` from scene `first_seed` on."""

    first_seed: int
    num_views: int


def write_scenes(wanted: SceneSet, folder: Path) -> Path:
    """The set in `folder`, rendered unless it is there; its folder. Whole or without a manifest."""
    if (folder / MANIFEST).is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = [question.to_row() for question in _questions(wanted, folder)]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "shard-00000.parquet")
    manifest = {"shards": [{"file": "shard-00000.parquet", "questions": len(rows)}]}
    with whole_file(folder / MANIFEST) as partial:
        partial.write_text(json.dumps(manifest))
    return folder


def _questions(wanted: SceneSet, folder: Path) -> Iterator[Question]:
    for number in range(wanted.num_views):
        seed = wanted.first_seed + number // VIEWS_PER_SCENE
        rng = np.random.default_rng([seed, number])
        scene = generate(seed, SCENES)
        with RgbdCamera(scene, WIDTH, HEIGHT) as camera:
            view = camera.render(sample_camera(scene, rng, WIDTH, HEIGHT), random_look(rng))
        picture = _store(view, folder, f"{seed}-{number % VIEWS_PER_SCENE}")
        yield from view_questions(view, picture, rng)


def _store(view: View, folder: Path, key: str) -> PictureRef:
    """Picture and depth as a camera's driver gives them: 8 bits a colour, whole millimetres."""
    color, depth = f"{key}.png", f"{key}_depth.png"
    cv2.imwrite(str(folder / color), view.rgb[..., ::-1])
    millimetres = np.nan_to_num(view.depth * 1000).round().astype(np.uint16)
    cv2.imwrite(str(folder / depth), millimetres)
    k = view.camera.intrinsics
    sha256 = hashlib.sha256((folder / color).read_bytes()).hexdigest()
    return PictureRef(key, color, WIDTH, HEIGHT, depth, fx=k.fx, fy=k.fy, cx=k.cx, cy=k.cy, sha256=sha256)


def view_questions(view: View, picture: PictureRef, rng: np.random.Generator) -> list[Question]:
    """For the box of each object that is seen well enough, for all of them, and spatial ones about them."""
    seen = [
        i
        for i, box in enumerate(view.boxes)
        if view.visible_px[i] >= MIN_PX and view.visible[i] >= MIN_VISIBLE and in_picture(box, view)
    ]
    boxes = [KnownBox(view.boxes[i].label, view.boxes[i].center, view.boxes[i].size) for i in seen]
    count = QUESTIONS_PER_VIEW if len(boxes) > 1 else 0
    asked = (spatial(boxes, picture, rng) for _ in range(count))
    return _grounding(boxes, picture) + [question for question in asked if question is not None]


def _grounding(boxes: Sequence[KnownBox], picture: PictureRef) -> list[Question]:
    """Each thing by its name, and all of them from left to right."""
    found = [
        Question(
            f"{picture.key}-{number}",
            kind=GROUND,
            category="grounding",
            form="unique",
            text=f"the {box.label}",
            picture=picture,
            boxes=(box,),
        )
        for number, box in enumerate(boxes)
    ]
    if not boxes:
        return found
    everything = tuple(sorted(boxes, key=lambda box: box.center_m[0] / box.center_m[2]))
    return [
        *found,
        replace(
            found[0],
            id=f"{picture.key}-all",
            category="detection",
            form="all",
            text="objects",
            boxes=everything,
        ),
    ]


def spatial(boxes: Sequence[KnownBox], picture: PictureRef, rng: np.random.Generator) -> Question | None:
    """A random question of ASKED about two or one of `boxes`; None where its answer is too close a call."""
    relation = str(rng.choice(list(ASKED)))
    text, chosen = _asked(relation, boxes, rng)
    query = parse_question(text)
    assert query is not None, text
    exact = answer(query, [as_quoted(known.box) for known in chosen])
    if exact.margin < MIN_MARGIN_M:
        return None
    is_number = exact.verdict is None
    return Question(
        f"{picture.key}-{relation}-{int(rng.integers(2**32))}",
        kind=SPATIAL,
        category=ASKED[relation],
        form=relation,
        text=text,
        picture=picture,
        boxes=chosen,
        answer=exact.answer,
        reasoning=exact.reasoning,
        value=exact.value if is_number else None,
        unit="m" if is_number else "",
        verdict=exact.verdict,
    )


def _asked(
    relation: str, boxes: Sequence[KnownBox], rng: np.random.Generator
) -> tuple[str, tuple[KnownBox, ...]]:
    """A wording of the relation, of the open ones such as are answered yes or no, and what it is about."""
    is_open = ASKED[relation] in OPEN
    forms = [form for form in QUESTIONS[relation] if not is_open or form.startswith("Is ")]
    template = str(rng.choice(forms))
    a, b = (boxes[int(i)] for i in rng.permutation(len(boxes))[:2])
    return template.format(a=a.label, b=b.label), (a, b) if "{b}" in template else (a,)
