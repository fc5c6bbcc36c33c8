"""Configuration of N3D-VLM: Qwen2.5-VL's, plus how depth and place enter the vision tower.

The extra fields stand at the top level of `config.json`; the tower receives the two it needs through its own
config.
Without them the released behaviour applies (`raster`, 1 mm, scene mean, no patch position, 640 px).
"""

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import Qwen2_5_VLConfig
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import (
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLVisionConfig,
)

from n3d_ros.model_folder.config import ASKABLE, BOX_FITS, PATCH_POSITIONS, SECOND_LOOKS
from n3d_ros.preprocess.point_code import PointEncodingConfig
from n3d_ros.preprocess.prepare import PreprocessConfig


@strict
class N3DVisionConfig(Qwen2_5_VLVisionConfig):
    """Vision tower: `point_encoding_order` ('raster' as released, or 'aligned') and `patch_position` ('none',
    'sincos').
    """

    point_encoding_order: str = "raster"
    point_encoding_gain: float = 1.0
    patch_position: str = "none"


@strict
class N3DConfig(Qwen2_5_VLConfig):
    """`point_encoding_unit` in normalised units per step; `point_encoding_center` 'scene_mean' or
    'origin'.
    """

    sub_configs_defaults = {"vision_config": N3DVisionConfig, "text_config": Qwen2_5_VLTextConfig}

    point_encoding_order: str = "raster"
    point_encoding_unit: float = 0.001
    point_encoding_center: str = "scene_mean"
    point_encoding_gain: float = 1.0
    patch_position: str = "none"
    long_side_px: int = 640
    second_look: str = "off"
    box_fit: str = "off"
    questions: str = "any"

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.patch_position not in PATCH_POSITIONS:
            raise ValueError(f"patch_position must be one of {PATCH_POSITIONS}, got {self.patch_position!r}")
        if self.second_look not in SECOND_LOOKS:
            raise ValueError(f"second_look must be one of {SECOND_LOOKS}, got {self.second_look!r}")
        if self.box_fit not in BOX_FITS:
            raise ValueError(f"box_fit must be one of {BOX_FITS}, got {self.box_fit!r}")
        if self.questions not in ASKABLE:
            raise ValueError(f"questions must be one of {ASKABLE}, got {self.questions!r}")
        self.vision_config.point_encoding_order = self.point_encoding_order
        self.vision_config.point_encoding_gain = self.point_encoding_gain
        self.vision_config.patch_position = self.patch_position

    def preprocess_config(self) -> PreprocessConfig:
        """What the numpy side needs to prepare inputs for this model."""
        return PreprocessConfig(
            long_side_px=self.long_side_px,
            patch_size=self.vision_config.patch_size,
            merge_size=self.vision_config.spatial_merge_size,
            point_encoding=PointEncodingConfig(
                order=self.point_encoding_order,
                unit=self.point_encoding_unit,
                center=self.point_encoding_center,
                gain=self.point_encoding_gain,
            ),
        )
