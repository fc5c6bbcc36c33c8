"""Which picture processor the weights of a model folder were trained behind.

In: the folder and the patch sizes of its config.json. Out: a `PictureConfig`; a folder that does not say gets
the release's. The settings stand in `preprocessor_config.json`, or under "image_processor" in the
`processor_config.json` that transformers 5 writes and prefers; where there are both they must agree. What
they ask for and this package does not do is an error, never ignored. Sources: transformers 4.52
Qwen2VLImageProcessor and Qwen2VLImageProcessorFast; 5.24 image_processing_base.py;
docs/specification/inputs.md 1.2, 1.4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

from n3d_ros.errors import ModelFolderError
from n3d_ros.plain_text import shown
from n3d_ros.preprocess.pictures import CLIP_MEAN, CLIP_STD, RELEASE, PictureConfig
from n3d_ros.preprocess.resample import BICUBIC
from n3d_ros.storage.json_file import read_json

PREPROCESSOR_NAME = "preprocessor_config.json"
NESTED_NAME, NESTED_KEY = "processor_config.json", "image_processor"
# Of `image_processor_type`, else `processor_class`; its end says which path it takes.
CLASS_NAMES = re.compile(r"Qwen2(_5_)?VL(Image)?Processor(Fast|Pil)?")
# torchvision's path and Pillow's. A name without such an end means Pillow's in the older file. In the nested
# one it says nothing, since transformers 5 drops the end; the other file then decides, else torchvision's
# path, which transformers 5 takes.
ENDINGS = {"Fast": "fast", "Pil": "slow"}
# The processor's own limits, for a file that names none.
MIN_PIXELS, MAX_PIXELS = 56 * 56, 28 * 28 * 1280
MAX_AREA = 1 << 40
RESCALE_FACTOR = 1 / 255
# Switches of which one value is built; null and absent mean that value.
ONLY = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_center_crop": False,
    "do_pad": False,
    "resample": BICUBIC,
}


def read_picture_config(folder: Path, patch: int, merge: int, temporal_patch: int) -> PictureConfig:
    """ModelFolderError for what is no JSON, contradicts config.json or the other file or is not supported."""
    expected = ONLY | {"patch_size": patch, "merge_size": merge, "temporal_patch_size": temporal_patch}
    old = _read(folder / PREPROCESSOR_NAME, expected, None, "slow")
    new = _read(folder / NESTED_NAME, expected, NESTED_KEY, old.processor if old else "fast")
    if old and new and old != new:
        raise ModelFolderError(
            f"{folder}: expected {NESTED_NAME} and {PREPROCESSOR_NAME} to agree; {_differing(new, old)}"
        )
    return new or old or RELEASE


def _read(path: Path, expected: Mapping[str, Any], key: str | None, unsaid: str) -> PictureConfig | None:
    """The settings in one file, under `key` where one is given; None where there are none."""
    try:
        found = read_json(path) if path.is_file() else None
        if key is not None and isinstance(found, Mapping):
            found = found.get(key)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise ValueError(f"expected a JSON object, got {shown(found)}")
        given = {name: value for name, value in found.items() if value is not None}
        _require(given, expected)
        return parse_picture(given, unsaid)
    except (ValueError, TypeError) as error:
        raise ModelFolderError(f"{path}: {error}") from error


def parse_picture(fields: Mapping[str, Any], unsaid: str = "slow") -> PictureConfig:
    """From the JSON without its nulls. unsaid: 'slow' or 'fast', for a class name that does not tell.
    ValueError or TypeError for an unsupported value.
    """
    factor = fields.get("rescale_factor", RESCALE_FACTOR)
    if not _is_number(factor) or abs(factor - RESCALE_FACTOR) > 1e-9:
        raise ValueError(f"rescale_factor: expected 1/255, got {shown(factor)}")
    size = fields.get("size", {})
    if not isinstance(size, Mapping):
        raise ValueError(f"size: expected limits of the area by name, got {shown(size)}")
    return PictureConfig(
        _processor(fields, unsaid),
        _numbers(fields, "image_mean", CLIP_MEAN),
        _numbers(fields, "image_std", CLIP_STD),
        _limit(fields, size, "min_pixels", "shortest_edge", MIN_PIXELS),
        _limit(fields, size, "max_pixels", "longest_edge", MAX_PIXELS),
    )


def _differing(new: PictureConfig, old: PictureConfig) -> str:
    """Every setting in which two files differ."""
    pairs = {one.name: (getattr(new, one.name), getattr(old, one.name)) for one in fields_of(PictureConfig)}
    return "; ".join(f"{name}: got {a!r} and {b!r}" for name, (a, b) in pairs.items() if a != b)


def _processor(fields: Mapping[str, Any], unsaid: str) -> str:
    name = fields.get("image_processor_type", fields.get("processor_class", "Qwen2VLImageProcessor"))
    match = CLASS_NAMES.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise ValueError(
            "image_processor_type: expected Qwen2VLImageProcessor or Qwen2VLImageProcessorFast, "
            f"got {shown(name)}"
        )
    return ENDINGS.get(match.group(3), unsaid)


def _limit(fields: Mapping[str, Any], size: Mapping[str, Any], name: str, edge: str, default: int) -> int:
    """The outer name wins over `size`, whose 'edges' are areas too."""
    value = fields.get(name, size.get(edge, size.get(name, default)))
    if type(value) is not int or not 1 <= value < MAX_AREA:
        raise ValueError(f"{name}: expected a positive number of pixels, got {shown(value)}")
    return value


def _numbers(fields: Mapping[str, Any], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    values = fields.get(name, default)
    if not isinstance(values, (list, tuple)) or len(values) != 3 or not all(map(_is_number, values)):
        raise ValueError(f"{name}: expected a list of three numbers, got {shown(values)}")
    return tuple(float(value) for value in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _require(fields: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Switches and sizes of which one value is built; 1 is no true, as in the other settings."""
    for name, value in expected.items():
        found = fields.get(name, value)
        if isinstance(found, bool) != isinstance(value, bool) or found != value:
            raise ValueError(f"{name}: expected {value!r}, got {shown(found)}")
