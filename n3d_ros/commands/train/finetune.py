"""`n3d train --config NAME`: fine-tune a model in two stages on questions, or say what that takes."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from n3d_ros.text_table import text_table

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from n3d_ros.training.finetune.configs import FineTuneConfig
    from n3d_ros.training.finetune.memory import MemoryEstimate

GIB = 2**30


def add_finetune_options(parser: _ActionsContainer) -> None:
    """What nano's recipe does not need."""
    parser.add_argument("--questions", type=Path, metavar="DIR", help="set of questions (n3d make-qa)")
    parser.add_argument(
        "--root", type=Path, metavar="DIR", default=Path(),
        help="where its pictures' relative paths start (default: this folder)",
    )  # fmt: skip
    parser.add_argument(
        "--base", metavar="MODEL", help="model folder or hub:OWNER/NAME, instead of the config's"
    )
    parser.add_argument(
        "--max-left-out", type=float, metavar="S", default=0.5,
        help="share of the first questions that the model cannot be asked or that are too long, above which "
        "nothing is trained (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, metavar="N", help="of each stage, instead of the config's")
    parser.add_argument("--dry-run", action="store_true", help="print what a step takes of memory, and stop")
    parser.add_argument(
        "--processes", type=int, metavar="N", default=8,
        help="with --dry-run: GPUs that share the run (default: %(default)s)",
    )  # fmt: skip


def run_finetune(args: argparse.Namespace) -> int:
    """Train every stage that is not done and print the last one's model folder; exit code 0, 1 where too
    much would be left out, 2 for what cannot be trained.
    """
    config = chosen_config(args)
    if args.dry_run:
        print(memory_table(config, args.processes))
        return 0
    if args.questions is None:
        raise ValueError(f"--config {args.config}: expected --questions with a set of questions, got none")
    from n3d_ros.training.finetune.run import leave_group, run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    out = args.out if args.out != args.default_out else Path("runs") / Path(args.config).stem
    model = run(config, args.questions, out, args.root, args.max_left_out)
    leave_group()
    if os.environ.get("RANK", "0") == "0":  # torchrun's number of the process
        print(f"model in {model}")
    return 0


def chosen_config(args: argparse.Namespace) -> FineTuneConfig:
    """The config with what the command line changes of it."""
    from dataclasses import replace

    from n3d_ros.training.finetune.configs import load_config

    config = load_config(args.config)
    if args.base is not None:
        config = replace(config, base=args.base)
    if args.steps is not None:
        config = replace(config, stages=tuple(replace(stage, steps=args.steps) for stage in config.stages))
    return config


def memory_table(config: FineTuneConfig, num_processes: int) -> str:
    """What one process needs for a step, from the real model class on the meta device."""
    from n3d_ros.training.finetune.memory import estimate

    found = estimate(config, num_processes)
    sharing = f"{num_processes} processes, FSDP" if config.fsdp else "each process"
    return text_table(
        [
            [f"{config.base}: {found.num_weights / 1e9:.2f} billion weights, {sharing}"],
            [],
            ["trained", f"{found.num_trained / 1e9:.3f} billion"],
            *([name, f"{value / GIB:.1f} GiB"] for name, value in _parts(found)),
            ["sum for one process", f"{found.total / GIB:.1f} GiB"],
        ]
    )


def _parts(found: MemoryEstimate) -> list[tuple[str, int]]:
    return [
        ("weights", found.weights),
        ("gradients", found.gradients),
        ("AdamW", found.optimiser),
        ("kept for the backward pass", found.kept),
        ("one layer again, logits", found.peak),
    ]
