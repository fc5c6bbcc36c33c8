"""`n3d train`: render scenes and train n3d-nano on them."""

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from n3d_ros.training.nano.train import Trainer


def add_train(parser: argparse.ArgumentParser) -> None:
    """`n3d train`: render scenes, train n3d-nano, resumable."""
    parser.add_argument(
        "--out", type=Path, default=Path("runs/n3d-nano"), help="run folder (default: %(default)s)"
    )
    parser.add_argument(
        "--views", type=Path, default=Path("runs/views"), help="rendered scenes (default: %(default)s)"
    )
    parser.add_argument(
        "--render",
        type=int,
        default=0,
        metavar="SCENES",
        help="render until there are this many scenes, then stop",
    )
    parser.add_argument(
        "--first-seed", type=int, default=1_000_000, help="first scene (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="training time of the whole run (default: %(default)s)"
    )
    parser.add_argument(
        "--dense-minutes",
        type=float,
        default=20.0,
        help="of which the vision tower alone (default: %(default)s)",
    )
    parser.add_argument(
        "--start-from", type=Path, metavar="MODEL", help="begin with this model folder's weights"
    )
    parser.add_argument(
        "--frozen-tower", action="store_true", help="train the language model alone, reasoning in every step"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    parser.add_argument(
        "--restart-clock",
        action="store_true",
        help="with --resume: a new budget of --minutes on the old weights",
    )
    parser.set_defaults(run=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Render or train; exit code 0, 2 when there is nothing to train on or to begin with."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.render:
        return render(args)
    try:
        trainer = make_trainer(args)
    except (FileNotFoundError, ValueError) as error:
        print(f"n3d train: {error}", file=sys.stderr)
        return 2
    trainer.run()
    return 0


def make_trainer(args: argparse.Namespace) -> "Trainer":
    """A trainer ready to run: untrained, from a model folder, or where its run folder stopped."""
    from n3d_ros.training.nano.configs import NanoModel, TrainConfig, language_alone
    from n3d_ros.training.nano.train import Trainer

    source = args.out / "model" if args.resume else args.start_from
    config = TrainConfig(minutes=args.minutes, dense_minutes=args.dense_minutes)
    if args.frozen_tower:
        config = language_alone(args.minutes)
    trainer = Trainer(config, NanoModel(), _tokenizer(source), args.views, args.out)
    if args.resume:
        trainer.resume(keep_clock=not args.restart_clock)
    elif source:
        trainer.start_from(source)
    else:
        trainer.start()
    return trainer


def _tokenizer(source: Path | None) -> "Tokenizer":
    """The tokenizer of `source` with today's words added, or a new one."""
    from tokenizers import Tokenizer

    from n3d_ros.training.nano.tokenizer import build_tokenizer, extended
    from n3d_ros.training.nano.vocabulary import known_words

    new = build_tokenizer(known_words())
    if source is None:
        return new
    file = source / "tokenizer.json"
    if not file.is_file():
        raise FileNotFoundError(f"{source}: expected a model folder with tokenizer.json, found none")
    return extended(Tokenizer.from_file(str(file)), new)


def render(args: argparse.Namespace) -> int:
    """Render the missing shards with a progress bar."""
    from tqdm import tqdm

    from n3d_ros.training.nano.views import RenderConfig, render_shards

    config = RenderConfig(first_seed=args.first_seed, num_scenes=args.render)
    total = -(-config.num_scenes // config.scenes_per_shard)
    for _ in tqdm(render_shards(config, args.views), total=total, unit="shard", desc="render"):
        pass
    return 0
