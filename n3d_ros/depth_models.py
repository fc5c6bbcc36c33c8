"""Depth guessed from one picture, for cameras that measure none: Depth-Anything-V2 (metric) or MoGe-2.

In: a picture and, where it is known, its camera. Out: an `Observation` marked `depth_is_estimated`. The
models come from their own packages and are loaded here, when asked for and never before; from a folder, or
from the hub only where the name says so (`hub:NAME`). Both see the picture as the release shows it to
MoGe-2: upright, its long side at 640 (docs/specification/inputs.md 2). How well the answers hold up
with guessed depth is not known: the metres are the depth model's.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError, MissingLibraryError
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.prepare import Observation

HUB = "hub:"
LIBRARIES = {
    "depth-anything-v2": (("torch", "transformers"), "pip install -r requirements/train.txt"),
    "moge-2": (("torch", "moge"), "pip install git+https://github.com/microsoft/MoGe.git"),
}
MOGE_FILE = "model.pt"
LONG_SIDE_PX = 640

Picture = npt.NDArray[np.uint8]


def estimate(rgb: Picture, name: str, source: str, intrinsics: Intrinsics | None = None) -> Observation:
    """(H, W, 3) uint8, upright -> the picture with guessed metric depth, whose long side is 640.

    name: 'depth-anything-v2', which needs the camera's intrinsics, or 'moge-2', which guesses them too where
    they are None. source: the model's folder, or `hub:NAME`. BadInputError, MissingLibraryError or
    FileNotFoundError say what was expected.
    """
    if name not in LIBRARIES:
        raise BadInputError(f"depth model: expected one of {', '.join(LIBRARIES)}, got {name!r}")
    _check_libraries(name)
    if name == "moge-2":
        raw, camera = _moge(rgb, source, intrinsics)
    elif intrinsics is None:
        raise BadInputError("intrinsics: expected those of the picture, Depth-Anything does not guess them")
    else:
        raw, camera = _depth_anything(rgb, source), intrinsics
    depth = to_metres(np.ascontiguousarray(raw, dtype=np.float32), "32FC1")
    return Observation(rgb, camera, depth=depth, depth_is_estimated=True)


def _depth_anything(rgb: Picture, source: str) -> npt.NDArray[np.float32]:
    """(h, w) float32 metres along z (Depth-Anything-V2's metric models are trained on planar depth)."""
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    place, is_hub = _place(source)
    only: dict[str, Any] = {"local_files_only": not is_hub}
    processors: Any = AutoImageProcessor
    model: Any = AutoModelForDepthEstimation.from_pretrained(place, use_safetensors=True, **only)
    kind = getattr(model.config, "depth_estimation_type", "relative")
    if kind != "metric":
        raise BadInputError(f"depth model: expected one that gives metres, '{source}' gives {kind} depth")
    processor = processors.from_pretrained(place, **only)
    device = _device()
    seen = depth_picture(rgb)
    pixels = processor(images=Image.fromarray(seen), return_tensors="pt").to(device)
    with torch.inference_mode():
        outputs = model.to(device).train(False)(**pixels)
    (found,) = processor.post_process_depth_estimation(outputs, target_sizes=[seen.shape[:2]])
    metres: npt.NDArray[np.float32] = found["predicted_depth"].float().cpu().numpy()
    return metres


def _moge(
    rgb: Picture, source: str, intrinsics: Intrinsics | None
) -> tuple[npt.NDArray[np.float32], Intrinsics]:
    """(h, w) float32 metres along z, inf = none, and rgb's camera: the given one, else the guessed one."""
    import torch
    from moge.model.v2 import MoGeModel

    place, is_hub = _place(source)
    if not is_hub and Path(place).is_dir():
        place = str(Path(place) / MOGE_FILE)
        _place(place)
    device = _device()
    model: Any = MoGeModel.from_pretrained(place).to(device).train(False)
    height, width = rgb.shape[:2]
    fov_deg = None if intrinsics is None else math.degrees(2 * math.atan(width / (2 * intrinsics.fx)))
    pixels = torch.from_numpy(depth_picture(rgb).astype(np.float32) / 255).permute(2, 0, 1).to(device)
    found = model.infer(pixels, fov_x=fov_deg, use_fp16=device == "cuda")
    depth: npt.NDArray[np.float32] = found["depth"].float().cpu().numpy()
    if intrinsics is not None:
        return depth, intrinsics
    matrix = found["intrinsics"].double().cpu().numpy() * [[width], [height], [1]]
    matrix[:2, 2] -= 0.5  # its pixel centres are at half steps, ours at whole ones
    return depth, Intrinsics.from_matrix(matrix, width, height)


def _place(source: str) -> tuple[str, bool]:
    """What `from_pretrained` takes, and whether it is a name on the hub."""
    if source.startswith(HUB):
        return source[len(HUB) :], True
    if not Path(source).exists():
        raise FileNotFoundError(f"depth model: expected a folder (or {HUB}NAME to download), got '{source}'")
    return source, False


def _check_libraries(name: str) -> None:
    libraries, remedy = LIBRARIES[name]
    missing = [library for library in libraries if find_spec(library) is None]
    if missing:
        raise MissingLibraryError(f"depth model {name}: expected {', '.join(missing)} to import; {remedy}")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def point_map_size(width: int, height: int, long_side_px: int = LONG_SIDE_PX) -> tuple[int, int]:
    """(width, height) of the release's point map: one side at long_side_px, the other rounded half to even.

    The language model's picture truncates its short side instead, so the two may differ by one pixel; the
    pooling bins do not mind.
    """
    scale = long_side_px / max(width, height)
    return round(width * scale), round(height * scale)


def depth_picture(rgb: Picture, long_side_px: int = LONG_SIDE_PX) -> Picture:
    """(H, W, 3) uint8 -> (h, w, 3) uint8 of `point_map_size`, bilinear; unchanged where it has that size."""
    height, width = rgb.shape[:2]
    size = point_map_size(width, height, long_side_px)
    if size == (width, height):
        return rgb
    return cv2.resize(rgb, size).astype(np.uint8, copy=False)
