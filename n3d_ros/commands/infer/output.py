"""What `n3d infer` writes about a result: JSON, a table for people, a picture with boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D, Rectangle
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import AskResult, GroundResult
from n3d_ros.text_table import text_table

STDOUT = Path("-")


def result_json(result: GroundResult | AskResult) -> dict[str, Any]:
    """What --json writes. Optical frame, metres, radians, pixels, milliseconds."""
    answered = isinstance(result, AskResult)
    return {
        "objects": [{"id": item.id, **box_json(item.box, item.box_2d_px)} for item in result.objects],
        "answer": result.answer if answered else "",
        "reasoning": result.reasoning if answered else "",
        "value": result.value if answered else None,
        "unit": result.unit if answered else "",
        "message": result.message,
        "raw_text": result.raw_text,
        "token_ids": [int(token) for token in result.token_ids],
        "timing_ms": result.timing.to_dict(),
        "forward_passes": result.timing.num_forward_passes,
        "depth_is_estimated": result.depth_is_estimated,
    }


def box_json(box: Box3D, rectangle: Rectangle | None) -> dict[str, Any]:
    """One box; `box_2d_px` is [x_min, y_min, x_max, y_max], null when the box lies outside the picture."""
    return {
        "label": box.label,
        "center_m": list(box.center),
        "size_m": list(box.size),
        "yaw_rad": box.yaw,
        "score": box.score,
        "box_2d_px": None if rectangle is None else list(rectangle),
    }


def result_text(result: GroundResult | AskResult) -> str:
    """For people: one line per box, then the answer."""
    rows = [["object", "x", "y", "z", "w", "h", "d", "score", "(m, optical frame)"]]
    for item in result.objects:
        numbers = [f"{value:.3f}" for value in (*item.box.center, *item.box.size)]
        rows.append([item.id, *numbers, f"{item.box.score:.2f}"])
    lines = [text_table(rows)]
    if not result.objects:
        lines.append("nothing found")
    if result.depth_is_estimated:
        lines.append("depth was guessed from the picture by a model: so are all metres")
    if isinstance(result, AskResult):
        lines += [f"reasoning: {result.reasoning}", f"answer:    {result.answer or 'none'}"]
        if result.value is not None:
            lines.append(f"computed from the boxes: {result.value:.3f} {result.unit}")
    if result.message:
        lines.append(result.message)
    return "\n".join(lines)


def write_overlay(path: Path, observation: Observation, boxes: list[Box3D]) -> None:
    """The picture with its boxes, in the format that the file's name says."""
    from PIL import Image

    from n3d_ros.overlay import draw_boxes

    _make_parent(path)
    Image.fromarray(draw_boxes(observation.rgb, boxes, observation.intrinsics)).save(path)


def write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2)
    if path == STDOUT:
        print(text)
    else:
        _make_parent(path)
        path.write_text(text + "\n", encoding="utf-8")


def _make_parent(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
