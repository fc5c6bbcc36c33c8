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
# Where transformers cuts Depth-Pro's depth off: what is farther, as skies are, has none here.
FARTHEST_M = 1e4

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


def _of_transformers(source: str) -> Any:
    """A depth model of a folder of transformers, on its device."""
    from transformers import AutoModelForDepthEstimation

    place, is_hub = _place(source)
    model: Any = AutoModelForDepthEstimation.from_pretrained(
        place, use_safetensors=True, local_files_only=not is_hub
    )
    return model.to(_device()).train(False)


class _DepthAnything:
    """Its metric models are trained on planar depth, which is depth along z."""

    def __init__(self, source: str) -> None:
        from transformers import AutoImageProcessor

        self._model = _of_transformers(source)
        kind = getattr(self._model.config, "depth_estimation_type", "relative")
        if kind != "metric":
            raise BadInputError(f"depth model: expected one that gives metres, '{source}' gives {kind} depth")
        place, is_hub = _place(source)
        processors: Any = AutoImageProcessor
        self._processor: Any = processors.from_pretrained(place, local_files_only=not is_hub)

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """See `_Model`; it needs the camera."""
        import torch
        from PIL import Image

        assert intrinsics is not None
        seen = depth_picture(rgb)
        pixels = self._processor(images=Image.fromarray(seen), return_tensors="pt").to(_device())
        with torch.inference_mode():
            outputs = self._model(**pixels)
        [found] = self._processor.post_process_depth_estimation(outputs, target_sizes=[seen.shape[:2]])
        return found["predicted_depth"].float().cpu().numpy(), intrinsics


class _DepthPro:
    """It gives the inverse depth of a camera whose focal length is the picture's width; the true focal length
    turns it into metres (arXiv 2410.02073). The given one is used before the guessed one.

    transformers' processor for it needs torchvision, whose builds do not go with every build of torch; the
    same is done without: normalised, then stretched bilinearly (transformers' models/depth_pro).
    """

    def __init__(self, source: str) -> None:
        from transformers import ViTImageProcessorPil

        self._source, self._model = source, _of_transformers(source)
        if self._model.config.model_type != "depth_pro":
            kind = self._model.config.model_type
            raise BadInputError(f"depth model: expected Depth-Pro in '{source}', got {kind}")
        place, is_hub = _place(source)
        processors: Any = ViTImageProcessorPil
        self._processor: Any = processors.from_pretrained(place, local_files_only=not is_hub)

    def guess(self, rgb: Picture, intrinsics: Intrinsics | None) -> tuple[Metres, Intrinsics]:
        """See `_Model`."""
        import torch
        from torch.nn.functional import interpolate

        with torch.inference_mode():
            outputs = self._model(self._pixels(rgb))
            focal_in_widths = self._focal_in_widths(outputs.field_of_view, intrinsics)
            width, height = point_map_size(rgb.shape[1], rgb.shape[0])
            inverse = interpolate(outputs.predicted_depth[None].float(), (height, width), mode="bilinear")
        near = (inverse[0, 0] / focal_in_widths).cpu().numpy()
        depth = np.full(near.shape, np.inf, dtype=np.float32)
        np.divide(1, near, out=depth, where=near > 1 / FARTHEST_M)
        if intrinsics is not None:
            return depth, intrinsics
        height, width = rgb.shape[:2]
        focal_px = focal_in_widths * width
        return depth, Intrinsics(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)

    def _pixels(self, rgb: Picture) -> Any:
        """(1, 3, h, w) of the model's size."""
        from torch.nn.functional import interpolate

        size = self._processor.size
        pixels = self._processor(rgb, do_resize=False, return_tensors="pt")["pixel_values"].to(_device())
        return interpolate(pixels, (size.height, size.width), mode="bilinear")

    def _focal_in_widths(self, guessed_deg: Any, intrinsics: Intrinsics | None) -> float:
        """Focal length over the picture's width."""
        if intrinsics is not None:
            return intrinsics.fx / intrinsics.width
        if guessed_deg is None:
            raise BadInputError(
                f"intrinsics: expected those of the picture, '{self._source}' was saved without the part "
                "that guesses the field of view"
            )
        return 0.5 / math.tan(math.radians(float(guessed_deg)) / 2)


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
        fov_deg = None if intrinsics is None else math.degrees(2 * math.atan(width / (2 * intrinsics.fx)))
        pixels = torch.from_numpy(depth_picture(rgb).astype(np.float32) / 255).permute(2, 0, 1)
        found = self._model.infer(pixels.to(self._device), fov_x=fov_deg, use_fp16=self._device == "cuda")
        depth: Metres = found["depth"].float().cpu().numpy()
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
