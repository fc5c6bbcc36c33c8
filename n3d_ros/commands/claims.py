"""`n3d claims`: the paper's four claims on simulated scenes and a small model, as one table."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path


def add_claims(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d claims`."""
    parser.add_argument(
        "--minutes", type=float, default=120.0, help="about how long it may take (default: %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=2, help="runs of each variant (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=0, metavar="N", help="of each stage, instead of those that fit"
    )
    parser.add_argument(
        "--views", type=int, default=1500, metavar="N", help="pictures to train on (default: %(default)s)"
    )
    parser.add_argument(
        "--test-views",
        type=int,
        default=150,
        metavar="N",
        help="pictures to measure on (default: %(default)s)",
    )
    parser.add_argument(
        "--base", default="untrained", metavar="MODEL",
        help="model folder that every variant begins with (default: a small one with random weights)",
    )  # fmt: skip
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/claims"),
        help="goes on where it was stopped (default: %(default)s)",
    )
    parser.set_defaults(run=run_claims)


def run_claims(args: argparse.Namespace) -> int:
    """Train and measure every variant, print the table and what it says; exit code 0 whatever that is."""
    from n3d_ros.training.claims.run import Budget, check_claims
    from n3d_ros.training.claims.table import table, verdicts

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    budget = Budget(args.minutes, args.views, args.test_views, args.seeds, args.steps)
    results = check_claims(budget, args.base, args.out)
    print(table(results))
    print(f"\n{args.out / 'results.json'} keeps every mark\n")
    print("\n".join(verdicts(results)))
    return 0
