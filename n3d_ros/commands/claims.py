"""`n3d claims`: the paper's four claims on simulated scenes and a small model, as one table."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path


def add_claims(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d claims`."""
    parser.add_argument(
        "--minutes", type=float, default=70.0, help="about how long it may take (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=1, help="runs of each variant (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=0, metavar="N", help="of each lesson, instead of those that fit"
    )
    parser.add_argument(
        "--scenes", type=int, default=600, metavar="N", help="scenes to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--test-scenes",
        type=int,
        default=120,
        metavar="N",
        help="scenes to measure on (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/claims"),
        help="goes on where it was stopped (default: %(default)s)",
    )
    parser.add_argument(
        "--so-far", action="store_true", help="print what the run in --out has found by now, and do no more"
    )
    parser.set_defaults(run=run_claims)


def run_claims(args: argparse.Namespace) -> int:
    """Train and measure every variant, print the table and what it says; exit code 0 whatever that is."""
    from n3d_ros.training.claims.run import RESULTS, Budget, check_claims, results_so_far
    from n3d_ros.training.claims.table import table, verdicts

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if args.so_far:
        results = results_so_far(args.out)
    else:
        budget = Budget(args.minutes, args.scenes, args.test_scenes, args.seeds, args.steps)
        results = check_claims(budget, args.out)
    print(table(results))
    print(f"\n{args.out / RESULTS} keeps every mark\n")
    print("\n".join(verdicts(results)))
    return 0
