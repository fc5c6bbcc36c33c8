"""`n3d bench data`: lifting by one process, by two, by two Ray workers, its memory with many records,
and rows to train on."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from n3d_ros.storage.whole_file import check_can_write, write_text


def add_data(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench data`."""
    parser.add_argument(
        "--pictures", type=int, default=400, metavar="N", help="lifted by each run (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="of all ways in turn (default: %(default)s)"
    )
    parser.add_argument(
        "--records",
        type=int,
        default=100_000,
        metavar="N",
        help="of the set whose memory is measured, 1 GB of temporary files at the default; 0: none "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=40,
        metavar="N",
        help="loaded to train on in each stage, beside a model's steps, which takes torch; 0: none "
        "(default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures of every run")
    parser.set_defaults(run=run_data)


def run_data(args: argparse.Namespace) -> int:
    """Measure, print, write; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.training.speed.measuring import SpeedOptions, measure, num_runs
    from n3d_ros.training.speed.text import report_text

    check_can_write(args.json)
    options = SpeedOptions(args.pictures, args.rounds, args.records, args.rows)
    if args.rows:
        importlib.import_module("torch")  # its absence is told before minutes of lifting
    with tqdm(total=num_runs(options), unit="run", desc="bench data", file=sys.stderr) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        report = measure(options, progress)
    print(report_text(report))
    if args.json is not None:
        write_text(args.json, json.dumps(report.to_dict(), indent=1) + "\n")
    return 0
