"""What is compared: one small model, trained in the paper's variations with the same number of steps.

In: a number of steps and a seed. Out: `Variant`s: for each the stages of `n3d train` that make it. It does not
know scenes or results.

The model is n3d-nano with fewer and narrower layers and pictures of 112 px, so that hundreds of steps take
minutes on one core. It begins with random weights: with n3d-nano's own, which were trained with depth and u,
v, z, the comparison would be decided before it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from n3d_ros.training.finetune.configs import (
    DIRECT,
    NONE,
    STAGE_1,
    STAGE_2,
    XYZ,
    Ablation,
    FineTuneConfig,
    Stage,
)
from n3d_ros.training.nano.configs import NanoModel

SMALL = NanoModel(
    vision_hidden=96, vision_layers=3, vision_heads=3, vision_mlp=256, full_attention=(1, 2),
    text_hidden=128, text_layers=4, text_heads=4, text_kv_heads=2, text_mlp=320, mrope_section=(4, 6, 6),
    long_side_px=112,
)  # fmt: skip
LEARNING_RATE = 2e-3
ROWS_PER_STEP = 4
MAX_TOKENS = 512
SHARE_OF_DATA = 0.2
GROUNDING_SHARE = 0.4


@dataclass(frozen=True)
class Variant:
    """One trained model. stages: how many of the two; 1 where only its boxes are compared."""

    name: str
    ablation: Ablation
    stages: int = 1


VARIANTS = (
    Variant("grounding first", Ablation(), stages=2),
    Variant("answers directly", Ablation(answers=DIRECT), stages=2),
    Variant("no depth", Ablation(depth=NONE)),
    Variant("x, y, z", Ablation(coordinates=XYZ)),
    Variant("20 % of the data", Ablation(data_share=SHARE_OF_DATA)),
)


def config_of(variant: Variant, base: Path, steps: int, seed: int) -> FineTuneConfig:
    """The run of a variant: `steps` a stage. Answering directly has no first stage, so its only one takes
    both stages' steps.
    """
    first = Stage(STAGE_1, steps, LEARNING_RATE, grounding_share=1.0)
    second = Stage(STAGE_2, steps, LEARNING_RATE, GROUNDING_SHARE)
    stages = (first, second)[: variant.stages]
    if variant.ablation.answers == DIRECT:
        stages = (Stage(STAGE_2, 2 * steps, LEARNING_RATE, grounding_share=0.0),)
    return FineTuneConfig(
        str(base), stages, ablation=variant.ablation, max_tokens=MAX_TOKENS, rows_per_step=ROWS_PER_STEP,
        questions_per_picture=4, bf16=False, checkpointing=False, weight_decay=0.01, adam_beta2=0.98,
        save_every=10**6, log_every=20, workers=0, seed=seed,
    )  # fmt: skip
