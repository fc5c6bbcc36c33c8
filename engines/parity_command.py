"""`n3d parity`: check a folder of recorded numbers, or write one with other seeds.

In: command-line arguments. Out: one line per quantity and an exit code: 0 all within tolerance, 1 a miss or
nothing to check, 2 bad input.
"""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from n3d_ros.commands import CommandFailed

BACKENDS = ("torch", "ort")


def add_parity(parser: ArgumentParser) -> None:
    """Options of `n3d parity`."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="recorded numbers, laid out as docs/fidelity.md says"
    )
    parser.add_argument(
        "--write", action="store_true", help="write a small set into DIR instead, then check it"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="random seed of a written set (default: 0)"
    )
    parser.add_argument(
        "--backend", action="append", choices=BACKENDS, help="what runs the model (default: all that import)"
    )
    parser.add_argument("--misses", action="store_true", help="print only what misses, and the sums")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Write a set when asked to, check the folder, print the lines."""
    from n3d_ros.engines.parity import check
    from n3d_ros.engines.parity_report import merged

    logging.getLogger("n3d_ros").setLevel(logging.ERROR)  # strict mode warns of every quirk it reproduces
    backends = args.backend or [name for name in BACKENDS if name == "torch" or find_spec("onnxruntime")]
    if args.write:
        from n3d_ros.engines.parity_write import write_set

        write_set(args.folder, args.seed)
    with tqdm(desc="checking", bar_format="{desc}", leave=False, disable=None) as bar:
        report = check(args.folder, backends, lambda text: bar.set_description_str(f"checking {text}"))
    misses = [line for line in report.lines if not line.passed]
    for line in misses if args.misses else merged(report.lines):
        print(line)
    print(f"{len(report.lines) - len(misses)} of {len(report.lines)} quantities within tolerance")
    if not report.lines:
        raise CommandFailed(f"expected recorded numbers in '{args.folder}', found nothing to check")
    return 0 if report.passed else 1
