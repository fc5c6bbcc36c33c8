"""`n3d train`: the options of both ways to train, and which of them `--config` means."""

from __future__ import annotations

import argparse
from typing import Any

from n3d_ros.commands.train import nano
from n3d_ros.commands.train.finetune import add_finetune_options, run_finetune

NANO = "nano"


def add_train(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d train`."""
    parser.usage = "n3d train [--config NAME] [options]"
    parser.add_argument(
        "--config",
        default=NANO,
        metavar="NAME",
        help="nano: n3d-nano on simulated scenes; debug, 3b_lora, 7b_full: fine-tune on questions, "
        "varied by +no_depth, +xyz, +direct, +raster, +aligned, +data20; or a .json file (default: nano)",
    )
    groups: list[Any] = [
        parser.add_argument_group(title) for title in ("nano", "fine-tuning, with every other --config")
    ]
    nano.add_train(groups[0])
    add_finetune_options(groups[1])
    parser.set_defaults(run=run_train, default_out=parser.get_default("out"))


def run_train(args: argparse.Namespace) -> int:
    """Train; the exit code of the way that was chosen."""
    return nano.run_train(args) if args.config == NANO else run_finetune(args)
