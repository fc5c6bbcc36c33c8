"""`n3d parity`: check a folder of recorded numbers, or write one with other seeds.

In: command-line arguments. Out: one line per quantity and an exit code: 0 all within tolerance, 1 a miss or
nothing to check, 2 bad input.
"""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

from n3d_ros.text_table import text_table

CHECKED_BACKENDS = ("torch", "ort")


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
        "--backend",
        action="append",
        choices=CHECKED_BACKENDS,
        help="what runs the model (default: all that import)",
    )
    parser.add_argument("--misses", action="store_true", help="print only what misses, and the sums")
    parser.set_defaults(run=run)


def run(args: Namespace) -> int:
    """Write a set when asked to, check the folder, print the lines."""
    from n3d_ros.engines.parity.check import check
    from n3d_ros.engines.parity.report import merged

    has_ort = find_spec("onnxruntime") and find_spec("onnx")
    backends = args.backend or [name for name in CHECKED_BACKENDS if name == "torch" or has_ort]
    if args.write:
        from n3d_ros.engines.parity.write.folder import write_set

        write_set(args.folder, args.seed)
    with _quiet(), tqdm(desc="checking", bar_format="{desc}", leave=False, disable=None) as bar:
        report = check(args.folder, backends, lambda text: bar.set_description_str(f"checking {text}"))
    misses = [line for line in report.lines if not line.passed]
    rows = [line.cells for line in (misses if args.misses else merged(report.lines))]
    if rows:
        print(text_table(rows, "<<<><"))
    print(f"{len(report.lines) - len(misses)} of {len(report.lines)} quantities within tolerance")
    if not report.lines:
        print(
            f"n3d parity: expected recorded numbers in '{args.folder}', found nothing to check",
            file=sys.stderr,
        )
    return 0 if report.passed else 1


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of strict mode, which names every quirk that it reproduces."""
    logger = logging.getLogger("n3d_ros")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
