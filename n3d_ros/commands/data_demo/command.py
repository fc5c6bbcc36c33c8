"""The options of `n3d data-demo`, and what it does in which order.

In: sizes, and perhaps folders of real frames. Out: everything below one folder, and a table of what was
measured. It lifts, asks, trains and measures nothing itself: each step is a command that a user can give.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from n3d_ros.commands.data_demo.steps import Layout, Runner, real_steps, simulated_steps

# Of the simulator's things, for frames without annotations: n3d-nano knows no others.
WORDS = ("mug", "bottle", "box", "bowl")


def add_data_demo(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d data-demo`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo_output/data"), metavar="DIR",
        help="everything; goes on where it was stopped (default: %(default)s)")  # fmt: skip
    add("--frames", type=Path, nargs="+", default=[], metavar="DIR",
        help="RGB-D frame folders, or folders of them (docs/data.md)")  # fmt: skip
    add("--scenes", type=int, nargs=2, default=(60, 12), metavar=("TRAIN", "TEST"),
        help="simulated (default: 60 12)")  # fmt: skip
    add("--size", default="336x252", metavar="WxH", help="of their pictures (default: %(default)s)")
    add("--workers", type=int, default=2, metavar="N", help="processes (default: %(default)s)")
    add("--words", nargs="+", default=WORDS, metavar="WORDS",
        help=f"looked for in frames without annotations (default: {' '.join(WORDS)})")  # fmt: skip
    parser.set_defaults(run=run_data_demo)


def run_data_demo(args: argparse.Namespace) -> int:
    """Every step, then the table; exit code 0. CommandFailed names the step that failed."""
    from n3d_ros.commands.data_demo.frames import split_frames, write_frames_page
    from n3d_ros.commands.data_demo.report import pages, report_text

    start_s = time.monotonic()
    layout, run = Layout(args.out), Runner()
    layout.write_config()
    annotated, plain = split_frames(args.frames)
    for step in simulated_steps(layout, args):
        run(step)
    for step in real_steps(layout, annotated):
        run(step)
    if plain:
        run.say(f"n3d-nano looks for {', '.join(args.words)} in {len(plain)} frames without annotations")
        write_frames_page(layout.frames_page, plain, args.words)
    print("\n" + report_text(layout, bool(annotated)))
    print("\nlook at\n" + "\n".join(f"  {page}" for page in pages(layout)))
    print(f"\n{time.monotonic() - start_s:.0f} s for what was not there yet")
    return 0
