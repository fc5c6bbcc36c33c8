"""One self-contained HTML page: for every filter some annotations that it rejected, and some that were kept.

In: a job and the shards that are there. Out: `page.html`. What is shown is drawn from shards at random but
always the same; those pictures are lifted again, so nothing is stored for the page and memory does not grow
with the set. It decides nothing.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pyarrow.parquet as pq

from n3d_ros.boxes import Box3D
from n3d_ros.storage.whole_file import write_text
from n3d_ros.training.lift.lifting import Attempt, LiftedPicture
from n3d_ros.training.lift.report.comparison import DIFFERS, HEAD, Line, compare_job, differ, ratios
from n3d_ros.training.lift.report.drawing import draw_attempt
from n3d_ros.training.lift.run import LiftJob
from n3d_ros.training.lift.shards import Entry, shard_file, totals

PAGE = "page.html"
KEPT, DIFFER = "kept", "differ"
JPEG_QUALITY = 85
STYLE = """
body { font: 14px/1.4 sans-serif; background: #181818; color: #eee; margin: 2em; }
table { border-collapse: collapse; } td, th { padding: 2px 12px 2px 0; text-align: left; }
td.n { text-align: right; }
figure { display: inline-block; margin: 0 1em 1em 0; vertical-align: top; max-width: 720px; }
figcaption { color: #bbb; overflow-wrap: anywhere; } a { color: #6cf; } .zero { color: #777; }
"""
LEGEND = (
    "Left: the picture with mask (red), annotated 2D box (white) and lifted box (yellow). Middle: the points "
    "from above, far is up. Right: from the side, far is right. Blue points made the box, red ones were "
    "dropped as silhouette, crumb or other body. Green: the box of a depth model beside the sensor."
)
COMPARED = (
    "What a depth model alone makes of the same masks, beside the sensor. Medians of the sensor's value over "
    f"the model's; <b>differ</b>: width or height is off by more than {100 * DIFFERS:.0f} % of what the "
    "distances explain. Their pictures are in the section <i>differ</i>, the model's box in green."
)


@dataclass(frozen=True, order=True)
class _Sample:
    """rank: decides who is shown. position: of the annotation among its picture's."""

    rank: str
    picture: int
    annotation: str


def write_page(job: LiftJob, entries: list[Entry], num_samples: int = 8) -> Path:
    """entries: of the shards to look at. num_samples: annotations for each filter, and kept ones."""
    chosen = _choose(job, entries, num_samples)
    sums = totals(entries, job.config)
    counts: list[tuple[str, str, int, Any]] = [(KEPT, "boxes", sums["kept"], None)]
    counts += [(one["name"], one["means"], one["count"], one.get("threshold")) for one in sums["filters"]]
    sections = [
        _section(job, name, means, chosen[name])
        for name, means, count, _ in counts
        if count and name in chosen
    ]
    given = sum(_num_given(shard_file(job.out, entry.number)) for entry in entries)
    parts = [f"{sums['kept'] - given} lifted"] + ([f"{given} taken as given"] if given else [])
    share = f"{' and '.join(parts)} of {sums['annotations']} annotations"
    if DIFFER in chosen:
        sections.insert(1, _section(job, DIFFER, "boxes whose sensor and model disagree", chosen[DIFFER]))
    title = f"{share} in {sums['pictures']} pictures"
    page = (
        f"<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>n3d lift</title>"
        f"<style>{STYLE}</style></head><body><h1>{title}</h1><p>{LEGEND}</p>{_table(counts)}"
        f"{_comparison(compare_job(job, entries))}{''.join(sections)}</body></html>\n"
    )
    write_text(job.out / PAGE, page)
    return job.out / PAGE


def _comparison(lines: list[Line]) -> str:
    """Nothing where no model was beside a sensor."""
    if not lines:
        return ""
    head = "".join(f"<th>{name}</th>" for name in ("", *HEAD))
    rows = "".join(
        "<tr>" + "".join(f"<td class='n'>{html.escape(cell)}</td>" for cell in line.cells()) + "</tr>"
        for line in lines
    )
    return f"<h2 id='comparison'>sensor over model</h2><p>{COMPARED}</p><table><tr>{head}</tr>{rows}</table>"


def _choose(job: LiftJob, entries: list[Entry], num_samples: int) -> dict[str, list[_Sample]]:
    """By filter, the annotations whose hashes are smallest."""
    heaps: dict[str, list[_Sample]] = {}
    for entry in entries:
        for name, sample in _samples(shard_file(job.out, entry.number)):
            best = heaps.get(name, [])
            heaps[name] = heapq.nsmallest(num_samples, [*best, sample])
    return heaps


def _num_given(shard: Path) -> int:
    """Boxes that were annotated as such, so that nothing was lifted."""
    objects = pq.read_table(shard, columns=["objects"]).column("objects").combine_chunks()
    given = objects.flatten().field("given")
    return len(given) - given.null_count


def _samples(shard: Path) -> Iterator[tuple[str, _Sample]]:
    rows = pq.read_table(shard, columns=["index", "objects", "rejected"]).to_pylist()
    for row in rows:
        named = [(KEPT, one["annotation"]) for one in row["objects"]]
        named += [(DIFFER, one["annotation"]) for one in row["objects"] if _differs(one)]
        named += [(one["reason"], one["annotation"]) for one in row["rejected"]]
        for name, annotation in named:
            rank = hashlib.sha256(f"{row['index']} {annotation}".encode()).hexdigest()
            yield name, _Sample(rank, row["index"], annotation)


def _differs(one: dict[str, Any]) -> bool:
    return one["box_of_model"] is not None and differ(ratios(one["box"], one["box_of_model"]))


def _section(job: LiftJob, name: str, means: str, samples: list[_Sample]) -> str:
    figures = "".join(_figure(job, name, sample) for sample in samples)
    return f"<h2 id='{name}'>{name}</h2><p>{html.escape(means)}</p>{figures}"


def _figure(job: LiftJob, name: str, sample: _Sample) -> str:
    picture = job.lifted(sample.picture)
    attempt = next(
        one
        for one in picture.attempts
        if one.annotation.key == sample.annotation
        and (one.rejected.reason.value if one.rejected else KEPT) == (KEPT if name == DIFFER else name)
    )
    drawn = "" if picture.sight is None else _image(attempt, picture)
    return f"<figure>{drawn}<figcaption>{html.escape(_caption(attempt, picture))}</figcaption></figure>"


def _image(attempt: Attempt, picture: LiftedPicture) -> str:
    assert picture.sight is not None
    rgb = draw_attempt(attempt, picture.sight)
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    data = base64.b64encode(jpeg.tobytes()).decode("ascii")
    return f"<img width='{rgb.shape[1]}' height='{rgb.shape[0]}' alt='' src='data:image/jpeg;base64,{data}'>"


def _caption(attempt: Attempt, picture: LiftedPicture) -> str:
    file = "no file" if picture.record.picture is None else picture.record.picture.name
    where = f"{attempt.annotation.label or 'no label'}, annotation {attempt.annotation.key} of {file}"
    if attempt.rejected is not None:
        return f"{where}: {attempt.rejected.detail}"
    assert attempt.box is not None
    model = "" if attempt.box_of_model is None else f"; the model: {_said(attempt.box_of_model)}"
    given = "" if attempt.annotation.given is None else "; given, not lifted"
    return f"{where}: {_said(attempt.box)}{model}{given}"


def _said(box: Box3D) -> str:
    size = " x ".join(f"{side:.3f}" for side in box.size)
    return f"{size} m at {box.center[2]:.2f} m"


def _table(counts: list[tuple[str, str, int, Any]]) -> str:
    rows = "".join(
        f"<tr{'' if count else ' class=zero'}><td>{_link(name, count)}</td><td class='n'>{count}</td>"
        f"<td class='n'>{'' if threshold is None else threshold}</td><td>{html.escape(means)}</td></tr>"
        for name, means, count, threshold in counts
    )
    return f"<table><tr><th></th><th>annotations</th><th>threshold</th><th></th></tr>{rows}</table>"


def _link(name: str, count: int) -> str:
    return f"<a href='#{name}'>{name}</a>" if count else name
