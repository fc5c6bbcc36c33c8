"""`n3d import-recording`: what a node recorded, as a set of questions for `n3d eval` and `n3d train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from n3d_ros.text_table import text_table


def add_import_recording(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d import-recording`."""
    parser.add_argument("recording", type=Path, help="folder of `n3d record`")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder of the set")
    parser.add_argument("--trust", action="store_true", help="take results that nobody judged as right, too")
    parser.set_defaults(run=run_import_recording)


def run_import_recording(args: argparse.Namespace) -> int:
    """Write the set, print what it holds and what was left out; 0."""
    from n3d_ros.training.recordings.importing import import_recording

    manifest = import_recording(args.recording, args.out, args.trust)
    rows = [["questions", str(manifest["questions"])], ["pictures", str(manifest["pictures"])]]
    rows += [[f"  {name}", str(number)] for name, number in manifest["forms"].items()]
    rows += [[f"left out: {name}", str(number)] for name, number in manifest["left_out"].items()]
    print(text_table(rows, "<"))
    return 0
