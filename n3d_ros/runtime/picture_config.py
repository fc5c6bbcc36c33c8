"""`preprocessor_config.json` of a model folder: which picture processor the weights were trained behind.

In: the folder and the patch sizes of its config.json. Out: a `PictureConfig`; a folder without the file gets
the release's. What it asks for and this package does not do is an error, never ignored. Source: transformers
4.52 Qwen2VLImageProcessor and Qwen2VLImageProcessorFast; spec n3d_vlm.md section 2.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from n3d_ros.pictures import CLIP_MEAN, CLIP_STD, RELEASE, PictureConfig
from n3d_ros.resample import BICUBIC
from n3d_ros.runtime.types import ModelFolderError

FILE_NAME = "preprocessor_config.json"
CLASS_NAMES = re.compile(r"Qwen2(_5_)?VL(Image)?Processor(Fast|Pil)?")
"""Of `image_processor_type`, else `processor_class`; 'Fast' at its end takes torchvision's path."""
MIN_PIXELS, MAX_PIXELS = 56 * 56, 28 * 28 * 1280
"""The processor's own limits, for a file that names none."""
RESCALE_FACTOR = 1 / 255
ONLY = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_center_crop": False,
    "do_pad": False,
    "resample": BICUBIC,
}
"""Switches of which one value is built; null and absent mean that value."""


def read_picture(folder: Path, patch: int, merge: int, temporal_patch: int) -> PictureConfig:
    """ModelFolderError for what is not JSON, contradicts config.json's patch sizes or is not supported."""
    path = folder / FILE_NAME
    if not path.is_file():
        return RELEASE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(fields, Mapping):
            raise ValueError(f"expected a JSON object, got {fields!r}")
        given = {name: value for name, value in fields.items() if value is not None}
        sizes = {"patch_size": patch, "merge_size": merge, "temporal_patch_size": temporal_patch}
        _require(given, ONLY | sizes)
        return parse_picture(given)
    except (ValueError, TypeError) as error:
        raise ModelFolderError(f"{path}: {error}") from error


def parse_picture(fields: Mapping[str, Any]) -> PictureConfig:
    """From the JSON without its nulls. ValueError or TypeError for an unsupported value."""
    factor = fields.get("rescale_factor", RESCALE_FACTOR)
    if abs(factor - RESCALE_FACTOR) > 1e-9:
        raise ValueError(f"rescale_factor: expected 1/255, got {factor!r}")
    size = fields.get("size", {})
    if not isinstance(size, Mapping):
        raise ValueError(f"size: expected limits of the area by name, got {size!r}")
    return PictureConfig(
        _processor(fields),
        _numbers(fields, "image_mean", CLIP_MEAN),
        _numbers(fields, "image_std", CLIP_STD),
        _limit(fields, size, "min_pixels", "shortest_edge", MIN_PIXELS),
        _limit(fields, size, "max_pixels", "longest_edge", MAX_PIXELS),
    )


def _processor(fields: Mapping[str, Any]) -> str:
    name = fields.get("image_processor_type", fields.get("processor_class", "Qwen2VLImageProcessor"))
    if not CLASS_NAMES.fullmatch(name):
        raise ValueError(
            f"image_processor_type: expected Qwen2VLImageProcessor or Qwen2VLImageProcessorFast, got {name!r}"
        )
    return "fast" if name.endswith("Fast") else "slow"


def _limit(fields: Mapping[str, Any], size: Mapping[str, Any], name: str, edge: str, default: int) -> int:
    """The outer name wins over `size`, whose 'edges' are areas too."""
    value = fields.get(name, size.get(edge, size.get(name, default)))
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a positive number of pixels, got {value!r}")
    return value


def _numbers(fields: Mapping[str, Any], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    values = fields.get(name, default)
    if not isinstance(values, (list, tuple)):
        raise ValueError(f"{name}: expected a list of three numbers, got {values!r}")
    return tuple(float(value) for value in values)


def _require(fields: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    for name, value in expected.items():
        if fields.get(name, value) != value:
            raise ValueError(f"{name}: expected {value!r}, got {fields[name]!r}")
