"""Boxes in metres <-> integer bins <-> the text that N3D-VLM writes and is trained on.

In: text or `Box3D` (optical frame, metres), the scene's normalisation, the camera. Out: `Box3D` or text. The
checkpoint frame (x left, y up, z forward) and the bins exist only in here. How boxes are found in text is
`box_text`'s business. Source: docs/specification/box_text.md 1, 4, 5, 8.

Order of the seven numbers everywhere: u, v, z, angle, sx, sy, sz. u and v are fractions of picture width and
height; z and sizes are in normalised units (metres times `scale`); the angle turns about the checkpoint's +y,
which points up, so it is minus `Box3D.yaw`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from n3d_ros.boxes import Box3D
from n3d_ros.geometry import Intrinsics, SceneScale, as_seen, undistorted
from n3d_ros.plain_text import MAX_SHOWN_CHARS, one_line, without_controls
from n3d_ros.protocol.box_text import (
    MAX_LABEL_CHARS,
    Malformed,
    Parsed,
    ParsedBox,
    StreamingParser,
    box_start,
    parse,
)

__all__ = [
    "Bins",
    "CodecConfig",
    "Decoded",
    "DecodedBox",
    "Malformed",
    "Parsed",
    "ParsedBox",
    "SceneScale",
    "StreamingParser",
    "decode",
    "decode_box",
    "dequantize",
    "encode",
    "encode_box",
    "format_box",
    "parse",
    "quantize",
]

Bins = tuple[float, ...]
# No camera sees farther, and squares of what lies far beyond leave float64.
MAX_REACH_M = 1e6


@dataclass(frozen=True)
class CodecConfig:
    """Ranges of the bins.

    The defaults are the release's; its library's own defaults (32 m, 20 m, 1280 bins) are never used.
    """

    world_range: float = 2.0
    size_range: float = 0.625
    num_bins: int = 1000
    angle_range: float = 4 * math.pi

    def __post_init__(self) -> None:
        for name in ("world_range", "size_range", "num_bins", "angle_range"):
            if not getattr(self, name) > 0:
                raise ValueError(f"codec: {name} must be positive, got {getattr(self, name)}")


RELEASED = CodecConfig()


@dataclass(frozen=True)
class DecodedBox:
    """`index` and `bins` as written, `box` in the optical frame, `uv` the centre as picture fractions."""

    index: int
    box: Box3D
    bins: Bins
    uv: tuple[float, float]


@dataclass(frozen=True)
class Decoded:
    """The boxes of a text in its order, and what could not be read."""

    boxes: tuple[DecodedBox, ...]
    malformed: tuple[Malformed, ...]


def quantize(
    values: Sequence[float], config: CodecConfig = RELEASED, *, round_uv: bool = True, min_size_bins: int = 0
) -> Bins:
    """Seven normalised values to bins: truncated toward zero and clipped (docs/specification/box_text.md 8).

    u and v are rounded half to even and clipped, or with `round_uv` off kept as floats, as the release does.
    """
    u, v, z, angle = values[:4]
    n = config.num_bins
    uv: list[float] = [u * n, v * n]
    if round_uv:
        uv = [_clip(round(value), 0, n) for value in uv]
    sizes = [_clip(int(size / config.size_range * n), min_size_bins, n) for size in values[4:]]
    turn = int((angle + config.angle_range / 2) / config.angle_range * n)
    return (*uv, _clip(int(z / config.world_range * n), 0, n), _clip(turn, 0, n), *sizes)


def dequantize(bins: Sequence[float], config: CodecConfig = RELEASED) -> tuple[float, ...]:
    """Bins to the seven normalised values, at the lower edge of each bin (rule R6)."""
    u, v, z, turn = (value / config.num_bins for value in bins[:4])
    sizes = [size / config.num_bins * config.size_range for size in bins[4:]]
    return (u, v, z * config.world_range, turn * config.angle_range - config.angle_range / 2, *sizes)


def decode(
    text: str,
    scene: SceneScale,
    intrinsics: Intrinsics,
    config: CodecConfig = RELEASED,
    *,
    max_label_chars: int = MAX_LABEL_CHARS,
) -> Decoded:
    """Every box of a text in metres.

    Never raises for what a model wrote: unusable boxes are returned as malformed.
    """
    parsed = parse(text, max_label_chars)
    boxes: list[DecodedBox] = []
    malformed = list(parsed.malformed)
    for parsed_box in parsed.boxes:
        try:
            boxes.append(decode_box(parsed_box, scene, intrinsics, config))
        except ValueError as error:
            text_of_box = format_box(parsed_box.index, parsed_box.label, parsed_box.values)
            malformed.append(Malformed(one_line(text_of_box, MAX_SHOWN_CHARS), str(error)))
    return Decoded(tuple(boxes), tuple(malformed))


def decode_box(
    parsed: ParsedBox, scene: SceneScale, intrinsics: Intrinsics, config: CodecConfig = RELEASED
) -> DecodedBox:
    """One box in metres (docs/specification/box_text.md 4, 5).

    ValueError when its centre is not in front of the camera (guard G3). Runs of blanks in the class are
    collapsed: streaming leaves them there (docs/specification/prompts.md 4.2). Control characters count as
    blanks, so that none reaches a terminal, a log or a marker. ValueError too for a centre or a size beyond
    MAX_REACH_M.
    """
    u, v, z, angle, *sizes = dequantize(parsed.values, config)
    unit_m = 1 / scene.scale  # times it, as the release does: dividing differs in the last digit
    z_m = z * unit_m + scene.shift[2]
    if not z_m > 0:
        raise ValueError(f"expected a centre in front of the camera, got z = {z_m:.3g} m")
    inverse = np.linalg.inv(intrinsics.normalised())
    ray = inverse.astype(np.float64) @ (u, v, 1.0)
    ray[:2] = undistorted(ray[:2], intrinsics)
    x, y, _ = z_m * ray
    size = (sizes[0] * unit_m, sizes[1] * unit_m, sizes[2] * unit_m)
    if not max(abs(x), abs(y), z_m, *size) <= MAX_REACH_M:
        raise ValueError(
            f"expected a box within {MAX_REACH_M:g} m, got centre {x:.3g} {y:.3g} {z_m:.3g} m and size "
            f"{' '.join(f'{side:.3g}' for side in size)} m"
        )
    label = " ".join(without_controls(parsed.label).split())
    box = Box3D(label, (float(x), float(y), z_m), size, yaw=0.0 - angle)
    return DecodedBox(parsed.index, box, parsed.values, (u, v))


def encode(
    boxes: Sequence[Box3D],
    scene: SceneScale,
    intrinsics: Intrinsics,
    config: CodecConfig = RELEASED,
    *,
    round_uv: bool = True,
) -> str:
    """The training text of boxes: one line each, ids from 0, final newline; no box gives one newline
    (docs/specification/box_text.md 1).
    """
    lines = [
        format_box(index, box.label, encode_box(box, scene, intrinsics, config, round_uv=round_uv))
        for index, box in enumerate(boxes)
    ]
    return "\n".join(lines) + "\n"


def encode_box(
    box: Box3D,
    scene: SceneScale,
    intrinsics: Intrinsics,
    config: CodecConfig = RELEASED,
    *,
    round_uv: bool = True,
) -> Bins:
    """Bins of one box; sizes are at least one bin.

    ValueError when the centre is not in front of the camera.
    """
    x, y, z = box.center
    if z <= 0:
        raise ValueError(f"box '{box.label}': expected a centre in front of the camera, got z = {z} m")
    seen_x, seen_y, _ = as_seen((x, y, z), intrinsics)
    u, v, _ = intrinsics.normalised().astype(np.float64) @ (seen_x / z, seen_y / z, 1.0)
    sizes = (size * scene.scale for size in box.size)
    values = (float(u), float(v), (z - scene.shift[2]) * scene.scale, 0.0 - box.yaw, *sizes)
    return quantize(values, config, round_uv=round_uv, min_size_bins=1)


def format_box(index: int, label: str, bins: Sequence[float]) -> str:
    """One box as text without newline. ValueError for a class name that could not be read back."""
    if "," in label or not label.strip():
        raise ValueError(f"expected a class name without comma, got '{label}'")
    return f"{box_start(index)}{label},{','.join(str(value) for value in bins)})"


def _clip(value: int, low: int, num_bins: int) -> int:
    return min(max(value, low), num_bins - 1)
