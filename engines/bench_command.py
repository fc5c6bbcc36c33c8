"""`n3d bench`: measure a model on this machine, beside other ways to run the same weights.

In: arguments. Out: a table on the terminal, and where asked JSON with every raw sample and a picture.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from n3d_ros.engines.bench import DEFAULT_SYSTEMS, SYSTEMS, BenchOptions, Recording, num_pieces, record
from n3d_ros.engines.bench_report import Report, make_report
from n3d_ros.engines.bench_table import table


def add_model_bench(parser: argparse.ArgumentParser) -> None:
    """Options of `n3d bench`."""
    parser.add_argument("--model", type=Path, help="exported model folder (default: the shipped n3d-nano)")
    parser.add_argument(
        "--systems",
        nargs="+",
        default=list(DEFAULT_SYSTEMS),
        choices=SYSTEMS,
        help="what to compare; the goals are about the first (default: %(default)s)",
    )
    parser.add_argument("--scenes", type=int, default=10, help="simulated scenes (default: %(default)s)")
    parser.add_argument("--repetitions", type=int, default=5, help="of every question (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of every system (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, figures and raw samples")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw stages and goals")
    parser.set_defaults(run=run_model_bench)


def run_model_bench(args: argparse.Namespace) -> int:
    """Measure, print, write; exit code 0."""
    from tqdm import tqdm

    from n3d_ros.engines.bench_scenes import bench_scenes
    from n3d_ros.runtime.factory import default_model_dir

    options = BenchOptions(
        model=args.model or default_model_dir(),
        systems=tuple(args.systems),
        num_scenes=args.scenes,
        repetitions=args.repetitions,
        threads=args.threads,
    )
    with tqdm(total=num_pieces(options), unit="scene", desc="bench", file=sys.stderr) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        recording = record(options, bench_scenes(), progress)
    report = make_report(recording)
    print(table(recording, report))
    write_results(args.json, args.plot, recording, report)
    return 0


def write_results(json_file: Path | None, picture: Path | None, recording: Recording, report: Report) -> None:
    """The files that were asked for."""
    for file in (json_file, picture):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
    if json_file is not None:
        json_file.write_text(json.dumps(to_dict(recording, report), indent=1) + "\n", encoding="utf-8")
    if picture is not None:
        from n3d_ros.engines.bench_plot import draw_report

        draw_report(recording, report).save(picture)


def to_dict(recording: Recording, report: Report) -> dict[str, object]:
    """Everything of a run, for JSON."""
    return {
        "command": shlex.join(["n3d", *sys.argv[1:]]),
        "options": {**asdict(recording.options), "model": str(recording.options.model)},
        "machine": {**recording.machine, "load_average_after": recording.load_after},
        "report": report.to_dict(),
        "decode_bytes": recording.decode_bytes,
        "copy_gb_s": recording.copy_gb_s,
        "peaks": {name: asdict(peak) for name, peak in recording.peaks.items()},
        "skipped_seeds": recording.skipped,
        "samples": [sample.to_dict() for sample in recording.samples],
        "passes": [asdict(step) for step in recording.steps],
    }
