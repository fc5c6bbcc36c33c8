"""One measured run of n3d-nano's training on a world, in a process of its own:
`python -m n3d_ros.training.speed.one_world ORDER`.

In: a `WorldOrder` as JSON. Out: a `WorldResult` as one line of JSON. Times are those of the processor, so
that what else the machine does changes them little. It does not know what the world is compared with.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from n3d_ros.training.nano.configs import NanoModel, Stage
from n3d_ros.training.nano.ledger import forget_peak, peak_mb
from n3d_ros.training.nano.recipe import Recipe, run_tokenizer
from n3d_ros.training.nano.shards import ViewShards
from n3d_ros.training.nano.train import Trainer
from n3d_ros.training.nano.views import render_shards
from n3d_ros.training.nano.world_mix import load_world_mix

# Every view is read as often as this.
READ_AGAIN = 20


@dataclass(frozen=True)
class WorldOrder:
    """world: its name. out: a new folder. scenes: to render. steps: to train, after one that is not
    measured.
    """

    world: str
    out: str
    scenes: int
    steps: int


@dataclass(frozen=True)
class WorldResult:
    """Processor seconds of each scene and step, and of one view that is read. view_kb: of a record.
    render_mb, train_mb: the most memory of the process while it did that. num_words: rows of the model.
    """

    scene_s: list[float]
    read_s: float
    step_s: list[float]
    view_kb: float
    render_mb: float
    train_mb: float
    num_words: int


def run(order: WorldOrder) -> WorldResult:
    """Render scene by scene, read every view, train on them."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    recipe = Recipe(Path(order.out), 1.0, order.scenes, worlds=load_world_mix(order.world))
    forget_peak()
    scene_s = _render(recipe, order.scenes)
    render_mb = peak_mb()
    shards = ViewShards(recipe.views_folder, recipe.worlds.kind_names)
    read_s = _cpu_s(lambda: [shards.view(n) for _ in range(READ_AGAIN) for n in range(len(shards))])
    forget_peak()
    step_s, num_words = _train(recipe, order.steps)
    return WorldResult(
        scene_s=scene_s,
        read_s=read_s / READ_AGAIN / len(shards),
        step_s=step_s,
        view_kb=next(iter(shards.shards.values())).itemsize / 1e3,
        render_mb=render_mb,
        train_mb=peak_mb(),
        num_words=num_words,
    )


def _render(recipe: Recipe, num_scenes: int) -> list[float]:
    """Processor seconds of each scene, one shard each."""
    shards = render_shards(replace(recipe.render, scenes_per_shard=1), recipe.views_folder)
    return [_cpu_s(lambda: next(shards)) for _ in range(num_scenes)]


def _train(recipe: Recipe, num_steps: int) -> tuple[list[float], int]:
    """Processor seconds of each step of a stage that teaches everything, its batches included."""
    stage = Stage("measured", 1e9, reason_share=0.5, pictures_per_step=4)
    tokenizer = run_tokenizer(recipe)
    trainer = Trainer(
        stage, NanoModel(), tokenizer, recipe.views_folder, recipe.out, recipe.worlds.kind_names
    )
    trainer.rng = np.random.default_rng(0)
    trainer.start()
    steps = trainer.steps()
    took = [_cpu_s(lambda: trainer.train_step(next(steps))) for _ in range(1 + num_steps)]
    return took[1:], tokenizer.get_vocab_size()


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(asdict(run(WorldOrder(**json.loads(sys.argv[1]))))))
