"""One self-contained HTML page with some questions of every form: picture, boxes, text, answer, trace.

In: a finished set of questions. Out: `page.html`. What is shown is drawn at random but always the same, in
one pass, so memory does not grow with the set. It decides nothing.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import html
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.files.picture_file import read_picture
from n3d_ros.overlay import draw_boxes
from n3d_ros.plain_text import one_line
from n3d_ros.storage.whole_file import write_text
from n3d_ros.training.qa.records import Question
from n3d_ros.training.qa.sets import read_manifest, read_questions, with_rectangles

PAGE = "page.html"
JPEG_QUALITY = 75
WIDTH_PX = 360
STYLE = """
body { font: 14px/1.4 sans-serif; background: #181818; color: #eee; margin: 2em; }
td { padding: 2px 12px 2px 0; } td.n { text-align: right; } a { color: #6cf; } h2 { margin: 1.5em 0 0.5em; }
section { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; width: 360px; overflow-wrap: anywhere; } img { display: block; max-width: 100%; }
.q { color: #fff; font-weight: bold; } .t { color: #999; font-size: 12px; } .m { color: #8d8; }
"""
Picture = npt.NDArray[np.uint8]


def write_page(folder: Path, num_samples: int = 5, root: Path = Path()) -> Path:
    """num_samples: questions of each form. root: where relative paths of pictures start."""
    chosen, counts = _choose(folder, num_samples)
    manifest = read_manifest(folder)
    rows = "".join(
        f"<tr><td><a href='#{form}'>{form}</a></td><td class='n'>{counts[form]}</td></tr>"
        for form in sorted(counts)
    )
    sections = "".join(
        f"<h2 id='{form}'>{form}</h2><section>{''.join(_figure(one, root) for one in chosen[form])}</section>"
        for form in sorted(chosen)
    )
    total = sum(one["questions"] for one in manifest["shards"])
    title = f"{total} questions of {len(counts)} forms"
    page = (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>n3d make-qa</title>"
        f"<style>{STYLE}</style></head><body><h1>{title}</h1><table>{rows}</table>{sections}</body></html>\n"
    )
    write_text(folder / PAGE, page)
    return folder / PAGE


def _choose(folder: Path, num_samples: int) -> tuple[dict[str, list[Question]], dict[str, int]]:
    """By form the questions whose hashes are smallest, and how many there are."""
    heaps: dict[str, list[tuple[str, str, Question]]] = {}
    counts: dict[str, int] = {}
    for question in read_questions(folder):
        form = html.escape(f"{question.category}/{question.form}")
        counts[form] = counts.get(form, 0) + 1
        rank = hashlib.sha256(question.id.encode()).hexdigest()
        best = heaps.setdefault(form, [])
        if len(best) < num_samples or rank < best[-1][0]:
            heaps[form] = heapq.nsmallest(num_samples, [*best, (rank, question.id, question)])
    return {form: [one for *_, one in best] for form, best in heaps.items()}, counts


def _figure(question: Question, root: Path) -> str:
    facts = [f"value {question.value:g} {question.unit}"] if question.value is not None else []
    facts += [f"verdict {'yes' if question.verdict else 'no'}"] if question.verdict is not None else []
    facts += [f"choice {question.choice}"] if question.choice is not None else []
    facts += [] if question.boxes else ["no box"]
    lines = (
        ("q", question.text),
        ("", question.answer),
        ("m", "; ".join(facts)),
        ("t", question.reasoning),
        ("t", f"{question.id}, picture {question.picture.key}"),
    )
    text = "".join(f"<div class='{kind}'>{html.escape(line)}</div>" for kind, line in lines if line)
    return f"<figure>{_image(question, root)}{text}</figure>"


def _image(question: Question, root: Path) -> str:
    try:
        rgb = drawn(question, root)
    except (OSError, ValueError) as error:
        return f"<div class='t'>{html.escape(one_line(str(error), 200))}</div>"
    height = round(rgb.shape[0] * WIDTH_PX / rgb.shape[1])
    small = cv2.resize(rgb, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return f"<img width='{WIDTH_PX}' height='{height}' alt='' src='data:image/jpeg;base64,{data}'>"


def drawn(question: Question, root: Path) -> Picture:
    """The picture with the question's rectangles and its boxes."""
    rgb = with_rectangles(read_picture(root / question.picture.file), question.drawn_px)
    return draw_boxes(rgb, [one.box for one in question.boxes], question.picture.intrinsics)
