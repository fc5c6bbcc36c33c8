"""`n3d bench`: a model on this machine; `host`, the preparation before it; `data`, the making of data;
`worlds`, training on simulated worlds.

In: arguments. Out: a table on the terminal and JSON where asked. The measuring lives in `n3d_ros.engines`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from n3d_ros.errors import CommandFailed
from n3d_ros.storage.whole_file import check_can_write, write_text

SIZES = ("640x480", "1280x720")


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench`, which measures a model, and its subcommands."""
    from n3d_ros.commands.bench.data import add_data
    from n3d_ros.commands.bench.model import add_model_bench
    from n3d_ros.commands.bench.worlds import add_worlds

    add_model_bench(parser)
    parts = parser.add_subparsers(metavar="PART", title="one part alone")
    summary = "picture, depth and intrinsics to model inputs, beside plain numpy"
    add_host(parts.add_parser("host", help=summary, description=summary))
    summary = "making data: lifting by processes and Ray workers, its memory, rows to train on"
    add_data(parts.add_parser("data", help=summary, description=summary))
    summary = "training n3d-nano: a wide simulated world beside its own"
    add_worlds(parts.add_parser("worlds", help=summary, description=summary))


def add_host(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench host`."""
    parser.add_argument(
        "--sizes", nargs="+", default=list(SIZES), metavar="WxH", help=f"default: {' '.join(SIZES)}"
    )
    parser.add_argument("--repetitions", type=int, default=100, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--path",
        metavar="NAME",
        help="kernels to take: avx512, avx2, baseline or numpy; default: the fastest",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures and raw samples")
    parser.set_defaults(run=run_host)


def run_host(args: argparse.Namespace) -> int:
    """Measure, print, write; CommandFailed when a result differs from the plain transcription."""
    from n3d_ros.preprocess import kernels

    if args.repetitions < 1:
        raise ValueError(f"--repetitions: expected 1 or more, got {args.repetitions}")
    sizes = [_size(text) for text in args.sizes]
    with kernels.using(args.path or kernels.path()):
        return _measure_host(sizes, args)


def _measure_host(sizes: list[tuple[int, int]], args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from n3d_ros.engines.bench.preparation import WARM_UP, as_json, measure, results_text

    check_can_write(args.json)
    total = len(sizes) * (args.repetitions + WARM_UP)
    with tqdm(total=total, unit="frame", desc="bench host", file=sys.stderr) as bar:
        results = [measure(*size, args.repetitions, bar.update) for size in sizes]
    print(results_text(results))
    if args.json is not None:
        write_text(args.json, json.dumps([as_json(result) for result in results], indent=1) + "\n")
    if not all(result.equal for result in results):
        raise CommandFailed("the prepared inputs differ from the plain transcription, see the table")
    return 0


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) > 0 and int(height) > 0):
        raise ValueError(f"--sizes: expected WIDTHxHEIGHT, got {text!r}")
    return int(width), int(height)
