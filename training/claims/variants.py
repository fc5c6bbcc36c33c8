"""What is compared: one small model, trained in the paper's variations with the same number of steps.

In: a number of steps and a seed. Out: `Variant`s: for each the stages of `n3d train` that make it. It does
not know scenes or results.

The model is n3d-nano with fewer and narrower layers and pictures of 112 px, so that hundreds of steps take
minutes on one core. It begins with random weights: with n3d-nano's own, which were trained with depth and u,
v, z, the comparison would be decided before it began.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from n3d_ros.training.finetune.configs import (
    AS_IN_PAPER,
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
LEARNING_RATE = 3e-3
ROWS_PER_STEP = 4
MAX_TOKENS = 512
SAVE_EVERY = 50
SHARE_OF_DATA = 0.2
GROUNDING_SHARE = 0.4
# What one over the scale of these scenes is in the median: so bins are as fine without depth as with it.
UNIT_M = 1.8


@dataclass(frozen=True)
class Variant:
    """One trained model. stage: the only one that it is trained in. after: the variant whose model it begins
    with, None for the base.
    """

    name: str
    ablation: Ablation
    stage: str = STAGE_1
    after: str | None = None

    @property
    def rounds(self) -> int:
        """How often it takes the steps of one stage: what answers directly has no first stage before it."""
        return 2 if self.ablation.answers == DIRECT else 1


BOXES, NO_DEPTH, CAMERA_XYZ, LESS_DATA = "u, v, z with depth", "no depth", "x, y, z", "20 % of the data"
GROUNDING_FIRST, DIRECTLY = "grounding first", "answers directly"
# Those that only find boxes, then those that answer.
VARIANTS = (
    Variant(BOXES, AS_IN_PAPER),
    Variant(NO_DEPTH, Ablation(depth=NONE, unit_m=UNIT_M)),
    Variant(CAMERA_XYZ, Ablation(coordinates=XYZ)),
    Variant(LESS_DATA, Ablation(data_share=SHARE_OF_DATA)),
    Variant(GROUNDING_FIRST, AS_IN_PAPER, STAGE_2, after=BOXES),
    Variant(DIRECTLY, Ablation(answers=DIRECT), STAGE_2),
)


def config_of(variant: Variant, base: Path, steps: int, seed: int) -> FineTuneConfig:
    """The run of a variant from the model in `base`: `steps` a round."""
    share = {STAGE_1: 1.0, STAGE_2: GROUNDING_SHARE}[variant.stage]
    if variant.ablation.answers == DIRECT:
        share = 0.0
    stage = Stage(variant.stage, steps * variant.rounds, LEARNING_RATE, share)
    return FineTuneConfig(
        str(base), (stage,), ablation=variant.ablation, max_tokens=MAX_TOKENS, rows_per_step=ROWS_PER_STEP,
        questions_per_picture=4, bf16=False, checkpointing=False, weight_decay=0.01, adam_beta2=0.98,
        save_every=SAVE_EVERY, log_every=20, workers=0, seed=seed,
    )  # fmt: skip
