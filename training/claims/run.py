"""All variants, trained and examined, within a number of minutes.

In: minutes, seeds, a folder. Out: `results.json` and the marks of every variant. It does not know how a
figure is read; `table` does. A killed run goes on with the variant it was at.

Every lesson takes the same number of steps, found from the time of the first ones and then kept: the clock
of a shared machine would give each variant another number.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from n3d_ros.storage.json_file import read_object
from n3d_ros.storage.whole_file import write_json
from n3d_ros.training.claims.lessons import Lesson, teach
from n3d_ros.training.claims.measure import Examinee, Mark, examine
from n3d_ros.training.claims.questions import Asked, Posed, box_questions, spatial_questions
from n3d_ros.training.claims.scenes import VIEWS_PER_SCENE, SceneSet, write_scenes
from n3d_ros.training.claims.table import TYPICAL
from n3d_ros.training.claims.typical import typical_marks
from n3d_ros.training.claims.variants import ANSWERING, SEEING, SMALL, VARIANTS, Variant
from n3d_ros.training.finetune.configs import DIRECT
from n3d_ros.training.nano.shards import ViewShards, view_objects
from n3d_ros.training.nano.tokenizer import build_tokenizer
from n3d_ros.training.nano.train import MODEL
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.run_folder import begin

TRAIN_SEED, TEST_SEED = 3_000_000, 20_000
ANSWERS_PER_VIEW = 3
# Of the time that rendering leaves, what training takes; examinations take the rest.
TRAINING_SHARE = 0.75
TRIAL_STEPS = 10
RESULTS = "results.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """minutes: of the whole run, about. train_scenes, test_scenes: rendered, VIEWS_PER_SCENE views each.
    seeds: runs of each variant. steps: of a lesson, 0 to find them from the minutes.
    """

    minutes: float = 70.0
    train_scenes: int = 600
    test_scenes: int = 120
    seeds: int = 1
    steps: int = 0

    def __post_init__(self) -> None:
        for name in ("train_scenes", "test_scenes", "seeds"):
            if getattr(self, name) < 1:
                raise ValueError(f"claims: {name} expected a positive number, got {getattr(self, name)}")
        if not self.minutes > 0 or self.steps < 0:
            raise ValueError(
                f"claims: expected positive minutes and steps of 0 or more, got {self.minutes}, {self.steps}"
            )


def check_claims(budget: Budget, out: Path) -> dict[str, list[list[Mark]]]:
    """Variant -> its marks, seed by seed. ValueError where `out` holds a run on other scenes: its models and
    marks would count as this one's.
    """
    began = time.monotonic()
    begin(out, {"train_scenes": budget.train_scenes, "test_scenes": budget.test_scenes})
    train = write_scenes(SceneSet(TRAIN_SEED, budget.train_scenes), out / f"train-{budget.train_scenes}")
    test = write_scenes(SceneSet(TEST_SEED, budget.test_scenes), out / f"test-{budget.test_scenes}")
    run = Run(out, train, test, build_tokenizer(known_words()))
    steps = run.steps(budget, time.monotonic() - began)
    known = [one.asked for one in posed(ViewShards(train))]
    results = {TYPICAL: [list(typical_marks(known, run.questions))]}
    for variant in VARIANTS:
        results[variant.name] = []
        for seed in range(budget.seeds):
            results[variant.name].append(run.marks(variant, steps, seed))
            write_json(out / RESULTS, _as_json(budget, steps, results))
    return results


def results_so_far(out: Path) -> dict[str, list[list[Mark]]]:
    """What a run in `out` has found, also one that is still going or was stopped. OSError or JsonError."""
    marks = read_object(out / RESULTS)["marks"]
    return {name: [[Mark(**mark) for mark in seed] for seed in seeds] for name, seeds in marks.items()}


def posed(views: ViewShards) -> list[Posed]:
    """What is asked about every view of a set: always the same."""
    found = []
    for number in range(len(views)):
        for n, asked in enumerate(_asked(views, number)):
            scene = str(number // VIEWS_PER_SCENE)
            found.append(Posed(f"{number}-{n}", number, scene, asked))
    return found


def _asked(views: ViewShards, number: int) -> Iterator[Asked]:
    objects, _ = view_objects(views.view(number))
    yield from box_questions(objects)
    yield from spatial_questions(objects, np.random.default_rng(number), ANSWERS_PER_VIEW)


def _as_json(budget: Budget, steps: int, results: dict[str, list[list[Mark]]]) -> dict[str, Any]:
    marks = {name: [[asdict(mark) for mark in one] for one in seeds] for name, seeds in results.items()}
    return {"budget": asdict(budget), "steps": steps, "marks": marks}


def _pace(lesson: Lesson) -> str:
    """The lesson that takes as long: answers without boxes are short."""
    return SEEING if lesson.ablation.answers == DIRECT else lesson.name


class Run:
    """What all variants share: where they are kept, the views, the tokenizer, what is asked."""

    def __init__(self, out: Path, train: Path, test: Path, tokenizer: Tokenizer) -> None:
        self.out, self.train, self.tokenizer = out, train, tokenizer
        self.test = ViewShards(test)
        self.questions = posed(self.test)

    def steps(self, budget: Budget, spent_s: float) -> int:
        """Steps a lesson: those wanted, or those that fill the minutes; a run that goes on keeps its own."""
        file = self.out / "steps.json"
        if budget.steps:
            return budget.steps
        if file.is_file():
            return int(read_object(file)["steps"])
        lessons = [lesson for variant in VARIANTS for lesson in variant.lessons(1, 0)]
        times_s = self._trial()
        step_s = budget.seeds * sum(times_s[_pace(lesson)] for lesson in lessons)
        steps = max(1, int((budget.minutes * 60 - spent_s) * TRAINING_SHARE / step_s))
        shown = ", ".join(f"{name} {time_s:.2f} s" for name, time_s in times_s.items())
        _log.info(
            "a step takes %s: %d steps for each of %d lessons", shown, steps, budget.seeds * len(lessons)
        )
        write_json(file, {"steps": steps})
        return steps

    def _trial(self) -> dict[str, float]:
        """Seconds a step of either lesson, from a few."""
        seeing = Lesson(SEEING, TRIAL_STEPS)
        answering = Lesson(ANSWERING, TRIAL_STEPS, answering=True)
        first, second = (self.out / "trial" / name for name in (SEEING, ANSWERING))
        taken_s = self._teach(seeing, first, None), self._teach(answering, second, first)
        return {SEEING: taken_s[0] / TRIAL_STEPS, ANSWERING: taken_s[1] / TRIAL_STEPS}

    def _teach(self, lesson: Lesson, folder: Path, after: Path | None) -> float:
        return teach(lesson, SMALL, self.tokenizer, self.train, folder, after)

    def marks(self, variant: Variant, steps: int, seed: int) -> list[Mark]:
        """Train and examine one variant, or read what was found before."""
        home = self._home(variant.name, steps, seed)
        file = home / "marks.json"
        if file.is_file():
            return [Mark(**mark) for mark in read_object(file)["marks"]]
        _log.info("%s, seed %d", variant.name, seed)
        folder = self._home(variant.after, steps, seed) / SEEING if variant.after else None
        for lesson in variant.lessons(steps, seed):
            self._teach(lesson, home / lesson.name, folder)
            folder = home / lesson.name
        assert folder is not None
        examinee = Examinee(folder / MODEL, variant.ablation)
        marks = list(examine(examinee, self.questions, self.test, variant.answers))
        write_json(file, {"marks": [asdict(mark) for mark in marks]}, indent=None)
        return marks

    def _home(self, name: str, steps: int, seed: int) -> Path:
        """The folder of one trained variant."""
        words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        return self.out / f"seed{seed}" / f"{words}-{steps}"
