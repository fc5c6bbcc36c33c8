"""`n3d soak`: a node for a while under more frames than it can serve; does it stay as it was?

In: minutes, a rate, words that take long. Out: samples as JSON lines, a picture of them, and a verdict: was
the age of the frames that were answered flat, did memory grow, is every frame accounted for.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

WORDS = "red mug, blue box, green bottle, yellow ball, black chair, white can, orange bowl, red ring"


def add_soak(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d soak`."""
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--rate-hz", type=float, default=30.0, help="of the camera (default: %(default)s)")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="pictures (default: %(default)s)")
    parser.add_argument(
        "--prompt", default=WORDS, help="what the node looks for, '' for nothing (default: %(default)s)"
    )
    parser.add_argument("--model", default="", help="model folder (default: n3d-nano)")
    parser.add_argument("--backend", default="auto", help="of the node (default: %(default)s)")
    parser.add_argument(
        "--model-ms",
        type=float,
        default=0.0,
        metavar="MS",
        help="a request takes as long as that at least, as on a slower machine (default: as it does)",
    )
    parser.add_argument(
        "--sample-s", type=float, default=10.0, metavar="S", help="between samples (default: %(default)s)"
    )
    parser.add_argument(
        "--warm-up-s", type=float, default=60.0, metavar="S", help="not judged (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/soak"), metavar="DIR", help="(default: %(default)s)"
    )
    parser.set_defaults(run=run_soak)


def run_soak(args: argparse.Namespace) -> int:
    """Run, print the verdict; 1 when the node did not stay as it was."""
    from n3d_ros.commands.soak.report import report, write_picture
    from n3d_ros.commands.soak.run import soak

    size = _size(args.size)
    for name in ("minutes", "rate_hz", "sample_s"):
        value = getattr(args, name)
        if not 0 < value < math.inf:
            raise ValueError(f"--{name.replace('_', '-')}: expected a positive number, got {value}")
    samples, end = soak(args, size)
    verdict = report(samples, end, args.warm_up_s, 1000.0 / args.rate_hz)
    write_picture(args.out / "soak.svg", samples)
    print(verdict.text)
    print(f"samples: {args.out / 'samples.jsonl'}; picture: {args.out / 'soak.svg'}")
    return 0 if verdict.is_good else 1


def _size(text: str) -> tuple[int, int]:
    parts: list[Any] = text.split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"--size: expected WIDTHxHEIGHT, got '{text}'")
    return int(parts[0]), int(parts[1])
