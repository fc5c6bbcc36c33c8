"""The recipe of n3d-nano: render, train stage after stage, average. Resumable: what is done is not done
again.

In: a `Recipe`. Out: `Step`s, each safe to run again after a kill: rendering goes on at the next shard,
training at the last checkpoint (`Stage.save_every_s` before). The command adds export and measurement;
nothing here knows of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer

from n3d_ros.training.nano.configs import NanoModel, Stage, from_nothing, from_weights
from n3d_ros.training.nano.model import TOKENIZER, build_nano, save_model
from n3d_ros.training.nano.tokenizer import build_tokenizer, extended
from n3d_ros.training.nano.train import CHECKPOINT, MODEL, SNAPSHOTS, Trainer
from n3d_ros.training.nano.views import PictureSize, RenderConfig, render_shards
from n3d_ros.training.nano.vocabulary import known_words
from n3d_ros.training.nano.world_mix import WorldMix


@dataclass(frozen=True)
class Recipe:
    """A whole run: `minutes` of training in all stages, from nothing or from a model folder, on views of
    `num_scenes` simulated scenes of `worlds`. Everything lies in `out`.
    """

    out: Path
    minutes: float
    num_scenes: int
    start_from: Path | None = None
    first_seed: int = 1_000_000
    views: Path | None = None
    preset: NanoModel = NanoModel()
    worlds: WorldMix = WorldMix()

    @property
    def stages(self) -> tuple[Stage, ...]:
        return from_weights(self.minutes) if self.start_from else from_nothing(self.minutes)

    @property
    def views_folder(self) -> Path:
        return self.views or self.out / "views"

    @property
    def render(self) -> RenderConfig:
        width = self.preset.long_side_px
        return RenderConfig(
            first_seed=self.first_seed,
            num_scenes=self.num_scenes,
            worlds=self.worlds,
            picture=PictureSize(width, width * 3 // 4),
        )


@dataclass(frozen=True)
class Step:
    """One thing to do; running it twice is running it once."""

    name: str
    run: Callable[[], None]


def steps(recipe: Recipe, progress: Callable[[Iterator[Path], int], Iterator[Path]]) -> list[Step]:
    """Everything up to a trained model in `recipe.out / MODEL`. `progress` shows that shards come, of how
    many.
    """

    def render() -> None:
        total = -(-recipe.num_scenes // recipe.render.scenes_per_shard)
        for _ in progress(render_shards(recipe.render, recipe.views_folder), total):
            pass

    training = [Step(f"train {stage.name}", partial(train, recipe, stage)) for stage in recipe.stages]
    return [Step("render", render), *training, Step("average", lambda: average(recipe))]


def train(recipe: Recipe, stage: Stage) -> None:
    """One stage: begun, or gone on with where its checkpoint is."""
    kinds, tokenizer = recipe.worlds.kind_names, run_tokenizer(recipe)
    trainer = Trainer(stage, recipe.preset, tokenizer, recipe.views_folder, recipe.out, kinds)
    if (recipe.out / CHECKPOINT).is_file():
        trainer.resume()
    elif recipe.start_from:
        trainer.start_from(recipe.start_from)
    else:
        trainer.start()
    trainer.run()


def run_tokenizer(recipe: Recipe) -> Tokenizer:
    """The tokenizer of the model that the run begins with, with the words of the run's worlds added, or a new
    one.
    """
    new = build_tokenizer(known_words(recipe.worlds.kind_names))
    if recipe.start_from is None:
        return new
    file = recipe.start_from / TOKENIZER
    if not file.is_file():
        raise FileNotFoundError(f"{recipe.start_from}: expected a model folder with {TOKENIZER}, found none")
    return extended(Tokenizer.from_file(str(file)), new)


def average(recipe: Recipe) -> None:
    """The model folder, with the mean of the weights that the last stage kept on its way."""
    paths = sorted((recipe.out / SNAPSHOTS).glob("*.pt"))
    if not paths:
        raise FileNotFoundError(f"{recipe.out / SNAPSHOTS}: expected weights of the last stage, found none")
    kept = [torch.load(path, map_location="cpu", weights_only=True) for path in paths]
    mean = {name: torch.stack([weights[name] for weights in kept]).mean(0) for name in kept[0]}
    tokenizer = run_tokenizer(recipe)
    save_model(build_nano(recipe.preset, tokenizer), mean, tokenizer, recipe.out / MODEL)
