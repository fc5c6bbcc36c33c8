"""What `n3d infer` writes about a result: JSON, a table for people, a picture with boxes.

What a model wrote reaches a terminal without control characters, JSON as it is (escaped there). Files are
written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D, Rectangle
from n3d_ros.geometry import Intrinsics
from n3d_ros.plain_text import without_controls
from n3d_ros.preprocess.prepare import Observation
from n3d_ros.runtime.types import AskResult, GroundResult
from n3d_ros.storage import whole_file
from n3d_ros.text_table import text_table

STDOUT = Path("-")
PICTURES = (".png", ".jpg", ".jpeg")


def check_outputs(json_file: Path | None, overlay: Path | None, inputs: Sequence[Path | None]) -> None:
    """OSError or ValueError for names that nothing can be written under, before a model works for them."""
    whole_file.check_can_write(json_file, overlay)
    taken = {one.resolve() for one in inputs if one is not None}
    for name, path in (("--json", json_file), ("--overlay", overlay)):
        if path is not None and path.resolve() in taken:
            raise ValueError(f"{name}: expected a file of its own, got '{path}', which is another one's here")
        taken |= set() if path is None else {path.resolve()}
    if overlay is not None and overlay.suffix.lower() not in PICTURES:
        raise ValueError(f"--overlay: expected a name that ends in .png or .jpg, got '{overlay}'")


def result_json(result: GroundResult | AskResult, camera: Intrinsics) -> dict[str, Any]:
    """What --json writes (docs/inputs.md). Optical frame, metres, radians, pixels, milliseconds.

    camera: of the whole colour picture that the result is about, as it was used.
    """
    asked = result if isinstance(result, AskResult) else None
    return {
        "objects": [{"id": item.id, **box_json(item.box, item.box_2d_px)} for item in result.objects],
        "answer": asked.answer if asked else "",
        "reasoning": asked.reasoning if asked else "",
        "value": asked.value if asked else None,
        "unit": asked.unit if asked else "",
        "relation": asked.relation if asked else "",
        "consistent": asked.consistent if asked else None,
        "is_computed": asked is not None and asked.is_computed,
        "code": result.code.name,
        "message": result.message,
        "raw_text": result.raw_text,
        "token_ids": [int(token) for token in result.token_ids],
        "timing_ms": result.timing.to_dict(),
        "forward_passes": result.timing.num_forward_passes,
        "depth_is_estimated": result.depth_is_estimated,
        "valid_ratio": result.valid_ratio,
        "intrinsics": camera.to_dict(),
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
        rows.append([without_controls(item.id), *numbers, f"{item.box.score:.2f}"])
    lines = []
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
    return "\n".join([text_table(rows), *map(without_controls, lines)])


def write_overlay(path: Path, observation: Observation, boxes: list[Box3D]) -> None:
    """The picture with its boxes, in the format that the file's name says."""
    from PIL import Image

    from n3d_ros.overlay import draw_boxes

    with whole_file.whole_file(path) as part:
        Image.fromarray(draw_boxes(observation.rgb, boxes, observation.intrinsics)).save(part)


def write_json(path: Path, content: dict[str, Any]) -> None:
    if path == STDOUT:
        print(json.dumps(content, indent=2))
    else:
        whole_file.write_json(path, content)
