"""Named presets: the model n3d-nano and how it is trained. Frozen dataclasses, no flags."""

from dataclasses import dataclass, replace

from n3d_ros.preprocess.point_code import PointEncodingConfig


@dataclass(frozen=True)
class NanoModel:
    """Sizes of n3d-nano, a tiny N3D-VLM; `mrope_section` sums to half the head width."""

    vision_hidden: int = 192
    vision_layers: int = 6
    vision_heads: int = 3
    vision_mlp: int = 512
    full_attention: tuple[int, ...] = (2, 5)
    text_hidden: int = 256
    text_layers: int = 5
    text_heads: int = 4
    text_kv_heads: int = 2
    text_mlp: int = 640
    mrope_section: tuple[int, int, int] = (8, 12, 12)
    long_side_px: int = 336
    second_look: str = "closer"
    box_fit: str = "depth"
    questions: str = "spatial"
    point_encoding: PointEncodingConfig = PointEncodingConfig(
        order="aligned", unit=0.01, center="origin", gain=4.0
    )


@dataclass(frozen=True)
class Stage:
    """One stage of a run: `minutes` of training with everything constant but the learning rate.

    `text_share` of the steps teach the language model too, since it learns faster than the tower; the others
    the tower alone. `reason_share` of those with text hold the second stage of the robot's dialogue too: half
    as many questions, `reasons_per_view` that reason, `drills_per_view` of its end alone, and
    `volumes_per_view` that compute volumes from sizes. With `frozen_tower` the language model learns alone,
    from a tower that sees well enough. `heads_steps`: before all, steps of the dense heads alone, for weights
    that come without them.

    A step is `pictures_per_step` pictures, `pictures_per_pass` at a time: memory is that of a pass.
    `warm_share` and `decay_share` are shares of `minutes`; resuming continues the same minutes. `snapshots`
    of the weights are kept in the second half, evenly, the last one at its end.
    """

    name: str
    minutes: float
    text_share: float = 1.0
    reason_share: float = 0.0
    frozen_tower: bool = False
    heads_steps: int = 0
    pictures_per_step: int = 16
    pictures_per_pass: int = 4
    questions_per_view: int = 8
    reasons_per_view: int = 4
    drills_per_view: int = 0
    volumes_per_view: int = 0
    muon_rate: float = 0.002
    adam_rate: float = 6e-4
    patch_rate: float = 2e-4
    weight_decay: float = 0.05
    warm_share: float = 0.0
    decay_share: float = 0.0
    number_sigma: float = 4.0
    decimal_sigma: float = 1.0
    look: tuple[int, int] = (2, 3)
    copy: tuple[int, int] = (3, 2)
    owner: tuple[int, int] = (4, 2)
    value: tuple[int, int] = (3, -2)
    ema: float = 0.99
    snapshots: int = 0
    save_every_s: float = 120.0
    seed: int = 0

    def num_snapshots_at(self, minutes: float) -> int:
        """How many of the snapshots are due, `minutes` into the stage."""
        share = max(0.0, 2 * min(minutes / self.minutes, 1.0) - 1)
        return int(share * self.snapshots)

    def __post_init__(self) -> None:
        if not self.minutes > 0:
            raise ValueError(f"stage {self.name!r}: expected minutes above 0, got {self.minutes}")
        for name in ("text_share", "reason_share", "warm_share", "decay_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"stage {self.name!r}: {name} expected within 0..1, got {getattr(self, name)}"
                )
        if self.pictures_per_step % self.pictures_per_pass:
            raise ValueError(
                f"stage {self.name!r}: expected pictures_per_step in whole passes of "
                f"{self.pictures_per_pass}, got {self.pictures_per_step}"
            )


def from_nothing(minutes: float) -> tuple[Stage, ...]:
    """The stages of a new n3d-nano: the tower, then grounding, then both stages of the dialogue, and last
    what a trace decides by comparing, the tower as it is.
    """
    return (
        Stage("tower", 0.15 * minutes, text_share=0.0, warm_share=0.05),
        Stage("whole", 0.45 * minutes, text_share=0.5, pictures_per_pass=2),
        Stage("reasoning", 0.20 * minutes, reason_share=0.5, decay_share=1.0, pictures_per_pass=2),
        choice(0.20 * minutes),
    )


def from_weights(minutes: float) -> tuple[Stage, ...]:
    """The stages of a further round for a model that grounds already: gentler rates, and last everything
    together, more gently still. A tower that trained nearly alone at first, at twice this rate, lost what
    took half an hour to learn again (docs/log/training.md).
    """
    whole = Stage(
        "whole", 0.5 * minutes, text_share=0.5, reason_share=0.3, heads_steps=150, muon_rate=7e-4,
        adam_rate=3e-4, patch_rate=5e-5, warm_share=0.03, decay_share=0.8, pictures_per_pass=2,
    )  # fmt: skip
    together = Stage(
        "together", 0.3 * minutes, text_share=0.65, reason_share=0.4, questions_per_view=10,
        reasons_per_view=3, drills_per_view=2, volumes_per_view=4, muon_rate=5e-4, adam_rate=2e-4,
        patch_rate=2e-5, warm_share=0.04, decay_share=1.0, decimal_sigma=0.5, pictures_per_pass=2, ema=0.98,
        snapshots=1,
    )  # fmt: skip
    return whole, replace(choice(0.2 * minutes), snapshots=0), together


def choice(minutes: float) -> Stage:
    """The language model alone, both stages of the dialogue in every step, boxes as much as before. Volumes
    come oftenest: a product of three sizes is learned from tens of thousands (docs/log/training.md).
    """
    return Stage(
        "choice", minutes, reason_share=1.0, frozen_tower=True, pictures_per_step=4, pictures_per_pass=2,
        questions_per_view=8, reasons_per_view=2, drills_per_view=2, volumes_per_view=24,
        muon_rate=1e-3, adam_rate=4e-4, decimal_sigma=1.0, warm_share=0.05, decay_share=0.7, ema=0.99,
        snapshots=1,
    )  # fmt: skip
