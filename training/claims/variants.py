"""What is compared: one small model, trained in the paper's variations with the same number of steps.

In: a number of steps and a seed. Out: `Variant`s, and the lessons that make each. It does not know scenes or
results.

The model is n3d-nano with fewer and narrower layers, so that hundreds of steps take minutes on one core. It
begins with random weights: with n3d-nano's own, which were trained with depth and u, v, z, the comparison
would be decided before it began.
"""

from __future__ import annotations

from dataclasses import dataclass

from n3d_ros.training.claims.lessons import Lesson
from n3d_ros.training.finetune.configs import AS_IN_PAPER, DIRECT, NONE, XYZ, Ablation
from n3d_ros.training.nano.configs import NanoModel
from n3d_ros.training.nano.views import SMALL as PICTURE

SMALL = NanoModel(
    long_side_px=PICTURE.width,
    vision_hidden=96, vision_layers=3, vision_heads=3, vision_mlp=256, full_attention=(1, 2),
    text_hidden=128, text_layers=4, text_heads=4, text_kv_heads=2, text_mlp=320, mrope_section=(4, 6, 6),
)  # fmt: skip
SHARE_OF_DATA = 0.2
# What one over the scale of these scenes is in the median: so bins are as fine without depth as with it.
UNIT_M = 0.5
SEEING, ANSWERING = "seeing", "answering"


@dataclass(frozen=True)
class Variant:
    """One trained model. answers: whether it is asked for answers, else for boxes. after: the variant whose
    model it begins with, None for random weights.
    """

    name: str
    ablation: Ablation
    answers: bool = False
    after: str | None = None

    def lessons(self, steps: int, seed: int) -> tuple[Lesson, ...]:
        """`steps` each. What answers and begins with random weights learns to see first, as all others do."""
        seeing = Lesson(SEEING, steps, self.ablation, seed=seed)
        answering = Lesson(ANSWERING, steps, self.ablation, answering=True, seed=seed)
        if not self.answers:
            return (seeing,)
        return (answering,) if self.after else (seeing, answering)


BOXES, NO_DEPTH, CAMERA_XYZ, LESS_DATA = "u, v, z with depth", "no depth", "x, y, z", "20 % of the data"
GROUNDING_FIRST, DIRECTLY, DIRECTLY_AFTER = "grounding first", "answers directly", "directly, after grounding"
# Those that only find boxes, then those that answer.
VARIANTS = (
    Variant(BOXES, AS_IN_PAPER),
    Variant(NO_DEPTH, Ablation(depth=NONE, unit_m=UNIT_M)),
    Variant(CAMERA_XYZ, Ablation(coordinates=XYZ)),
    Variant(LESS_DATA, Ablation(data_share=SHARE_OF_DATA)),
    Variant(GROUNDING_FIRST, AS_IN_PAPER, answers=True, after=BOXES),
    Variant(DIRECTLY, Ablation(answers=DIRECT), answers=True),
    Variant(DIRECTLY_AFTER, Ablation(answers=DIRECT), answers=True, after=BOXES),
)
