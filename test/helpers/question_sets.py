"""Small sets of questions with real pictures and depth on disk, made without a simulator."""

import hashlib
import json

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from n3d_ros.protocol.evidence import as_quoted
from n3d_ros.spatial import answer, parse_question
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
        spatial(picture, "distance", "What is the distance between the red mug and the blue bowl?"),
        spatial(picture, "front_behind", "Is the red mug in front of the blue bowl?"),
    ]


def spatial(picture, category, text):
    """A question about both things with the exact answer."""
    exact = answer(parse_question(text), [as_quoted(one.box) for one in (MUG, BOWL)])
    return Question(
        f"{picture.key}-{category}", "spatial", category, category, text, picture, (MUG, BOWL), exact.answer,
        exact.reasoning, exact.value, "m", exact.verdict,
    )  # fmt: skip


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


def small_base(folder):
    """A model folder of a few thousand random weights that knows the words above; the folder."""
    from n3d_ros.training.nano.configs import NanoModel
    from n3d_ros.training.nano.model import build_nano
    from n3d_ros.training.nano.tokenizer import build_tokenizer
    from n3d_ros.training.nano.vocabulary import known_words

    tokenizer = build_tokenizer(known_words())
    small = NanoModel(
        vision_hidden=24, vision_layers=1, vision_heads=1, vision_mlp=24, full_attention=(0,), text_hidden=32,
        text_layers=1, text_heads=1, text_kv_heads=1, text_mlp=32, mrope_section=(4, 6, 6), long_side_px=112,
    )  # fmt: skip
    build_nano(small, tokenizer).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
