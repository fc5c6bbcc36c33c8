"""Small sets of questions and a model that answers them from known boxes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from n3d_ros.boxes import Box3D, box_2d_px
from n3d_ros.errors import BadInputError, ResultCode
from n3d_ros.runtime.looks.second_look import mirrored_box
from n3d_ros.runtime.types import AskResult, GroundedObject, GroundResult, Timing
from n3d_ros.spatial import answer, parse_question
from n3d_ros.training.qa.records import GROUND, SCHEMA, SPATIAL, KnownBox, PictureRef, Question

# A camera whose mirror image is itself.
FX, WIDTH, HEIGHT = 60.0, 65, 49
MUG = KnownBox("red mug", (-0.2, 0.0, 1.0), (0.1, 0.2, 0.1))
BOWL = KnownBox("blue bowl", (0.2, 0.1, 1.5), (0.3, 0.1, 0.3))
TALLER = "Is the red mug taller than the blue bowl?"
LEFT = "Is the red mug to the left of the blue bowl?"
HEIGHT_OF_MUG = "How tall is the red mug?"
WHERE = "If you are at the red mug, where will you find the blue bowl?"
WHICH = "Which is taller, the red mug or the blue bowl?"


def picture(folder: Path, key: str = "a", seed: int = 0) -> PictureRef:
    """A picture of noise and flat depth, on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(folder / f"{key}.png")
    np.save(folder / f"{key}.npy", np.full((HEIGHT, WIDTH), 2.0, np.float32))
    numbers = {"fx": FX, "fy": FX, "cx": (WIDTH - 1) / 2, "cy": (HEIGHT - 1) / 2}
    return PictureRef(
        key, str(folder / f"{key}.png"), WIDTH, HEIGHT, depth_file=str(folder / f"{key}.npy"), **numbers
    )


def spatial(text: str, shown: PictureRef, category: str, **changes) -> Question:
    """A question about MUG and BOWL with the answer that follows from them."""
    query = parse_question(text)
    named = [box for box in (MUG, BOWL) if box.label in text]
    exact = answer(query, [box.box for box in named])
    is_which = query.form == "which"
    made = Question(
        id=text,
        kind=SPATIAL,
        category=category,
        form="template",
        text=text,
        picture=shown,
        boxes=tuple(named),
        answer=exact.answer,
        value=exact.value,
        unit=exact.unit,
        verdict=exact.verdict,
        choices=exact.among if is_which else (),
        choice=exact.names[0] if is_which else None,
    )
    return replace(made, **changes)


def five(shown: PictureRef) -> list[Question]:
    """One question of each kind of answer, and one for boxes."""
    return [
        spatial(TALLER, shown, "tall_short"),
        spatial(LEFT, shown, "left_right"),
        spatial(HEIGHT_OF_MUG, shown, "size"),
        spatial(WHERE, shown, "direction"),
        spatial(WHICH, shown, "tall_short"),
        Question("ground", GROUND, "grounding", "name", "red mug", shown, (MUG,)),
    ]


def write_set(folder: Path, questions: Sequence[Question]) -> Path:
    """As `read_questions` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([one.to_row() for one in questions], SCHEMA)
    pq.write_table(table, folder / "shard-00000.parquet")
    shards = [{"file": "shard-00000.parquet", "questions": len(questions)}]
    (folder / "manifest.json").write_text(json.dumps({"shards": shards}))
    return folder


class KnowingPipeline:
    """Finds MUG and BOWL moved by `shift_m` along x, and answers exactly from what it finds.

    In a mirrored picture (recognised by its pixels) it finds them mirrored, unless `ignores_mirror`. `asked`:
    every question. Unknown: a word that it refuses.
    """

    def __init__(self, shift_m: float = 0.0, ignores_mirror: bool = False, unknown: str = "florble") -> None:
        self.shift_m, self.ignores_mirror, self.unknown = shift_m, ignores_mirror, unknown
        self.asked: list[str] = []
        self.first_pixels: np.ndarray | None = None

    def ground(self, observation, words):
        return self._found(observation, words)

    def detect(self, observation, question):
        return self._found(observation, question)

    def ask(self, observation, question):
        found = self._found(observation, question)
        boxes = [thing.box for thing in found.objects]
        exact = answer(parse_question(question), boxes)
        return AskResult(
            answer=exact.answer,
            reasoning="",
            value=exact.value,
            unit=exact.unit,
            objects=found.objects,
            relation=exact.relation,
            consistent=True,
            raw_text=exact.answer,
            token_ids=(),
            code=ResultCode.OK,
            message="",
            timing=Timing(total_ms=2.0),
            ground=found,
            own_answer=exact.answer,
        )

    def _found(self, observation, question):
        self.asked.append(question)
        if self.unknown in question:
            raise BadInputError(f"words: expected known ones, got '{self.unknown}'")
        boxes = [self._seen(known.box, observation) for known in (MUG, BOWL) if known.label in question]
        things = tuple(
            GroundedObject(f"{n}_{box.label}", box, box_2d_px(box, observation.intrinsics), question, n)
            for n, box in enumerate(boxes)
        )
        return GroundResult(things, "", (), (), ResultCode.OK, "", Timing(total_ms=1.0), question, 1.0)

    def _seen(self, box: Box3D, observation) -> Box3D:
        x, y, z = box.center
        seen = Box3D(box.label, (x + self.shift_m, y, z), box.size, score=0.8)
        if self.first_pixels is None:
            self.first_pixels = observation.rgb
        is_mirrored = not np.array_equal(self.first_pixels, observation.rgb)
        return mirrored_box(seen) if is_mirrored and not self.ignores_mirror else seen
