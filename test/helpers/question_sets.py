"""Small sets of questions with real pictures and depth on disk, made without a simulator."""

import hashlib
import json

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.training.qa.records import SCHEMA, KnownBox, PictureRef, Question

WIDTH, HEIGHT = 64, 48
MUG = KnownBox("red mug", (-0.1, 0.05, 0.8), (0.1, 0.12, 0.1))
BOWL = KnownBox("blue bowl", (0.15, 0.0, 1.1), (0.2, 0.1, 0.2))


def write_picture(folder, number):
    """A picture of noise and its depth, 0.5 to 1.5 m, in `folder`."""
    rng = np.random.default_rng(number)
    folder.mkdir(parents=True, exist_ok=True)
    color, depth = folder / f"{number}.png", folder / f"{number}_depth.png"
    cv2.imwrite(str(color), rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
    cv2.imwrite(str(depth), rng.integers(500, 1500, (HEIGHT, WIDTH), np.uint16))
    sha256 = hashlib.sha256(color.read_bytes()).hexdigest()
    return PictureRef(
        f"picture-{number}", str(color), WIDTH, HEIGHT, str(depth), fx=60.0, fy=60.0, cx=31.5, cy=23.5,
        sha256=sha256,
    )  # fmt: skip


def questions_about(picture):
    """Two for boxes and two spatial ones about one picture."""
    name = picture.key
    return [
        Question(f"{name}-mug", "ground", "grounding", "unique", "the red mug", picture, (MUG,)),
        Question(f"{name}-none", "ground", "grounding", "absent", "the blue mug", picture),
        Question(
            f"{name}-distance", "spatial", "distance", "value",
            "What is the distance between the red mug and the blue bowl?", picture, (MUG, BOWL),
            "The distance is 0.39 m.", "red mug is 0.39 m away.", 0.39, "m",
        ),
        Question(
            f"{name}-depth", "spatial", "front_behind", "yes_no",
            "Is the red mug in front of the blue bowl?", picture, (MUG, BOWL), "Yes, it is.",
            "0.80 is less than 1.10.", verdict=True,
        ),
    ]  # fmt: skip


def write_set(folder, questions, per_shard=5):
    """A finished set of `questions` in `folder`."""
    folder.mkdir(parents=True)
    shards = []
    for start in range(0, len(questions), per_shard):
        rows = [question.to_row() for question in questions[start : start + per_shard]]
        name = f"shard-{start // per_shard:05d}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / name)
        shards.append({"file": name, "questions": len(rows)})
    (folder / "manifest.json").write_text(json.dumps({"shards": shards}))
    return folder


def small_set(folder, num_pictures=4):
    """`num_pictures` pictures and four questions about each; the set's folder."""
    pictures = [write_picture(folder / "pictures", number) for number in range(num_pictures)]
    return write_set(folder / "questions", [one for picture in pictures for one in questions_about(picture)])
