"""`n3d infer`: words or a question about an RGB-D frame in files -> boxes and answer, table, JSON, picture.

Bad input leaves as ValueError or OSError (exit code 2), a model that could not finish as exit code 1. No
ROS.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from n3d_ros.boxes import Box3D, Rectangle
from n3d_ros.commands import CommandFailed
from n3d_ros.commands.model_folder import add_model_options, model_folder
from n3d_ros.frames import read_rgbd
from n3d_ros.points_file import read_points
from n3d_ros.preprocess import Observation
from n3d_ros.runtime.types import AskResult, GroundResult, N3DError, ResultCode

BAD_INPUT_CODES = (ResultCode.BAD_INPUT, ResultCode.NO_DEPTH, ResultCode.NO_CAMERA_INFO)
STDOUT = Path("-")


def add_infer(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d infer`."""
    parser.epilog = "Boxes are in the camera's optical frame: x right, y down, z forward, metres."
    parser.add_argument("--image", type=Path, required=True, metavar="F", help="colour picture, PNG or JPEG")
    parser.add_argument(
        "--depth", type=Path, metavar="F", help="registered depth: 16-bit PNG in mm, or .npy in m"
    )
    parser.add_argument(
        "--intrinsics", type=Path, metavar="JSON", help="fx fy cx cy width height of the picture"
    )
    parser.add_argument("--points", type=Path, metavar="NPZ", help="point map (pcd, intr) instead of depth")
    job = parser.add_mutually_exclusive_group(required=True)
    job.add_argument("--ground", metavar="WORDS", help='find what the words name, e.g. "the red mug"')
    job.add_argument("--ask", metavar="QUESTION", help='e.g. "How far is the red mug from the blue box?"')
    add_model_options(parser)
    parser.add_argument(
        "--json", type=Path, metavar="OUT", help="write the result as JSON (- for standard output)"
    )
    parser.add_argument(
        "--overlay", type=Path, metavar="PNG", help="write the picture with the projected boxes"
    )
    parser.set_defaults(run=run_infer)


def run_infer(args: argparse.Namespace) -> int:
    """Answer, print, write; 0 when the model finished."""
    words = _words(args)
    observation = read_observation(args)
    pipeline = load_pipeline(model_folder(args.model), args.backend)
    result = _answer(pipeline, observation, words, grounds=args.ask is None)
    if args.json != STDOUT:
        print(table(result))
    if args.json is not None:
        _write_json(args.json, result_json(result))
    if args.overlay is not None:
        write_overlay(args.overlay, observation, [item.box for item in result.objects])
    if result.code != ResultCode.OK:
        raise CommandFailed(f"{result.code.name}: {result.message}")
    return 0


def load_pipeline(folder: Path, backend: str) -> Any:
    """The runtime's pipeline; imported late because it brings the engine runtime with it."""
    from n3d_ros.runtime.pipeline import Pipeline

    return Pipeline.load(folder, backend=backend)


def read_observation(args: argparse.Namespace) -> Observation:
    """The frame that the arguments name."""
    if args.points is not None:
        if args.depth is not None or args.intrinsics is not None:
            raise ValueError("expected --points alone or --depth with --intrinsics, got both")
        return read_points(args.image, args.points)
    if args.depth is None or args.intrinsics is None:
        missing = " and ".join(name for name in ("depth", "intrinsics") if getattr(args, name) is None)
        raise ValueError(f"expected --depth with --intrinsics, or --points; {missing} missing")
    return read_rgbd(args.image, args.depth, args.intrinsics).observation()


def result_json(result: GroundResult | AskResult) -> dict[str, Any]:
    """What --json writes. Optical frame, metres, radians, pixels, milliseconds."""
    answered = isinstance(result, AskResult)
    return {
        "objects": [box_json(item.box, item.box_2d_px) for item in result.objects],
        "answer": result.answer if answered else "",
        "reasoning": result.reasoning if answered else "",
        "value": result.value if answered else None,
        "unit": result.unit if answered else "",
        "raw_text": result.raw_text,
        "token_ids": [int(token) for token in result.token_ids],
        "timing_ms": result.timing.to_dict(),
        "forward_passes": result.timing.num_forward_passes,
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


def table(result: GroundResult | AskResult) -> str:
    """For people: one line per box, then the answer."""
    lines = [
        f"{'object':<24} {'x':>7} {'y':>7} {'z':>7}   {'w':>6} {'h':>6} {'d':>6}   score  (m, optical frame)"
    ]
    for item in result.objects:
        center = " ".join(f"{value:7.3f}" for value in item.box.center)
        size = " ".join(f"{value:6.3f}" for value in item.box.size)
        lines.append(f"{item.box.label:<24} {center}   {size}   {item.box.score:5.2f}")
    if not result.objects:
        lines.append("nothing found")
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


def _words(args: argparse.Namespace) -> str:
    name, words = ("--ground", args.ground) if args.ask is None else ("--ask", args.ask)
    if not words.strip():
        raise ValueError(f"{name}: expected words, got {words!r}")
    return str(words)


def _answer(pipeline: Any, observation: Observation, words: str, grounds: bool) -> GroundResult | AskResult:
    """The pipeline's result; what the user can mend becomes a ValueError, the rest CommandFailed."""
    try:
        result = pipeline.ground(observation, words) if grounds else pipeline.ask(observation, words)
    except N3DError as error:
        if error.code in BAD_INPUT_CODES:
            raise
        raise CommandFailed(f"{error.code.name}: {error.message}") from error
    if result.code in BAD_INPUT_CODES:
        raise ValueError(result.message)
    return result  # type: ignore[no-any-return]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2)
    if path == STDOUT:
        print(text)
    else:
        _make_parent(path)
        path.write_text(text + "\n", encoding="utf-8")


def _make_parent(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
