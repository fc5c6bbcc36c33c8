"""`n3d train --config nano`: everything that makes an n3d-nano, in one command that can be stopped and called
again.

In: a budget in minutes. Out: a run folder with views, checkpoint, the model in the checkpoint format, the
engine folder that the robot loads, its measurement and its model card.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from n3d_ros.commands.graph.interrupts import on_sigterm

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from n3d_ros.training.nano.card import Measured
    from n3d_ros.training.nano.ledger import Ledger
    from n3d_ros.training.nano.recipe import Recipe, Step
    from n3d_ros.training.nano.world_mix import WorldMix

ENGINE, CARD = "n3d-nano", "README.md"
# Views of so many scenes for a minute of training: 3,000 for two hours.
SCENES_PER_MINUTE, FEWEST_SCENES = 25, 4
FIRST_SEED = 1_000_000


def add_train(parser: _ActionsContainer) -> None:
    """`n3d train`: render, train, export, measure; call it again to go on."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs/n3d-nano"), help="run folder (default: %(default)s)"
    )
    parser.add_argument("--views", type=Path, help="rendered scenes (default: views in the run folder)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=120.0,
        help="training in all stages; 0 measures --start-from alone (default: %(default)s)",
    )
    parser.add_argument(
        "--scenes-rendered", type=int, metavar="N", help=f"default: {SCENES_PER_MINUTE} a minute"
    )
    parser.add_argument(
        "--first-seed", type=int, default=FIRST_SEED, help="first scene rendered (default: %(default)s)"
    )
    parser.add_argument(
        "--world",
        default="nano",
        metavar="NAME",
        help="simulated worlds to learn from: nano (default), wide, or a .json file (docs/simulator.md)",
    )
    parser.add_argument("--render-only", action="store_true", help="stop when the scenes are rendered")
    parser.add_argument(
        "--start-from", type=Path, metavar="MODEL", help="begin with this model folder's weights"
    )
    parser.add_argument(
        "--eval-scenes", type=int, default=500, metavar="N", help="scenes measured on (default: %(default)s)"
    )
    parser.add_argument(
        "--eval-seed", type=int, default=90000, metavar="SEED", help="first of them (default: %(default)s)"
    )
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """What is left to do of the run; exit code 0, 2 when it cannot begin."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    from n3d_ros.training.nano.ledger import Ledger
    from n3d_ros.training.nano.world_mix import load_world_mix

    try:
        recipe = recipe_of(args)
        # runs that say nothing of it saw n3d-nano's own world
        ledger = Ledger(args.out, settings(recipe), {"world": str(load_world_mix("nano"))})
        # told to stop, it still writes what the step took so far
        with on_sigterm(lambda *_: sys.exit(128 + signal.SIGTERM)):
            for step in all_steps(args, recipe, ledger):
                if not ledger.is_done(step.name):
                    with ledger.measured(step.name):
                        step.run()
    except (FileNotFoundError, ValueError) as error:
        print(f"n3d train: {error}", file=sys.stderr)
        return 2
    return 0


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The run that the options name. ValueError for one that has nothing to do."""
    from n3d_ros.training.nano.recipe import Recipe
    from n3d_ros.training.nano.world_mix import load_world_mix

    if not args.minutes and args.start_from is None:
        raise ValueError("expected --minutes above 0, or --start-from with a model to measure, got neither")
    scenes = args.scenes_rendered or max(FEWEST_SCENES, round(SCENES_PER_MINUTE * args.minutes))
    worlds = load_world_mix(args.world)
    return Recipe(args.out, args.minutes, scenes, args.start_from, args.first_seed, args.views, worlds=worlds)


def settings(recipe: Recipe) -> dict[str, str]:
    """What must stay the same when a run goes on."""
    return {
        "minutes": f"{recipe.minutes:g}",
        "scenes": f"{recipe.num_scenes} from {recipe.first_seed}",
        "start_from": str(recipe.start_from or ""),
        "world": str(recipe.worlds),
    }


def all_steps(args: argparse.Namespace, recipe: Recipe, ledger: Ledger) -> list[Step]:
    """Render and train as the recipe says; then export, measure and describe what came out."""
    from n3d_ros.training.nano.recipe import Step, run_tokenizer, steps
    from n3d_ros.training.nano.train import MODEL

    run_tokenizer(recipe)  # before hours of work: a folder that holds no model
    training = steps(recipe, progress) if recipe.minutes else []
    if args.render_only:
        return training[:1]
    model = args.out / MODEL if recipe.minutes else args.start_from
    measuring = evaluations(args, recipe.worlds)
    return [
        *training,
        Step("export", lambda: export_engine(model, args.out / ENGINE)),
        *[Step(name, partial(measure, args.out, name, options)) for name, options in measuring.items()],
        Step("card", lambda: write_card(args, recipe, ledger)),
    ]


def progress(shards: Iterator[Path], total: int) -> Iterator[Path]:
    """A bar while shards come."""
    from tqdm import tqdm

    yield from tqdm(shards, total=total, unit="shard", desc="render")


def export_engine(model: Path, engine: Path) -> None:
    """The folder that the robot loads, weights in 16 bits."""
    from n3d_ros.engines.export.folder import export

    export(model, engine, weights_dtype="fp16")


def evaluations(args: argparse.Namespace, worlds: WorldMix) -> dict[str, list[str]]:
    """How `n3d eval` is called, each time with depth as a sensor sees it, as on the robot: first on what
    n3d-nano is about, with the patterns that were kept from a run that saw others; then on plain surfaces,
    and on all kinds that were trained, where these are not the same.
    """
    from n3d_ros.sim.surfaces import PLAIN
    from n3d_ros.sim.world import KIND_SETS, NANO
    from n3d_ros.training.nano.world_mix import HELD_OUT

    scenes = ["--scenes", str(args.eval_scenes), "--seed", str(args.eval_seed), "--noise"]
    surfaces = ["--textures", HELD_OUT] if any(name != PLAIN for name, _ in worlds.textures) else []
    kinds = next(name for name, kinds in KIND_SETS.items() if kinds == worlds.kind_names)
    every = {"eval": [*scenes, *surfaces]}
    if surfaces:
        every["eval plain"] = scenes
    if kinds != NANO:
        every[f"eval {kinds}"] = [*scenes, "--kinds", kinds, *surfaces]
    return every


def figures_file(out: Path, name: str) -> Path:
    """Where the figures of the measurement `name` lie."""
    return out / f"{name.replace(' ', '_')}.json"


def measure(out: Path, name: str, options: list[str]) -> None:
    """Run `n3d eval` on the engine; its figures go into the run folder."""
    from n3d_ros.commands.eval import add_eval

    parser = argparse.ArgumentParser()
    add_eval(parser)
    where = ["--model", str(out / ENGINE), "--json", str(figures_file(out, name))]
    parsed = parser.parse_args([*where, *options])
    parsed.run(parsed)


def write_card(args: argparse.Namespace, recipe: Recipe, ledger: Ledger) -> None:
    """The model card, beside the engine's files."""
    from n3d_ros.storage.whole_file import write_text
    from n3d_ros.training.nano.card import Origin, card

    started = str(recipe.start_from or "")
    origin = Origin(
        command_line(args), started, recipe.num_scenes, recipe.first_seed, recipe.minutes, recipe.worlds
    )
    measured = [measured_of(args.out, *one) for one in evaluations(args, recipe.worlds).items()]
    write_text(args.out / ENGINE / CARD, card(args.out / ENGINE, origin, measured, ledger.steps))
    print(f"model in {args.out / ENGINE}")


def measured_of(out: Path, name: str, options: list[str]) -> Measured:
    """What was measured under `name`."""
    from n3d_ros.training.nano.card import Measured

    # the run's own file; it holds an infinite error where a model found nothing
    figures: dict[str, Any] = json.loads(figures_file(out, name).read_text(encoding="utf-8"))
    command = f"n3d eval {' '.join(options)}"
    return Measured(command, figures["summary"], figures["details"], figures["trials"])


def command_line(args: argparse.Namespace) -> str:
    """The command that makes this run again."""
    parts = [f"n3d train --config nano --minutes {args.minutes:g}"]
    if args.world != "nano":
        parts.append(f"--world {args.world}")
    if args.start_from:
        parts.append(f"--start-from {args.start_from}")
    if args.minutes and args.scenes_rendered:
        parts.append(f"--scenes-rendered {args.scenes_rendered}")
    if args.minutes and args.first_seed != FIRST_SEED:
        parts.append(f"--first-seed {args.first_seed}")
    return " ".join(parts)
