"""`n3d leaks`: pictures that two sets share, and the second set without them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from n3d_ros.training.leaks.comparing import Leak
    from n3d_ros.training.leaks.prints import Prints


def add_leaks(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d leaks`."""
    parser.add_argument("a", type=Path, help="what is trained on: a lifted set, questions or pictures")
    parser.add_argument("b", type=Path, help="what is measured with; any of these too")
    parser.add_argument(
        "--bits",
        type=int,
        default=6,
        metavar="N",
        help="pictures whose looks differ in at most N of 64 bits are the same (default: %(default)s)",
    )
    parser.add_argument("--remove", type=Path, metavar="DIR", help="write B there without what A has too")
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="pairs to print (default: %(default)s)"
    )
    parser.set_defaults(run=run_leaks)


def run_leaks(args: argparse.Namespace) -> int:
    """Print the pairs; exit code 1 where there are some and they were not left out."""
    from n3d_ros.training.leaks.comparing import leaks
    from n3d_ros.training.leaks.prints import read_prints
    from n3d_ros.training.leaks.removing import write_without

    a, b = read_prints(args.a), read_prints(args.b)
    found = leaks(a, b, args.bits)
    print(report(a, b, found, args.show))
    if args.remove is None:
        return 1 if found else 0
    files = b.files.take(np.array([leak.b for leak in found], np.int64))  # of none, a list has no type
    removed = write_without(args.b, args.remove, files, {"because_of": str(args.a), "bits": args.bits})
    print(f"{removed.num_rows} rows left out, {removed.num_left} in {args.remove}")
    return 0


def report(a: Prints, b: Prints, found: list[Leak], most: int) -> str:
    """The pairs, and of how many pictures nothing can be said."""
    lines = [f"{_same(leak)}  {a.files[leak.a]}  {b.files[leak.b]}" for leak in found[:most]]
    if len(found) > most:
        lines.append(f"and {len(found) - most} more")
    same = sum(leak.bits is None for leak in found)
    lines.append(
        f"{len(found)} of {len(b)} pictures are among the other {len(a)}: {same} with the same bytes, "
        f"{len(found) - same} by their look"
    )
    for name, prints in (("A", a), ("B", b)):
        unknown = len(prints) - int(prints.has_look.sum())
        if unknown:
            lines.append(
                f"{name}: {unknown} compared by bytes alone, {prints.num_plain} of them too plain to be told "
                "by their look"
            )
    return "\n".join(lines)


def _same(leak: Leak) -> str:
    return "same bytes" if leak.bits is None else f"{leak.bits:2d} of 64"
