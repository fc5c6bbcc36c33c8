"""RefCOCO, RefCOCO+ and RefCOCOg -> questions.

In: `refs(unc).p`, `refs(google).p` or `refs(umd).p` with `instances.json` beside it, and the folder of COCO's
train2014 pictures. Out: one question for each sentence of a split, whose truth is a rectangle in the picture.
Format: github.com/lichengunc/refer (refer.py): refs are a pickled list of `ref_id`, `ann_id`, `image_id`,
`split`, `sentences` (`sent`, `sent_id`); instances have COCO's `images` and `annotations` (`bbox`: left, top,
width, height). A pickle can run code when it is read; this reader takes plain values alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from n3d_ros.plain_text import shown
from n3d_ros.protocol.prompts import ground_question
from n3d_ros.training.evaluation.readers.checks import (
    Read,
    RowError,
    corners_of,
    numbers_of,
    read_rows,
    side_of,
    text_of,
    wanted,
)
from n3d_ros.training.lift.sources.json_items import json_items
from n3d_ros.training.qa.records import GROUND, PictureRef, Question

NAME = "RefCOCO"
INSTANCES = "instances.json"
SPLITS = ("train", "val", "test", "testA", "testB")
# Quotes would end the name in a prompt.
QUOTES = str.maketrans(dict.fromkeys("'\"\u2018\u2019\u201c\u201d\r\n", " "))


class _PlainUnpickler(pickle.Unpickler):
    """Lists, dictionaries, text and numbers; nothing that would have to be imported."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"expected plain values, got {shown(f'{module}.{name}')}")


def read(file: Path, pictures: Path, split: str, max_bad_share: float) -> Read:
    """split: one of SPLITS. ValueError, OSError."""
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {SPLITS}, got {split!r}")
    images, annotations = _instances(file.parent / INSTANCES)
    make = partial(_question, images=images, annotations=annotations, pictures=pictures)
    notes = [f"split {split}", "2D rectangles alone: projected IoU and offset are what can be measured"]
    rows = _sentences(file, split)
    return read_rows(f"{file.parent.name} {file.name}", file, rows, make, max_bad_share, notes)


def _sentences(file: Path, split: str) -> Iterator[tuple[str, Any]]:
    """(where, (ref, sentence)); damaged references come as they are."""
    refs = _refs(file)
    found = {ref.get("split") for ref in refs if isinstance(ref, dict)}
    if split not in found:
        raise ValueError(f"'{file}': expected the split '{split}', got {sorted(map(str, found))}")
    for number, ref in enumerate(refs):
        if not isinstance(ref, dict) or not isinstance(ref.get("sentences"), list):
            yield f"reference {number}", None
        elif ref.get("split") == split:
            yield from ((f"reference {number}", (ref, sentence)) for sentence in ref["sentences"])


def _refs(file: Path) -> list[Any]:
    try:
        with file.open("rb") as stream:
            refs = _PlainUnpickler(stream, encoding="latin1").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        IndexError,
        ImportError,
        ValueError,
        KeyError,
        TypeError,
    ) as error:
        raise ValueError(f"'{file}': expected a pickled list of references, got {error!r}") from error
    if not isinstance(refs, list):
        raise ValueError(f"'{file}': expected a pickled list of references, got {type(refs).__name__}")
    return refs


def _instances(file: Path) -> tuple[dict[int, Any], dict[int, Any]]:
    """Pictures and annotations by id."""
    images: dict[int, Any] = {}
    annotations: dict[int, Any] = {}
    for key, item in json_items(file):
        into = {"images": images, "annotations": annotations}.get(key)
        if into is not None and isinstance(item, dict) and isinstance(item.get("id"), int):
            into[item["id"]] = item
    if not images or not annotations:
        raise ValueError(
            f"'{file}': expected images and annotations, got {len(images)} and {len(annotations)}"
        )
    return images, annotations


def _question(row: Any, images: dict[int, Any], annotations: dict[int, Any], pictures: Path) -> Question:
    if row is None:
        raise RowError("expected a reference with sentences, got another value")
    ref, sentence = row
    words = " ".join(text_of(sentence, "sent").translate(QUOTES).split())
    image = images.get(wanted(ref, "image_id", int))
    annotation = annotations.get(wanted(ref, "ann_id", int))
    if image is None or annotation is None:
        raise RowError("expected a picture and an annotation of instances.json, got an unknown id")
    try:
        ground_question(words)
    except ValueError as error:
        raise RowError(f"expected words that can be asked for, got {shown(words)}") from error
    left, top, width, height = numbers_of(annotation.get("bbox"), "bbox", 4)
    name = text_of(image, "file_name")
    return Question(
        id=f"{wanted(ref, 'ref_id', int)}-{wanted(sentence, 'sent_id', int)}",
        kind=GROUND,
        category="grounding",
        form="referring",
        text=words,
        picture=PictureRef(name, str(pictures / name), side_of(image, "width"), side_of(image, "height")),
        true_px=(corners_of((left, top, left + width, top + height), "bbox"),),
    )
