"""Real frames without annotations: what a model finds in them, to look at.

In: frame folders and words. Out: one page with each picture, the boxes drawn and a line for each word. There
is no truth here, so nothing is counted as right.
"""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.errors import N3DError
from n3d_ros.plain_text import one_line
from n3d_ros.storage.whole_file import write_text

if TYPE_CHECKING:
    from n3d_ros.boxes import Box3D
    from n3d_ros.preprocess.prepare import Observation
    from n3d_ros.runtime.pipeline import Pipeline

NOTE = (
    "n3d-nano knows the things of its simulator and nothing else: these boxes show that files, depth and "
    "model go together, not what is in the picture."
)
STYLE = """
body { font: 14px/1.4 sans-serif; background: #181818; color: #eee; margin: 2em; }
main { display: flex; flex-wrap: wrap; gap: 1em; } figure { margin: 0; width: 420px; } img { width: 100%; }
figcaption { overflow-wrap: anywhere; } p { color: #aaa; }
"""
JPEG_QUALITY = 80


def split_frames(paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Frame folders with objects to lift, and those without. FileNotFoundError where there is no frame."""
    from n3d_ros.files.frames import find_frames
    from n3d_ros.training.lift.sources.folders import ANNOTATIONS, FolderSource

    annotated: list[Path] = []
    plain: list[Path] = []
    for folder in find_frames(paths) if paths else []:
        record = FolderSource((folder,)).record(0) if (folder / ANNOTATIONS).is_file() else None
        is_annotated = record is not None and (record.annotations or record.fault is not None)
        (annotated if is_annotated else plain).append(folder)
    return annotated, plain


def write_frames_page(path: Path, folders: list[Path], words: tuple[str, ...]) -> None:
    """Ask the small model that ships about every frame and write what it found."""
    from n3d_ros.runtime.backends.factory import default_model_dir
    from n3d_ros.runtime.pipeline import Pipeline

    pipeline = Pipeline.load(default_model_dir())
    figures = "".join(_figure(pipeline, folder, words) for folder in folders)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(
        path,
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>n3d-nano on real frames</title>"
        f"<style>{STYLE}</style></head><body><h1>n3d-nano on {len(folders)} real frames</h1>"
        f"<p>{NOTE}</p><main>{figures}</main></body></html>\n",
    )


def _figure(pipeline: Pipeline, folder: Path, words: tuple[str, ...]) -> str:
    from n3d_ros.files.frames import read_frame

    try:
        observation = read_frame(folder).observation()
        lines, boxes = _found(pipeline, observation, words)
    except (OSError, ValueError) as error:
        return _with_caption(folder, "", [f"cannot be read: {one_line(str(error), 300)}"])
    return _with_caption(folder, f"<img src='{_drawn(observation, boxes)}' alt=''>", lines)


def _found(
    pipeline: Pipeline, observation: Observation, words: tuple[str, ...]
) -> tuple[list[str], list[Box3D]]:
    """A line for each word, and all boxes."""
    lines, boxes = [], []
    for word in words:
        try:
            result = pipeline.ground(observation, word)
        except N3DError as error:
            lines.append(f"{word}: {error.message}")
            continue
        boxes += [thing.box for thing in result.objects]
        told = "; ".join(_told(thing.box) for thing in result.objects) or "looked, found nothing"
        lines.append(f"{word}: {told}" + (f" ({result.message})" if result.message else ""))
    return lines, boxes


def _told(box: Box3D) -> str:
    size = " x ".join(f"{100 * side:.0f}" for side in box.size)
    return f"{size} cm, {box.center[2]:.2f} m away"


def _drawn(observation: Observation, boxes: list[Box3D]) -> str:
    import cv2

    from n3d_ros.overlay import draw_boxes

    picture = draw_boxes(observation.rgb, boxes, observation.intrinsics)
    _, coded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return f"data:image/jpeg;base64,{base64.b64encode(coded.tobytes()).decode()}"


def _with_caption(folder: Path, picture: str, lines: list[str]) -> str:
    told = "<br>".join(html.escape(line) for line in lines)
    return f"<figure>{picture}<figcaption><b>{html.escape(folder.name)}</b><br>{told}</figcaption></figure>"
