"""Depth guessed from one picture, for cameras that measure none: Depth-Anything-V2 (metric), Depth-Pro or
MoGe-2.

In: a picture and, where it is known, its camera. Out: an `Observation` marked `depth_is_estimated`. The
models come from their own packages and are loaded here, when asked for and never before, once a process; from
a folder, or from the hub only where the name says so (`hub:NAME`). They see the picture as the release shows
it to MoGe-2: upright, its long side at 640 (docs/specification/inputs.md 2); Depth-Pro, made for 1536 pixels,
sees all that there are. How well the answers hold up with guessed depth is not known: the metres are the
depth model's.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from n3d_ros.errors import BadInputError, MissingLibraryError
from n3d_ros.geometry import Intrinsics
from n3d_ros.preprocess.metres import to_metres
from n3d_ros.preprocess.prepare import Observation

HUB = "hub:"
TRANSFORMERS = (("torch", "transformers"), "pip install -r requirements/train.txt")
LIBRARIES = {
    "depth-anything-v2": TRANSFORMERS,
    "depth-pro": TRANSFORMERS,
    "moge-2": (("torch", "moge"), "pip install git+https://github.com/microsoft/MoGe.git"),
}
# These guess the camera where nobody gives it.
GUESS_CAMERA = ("depth-pro", "moge-2")
MOGE_FILE = "model.pt"
LONG_SIDE_PX = 640

Picture = npt.NDArray[np.uint8]
Metres = npt.NDArray[np.float32]


def estimate(rgb: Picture, name: str, source: str, intrinsics: Intrinsics | None = None) -> Observation:
    """(H, W, 3) uint8, upright -> the picture with guessed metric depth, whose long side is 640.

    name: 'depth-anything-v2', which needs the camera's intrinsics, or 'depth-pro' or 'moge-2', which guess
    them too where they are None. source: the model's folder, or `hub:NAME`. BadInputError,
    MissingLibraryError or FileNotFoundError say what was expected.
    """
    if name not in LIBRARIES:
        raise BadInputError(f"depth model: expected one of {', '.join(LIBRARIES)}, got {name!r}")
    _check_libraries(name)
    if intrinsics is None and name not in GUESS_CAMERA:
        raise BadInputError("intrinsics: expected those of the picture, Depth-Anything does not guess them")
    raw, camera = _loaded(name, source).guess(rgb, intrinsics)
    depth = to_metres(np.ascontiguousarray(raw, dtype=np.float32), "32FC1")
    return Observation(rgb, camera, depth=depth, depth_is_estimated=True)


class _Model(Protocol):
    """A depth model on its device."""

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """(h, w) float32 metres along z, inf or NaN = none, and rgb's camera: the given one, else a guess."""


@lru_cache(maxsize=1)
def _loaded(name: str, source: str) -> _Model:
    """One a process: loading takes longer than guessing."""
    if name == "moge-2":
        return _Moge(source)
    return _DepthPro(source) if name == "depth-pro" else _DepthAnything(source)


class _OfTransformers:
    """A model folder of transformers with its processor."""

    def __init__(self, source: str) -> None:
        from transformers import AutoImageProcessor, AutoModelForDepthEstimation

        place, is_hub = _place(source)
        only: dict[str, Any] = {"local_files_only": not is_hub}
        processors: Any = AutoImageProcessor
        model: Any = AutoModelForDepthEstimation.from_pretrained(place, use_safetensors=True, **only)
        self._source, self._config, self._device = source, model.config, _device()
        self._model: Any = model.to(self._device).train(False)
        self._processor: Any = processors.from_pretrained(place, **only)

    def _outputs(self, seen: Picture) -> Any:
        import torch
        from PIL import Image

        pixels = self._processor(images=Image.fromarray(seen), return_tensors="pt").to(self._device)
        with torch.inference_mode():
            return self._model(**pixels)

    def _found(self, outputs: Any, rgb: Picture) -> dict[str, Any]:
        """What the processor makes of the outputs, at `point_map_size`."""
        width, height = point_map_size(rgb.shape[1], rgb.shape[0])
        [found] = self._processor.post_process_depth_estimation(outputs, target_sizes=[(height, width)])
        return dict(found)


class _DepthAnything(_OfTransformers):
    """Its metric models are trained on planar depth, which is depth along z."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        kind = getattr(self._config, "depth_estimation_type", "relative")
        if kind != "metric":
            raise BadInputError(f"depth model: expected one that gives metres, '{source}' gives {kind} depth")

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """See `_Model`; it needs the camera."""
        assert intrinsics is not None
        found = self._found(self._outputs(depth_picture(rgb)), rgb)
        return found["predicted_depth"].float().cpu().numpy(), intrinsics


class _DepthPro(_OfTransformers):
    """Its inverse depth is that of a camera of focal length 1 picture width: the true focal length gives
    metres (arXiv 2410.02073, section 3.1). The given one is used before the guessed one.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source)
        if getattr(self._config, "model_type", None) != "depth_pro":
            raise BadInputError(
                f"depth model: expected Depth-Pro in '{source}', got {self._config.model_type}"
            )

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """See `_Model`."""
        import torch

        height, width = rgb.shape[:2]
        outputs = self._outputs(rgb)
        if intrinsics is not None:
            outputs["field_of_view"] = torch.tensor([_field_of_view_deg(intrinsics)], device=self._device)
        elif outputs.field_of_view is None:
            raise BadInputError(
                f"intrinsics: expected those of the picture, '{self._source}' was saved without the part "
                "that guesses the field of view"
            )
        found = self._found(outputs, rgb)
        depth = found["predicted_depth"].float().cpu().numpy()
        if intrinsics is not None:
            return depth, intrinsics
        focal_px = float(found["focal_length"]) * width / depth.shape[1]
        return depth, Intrinsics(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)


class _Moge:
    """MoGe-2 of its own package."""

    def __init__(self, source: str) -> None:
        from moge.model.v2 import MoGeModel

        place, is_hub = _place(source)
        if not is_hub and Path(place).is_dir():
            place = str(Path(place) / MOGE_FILE)
            _place(place)
        self._device = _device()
        self._model: Any = MoGeModel.from_pretrained(place).to(self._device).train(False)

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """See `_Model`."""
        import torch

        height, width = rgb.shape[:2]
        fov_deg = None if intrinsics is None else _field_of_view_deg(intrinsics)
        pixels = torch.from_numpy(depth_picture(rgb).astype(np.float32) / 255).permute(2, 0, 1)
        found = self._model.infer(pixels.to(self._device), fov_x=fov_deg, use_fp16=self._device == "cuda")
        depth: Metres = found["depth"].float().cpu().numpy()
        if intrinsics is not None:
            return depth, intrinsics
        matrix = found["intrinsics"].double().cpu().numpy() * [[width], [height], [1]]
        matrix[:2, 2] -= 0.5  # its pixel centres are at half steps, ours at whole ones
        return depth, Intrinsics.from_matrix(matrix, width, height)


def _field_of_view_deg(intrinsics: Intrinsics) -> float:
    """From the left edge to the right one."""
    return math.degrees(2 * math.atan(intrinsics.width / (2 * intrinsics.fx)))


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
