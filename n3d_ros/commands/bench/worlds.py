"""`n3d bench worlds`: what training n3d-nano on a wider simulated world costs, beside its own."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from n3d_ros.storage.whole_file import check_can_write, write_text


def add_worlds(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench worlds`."""
    parser.add_argument(
        "--scenes", type=int, default=8, metavar="N", help="rendered by each run (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, default=4, metavar="N", help="trained by each run (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="of both worlds in turn (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures of every run")
    parser.set_defaults(run=run_worlds)


def run_worlds(args: argparse.Namespace) -> int:
    """Measure, print, write; exit code 0."""
    from tqdm import tqdm

    importlib.import_module("torch")  # its absence is told before anything is rendered
    from n3d_ros.training.speed.worlds import WORLDS, WorldsOptions, measure_worlds, worlds_text

    check_can_write(args.json)
    options = WorldsOptions(args.scenes, args.steps, args.rounds)
    with tqdm(total=options.rounds * len(WORLDS), unit="run", desc="bench worlds", file=sys.stderr) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        report = measure_worlds(options, progress)
    print(worlds_text(report))
    if args.json is not None:
        write_text(args.json, json.dumps(report.to_dict(), indent=1) + "\n")
    return 0
