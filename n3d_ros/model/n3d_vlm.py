"""N3D-VLM as a subclass of transformers' Qwen2.5-VL: only the vision tower differs.

In: token ids, patch rows, grid, rounded point coordinates. Out: logits. Boxes, metres and prompts are others'
business.
"""

from inspect import signature
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers.models.qwen2_5_vl import modeling_qwen2_5_vl as qwen

from n3d_ros.model.config import N3DConfig
from n3d_ros.model.vision import N3DVisionTower

# Takes a picture that was encoded elsewhere. Releases before 5.23 swallow it and leave out the points.
FEATURES = "mm_encoder_outputs"

if FEATURES not in signature(qwen.Qwen2_5_VLModel.forward).parameters:
    raise ImportError(f"expected transformers 5.23 or newer, got {transformers.__version__}")


class N3DModel(qwen.Qwen2_5_VLModel):
    """Qwen2.5-VL's body with the N3D vision tower."""

    config: N3DConfig

    def __init__(self, config: N3DConfig) -> None:
        super().__init__(config)
        self.visual = N3DVisionTower._from_config(config.vision_config)
        self.post_init()

    def forward(
        self,
        pixel_values: Tensor | None = None,
        image_grid_thw: Tensor | None = None,
        point_coords: Tensor | None = None,
        picture_index: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As Qwen2.5-VL's; the picture is encoded here because its points must go to the tower alone.

        picture_index: (M,) int64, which of the pictures each of the M places in the text shows, for rows in
        which several texts are about one picture; None for one place each, in order. Empty for rows without a
        picture: the tower then runs on what it was given and changes nothing, so that with several processes
        each has gradients for all weights.
        """
        if kwargs.get("pixel_values_videos") is not None:
            raise ValueError("pixel_values_videos: expected pictures with points, got a video")
        if pixel_values is not None:
            features = self.get_image_features(
                pixel_values, image_grid_thw, point_coords=point_coords, return_dict=True
            )
            if picture_index is None or len(picture_index):
                kwargs[FEATURES] = {"image": _shown(features, picture_index)}
            else:
                embedded = self.get_input_embeddings()(kwargs.pop("input_ids"))
                kwargs["inputs_embeds"] = embedded + 0.0 * torch.cat(features.pooler_output).sum()
        return super().forward(image_grid_thw=image_grid_thw, **kwargs)

    def get_image_features(
        self,
        pixel_values: Tensor,
        image_grid_thw: Tensor | None = None,
        point_coords: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """As Qwen2.5-VL's; `generate` encodes the picture with the arguments that this names."""
        return super().get_image_features(pixel_values, image_grid_thw, point_coords=point_coords, **kwargs)


def _shown(features: Any, picture_index: Tensor | None) -> Any:
    """The features of the pictures in the order and as often as the text shows them."""
    if picture_index is not None:
        features.pooler_output = tuple(features.pooler_output[i] for i in picture_index.tolist())
    return features


class N3DForConditionalGeneration(qwen.Qwen2_5_VLForConditionalGeneration):
    """Call it as Qwen2.5-VL's class, with `point_coords` (N, 3) float32 beside `pixel_values`."""

    config: N3DConfig
    config_class = N3DConfig

    def __init__(self, config: N3DConfig) -> None:
        super().__init__(config)
        self.model = N3DModel(config)
        self.post_init()

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, point_coords: Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """As Qwen2.5-VL's. `generate` accepts only arguments that this or `forward` names."""
        inputs = super().prepare_inputs_for_generation(input_ids, **kwargs)
        return inputs if point_coords is None else {**inputs, "point_coords": point_coords}

    def generate(self, inputs: Tensor | None = None, **kwargs: Any) -> Any:
        """As Qwen2.5-VL's. ValueError for as many image tokens as the pictures do not give."""
        ids = inputs if inputs is not None else kwargs.get("input_ids")
        grid = kwargs.get("image_grid_thw")
        if ids is not None and grid is not None:
            self._check_image_tokens(ids, grid)
        return super().generate(inputs, **kwargs)

    def _check_image_tokens(self, ids: Tensor, grid_thw: Tensor) -> None:
        expected = int(grid_thw.prod(dim=1).sum()) // self.config.vision_config.spatial_merge_size**2
        found = int((ids == self.config.image_token_id).sum())
        if found != expected:
            raise ValueError(f"input_ids: expected {expected} image tokens for the pictures, got {found}")

    def _expand_inputs_for_generation(self, expand_size: int = 1, **kwargs: Any) -> Any:
        """Copies of a prompt would need copies of its points: one reply per call, as in the release."""
        if expand_size > 1 and kwargs.get("point_coords") is not None:
            raise ValueError(f"generate: expected one beam and one returned sequence, got {expand_size}")
        return super()._expand_inputs_for_generation(expand_size=expand_size, **kwargs)

    def image_tokens(self, pixel_values: Tensor, grid_thw: Tensor, point_coords: Tensor) -> Tensor:
        """Merged image tokens of all pictures, (sum of h*w/4, text hidden)."""
        return self.model.visual(pixel_values, grid_thw, point_coords=point_coords).pooler_output
