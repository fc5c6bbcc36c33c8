"""The options of `n3d eval`, and which of its two ways they mean."""

from __future__ import annotations

import argparse
from pathlib import Path

from n3d_ros.commands.eval.questions import add_question_options, run_questions
from n3d_ros.commands.eval.scenes import add_scene_options, run_scenes
from n3d_ros.commands.model_options import add_model_options
from n3d_ros.storage.whole_file import check_can_write


def add_eval(parser: argparse.ArgumentParser) -> None:
    """`n3d eval`: accuracy on simulated scenes, or on questions."""
    parser.usage = "n3d eval [options]"  # so many options that their list would fill the screen twice
    add_model_options(parser)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write every figure, and every trial of scenes, here"
    )
    add_scene_options(parser.add_argument_group("simulated scenes, unless --questions is given"))
    add_question_options(parser.add_argument_group("a set of questions"))
    parser.set_defaults(run=run_eval)


def run_eval(args: argparse.Namespace) -> int:
    """Measure and print; exit code 0."""
    check_can_write(args.json)
    return run_scenes(args) if args.questions is None else run_questions(args)
