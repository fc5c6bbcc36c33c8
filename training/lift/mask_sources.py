"""Masks where the annotations have only rectangles: SAM 2 of transformers, asked with each rectangle.

In: a picture and rectangles. Out: a `MaskCrop` for each. The picture is encoded once, rectangles are decoded
in chunks, so that memory does not grow with their number
(https://github.com/huggingface/transformers/issues/32488). It does not know annotations; torch is loaded when
the first mask is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from n3d_ros.training.lift.masks import Mask, MaskCrop, cropped
from n3d_ros.training.lift.sources.records import Rectangle

Picture = npt.NDArray[np.uint8]
MASK_MODELS = ("sam2",)
CHUNK = 16


class MaskSource(Protocol):
    """Masks for rectangles. Sent to other processes, so it holds no handle."""

    def masks(self, rgb: Picture, boxes_px: Sequence[Rectangle]) -> list[MaskCrop]:
        """rgb: (H, W, 3) uint8. boxes_px: (left, top, right, bottom), at least one. A mask each, in order."""

    def identity(self) -> dict[str, Any]:
        """What makes it this source, as JSON."""


@dataclass(frozen=True)
class Sam2Masks:
    """weights: a folder of `Sam2Model` and its processor. chunk: rectangles that are decoded at once."""

    weights: str
    chunk: int = CHUNK

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError(f"mask model: chunk must be at least 1, got {self.chunk}")

    def masks(self, rgb: Picture, boxes_px: Sequence[Rectangle]) -> list[MaskCrop]:
        """See `MaskSource`. FileNotFoundError where the folder is not there."""
        sam = _loaded(self.weights)
        encoded = sam.encoded(rgb)
        starts = range(0, len(boxes_px), self.chunk)
        chunks = (boxes_px[start : start + self.chunk] for start in starts)
        size_hw = (rgb.shape[0], rgb.shape[1])
        return [cropped(mask) for part in chunks for mask in sam.decoded(encoded, part, size_hw)]

    def identity(self) -> dict[str, Any]:
        """The model and its weights; how many boxes are decoded at once changes nothing."""
        return {"masks": "sam2", "weights": self.weights}


class _Sam2:
    """The model on its device. Sam2Processor needs torchvision, whose builds do not go with every build of
    torch, so the same is done without: a stretch to the model's square by Pillow, rectangles scaled with it,
    masks scaled back bilinearly and cut at 0 (transformers, models/sam2/processing_sam2.py).
    """

    def __init__(self, weights: str) -> None:
        import torch
        from transformers import Sam2Model, ViTImageProcessorPil

        if not Path(weights).is_dir():
            raise FileNotFoundError(f"mask model: expected a folder with SAM 2, got '{weights}'")
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model: Any = Sam2Model.from_pretrained(weights, local_files_only=True, use_safetensors=True)
        self.model: Any = model.to(self._device).train(False)
        processors: Any = ViTImageProcessorPil
        self._processor: Any = processors.from_pretrained(weights, local_files_only=True)

    def encoded(self, rgb: Picture) -> list[Any]:
        """Feature maps of one picture."""
        import torch

        pixels = self._processor(rgb, return_tensors="pt")["pixel_values"].to(self._device)
        with torch.inference_mode():
            found: list[Any] = self.model.get_image_embeddings(pixels)
        return found

    def decoded(
        self, encoded: list[Any], boxes_px: Sequence[Rectangle], size_hw: tuple[int, int]
    ) -> Iterator[Mask]:
        """(H, W) bool for each rectangle: the one mask that SAM 2 gives where its prompt is not ambiguous."""
        import torch
        from torch.nn.functional import interpolate

        (height, width), size = size_hw, self._processor.size
        scale = torch.tensor([size.width / width, size.height / height] * 2)
        prompt = (torch.tensor(boxes_px, dtype=torch.float32) * scale)[None].to(self._device)
        with torch.inference_mode():
            found = self.model(image_embeddings=encoded, input_boxes=prompt, multimask_output=False)
        for mask in found.pred_masks[0].float():  # (1, h, w): one at a time, for pictures may be large
            yield (interpolate(mask[None], size_hw, mode="bilinear")[0, 0] > 0).cpu().numpy()


@lru_cache(maxsize=1)
def _loaded(weights: str) -> _Sam2:
    """One a process."""
    return _Sam2(weights)
