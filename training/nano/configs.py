"""Named presets: the model n3d-nano and how it is trained. Frozen dataclasses, no flags."""

from dataclasses import dataclass

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
    long_side_px: int = 224
    point_encoding: PointEncodingConfig = PointEncodingConfig(
        order="aligned", unit=0.01, center="origin", gain=4.0
    )


@dataclass(frozen=True)
class TrainConfig:
    """One run of `minutes`: `dense_minutes` of the tower alone; then grounding too, but only in `text_share`
    of the steps, since the language model learns faster than the tower; in the last `reason_minutes` text in
    every step, and in `reason_share` of them the second stage too: half as many questions, and
    `reasons_per_view` that reason.

    With `frozen_tower` the language model learns alone, from a tower that sees well enough.

    `warm_share` and `decay_share` are shares of the whole budget; resuming continues the same budget.
    """

    minutes: float = 60.0
    dense_minutes: float = 20.0
    pictures_per_step: int = 16
    questions_per_view: int = 8
    reasons_per_view: int = 4
    text_share: float = 0.5
    reason_share: float = 0.5
    reason_minutes: float = 18.0
    muon_rate: float = 0.002
    adam_rate: float = 6e-4
    patch_rate: float = 2e-4
    weight_decay: float = 0.05
    warm_share: float = 0.01
    decay_share: float = 0.35
    number_sigma: float = 4.0
    decimal_sigma: float = 1.0
    watched_layer: int = 2
    watched_heads: int = 3
    copy_layer: int = 3
    copy_heads: int = 2
    ema: float = 0.99
    frozen_tower: bool = False
    save_every_s: float = 120.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.minutes > 0 or not 0 <= self.dense_minutes <= self.minutes:
            raise ValueError(
                f"expected 0 <= dense_minutes <= minutes, got {self.dense_minutes} and {self.minutes}"
            )

    def text_share_at(self, minutes: float) -> float:
        """Share of the steps that train the language model, `minutes` into the run."""
        if minutes < self.dense_minutes:
            return 0.0
        return 1.0 if minutes > self.minutes - self.reason_minutes else self.text_share

    def reason_share_at(self, minutes: float) -> float:
        """Share of the steps with text that also hold the second stage."""
        return self.reason_share if minutes > self.minutes - self.reason_minutes else 0.0


def language_alone(minutes: float) -> TrainConfig:
    """A further round for a model whose tower sees well: both stages in every step, the tower as it is."""
    return TrainConfig(
        minutes=minutes, dense_minutes=0, reason_minutes=minutes, reason_share=1.0, text_share=1.0,
        pictures_per_step=8, reasons_per_view=4, muon_rate=0.0012, adam_rate=5e-4, decay_share=0.8, ema=0.98,
        decimal_sigma=0.5, frozen_tower=True,
    )  # fmt: skip
