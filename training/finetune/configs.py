"""How a model is fine-tuned: presets, and the paper's ablations as variations of them.

In: a name such as `7b_full` or `3b_lora+no_depth`, or a JSON file. Out: a frozen `FineTuneConfig`; ValueError
that names field and value. It does not know models, data or how training runs.

The authors published no learning rate, schedule, batch or mix (arXiv 2512.16561; W-Ted/N3D-VLM issue 8), so
the numbers of the presets are ours: common ones for Qwen2.5-VL of that size, not tried at that size.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from n3d_ros.preprocess.point_code import ORDERS
from n3d_ros.storage.json_file import JsonError, read_object

INPUT, NONE = "input", "none"
UVZ, XYZ = "uvz", "xyz"
GROUNDED, DIRECT = "grounded", "direct"
STAGE_1, STAGE_2 = "stage1_grounding", "stage2_reasoning"
# Instead of a model folder: n3d-nano, untrained, for runs that only show that everything works.
UNTRAINED = "untrained"

T = TypeVar("T")


@dataclass(frozen=True)
class Ablation:
    """What the paper varies, and the two orders of the code.

    depth: 'input', or 'none': no point reaches the model and boxes are written in metres over `unit_m`, since
    the scene's own scale comes from depth. coordinates: of a box's centre as text, 'uvz' in the picture or
    'xyz' in the camera's frame. answers: 'grounded', boxes first and then reasoning with them, or 'direct':
    question and answer, no box. code_order: 'raster', 'aligned' or '' for the base model's own. data_share:
    of the pictures, always the same ones; more is a superset of less.
    """

    depth: str = INPUT
    coordinates: str = UVZ
    answers: str = GROUNDED
    code_order: str = ""
    data_share: float = 1.0
    unit_m: float = 1.0

    def __post_init__(self) -> None:
        known = {
            "depth": (INPUT, NONE),
            "coordinates": (UVZ, XYZ),
            "answers": (GROUNDED, DIRECT),
            "code_order": ("", *ORDERS),
        }
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"ablation: {name} expected one of {choices}, got {getattr(self, name)!r}")
        if not 0 < self.data_share <= 1:
            raise ValueError(f"ablation: data_share expected within 0..1, got {self.data_share}")
        if not self.unit_m > 0:
            raise ValueError(f"ablation: unit_m expected positive metres, got {self.unit_m}")


# Nothing varied: as the paper trains.
AS_IN_PAPER = Ablation()
ABLATIONS: dict[str, dict[str, Any]] = {
    "no_depth": {"depth": NONE},
    "xyz": {"coordinates": XYZ},
    "direct": {"answers": DIRECT},
    "raster": {"code_order": "raster"},
    "aligned": {"code_order": "aligned"},
    "data20": {"data_share": 0.2},
}


@dataclass(frozen=True)
class Stage:
    """One of the two stages. grounding_share: of its questions, those that only ask for boxes; 1 in the
    first stage. warm_share: of the steps, linear warm-up; then a cosine to zero.
    """

    name: str
    steps: int
    learning_rate: float
    grounding_share: float
    warm_share: float = 0.03

    def __post_init__(self) -> None:
        if self.name not in (STAGE_1, STAGE_2):
            raise ValueError(f"stage: name expected {STAGE_1} or {STAGE_2}, got {self.name!r}")
        if self.steps < 1:
            raise ValueError(f"{self.name}: steps expected a positive number, got {self.steps}")
        if not self.learning_rate > 0:
            raise ValueError(f"{self.name}: learning_rate expected positive, got {self.learning_rate}")
        for field in ("grounding_share", "warm_share"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{self.name}: {field} expected within 0..1, got {getattr(self, field)}")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters (peft) on the language model's linear layers; `tower`: on the vision tower's too."""

    rank: int = 64
    alpha: int = 128
    dropout: float = 0.0
    tower: bool = True


@dataclass(frozen=True)
class FineTuneConfig:
    """One fine-tuning run. Tokens per step = max_tokens * rows_per_step * processes.

    base: a model folder, hub:OWNER/NAME, or 'untrained'. lora: None trains every weight. max_tokens: of a
    packed row; what is longer is left out and counted. questions_per_picture: asked in one row, where the
    picture is encoded once. fsdp: shard weights, gradients and optimiser over the processes, else DDP.
    save_every, log_every: in steps. workers: processes that prepare pictures, per training process.
    """

    base: str
    stages: tuple[Stage, ...]
    lora: Lora | None = None
    ablation: Ablation = AS_IN_PAPER
    max_tokens: int = 4096
    rows_per_step: int = 1
    questions_per_picture: int = 4
    bf16: bool = True
    checkpointing: bool = True
    fsdp: bool = False
    weight_decay: float = 0.0
    adam_beta2: float = 0.95
    max_grad_norm: float = 1.0
    save_every: int = 500
    log_every: int = 10
    workers: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.stages or len({stage.name for stage in self.stages}) < len(self.stages):
            got = [stage.name for stage in self.stages]
            raise ValueError(f"fine-tuning: stages expected one or two different ones, got {got}")
        for name in ("max_tokens", "rows_per_step", "questions_per_picture", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"fine-tuning: {name} expected a positive number, got {getattr(self, name)}")
        if self.workers < 0:
            raise ValueError(f"fine-tuning: workers expected 0 or more, got {self.workers}")

    def to_dict(self) -> dict[str, Any]:
        """As JSON: what `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FineTuneConfig:
        """ValueError for unknown fields and for values that do not fit."""
        return _built(cls, values, "fine-tuning")


def _stages(steps: int, learning_rate: float) -> tuple[Stage, Stage]:
    """Both stages; the second as long as the first, a third of its questions for boxes alone."""
    return (
        Stage(STAGE_1, steps, learning_rate, grounding_share=1.0),
        Stage(STAGE_2, steps, learning_rate, grounding_share=0.33),
    )


PRESETS = {
    "debug": FineTuneConfig(
        UNTRAINED, _stages(4, 1e-3), max_tokens=768, bf16=False, checkpointing=False, save_every=2,
        log_every=1, workers=0,
    ),
    "3b_lora": FineTuneConfig(
        "hub:Qwen/Qwen2.5-VL-3B-Instruct", _stages(10_000, 1e-4), Lora(), rows_per_step=4
    ),
    "7b_full": FineTuneConfig(
        "hub:Qwen/Qwen2.5-VL-7B-Instruct", _stages(20_000, 1e-5), max_tokens=8192, rows_per_step=2, fsdp=True
    ),
}  # fmt: skip


def load_config(name: str) -> FineTuneConfig:
    """`PRESET[+ABLATION...]`, or a JSON file: fields of FineTuneConfig, over those of the preset that its
    field `preset` names. ValueError or OSError.
    """
    if name.endswith(".json"):
        return _from_file(Path(name))
    preset, *ablations = name.split("+")
    if preset not in PRESETS:
        raise ValueError(f"--config: expected one of {', '.join(PRESETS)} or a .json file, got '{preset}'")
    unknown = [one for one in ablations if one not in ABLATIONS]
    if unknown:
        raise ValueError(f"--config: expected ablations of {', '.join(ABLATIONS)}, got {', '.join(unknown)}")
    changes = {field: value for one in ablations for field, value in ABLATIONS[one].items()}
    config = PRESETS[preset]
    return replace(config, ablation=replace(config.ablation, **changes))


def _from_file(path: Path) -> FineTuneConfig:
    try:
        values = read_object(path)
    except JsonError as error:
        raise ValueError(f"--config: expected JSON of a fine-tuning in '{path}', got {error}") from error
    preset = values.pop("preset", None)
    start = load_config(str(preset)).to_dict() if preset is not None else {}
    return FineTuneConfig.from_dict({**start, **values})


def _built(cls: type[T], values: Any, where: str) -> T:
    """A dataclass of JSON values, the nested ones too; ValueError that names the field."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: expected an object, got {values!r}")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(f"{where}: expected some of {', '.join(hints)}, got {', '.join(unknown)}")
    try:
        return cls(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in values.items()})
    except TypeError as error:  # a field without default is missing
        raise ValueError(f"{where}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:
    """`value` as the type of its field; ValueError."""
    if isinstance(hint, types.UnionType):
        return None if value is None else _value(typing.get_args(hint)[0], value, where)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where} expected a list, got {value!r}")
        return tuple(_value(typing.get_args(hint)[0], one, where) for one in value)
    if isinstance(hint, type) and is_dataclass(hint):
        return _built(hint, value, where)
    wanted = (int, float) if hint is float else hint
    if not isinstance(value, wanted) or isinstance(value, bool) != (hint is bool):
        raise ValueError(f"{where} expected {hint.__name__}, got {value!r}")
    return value
