"""Box text, prompts, rounding and picture sizes against recorded ones.

In: codec.json, prompts.json, sizes.json. Out: lines. Where the release loses something silently and this
project does not (quirk W3, guards G2 and G3), the strict mode or the guard is checked and the line says so.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.depth_models import depth_picture, point_map_size
from n3d_ros.engines.parity.report import ParityReport, Record, largest, sha256
from n3d_ros.files.conversations import boxes_text
from n3d_ros.geometry import Intrinsics, SceneScale
from n3d_ros.preprocess.depth import NormalisedPoints, pool_to_grid
from n3d_ros.preprocess.pictures import PatchLayout, long_side_size, processor_size
from n3d_ros.protocol import prompts
from n3d_ros.protocol.box_codec import decode, dequantize, format_box, parse, quantize
from n3d_ros.protocol.box_text import BOX_NAME
from n3d_ros.protocol.evidence import UPSTREAM_MENTION, box_2d, box_3d, projected_corners

FIELDS = ("position_u", "position_v", "position_z", "angle_z", "scale_x", "scale_y", "scale_z")
# The release's corner order, checkpoint frame.
CORNERS = ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1), (-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1))
ENCODINGS: dict[str, dict[str, Any]] = {
    "default": {"round_uv": False},
    "round_uv": {},
    "round_uv_keep1": {"min_size_bins": 1},
}
LINE = 640
# Recorded intrinsics are shares of the picture, so any size serves.
PICTURE = (640, 480)


def camera_of(matrix: Any) -> Intrinsics:
    """A camera with the recorded normalised matrix."""
    (fx, _, cx), (_, fy, cy), _ = np.asarray(matrix, dtype=np.float64).tolist()
    width, height = PICTURE
    return Intrinsics(fx * width, fy * height, cx * width - 0.5, cy * height - 0.5, width, height)


def view_of(scene: dict[str, Any]) -> tuple[SceneScale, Intrinsics]:
    """A recorded scene's scale and camera."""
    x, y, z = scene["shift0"]
    return SceneScale(scene["scaling_init"], (x, y, z)), camera_of(scene["intr"])


def check_codec(codec: Record, report: ParityReport) -> None:
    """Everything in codec.json."""
    if "numpy" in codec:
        report.exact("codec: numpy 1 was used", "codec", str(codec["numpy"])[:2], "1.")
    scenes = codec.get("scenes", {})
    for index, case in enumerate(codec.get("decode", [])):
        name = f"decode {index} {case.get('note', '')}".strip()[:28]
        with report.guarded("codec decode", name):
            _check_decode(case, view_of(scenes[case["scene"]]), name, report)
    for index, case in enumerate(codec.get("encode", [])):
        with report.guarded("codec encode", f"encode {index}"):
            _check_encode(case, f"encode {index}", report)
    for case in codec.get("rounding", []):
        with report.guarded("rounding", repr(case)):
            _check_rounding(case, report)
    for case in codec.get("first_sentence", []):
        first = prompts.first_sentence(case["text"], "upstream")
        report.exact("first sentence", repr(case["text"])[:28], first, case["first"])
    for case in codec.get("mention_regex", []):
        found = UPSTREAM_MENTION.findall(case["text"])
        report.exact("mention pattern", repr(case["text"])[:28], found, case["matches"])


def _check_decode(
    case: dict[str, Any], view: tuple[SceneScale, Intrinsics], name: str, report: ParityReport
) -> None:
    decoded = decode(case["text"], *view)
    num_announced = case["text"].count(BOX_NAME)
    read_or_counted = len(decoded.boxes) + len(decoded.malformed)
    if "parse_error" in case:  # guard G2: what can be read is kept, the rest is counted
        report.exact("codec: release fails, ours counts", name, read_or_counted, num_announced)
        return
    report.exact("codec: read or counted", name, read_or_counted, num_announced)
    usable = [i for i, box in enumerate(case["metric_xyz"]) if _is_usable(box)]
    report.exact("codec: boxes", name, len(decoded.boxes), len(usable))
    finite = [i for i, box in enumerate(case["metric_uvz"]) if _is_finite(box) and box["class_name"]]
    for place, read in zip(finite, parse(case["text"]).boxes, strict=True):
        box, normalised = case["parsed"][place], case["undiscretized"][place]
        report.exact("codec: parsed", name, (read.index, read.label), (box["id"], box["class_name"]))
        report.absolute("codec: parsed", name, read.values, [box[field] for field in FIELDS], 0.0)
        wanted = [normalised[field] for field in FIELDS]
        report.relative("codec: undiscretized", name, dequantize(read.values), wanted, 1e-12)
    for place, ours in zip(usable, decoded.boxes, strict=False):
        _check_metric(case, place, ours, view, name, report)
    if len(usable) == len(case["parsed"]):
        found = decoded.boxes
        text = boxes_text([b.box for b in found], [b.uv for b in found], [b.index for b in found])
        check_numbers_in_text("codec: serialized", name, text, case["serialized"], report)


def _is_finite(box: dict[str, Any]) -> bool:
    """No nan and no inf, which are recorded as words."""
    return not any(isinstance(box[name], str) for name in box if name != "class_name")


def _is_usable(box: dict[str, Any]) -> bool:
    """Finite and in front of the camera: what guard G3 lets through."""
    return _is_finite(box) and box["position_z"] > 0


def _check_metric(
    case: dict[str, Any],
    place: int,
    ours: Any,
    view: tuple[SceneScale, Intrinsics],
    name: str,
    report: ParityReport,
) -> None:
    scene, camera = view
    metric, uvz = case["metric_xyz"][place], case["metric_uvz"][place]
    box: Box3D = ours.box
    exact = (box.center[2], -box.yaw, *box.size)
    for key, recorded in (("metric_uvz", uvz), ("metric_xyz", metric)):
        wanted = [recorded[field] for field in ("position_z", "angle_z", "scale_x", "scale_y", "scale_z")]
        report.relative(f"codec: {key} z, angle, sizes", name, exact, wanted, 1e-12)
    report.relative("codec: metric_uvz u, v", name, ours.uv, [uvz["position_u"], uvz["position_v"]], 1e-12)
    xy = (-box.center[0], -box.center[1])
    report.relative("codec: metric_xyz x, y", name, xy, [metric["position_x"], metric["position_y"]], 1e-6)
    report.exact("codec: rounded3d", name, repr(list(box_3d(box))), repr(case["rounded3d"][place]))
    if case["rounded2d"][place] is not None:
        report.exact("codec: rounded2d", name, list(box_2d(box, camera)), case["rounded2d"][place])
        _check_projected(case["projected"][place], box, camera, name, report)


def _check_projected(
    recorded: dict[str, Any], box: Box3D, camera: Intrinsics, name: str, report: ParityReport
) -> None:
    corners, centre = projected_corners(box, camera, np.array(CORNERS, dtype=np.float64) * [-1, -1, 1])
    wanted = [[np.nan, np.nan] if corner is None else corner for corner in recorded["corners_2d"]]
    report.absolute("codec: corners_2d", name, corners, wanted, 1e-6)
    report.absolute("codec: center_2d", name, centre, recorded["center_2d"], 1e-6)
    size = np.nanmax(corners, axis=0) - np.nanmin(corners, axis=0)
    report.absolute("codec: bbox_2d", name, [*centre, *size], recorded["bbox_2d"], 1e-6)


def check_numbers_in_text(quantity: str, case: str, text: str, recorded: str, report: ParityReport) -> None:
    """Same words and layout, the numbers within 1e-12; runs of blanks in a class name count as one."""
    number = re.compile(r"(?<=,)-?[\d.]+(?:e[+-]?\d+)?(?=[,)])")
    texts = [re.sub(r"[ \t]+", " ", " ".join(line.split(" "))) for line in (text, recorded)]
    report.exact(quantity, case, *(_unblanked(number.sub("#", value)) for value in texts))
    ours, theirs = ([float(found) for found in number.findall(value)] for value in texts)
    report.relative(f"{quantity} numbers", case, ours, theirs, 1e-12)


def _unblanked(text: str) -> str:
    return " ".join(text.split())


def _check_encode(case: dict[str, Any], name: str, report: ParityReport) -> None:
    (box,) = parse(case["text"]).boxes
    for option, arguments in ENCODINGS.items():
        if option not in case:
            continue
        bins = quantize(box.values, **arguments)
        report.exact(
            f"codec: encode {option}", name, format_box(box.index, box.label, bins) + "\n", case[option]
        )
        lower = format_box(box.index, box.label.lower(), bins) + "\n"
        report.exact(f"codec: encode {option} lower", name, lower, case[f"{option}_lower"])
        (back,) = case[f"{option}_roundtrip"]
        recorded = [back[field] for field in FIELDS]
        error = largest(dequantize(bins), recorded) / max(1.0, float(np.abs(recorded).max()))
        report.absolute(f"codec: round trip {option}", name, error, 0.0, 1e-12)


def _check_rounding(case: dict[str, float], report: ParityReport) -> None:
    value = case["value"]
    x, y, z, *sizes = box_3d(Box3D("x", (-value, -value, value), (abs(value),) * 3))
    name = repr(value)
    report.exact("rounding: numpy's for x, y", name, repr((x, y)), repr((case["numpy_round2"],) * 2))
    report.exact("rounding: Python's for z", name, repr(z), repr(case["python_round2"]))
    report.exact("rounding: Python's for sizes", name, sizes, [abs(case["python_round2"])] * 3)


def check_sizes(entries: list[dict[str, Any]], report: ParityReport) -> None:
    """Everything in sizes.json; how a map is read is checked on a map that numbers its pixels."""
    layout = PatchLayout()
    for entry in entries:
        width, height = entry["raw_wh"]
        case = f"{width}x{height}"
        size = long_side_size(width, height)
        map_width, map_height = point_map_size(width, height)
        report.exact("sizes: resized_wh", case, list(size), entry["resized_wh"])
        report.exact("sizes: pointmap_hw", case, [map_height, map_width], entry["pointmap_hw"])
        try:
            columns, rows = (side // layout.patch_size for side in processor_size(*size))
        except ValueError as error:
            report.exact("sizes: refused", case, "processor_error" in entry, True, str(error))
            continue
        wanted = (entry.get("processor_hw"), entry.get("grid_thw"), entry.get("tokens"))
        ours = ([rows * 14, columns * 14], [1, rows, columns], rows * columns // 4)
        report.exact("sizes: processor, grid, tokens", case, ours, wanted)
        if "pool_branch" in entry:
            _check_reshape(entry, (rows, columns), case, report)


def _check_reshape(entry: dict[str, Any], grid: tuple[int, int], case: str, report: ParityReport) -> None:
    """Pools a map that numbers its pixels as the release reads it, and as the entry says that it reads it."""
    height, width = entry["pointmap_hw"]
    points = np.zeros((height, width, 3), dtype=np.float32)
    points[..., 0] = np.arange(height * width).reshape(height, width)
    numbered = NormalisedPoints(
        points, np.ones((height, width), dtype=np.bool_), points[0, 0], SceneScale(1.0, (0.0, 0.0, 0.0))
    )
    fits = height * width % LINE == 0
    report.exact("sizes: divisible", case, fits, entry["divisible"])
    if not fits:
        return
    read = pool_to_grid(numbered, grid, "upstream")
    shape = {"rows of 640": (-1, LINE), "640 rows": (LINE, -1)}[entry["pool_branch"]]
    said = replace(numbered, points=points.reshape(*shape, 3), valid=numbered.valid.reshape(shape))
    report.exact("sizes: pool_branch", case, read, pool_to_grid(said, grid, "true_shape"))
    is_true = bool((read == pool_to_grid(numbered, grid, "true_shape")).all())
    report.exact("sizes: reshape is true", case, is_true, entry["reshape_ok_vs_true_shape"])


def check_depth_picture(record: Record, picture: np.ndarray, case: str, report: ParityReport) -> None:
    """What the depth model would get."""
    ours = depth_picture(picture)
    report.exact("moge_input shape", case, np.array(ours.shape), record["shape"])
    for name in record.names():
        if name.startswith("moge_input_every"):
            step = int(name.removeprefix("moge_input_every"))
            report.exact(name, case, ours[::step, ::step], record[name])
    report.exact("moge_input sha256", case, sha256(ours), str(record["sha256"]))
