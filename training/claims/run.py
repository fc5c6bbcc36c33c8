"""All variants, trained and examined, within a number of minutes.

In: minutes, seeds, a base model, a folder. Out: `results.json` and the marks of every variant. It does not
know how a figure is read; `table` does. A killed run goes on with the variant it was at.

Every variant takes the same number of steps, found from the time of the first ones: the clock of a shared
machine would give each another number.
"""

from __future__ import annotations

import logging
import re
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from n3d_ros.storage.json_file import read_object
from n3d_ros.storage.whole_file import write_json
from n3d_ros.training.claims.measure import Examinee, Mark, examine
from n3d_ros.training.claims.scenes import SceneSet, write_scenes
from n3d_ros.training.claims.table import TYPICAL
from n3d_ros.training.claims.typical import typical_marks
from n3d_ros.training.claims.variants import SMALL, VARIANTS, Variant, config_of
from n3d_ros.training.finetune.configs import STAGE_1, STAGE_2, UNTRAINED, FineTuneConfig
from n3d_ros.training.finetune.run import Job, row_stream, run, train_stage, training_arguments
from n3d_ros.training.nano.model import build_nano, still_blocks, whiten_patches
from n3d_ros.training.nano.tokenizer import build_tokenizer
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.qa.records import GROUND, SPATIAL, Question
from n3d_ros.training.qa.sets import read_questions

TRAIN_SEED, TEST_SEED = 3_000_000, 20_000
# Of the time, what training takes; scenes and examinations take the rest.
TRAINING_SHARE = 0.7
TRIAL_STEPS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """minutes: of the whole run, about. train_views, test_views: rendered pictures. seeds: runs of each
    variant. steps: of a stage, 0 to find them from the minutes.
    """

    minutes: float = 120.0
    train_views: int = 1500
    test_views: int = 150
    seeds: int = 2
    steps: int = 0

    def __post_init__(self) -> None:
        for name in ("train_views", "test_views", "seeds"):
            if getattr(self, name) < 1:
                raise ValueError(f"claims: {name} expected a positive number, got {getattr(self, name)}")
        if not self.minutes > 0 or self.steps < 0:
            raise ValueError(
                f"claims: expected positive minutes and steps of 0 or more, got {self.minutes}, {self.steps}"
            )


def check_claims(budget: Budget, base: str, out: Path) -> dict[str, list[list[Mark]]]:
    """Variant -> its marks, seed by seed. base: a model folder, or 'untrained' for the small model."""
    train = write_scenes(SceneSet(TRAIN_SEED, budget.train_views), out / f"train-{budget.train_views}")
    test = write_scenes(SceneSet(TEST_SEED, budget.test_views), out / f"test-{budget.test_views}")
    bases = [_base(base, out / f"seed{seed}", train, seed) for seed in range(budget.seeds)]
    steps = budget.steps or _steps(budget, bases[0], train, out)
    asked = {TYPICAL: [list(typical_marks(list(read_questions(train)), _questions(test)))]}
    results: dict[str, list[list[Mark]]] = asked | {variant.name: [] for variant in VARIANTS}
    for variant in VARIANTS:
        for seed, folder in enumerate(bases):
            home = _home(out, seed, variant.name, steps)
            start = (
                folder if variant.after is None else _model(_home(out, seed, variant.after, steps), STAGE_1)
            )
            config = config_of(variant, start, steps, seed)
            results[variant.name].append(_marks(variant, config, train, test, home))
            write_json(out / "results.json", _as_json(budget, base, steps, results))
    return results


def _home(out: Path, seed: int, name: str, steps: int) -> Path:
    """The folder of one trained variant."""
    return out / f"seed{seed}" / f"{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')}-{steps}"


def _model(home: Path, stage: str) -> Path:
    return home / stage / "model"


def _as_json(budget: Budget, base: str, steps: int, results: dict[str, list[list[Mark]]]) -> dict[str, Any]:
    marks = {name: [[asdict(mark) for mark in one] for one in seeds] for name, seeds in results.items()}
    return {"budget": asdict(budget), "base": base, "steps": steps, "marks": marks}


def _base(base: str, folder: Path, train: Path, seed: int) -> Path:
    """The model that every variant of a seed begins with."""
    if base != UNTRAINED:
        return Path(base)
    home = folder / "base"
    if not (home / "tokenizer.json").is_file():
        tokenizer = build_tokenizer(known_words())
        model = build_nano(SMALL, tokenizer, seed)
        model.save_pretrained(home)
        tokenizer.save(str(home / "tokenizer.json"))
        whiten_patches(model, _patches(home, train))
        still_blocks(model)
        model.save_pretrained(home)
    return home


def _patches(base: Path, train: Path, num_rows: int = 60) -> torch.Tensor:
    """Patch rows of the first pictures."""
    trial = _trial(base, train, base / "trial")
    rows = iter(row_stream(trial, training_arguments(trial.config, trial.stage, trial.out)))
    return torch.cat([row["pixel_values"] for row in islice(rows, num_rows)])


def _trial(base: Path, train: Path, out: Path) -> Job:
    """A few steps of the first variant."""
    config = config_of(VARIANTS[0], base, TRIAL_STEPS, 0)
    return Job(config, config.stages[0], base=base, questions=train, out=out, root=train)


def _steps(budget: Budget, base: Path, train: Path, out: Path) -> int:
    """Steps a stage that fill the minutes, from the time of a few."""
    stages = budget.seeds * sum(variant.rounds for variant in VARIANTS)
    began = time.monotonic()
    train_stage(_trial(base, train, out / "trial"))
    step_s = (time.monotonic() - began) / TRIAL_STEPS
    steps = int(budget.minutes * 60 * TRAINING_SHARE / (stages * step_s))
    _log.info("%.2f s a step: %d steps for each of %d stages", step_s, steps, stages)
    return max(steps, 1)


def _marks(variant: Variant, config: FineTuneConfig, train: Path, test: Path, home: Path) -> list[Mark]:
    """Train and examine one variant, or read what was found before."""
    file = home / "marks.json"
    if file.is_file():
        return [Mark(**mark) for mark in read_object(file)["marks"]]
    _log.info("%s, seed %d", variant.name, config.seed)
    model = run(config, train, home, train)
    marks = list(examine(Examinee(model, variant.ablation, test), _questions(test, variant)))
    write_json(file, {"marks": [asdict(mark) for mark in marks]}, indent=None)
    return marks


def _questions(test: Path, variant: Variant | None = None) -> list[Question]:
    """What is asked of all, or of one variant: for one thing's box in the first stage, to answer in the
    second.
    """
    kinds = {None: (GROUND, SPATIAL), STAGE_1: (GROUND,), STAGE_2: (SPATIAL,)}
    asked = kinds[None if variant is None else variant.stage]
    return [one for one in read_questions(test) if one.kind in asked and one.category != "detection"]
